"""Membership inference: whether a client trained on an image.

Federations are trained again on a random half of every client's images, so that members and others
come from the same draw. Each is the target in turn, and the others are the attacker's shadows. Open
`halved` first, then an attack: `likelihood`, `learned`, `gradients`.
"""
