"""Comparison of numbers: look-up tables of digits, pairs, and the choice of protocol for a job.

It is array code without messages, and imports ring, jobs and fss. Read `comparison_choice` first.
"""
