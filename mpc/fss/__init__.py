"""Function secret sharing for two parties and a dealer, as pure array code.

The dealer knows every mask r and both parties' root seeds, and sends correction words. A party then
maps a public z = x + r to its share of a function of x without communication. The package opens no
connections and needs only NumPy and AES from `cryptography`.

>>> import numpy as np
>>> from mpc.ring.randomness import AesCtrStream, new_key
>>> stream = AesCtrStream(new_key())
>>> masks, seeds = stream.ring((3,)).view(np.uint64), stream.ring((2, 3, 2))
>>> words = generate_sign(masks, *seeds, ring_bits=64)  # the dealer
>>> masked = np.array([-5, 0, 7]).view(np.uint64) + masks  # public
>>> shares = [evaluate_sign(party, seeds[party], words, masked) for party in (0, 1)]
>>> sum(shares)
array([1, 0, 0], dtype=uint64)
"""

from mpc.fss.correction_words import CorrectionWords, Layout
from mpc.fss.dcf import evaluate, generate
from mpc.fss.dpf import PointKeys, generate_point, point_layout, prefers_entries
from mpc.fss.sign import evaluate_sign, generate_sign, sign_layout

__all__ = [
    "CorrectionWords",
    "Layout",
    "PointKeys",
    "evaluate",
    "evaluate_sign",
    "generate",
    "generate_point",
    "generate_sign",
    "point_layout",
    "prefers_entries",
    "sign_layout",
]
