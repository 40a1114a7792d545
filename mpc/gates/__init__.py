"""How numbers are compared: by look-up tables of digits, by pairs, and which way pays for a job.

It is array code without messages, and imports ring, jobs and function secret sharing. Open
`comparison_choice` first.
"""
