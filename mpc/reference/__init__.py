"""The plaintext twin: the same job in the clear, with the same rounding as in the ring.

It imports jobs and ring, and no protocol. Read `session`, then `kmeans`.
"""
