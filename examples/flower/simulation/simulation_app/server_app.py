"""The ServerApp of the installed secfpp."""

from secfpp.integrations.flower.simulated_server import app

__all__ = ["app"]
