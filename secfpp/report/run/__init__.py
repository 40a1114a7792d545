"""The page of a run, and the numbers on it.

It imports the kit. Open `load` first, then `page`.
"""
