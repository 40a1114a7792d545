"""Labelled images by domain, and how they are dealt to clients."""
