"""Differential privacy: clipping, noise, accounting.

It imports settings and errors. Open `statement` first, then `accounting`.
"""
