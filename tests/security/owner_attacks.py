"""What owners and the dealer make of shares that leave the parties as they are.

A share is a public function of the dealer's tuples, of what the parties opened to one another under
masks, and of shares that nobody else has. The dealer knows the tuples; opened is secret + mask, of
which it knows the mask. What is left are unknowns, in which the share is linear. Enough shares,
pooled by those who got them, give the unknowns away.

Shape letters: N points, K clusters, M numbers of a row, P parties, U unknowns, H rows of colluders.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mpc.ring.fixedpoint import Int64Array
from tests.security.dealers_view import ASSIGNMENT, PAYLOAD, SUMS, DealersView
from tests.security.ring_system import RING_BITS, Known, RingSystem

CUT = 1
"""Of the truncations of step `norms`: that of payloads."""
"""The mask under which payloads are cut to their width."""
OFFSET = 1 << 62
"""What makes a number positive before it is split; see `mpc.protocols.division.split`."""


@dataclass(frozen=True, slots=True)
class Form:
    """Rows of numbers that are linear in unknowns, whose factors are alike in all M columns."""

    factors: Int64Array
    """(..., U)"""
    rest: Int64Array
    """(..., M)"""

    def __add__(self, other: "Form") -> "Form":
        return Form(self.factors + other.factors, self.rest + other.rest)

    def plus(self, known: Int64Array) -> "Form":
        return Form(self.factors, self.rest + known)

    def times(self, left: Int64Array) -> "Form":
        """Return a matrix times this."""
        return Form(left @ self.factors, left @ self.rest)


def product_share(
    opened: Int64Array,
    mask: Int64Array,
    part: Int64Array,
    share: Form,
    masked: Form,
) -> Form:
    """Return a party's share of a matrix product, as `mpc.engine.openings.multiply` computes it."""
    return share.times(opened) + masked.times(-mask).plus(part)


def handed_out(
    view: DealersView,
    cluster_of_H: Sequence[int],
    held_H: Sequence[int],
    sums_P: Sequence[Form],
    first: int = 0,
) -> list[Form]:
    """Return each party's share of the rows that go to some points, from its share of the sums.

    The sums may be some of all columns, from `first` on.
    """
    columns = slice(first, first + sums_P[0].rest.shape[1])
    assignment_PHK = view.mask(ASSIGNMENT)[:, held_H]
    masks_KM = view.mask(SUMS).sum(axis=0)[:, columns]
    parts_PHM = view.product("means", ASSIGNMENT, SUMS)[:, held_H, columns]
    opened_HK = one_hot(cluster_of_H, assignment_PHK.shape[2]) + assignment_PHK.sum(axis=0)
    masked = total(sums_P).plus(masks_KM)
    return [
        product_share(opened_HK, assignment_HK, part_HM, sums, masked)
        for assignment_HK, part_HM, sums in zip(assignment_PHK, parts_PHM, sums_P, strict=True)
    ]


def one_hot(cluster_of: Sequence[int], num_clusters: int) -> Int64Array:
    return np.eye(num_clusters, dtype=np.int64)[list(cluster_of)]


def total(forms_P: Sequence[Form]) -> Form:
    return sum(forms_P[1:], start=forms_P[0])


def solved(forms_P: Sequence[Form], got_PHM: Int64Array) -> RingSystem:
    """Set forms equal to what was received."""
    factors = np.concatenate([form.factors for form in forms_P])
    rest = np.concatenate([form.rest for form in forms_P])
    return RingSystem(factors, np.concatenate(list(got_PHM)) - rest)


def re_randomised(forms_P: Sequence[Form]) -> list[Form]:
    """Add an unknown sharing of zero to each row."""
    num_parties, rows = len(forms_P), len(forms_P[0].rest)
    free_PH = unknown_rows(num_parties - 1, rows, 0)
    last = Form(-total(free_PH).factors, free_PH[0].rest)
    return [
        Form(np.concatenate([form.factors, zeros.factors], axis=1), form.rest)
        for form, zeros in zip(forms_P, [*free_PH, last], strict=True)
    ]


def unknown_rows(num_parties: int, count: int, columns: int) -> list[Form]:
    """Return each party's share of some rows, of which nothing is known."""
    identity = np.eye(num_parties * count, dtype=np.int64).reshape(num_parties, count, -1)
    return [Form(of_party, np.zeros((count, columns), dtype=np.int64)) for of_party in identity]


