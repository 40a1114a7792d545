"""Parts that several methods are made of: averaging, plans, trainers, transport, factors.

It imports learning and the interface of methods, and no method. Open `plans` first.
"""
