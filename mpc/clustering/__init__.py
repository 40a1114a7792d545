"""Secure k-means, from secret-shared points to secret-shared cluster sums.

It imports protocols and engine, and opens values only through `mpc.engine.reveal`. Read `pipeline`
first: it calls every step.
"""
