"""Differential privacy: clipping, noise, accounting."""
