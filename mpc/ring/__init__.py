"""Integer arithmetic mod 2^64: fixed point, public tables, streams of masks.

Imports only `mpc.errors` and needs neither torch nor CrypTen. Start with `fixedpoint`.
"""
