"""Links between processes: frames, TLS 1.3, certificates bound to roles, addresses, byte counts.

Imports `mpc.ring` and needs neither torch nor CrypTen. Start with `frames`, then `link`.
"""
