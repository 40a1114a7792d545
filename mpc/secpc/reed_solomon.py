"""Wrong answers: found by Reed-Solomon decoding, two further answers for each.

Values of a polynomial of degree V - 1 at A points are a Reed-Solomon codeword, in which up to
(A - V) / 2 wrong values are found.

Shape letters: A answers, X entries, V values that fix a polynomial.

References
----------
Berlekamp, Welch: Error correction for algebraic block codes, US patent 4633470, 1986. A random
combination of all entries stands for them: a wrong answer is wrong in it but for 1 case in p.
"""

from collections.abc import Sequence

import numpy as np

from mpc.errors import PartyError
from mpc.secpc.coding import LagrangeCode
from mpc.secpc.field import Elements, Field
from mpc.secpc.uniform import UniformElements


def wrong_answers(
    code: LagrangeCode, clients: Sequence[int], answers_AX: Elements, num_answers: int
) -> list[int]:
    """Return which answers contradict the others, as indices into `clients`.

    Parameters
    ----------
    code : LagrangeCode
    clients : sequence of int
        Who answered.
    answers_AX : ndarray of uint64, (A, X)
    num_answers : int
        V, one more than the degree of the polynomials.

    Returns
    -------
    list of int
        Empty if all answers agree; never known if there are no more than V.

    Raises
    ------
    PartyError
        The answers contradict one another, and more are wrong than can be found.
    """
    field = code.field
    if len(clients) == num_answers or _agree(code, clients, answers_AX, num_answers):
        return []
    weights = UniformElements(field).draw((answers_AX.shape[1], 1))
    combined_A = field.matmul(answers_AX, weights)[:, 0]
    most = (len(clients) - num_answers) // 2
    points_A = code.client_points[np.asarray(clients, dtype=np.int64)]
    suspects = set(_suspects(field, points_A, combined_A, num_answers, most))
    kept = [index for index in range(len(clients)) if index not in suspects]
    if not most or not _agree(code, [clients[i] for i in kept], answers_AX[kept], num_answers):
        raise PartyError(
            f"the answers of {len(clients)} clients contradict one another; {num_answers} are "
            f"needed and 2 more for each wrong one, so at most {most} can be found"
        )
    order = [*kept[:num_answers], *sorted({*range(len(clients))} - {*kept[:num_answers]})]
    ordered = [clients[index] for index in order]
    known, others = answers_AX[order[:num_answers]], answers_AX[order[num_answers:]]
    right = field.matmul(code.extrapolation(ordered, num_answers), known)
    wrong = (right != others).any(axis=1)
    return sorted(
        index for index, is_wrong in zip(order[num_answers:], wrong, strict=True) if is_wrong
    )


def _agree(
    code: LagrangeCode, clients: Sequence[int], answers_AX: Elements, num_answers: int
) -> bool:
    expected = code.field.matmul(code.extrapolation(clients, num_answers), answers_AX[:num_answers])
    return bool(np.array_equal(expected, answers_AX[num_answers:]))


def _suspects(
    field: Field, points_A: Elements, values_A: Elements, num_values: int, most: int
) -> list[int]:
    """Return indices that include all wrong values, `most` of them at most.

    With E of degree `most`, monic and zero at every wrong point, and Q = f E, all points have
    Q(x) = y E(x). That is linear in the coefficients of Q and E, and every solution serves.
    """
    powers = _powers(field, points_A, num_values + most)
    of_e = field.mul(values_A[:, None], powers[:, : most + 1])
    matrix = np.concatenate([powers, field.neg(of_e[:, :most])], axis=1)
    solution = field.solve(matrix, of_e[:, most])
    if solution is None:
        return []
    locator = np.append(solution[num_values + most :], np.uint64(1))
    at_points = field.matmul(powers[:, : most + 1], locator[:, None])[:, 0]
    return [int(index) for index in np.flatnonzero(at_points == 0)]


def _powers(field: Field, points_A: Elements, count: int) -> Elements:
    """Return the powers 0 .. count - 1 of points, (A, count)."""
    powers = [np.ones_like(points_A)]
    while len(powers) < count:
        powers.append(field.mul(powers[-1], points_A))
    return np.stack(powers, axis=1)
