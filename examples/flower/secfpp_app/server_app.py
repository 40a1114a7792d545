"""The ServerApp of the installed secfpp."""

from secfpp.integrations.flower.server_app import app

__all__ = ["app"]
