"""The server's view is the leakage function of the rows; without masks it is more, and is used."""

import numpy as np
import pytest

from mpc.errors import InputError
from mpc.ring.fixedpoint import Int64Array
from mpc.secpc.client import ClientJob
from mpc.secpc.coding import LagrangeCode, lagrange
from mpc.secpc.field import Elements, Field
from mpc.secpc.leakage import determined_pairs, scaled_distances
from mpc.secpc.local_clients import LocalClients
from mpc.secpc.messages import CodedOrder, Query
from mpc.secpc.reveal import SUMS, CodedRevealer
from mpc.secpc.session import SecPCSession
from mpc.secpc.settings import SecPCSettings
from mpc.secpc.uniform import UniformElements
from tests.mpc.secpc.examples import blobs, job_of, objects


@pytest.mark.parametrize("masking", [True, False])
def test_the_server_decodes_the_leakage_function(
    masking: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every decoded distance equals what `scaled_distances` says of the rows in the clear."""
    decoded: list[Int64Array] = []
    reveal = CodedRevealer.reveal

    def recorded(self: CodedRevealer, *given: object, **named: object) -> Elements:
        found = reveal(self, *given, **named)  # type: ignore[arg-type]
        decoded.append(Field().signed(Field().sum(found, axis=0)))
        return found

    monkeypatch.setattr(CodedRevealer, "reveal", recorded)
    orders: list[CodedOrder] = []
    share = LocalClients.share

    def noted(self: LocalClients, order: CodedOrder, *given: object) -> object:
        orders.append(order)
        return share(self, order, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(LocalClients, "share", noted)
    points_ND, payload_NM = blobs(7)
    job = job_of(k=None)
    with objects(SecPCSettings(slices=2, dropouts=1, masking=masking)) as session:
        session.cluster(job, points_ND, payload_NM)
        asked = session.sets_asked
    order = orders[0]
    integers_ND = order.quantiser.encode(points_ND, order.order.job)
    assert len(asked) > 5
    for sets_NC, found_X in zip(asked, decoded, strict=False):
        assert found_X.tolist() == scaled_distances(integers_ND, sets_NC).reshape(-1).tolist()


def test_pairs_are_determined_by_distances_to_single_rows_and_their_means() -> None:
    singles = np.eye(6, dtype=np.bool_)
    found_NN = determined_pairs([singles[:, :2]])
    expected = [[row == other or min(row, other) < 2 for other in range(6)] for row in range(6)]
    assert found_NN.tolist() == expected
    thirds = np.repeat(np.eye(2, dtype=np.bool_), 3, axis=0)
    assert determined_pairs([thirds]).sum() == 18  # all pairs inside clusters of three
    quarters = np.repeat(np.eye(2, dtype=np.bool_), 4, axis=0)
    assert determined_pairs([quarters]).sum() == 8  # of four: none
    assert determined_pairs([singles]).all()


def test_iterations_determine_more_pairs() -> None:
    """All that a clustering of 12 rows asks for, counted: what the documentation says of it."""
    points_ND, payload_NM = blobs(8)
    with objects() as session:
        session.cluster(job_of(), points_ND, payload_NM)
    shares = [
        determined_pairs(session.sets_asked[: at + 1])[np.triu_indices(12, 1)].mean()
        for at in range(len(session.sets_asked))
    ]
    assert shares[0] == 0
    assert 0.25 < shares[-1] < 1


def solved_row(code: LagrangeCode, mask: bool) -> tuple[Elements, list[int]]:
    """Play the server and t clients of an unmasked job; return what they solve for, and the row.

    They hold t shares of the row less a mean, and the whole polynomial of its squared norm. Each
    further value of it is a linear equation on the row, once its squared norm is known.
    """
    f, t = code.field, code.colluders
    draws = UniformElements(f)
    row_X = f.elements(np.array([12, -5, 7]))
    shares_JX = code.encode(row_X[None, :], draws.draw((t, 3)))
    sqnorm_J = f.sum(f.mul(shares_JX, shares_JX), axis=1)
    if mask:
        values = draws.draw((code.answers_for_distances, 1))
        values[0] = 0
        sqnorm_J = f.add(sqnorm_J, f.matmul(code.mask_matrix, values)[:, 0])
    needed = code.answers_for_distances
    sqnorm = f.matmul(code.decoding(range(needed), needed), sqnorm_J[:needed, None])[0, 0]
    held_TX, others = shares_JX[:t], range(t, t + 3)
    known = _interpolated_from_row_and_shares(code, others)  # (3, 1 + t)
    rest_X = f.matmul(known[:, 1:], held_TX)
    of_row = known[:, :1]
    constant = f.add(f.mul(f.mul(of_row, of_row)[:, 0], sqnorm), f.sum(f.mul(rest_X, rest_X), 1))
    matrix = f.mul(f.add(of_row, of_row), rest_X)
    solution = f.solve(matrix, f.sub(sqnorm_J[list(others)], constant))
    assert solution is not None
    return solution, row_X.tolist()


def _interpolated_from_row_and_shares(code: LagrangeCode, others: range) -> Elements:
    """Return what shares of others are of the row and of t shares."""
    f = code.field
    points = np.concatenate([f.elements(np.array([0])), code.client_points[: code.colluders]])
    return lagrange(f, points, code.client_points[list(others)])


def test_without_masks_the_server_and_t_clients_find_a_row() -> None:
    """What SECURITY.md says of the published form: t linear equations on each row."""
    solution, row = solved_row(LagrangeCode(8, 1, 3), mask=False)
    assert solution.tolist() == row


def test_with_masks_they_do_not() -> None:
    solution, row = solved_row(LagrangeCode(8, 1, 3), mask=True)
    assert solution.tolist() != row


def test_clients_do_not_answer_what_would_tell_more() -> None:
    """A client refuses clusters that are small or overlap, and a second opening of sums."""
    points_ND, payload_NM = blobs(9)
    with objects() as session:
        clients: list[ClientJob] = []

        def keep(phase: str) -> None:
            if phase == "distances" and not clients:
                assert isinstance(session.group, LocalClients)
                clients.append(session.group._jobs[0])

        session.on_phase = keep
        session.cluster(job_of(), points_ND, payload_NM)
    client = clients[0]
    everyone = tuple(range(12))
    sets_NC = np.zeros((12, 2), dtype=np.bool_)
    sets_NC[:6, 0] = sets_NC[6:, 1] = True
    with pytest.raises(InputError, match="opened once"):
        client.sums(Query(sets_NC=sets_NC, sharers=everyone))
    with pytest.raises(InputError, match="overlap"):
        client.sums(Query(sets_NC=sets_NC[:, [0, 0]], sharers=everyone))
    two_N1 = np.arange(12)[:, None] < 2
    with pytest.raises(InputError, match="cluster of 2 owners, but min_cluster_size=3"):
        client.sums(Query(sets_NC=two_N1, sharers=everyone))
    with pytest.raises(InputError, match="not shared"):
        client.distances(Query(sets_NC=sets_NC, sharers=everyone[:8]))


def slice_wise(masking: bool, monkeypatch: pytest.MonkeyPatch) -> list[list[list[int]]]:
    """Decode every query of a job slice by slice, as a curious server would."""
    seen: list[list[list[int]]] = []
    reveal = CodedRevealer.reveal

    def curious(
        self: CodedRevealer, answers: dict[int, Elements], *given: object, **named: object
    ) -> Elements:
        needed = self.code.answers_for_distances
        if given != (SUMS,):
            answers_AX = np.stack([answers[at] for at in range(needed)])
            decoding = self.code.decoding(range(needed), needed)
            seen.append(self.code.field.matmul(decoding, answers_AX).tolist())
        return reveal(self, answers, *given, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(CodedRevealer, "reveal", curious)
        with objects(SecPCSettings(slices=2, dropouts=1, masking=masking)) as session:
            session.cluster(job_of(k=None), *blobs(16))
    return seen


def test_a_real_job_hides_slice_wise_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices are others in every job and in no case the true ones; their sums are the distances."""
    prime = Field().prime
    bare = slice_wise(False, monkeypatch)
    assert slice_wise(False, monkeypatch) == bare
    first, second = (slice_wise(True, monkeypatch) for _ in range(2))
    assert len(first) == len(second) == len(bare) > 5
    masks: list[int] = []
    for true, one, other in zip(bare, first, second, strict=True):
        assert np.sum(true, axis=0, dtype=object).tolist() == [
            sum(pair) % prime for pair in zip(*one, strict=True)
        ]
        for hidden in (one, other):
            assert all(a != b for a, b in zip(true[0], hidden[0], strict=True))
        assert all(a != b for a, b in zip(one[0], other[0], strict=True))
        masks += [(a - b) % prime for a, b in zip(one[0], true[0], strict=True)]
    assert len(set(masks)) == len(masks)  # none is used twice, in a query or in another


def test_what_clients_hold_differs_from_job_to_job() -> None:
    """Shares are made with fresh uniform slices: no share of the same rows comes again."""
    held = []
    for _ in range(2):
        session, kept = objects(), list[Elements]()

        def keep(phase: str, session: SecPCSession = session, kept: list[Elements] = kept) -> None:
            if phase == "sums":
                assert isinstance(session.group, LocalClients)
                kept += [session.group._jobs[0]._held[sender] for sender in range(12)]

        session.on_phase = keep
        session.cluster(job_of(), *blobs(17))
        held.append(np.concatenate(kept))
    assert held[0].shape == (12, 5 + 7)
    assert not (held[0] == held[1]).any()
