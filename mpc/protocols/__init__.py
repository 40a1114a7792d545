"""Secure building blocks on secret-shared tensors: comparison, look-up, argmin, division.

They import engine and gates, and know nothing of clustering. Open `comparison` first.
"""
