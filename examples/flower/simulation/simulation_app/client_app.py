"""The ClientApp of the installed secfpp."""

from secfpp.integrations.flower.simulated_client import app

__all__ = ["app"]
