"""Secure building blocks on secret-shared tensors: comparison, look-up, argmin, division.

They import engine and gates, and do not depend on clustering. Read `comparison` first.
"""
