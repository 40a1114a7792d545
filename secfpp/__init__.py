"""Secure federated prompt personalisation."""

__version__ = "0.2.0"
"""The one place of it: both distributions are built with it."""
