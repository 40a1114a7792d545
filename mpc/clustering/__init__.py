"""Secure k-means, from secret-shared points to secret-shared sums of clusters.

It imports protocols and engine, and opens nothing but through `mpc.engine.reveal`. Open `pipeline`
first: every step is called from there.
"""
