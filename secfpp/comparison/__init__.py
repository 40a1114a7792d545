"""Comparisons: mixes x methods x seeds x privacy budgets, run by several processes into one table.

It imports experiment. Open `run` first, then `cells`.
"""
