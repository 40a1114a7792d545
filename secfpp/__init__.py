"""Secure federated prompt personalisation."""

__version__ = "0.1.0"
