"""A federated round: who takes part, what each client trains, exchanges and is measured on.

It imports learning, methods' interface and data. Open `round` first.
"""
