"""A federated round: participants, local work, exchange, evaluation.

It imports methods, learning and data. Open `round` first.
"""
