"""Methods of prompt personalisation: one file each, with its own settings and one interface.

It imports learning, privacy and `mpc`. Open `interface` first, then `promptfl`. A new method is one
file here and one line of `registry`. Where a setting says nothing else, its default was found on
seeds 100, 101 and 102; docs/methods.md says how.
"""
