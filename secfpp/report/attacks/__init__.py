"""The section about attacks, of a run and of a comparison: tables and a figure.

It reads the `attacks.json` that `secfpp attack` writes. Open `records`, then `section`.
"""
