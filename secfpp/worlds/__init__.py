"""Worlds of drawings: image folders and a model for them, built from what package registries carry.

It imports clip and data. Open `build` first, then `recipe`.
"""
