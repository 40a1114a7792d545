"""What jobs cost: rounds and bytes of every step, counted in a dry run.

It imports the dry run of `mpc.roles` and what lies below. Open `job_cost` first.
"""
