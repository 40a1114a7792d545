"""Correlated randomness: what a job asks for, what the dealer expands, what a party draws.

It imports engine, gates and function secret sharing, and no protocol. Open `requests`, then
`provider`.
"""
