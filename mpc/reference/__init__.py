"""The plaintext twin: the same job, rounded as the ring rounds it, computed in the clear.

It imports jobs and ring, and no protocol. Open `session`, then `kmeans`.
"""
