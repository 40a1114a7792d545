"""Test vectors of every primitive, for implementations in other languages."""
