"""The processes: a computing party and the dealer, their start, their measurements, their end.

It imports all packages below, but not session. Read `party`, then `party_job`.
"""
