"""Methods that exchange nothing: each client works alone.

It imports what methods import. Open `local_only` first.
"""
