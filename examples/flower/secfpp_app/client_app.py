"""The ClientApp of the installed secfpp."""

from secfpp.integrations.flower.client_app import app

__all__ = ["app"]
