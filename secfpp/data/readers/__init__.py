"""Data sets in folders of the user, one module for each layout.

They import `secfpp.data.domains` and images. Open `listing` first.
"""
