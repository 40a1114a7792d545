"""The cost of a job: rounds and bytes of every step, counted in a dry run.

It imports the dry run of `mpc.roles` and the packages below. Read `job_cost` first.
"""
