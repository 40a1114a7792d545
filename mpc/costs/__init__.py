"""Rounds and bytes of every step as formulas, to which tests hold real jobs.

It imports shapes and plans of protocols, and runs none. Open `formulas` first.
"""
