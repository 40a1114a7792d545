"""Prototypes: sums of image features by class, averaged together with P_G.

A client sends them as further numbers of its update, so that whatever hides the update hides them,
too: under secret sharing, a client gets the mean of its own cluster and nobody sees a single one.

Shape letters: n participants, r receivers, M numbers of a shared prompt, Q = C E numbers of the
prototypes of C classes.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from secfpp.config.personal import PersonalConfig
from secfpp.learning.prompts import FloatArray
from secfpp.methods.interface import (
    AnyMethod,
    Contribution,
    Exchange,
    ExchangeResult,
    IntArray,
    Method,
    MethodContext,
    OwnT,
)
from secfpp.methods.shared.averaging import bytes_of

__all__ = ["PROTOTYPES", "ByLabel", "WithUpdate", "averages_prototypes", "make_exchange"]

PROTOTYPES: Final = "prototypes"
"""Name of what clients send and of what they keep in their state, (n, Q)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class WithUpdate:
    """Let an exchange that averages updates average prototypes as further columns of them."""

    exchange: Exchange

    def __call__(self, contribution: Contribution) -> ExchangeResult:
        """Exchange both, and take them apart."""
        sums_nQ = contribution.sent[PROTOTYPES]
        size = contribution.update_nM.shape[1]
        joined = replace(
            contribution,
            before_nM=np.concatenate([contribution.before_nM, sums_nQ], axis=1),
            update_nM=np.concatenate([contribution.update_nM, sums_nQ], axis=1),
        )
        result = self.exchange(joined)
        return replace(
            result,
            update_rM=result.update_rM[:, :size],
            given={**result.given, PROTOTYPES: result.update_rM[:, size:]},
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class ByLabel:
    """Average prototypes in the clear inside the clusters that an exchange found by other means."""

    exchange: Exchange

    def __call__(self, contribution: Contribution) -> ExchangeResult:
        """Exchange, then give each receiver the mean of its cluster, or of all if it was away."""
        result = self.exchange(contribution)
        sums_nQ = contribution.sent[PROTOTYPES]
        given_rQ = np.tile(sums_nQ.mean(axis=0), (len(result.clients_r), 1))
        if result.labels_n is not None:
            mean_nQ = _cluster_means(sums_nQ, result.labels_n)
            place_of = {int(client): place for place, client in enumerate(contribution.clients_n)}
            for row, client in enumerate(result.clients_r.tolist()):
                if client in place_of:
                    given_rQ[row] = mean_nQ[place_of[client]]
        return replace(
            result,
            given={**result.given, PROTOTYPES: given_rQ},
            bytes_client=result.bytes_client + bytes_of(*[sums_nQ.shape[1]] * 2),
        )


def _cluster_means(sums_nQ: FloatArray, labels_n: IntArray) -> FloatArray:
    """Return each participant's mean of its cluster, (n, Q)."""
    same_nn = (labels_n[:, None] == labels_n[None, :]).astype(np.float64)
    mean_nQ: FloatArray = same_nn @ sums_nQ / same_nn.sum(axis=1)[:, None]
    return mean_nQ


def averages_prototypes(method: AnyMethod, personal: PersonalConfig) -> bool:
    """Tell whether a method's clients send sums of image features, which its exchange averages."""
    return personal.prototypes and method.is_personal and method.prototypes != "none"


def make_exchange(method: Method[OwnT], context: MethodContext[OwnT]) -> Exchange:
    """Make a method's exchange, with prototypes where the method averages them."""
    exchange = method.begin(context)
    if not averages_prototypes(method, context.settings.personal):
        return exchange
    return (WithUpdate if method.prototypes == "with update" else ByLabel)(exchange=exchange)
