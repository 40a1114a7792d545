"""Correlated randomness: the requests of a job, the dealer's expansion, a party's provider.

It imports engine, gates and fss, and no protocol. Read `requests`, then `provider`.
"""
