"""Links between processes: frames, TLS 1.3, certificates bound to roles, addresses, byte counts.

It imports the ring, and needs neither torch nor CrypTen. Read `frames`, then `link`.
"""
