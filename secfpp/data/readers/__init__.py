"""Data sets in folders of the user's, one module for each layout.

They import `secfpp.data.domains` and images. Open `listing` first.
"""
