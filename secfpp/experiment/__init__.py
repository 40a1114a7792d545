"""A run from its settings to its folder: every method and seed, records, resumption, results.

It imports federation and methods. Open `experiment` first.
"""
