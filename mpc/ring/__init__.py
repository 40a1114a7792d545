"""Integer arithmetic mod 2^64: fixed point, public tables, streams of masks.

It imports errors only, and needs neither torch nor CrypTen. Read `fixedpoint` first.
"""
