"""Function secret sharing for two parties and a dealer, as pure array code.

The dealer knows every mask r and both parties' root seeds, and sends correction words; then a party
turns a public z = x + r into its share of a function of x without another message. Nothing here
opens a connection, and only NumPy and AES from `cryptography` are needed.

>>> words = generate_sign(masks, seeds_0, seeds_1)  # the dealer
>>> share = evaluate_sign(0, seeds_0, words, masked)  # party 0, at the public masked = x + masks
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