def sums_of_clusters(
    view: DealersView,
    held_H: Sequence[int],
    got_PHM: Int64Array,
    num_clusters: int,
    *,
    reckon_with_zeros: bool = False,
) -> list[Known] | None:
    """Let clients of one cluster and the dealer solve for every cluster's sum and size.

    They do not know which column theirs is: a wrong guess has no solution.

    Parameters
    ----------
    held_H : sequence of int
        Rows of the colluders.
    got_PHM : ndarray of int64
        Shares that they got.
    reckon_with_zeros : bool
        Take shares for re-randomised, by what is unknown.

    Returns
    -------
    list of Known, or None
        Of their own cluster, then of the others; None if no guess has a solution.
    """
    num_parties, _, columns = got_PHM.shape
    sums_P = unknown_rows(num_parties, num_clusters, columns)
    for own in range(num_clusters):
        forms_P = handed_out(view, [own] * len(held_H), held_H, sums_P)
        system = solved(re_randomised(forms_P) if reckon_with_zeros else forms_P, got_PHM)
        if system.has_solution:
            others = [k for k in range(num_clusters) if k != own]
            unknowns_KU = np.zeros((num_clusters, system.num_unknowns), dtype=np.int64)
            unknowns_KU[:, : num_parties * num_clusters] = total(sums_P).factors
            return [system.value(unknowns_KU[k]) for k in (own, *others)]
    return None


def rows_of_honest(
    view: DealersView,
    held_H: Sequence[int],
    cluster_of_H: Sequence[int],
    got_PHM: Int64Array,
    given_HM: Int64Array,
    num_clusters: int,
) -> list[list[Known]] | None:
    """Let all clients but those of one cluster, and the dealer, solve for each row in that cluster.

    Parameters
    ----------
    held_H, group_of_H : sequence of int
        Rows of the colluders, and which of them got the same mean.
    got_PHM : ndarray of int64
        Without sizes: shares that they got.
    given_HM : ndarray of int64
        Their own rows, as they encoded them.

    Returns
    -------
    list of list of Known, or None
        For each column, the number of each honest row; None if no guess has a solution.
    """
    masks_P3NM = view.truncation("norms", CUT)
    width = RING_BITS - view.shift("norms", CUT)
    num_points, num_columns = masks_P3NM.shape[2:]
    honest = sorted(set(range(num_points)) - set(held_H))
    columns = [
        (column, cut_rows(masks_P3NM[..., column], width, held_H, given_HM[:, column], honest))
        for column in range(num_columns)
    ]
    for *names_of_groups, rest in itertools.permutations(range(num_clusters)):
        clusters = np.full(num_points, rest)
        clusters[held_H] = [names_of_groups[group] for group in cluster_of_H]
        systems = []
        for column, rows_P in columns:
            sums_P = summed(view, clusters.tolist(), rows_P, column)
            forms_P = handed_out(view, clusters[held_H].tolist(), held_H, sums_P, column)
            systems.append(solved(forms_P, got_PHM[..., [column]]))
        if all(system.has_solution for system in systems):
            return [
                [number_of(system, total(rows_P), row) for row in honest]
                for system, (_, rows_P) in zip(systems, columns, strict=True)
            ]
    return None


def number_of(system: RingSystem, rows: Form, row: int) -> Known:
    """Return what a system says of a row's number."""
    known = system.value(rows.factors[row])
    return Known(known.values_R + rows.rest[row], known.bits)


def cut_rows(
    masks_P3N: Int64Array,
    width: int,
    held_H: Sequence[int],
    given_H: Int64Array,
    honest: Sequence[int],
) -> list[Form]:
    """Return each party's share of a column of all rows, once cut to its width.

    It is the public high part of x 2^(64 - w) + r, at party 0, less a share of r's, plus a share of
    r's top bit if the sum wrapped. Whoever knows x and r knows all that; of an honest row, the high
    part and whether it wrapped are unknown.
    """
    r_N = masks_P3N[:, 0].sum(axis=0)
    opened_H = (given_H << (RING_BITS - width)) + r_N[list(held_H)] + OFFSET
    high_H = (opened_H >> (RING_BITS - width)) & ((1 << width) - 1)
    may_wrap_H = 1 - ((opened_H >> (RING_BITS - 1)) & 1)
    count = len(honest)
    forms = []
    for party, (_, shifted_N, top_N) in enumerate(masks_P3N):
        factors = np.zeros((len(r_N), 2 * count), dtype=np.int64)
        factors[honest, count + np.arange(count)] = top_N[list(honest)]
        rest = -shifted_N[:, None]
        rest[list(held_H), 0] += (may_wrap_H << width) * top_N[list(held_H)]
        if party == 0:
            factors[honest, np.arange(count)] = 1
            rest[list(held_H), 0] += high_H - (OFFSET >> (RING_BITS - width))
        forms.append(Form(factors, rest))
    return forms


def summed(
    view: DealersView, cluster_of_N: Sequence[int], rows_P: Sequence[Form], column: int
) -> list[Form]:
    """Return each party's share of a column of every cluster's sum, from its share of all rows."""
    assignment_PNK = view.mask(ASSIGNMENT)
    parts_PKM = view.product("means", ASSIGNMENT, PAYLOAD)[..., [column]]
    opened_NK = one_hot(cluster_of_N, assignment_PNK.shape[2]) + assignment_PNK.sum(axis=0)
    masked = total(rows_P).plus(view.mask(PAYLOAD).sum(axis=0)[:, [column]])
    return [
        product_share(opened_NK.T, assignment_NK.T, part_KM, rows, masked)
        for assignment_NK, part_KM, rows in zip(assignment_PNK, parts_PKM, rows_P, strict=True)
    ]
