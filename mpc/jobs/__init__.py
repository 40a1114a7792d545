"""The public description of a job, its result, and its units and limits.

It imports the ring, and needs neither torch nor CrypTen. Read `job` first.
"""
