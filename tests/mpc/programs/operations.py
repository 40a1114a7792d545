"""A computing party that runs single operations: `python -m tests.mpc.programs.operations`.

Every operation takes shares of one or more integer arrays, and public options.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, NoReturn

import numpy as np
import torch

from mpc.clustering import (
    centring,
    cluster_sums,
    distances,
    leaders,
    pipeline,
    race,
    restarts,
    seeding,
)
from mpc.clustering.inner_products import (
    GramInnerProducts,
    InnerProducts,
    Points,
    RowInnerProducts,
    ShareInnerProducts,
    gram_matrix,
    points_within_bounds,
)
from mpc.engine._crypten import fixed_point, plugged
from mpc.engine.context import Party
from mpc.engine.openings import Masked, masked, multiply, open_batch, open_now, reshaped
from mpc.errors import PeerClosedError
from mpc.jobs.comparisons import Comparisons
from mpc.jobs.job import ClusterJob
from mpc.net.frames import CONTROL, OPENED, SHARE
from mpc.preprocessing.schedule import Schedule
from mpc.protocols import argmin, comparison, division, lookup
from mpc.ring.bilinear import Formula
from mpc.ring.fixedpoint import Int64Array
from mpc.ring.quotient_tables import (
    HIGH_SHIFT,
    HIGHER_SHIFT,
    Tables,
    between_tables,
    squared_reciprocals,
)
from mpc.roles.bootstrap import Start, serve_process
from mpc.roles.dry_run import record
from mpc.roles.job_meter import Network
from mpc.roles.party import meet
from mpc.stock.tensor import fixed


def _opened(*secrets: Any) -> tuple[Masked, ...]:
    """Open each secret under a mask of its own, all in one round."""
    return open_batch(*map(masked, secrets))


def _both(*parts: Any) -> Any:
    """Put results side by side, flat."""
    return parts[0].like(torch.cat([part.share.reshape(-1) for part in parts]))


def _products(x: Any, y: Any, formulas: Sequence[Formula]) -> Any:
    """Take several products of the same two openings."""
    left, right = _opened(x, y)
    return _both(*(multiply(formula, left, right) for formula in formulas))


def _square(x: Any, formula: Formula) -> Any:
    (opened,) = _opened(x)
    return multiply(formula, opened, opened)


def _reshaped(x: Any, y: Any, shape: list[int], formula: Formula) -> Any:
    left, right = _opened(x, y)
    return multiply(formula, reshaped(left, tuple(shape)), right)


def _tables(function: str, num_points: int) -> Tables:
    if function == "squares":
        return squared_reciprocals(num_points)
    return between_tables(num_points)


def _quotients(v: Any, counts: Any, function: str, num_points: int) -> Any:
    """Return v divided by secret counts, or by their squares, as the tables have it."""
    tables = _tables(function, num_points)
    shift = HIGH_SHIFT if function == "squares" else HIGHER_SHIFT
    low_enc, rest_enc = open_now(lookup.look_up(counts, [tables.low, tables.rest]))
    low, rest, sqnorms = open_batch(
        masked(low_enc), masked(rest_enc), division.split(v, shift=shift)
    )
    return division.quotients(sqnorms, low, rest)


def _high_part(v: Any) -> Any:
    split = open_now(division.split(v))
    high = split.wraps * split.top.share - split.shifted.share
    return v.like(high) + split.high


def _points_of(points: Any, valid: Any) -> Points:
    """Take points for which somebody has found out who counts."""
    rows, opened = _opened(points, valid)
    sqnorms = multiply("id,id->i", rows, rows)
    return Points(rows=rows, sqnorms_enc_N=sqnorms, valid=opened, payload=rows)


def _source(points: Points, name: str) -> InnerProducts[Any]:
    if name == "rows":
        return RowInnerProducts(points.rows)
    gram = gram_matrix(points)
    return GramInnerProducts(open_now(masked(gram))) if name == "gram" else ShareInnerProducts(gram)


def _within(x: Any, payload: Any = None, **how: Any) -> Points:
    """Hold points against a bound of 1; numbers of up to 4 come as they are."""
    bounds = {"centre": False, "norm_bound": 1.0, "value_bound": 4.0, "payload_bound": 1.0}
    job = ClusterJob(k=1, **(bounds | how))
    nothing = x.like(torch.zeros(x.size(0), 1, dtype=torch.int64))
    return points_within_bounds(x, nothing if payload is None else payload, job)


def _within_bounds(x: Any, payload: Any, **how: Any) -> Any:
    return _within(x, payload, **how).valid.secret


def _kept_and_rows(x: Any, payload: Any, **how: Any) -> Any:
    points = _within(x, payload, **how)
    return _both(points.valid.secret, points.rows.secret)


def _within_bound(x: Any, **how: Any) -> Any:
    points = _within(x, **how)
    return _both(points.valid.secret, points.sqnorms_enc_N, points.rows.secret)


def _start(points: Any, source: str, **how: Any) -> Any:
    """Return squared distances of points to first centres, all points within the bound or not."""
    within = _within(points)
    inner = _source(within, source)
    if "rows" in how:
        return seeding.given_rows(within, inner, tuple(how["rows"]))
    if "draws" in how:
        return seeding.plus_plus(within, inner, how["k"], np.array(how["draws"]))
    return seeding.farthest_first(within, inner, how["k"])


def _leaders(gram: Any, valid: Any, k: int, orders: list[list[int]]) -> Any:
    """Return one-hot columns of leaders, beside an opening of validity."""
    found, opened = leaders.leaders(gram, valid, k, np.array(orders), masked(valid))
    return _both(found, opened.secret)


def _raced(gram: Any, valid: Any, assignment: Any, blocks: list[int]) -> Any:
    """Return the best start's assignment after and before an iteration."""
    inner = GramInnerProducts(open_now(masked(gram)))
    return _both(*race.raced(valid, inner, assignment, blocks, NoSteps()))


class NoSteps:
    """Measures nothing."""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        yield

    def go_on(self) -> None:
        """Do nothing."""


def _centre_distances(rows: Any, assignment: Any, source: str, labels: list[int]) -> Any:
    """Return distances to means from one of the three sources, with counts looked up."""
    points = _points_of(rows, assignment.sum(1))
    inner = _source(points, source)
    blocks = [assignment.size(1)]
    (opened, of_counts) = open_batch(
        masked(assignment), distances.look_up_counts(assignment.sum(0), rows.size(0))
    )
    public = torch.eye(assignment.size(1), dtype=torch.int64)[torch.tensor(labels)]
    weights = public if source == "shares" else opened
    products, sqnorms = open_now(inner.with_sums_and_sqnorms(weights))
    return open_now(distances.centre_distances(products, sqnorms, of_counts, blocks))


def _best(rows: Any, assignment: Any, blocks: list[int], source: str) -> Any:
    """Return what each group explains, and the members of the best, flat."""
    points = _points_of(rows, comparison.local(assignment, lambda m: m[:, : blocks[0]].sum(1)))
    inner = _source(points, source)
    opened, tables = open_batch(
        masked(assignment), restarts.look_up_for_between(assignment.sum(0), rows.size(0))
    )
    between_squares = restarts.between_squares(inner, opened, tables, blocks)
    return _both(between_squares, restarts.best_of(between_squares, opened, blocks[0]))


def _choice(between_squares: Any, assignment: Any, k: int) -> Any:
    return restarts.best_of(between_squares, open_now(masked(assignment)), k)


def _nearest(dist: Any, valid: Any, blocks: list[int], **how: bool) -> Any:
    return argmin.nearest(dist, blocks, valid, **how)


def _moved(assignment: Any, before: Any) -> Any:
    return distances.moved(*_opened(assignment, before))


def _looked_up(x: Any, table: list[int]) -> Any:
    return open_now(lookup.look_up(x, [np.array(table, dtype=np.int64)]))[0]


def _crypten_reciprocal(x: Any, shift: int) -> Any:
    """Return CrypTen's reciprocal of x / 2^shift, with 16 fractional bits."""
    with fixed_point(16):
        return fixed(x.share << (16 - shift)).reciprocal()


OPERATIONS: dict[str, Callable[..., Any]] = {
    "identity": lambda x: x,
    "square": lambda x: x.square(),
    "product": lambda x: x * x,
    "crypten_division": lambda x: x.div(1 << 20),
    "crypten_reciprocal": _crypten_reciprocal,
    "opened": lambda x: open_now(masked(x)).secret,
    "products": _products,
    "bilinear_square": _square,
    "reshaped": _reshaped,
    "equals_zero": lambda x, bits: open_now(lookup.equals_zero(x, bits)),
    "less_than_zero": lambda x, bits=64: comparison.less_than_zero(x, bits),
    "floored": lambda x, bits: comparison.truncate_local(x, bits),
    "look_up": _looked_up,
    "one_hot_min": lambda x, bits: argmin.one_hot_min(x, bits),
    "tournament": lambda x, bits: argmin._tournament(x, bits),
    "nearest": _nearest,
    "high_part": _high_part,
    "quotients": _quotients,
    "within_bound": _within_bound,
    "within_bounds": _within_bounds,
    "kept_and_rows": _kept_and_rows,
    "cut": lambda x, bits: open_now(centring.cut(x, bits)),
    "centred": lambda x: x - centring.mean_of(x),
    "first_kept": lambda valid: seeding._first_valid(open_now(masked(valid))),
    "gram": lambda points: gram_matrix(_within(points)),
    "start": _start,
    "leaders": _leaders,
    "raced": _raced,
    "centre_distances": _centre_distances,
    "moved": _moved,
    "best": _best,
    "best_of": _choice,
    "zero_share": lambda x: x.party.holds(x.party.zero_share(tuple(x.size()))),
    "group_sums": lambda assignment, payload, least, owners=None: cluster_sums.cluster_sums(
        assignment, open_now(masked(payload)), least, owners
    ),
    "distances_of_kept": lambda points: pipeline._distances_of_valid(_within(points)),
}


def under_crypten(party: Party) -> AbstractContextManager[None]:
    """Let CrypTen's own protocols, which some operations are, ask what a party has."""
    return plugged(
        party.communicator,
        party.provider,
        local=party.previous,
        previous=party.previous,
        following=party.following,
    )


def ask_for_tuples(
    network: Network,
    number: int,
    operation: Callable[..., Any],
    shapes: Sequence[list[int]],
    comparisons: Comparisons,
) -> None:
    """Learn from a dry run what the operation needs, and ask for it."""
    network.provider.compare_by(comparisons)

    def on_zeros(party: Party) -> object:
        with under_crypten(party):
            return operation(
                *(party.holds(torch.zeros(shape, dtype=torch.int64)) for shape in shapes)
            )

    needed = record(network.communicator.get_world_size(), on_zeros, comparisons)
    network.provider.expect(number, Schedule(once={"distances": needed}))
    network.provider.begin(number, "distances")


def answer(network: Network, number: int, request: dict[str, Any]) -> None:
    """Receive shares, do what is asked, and return shares of the result."""
    server = network.server
    shares: list[Int64Array] = [server.recv_ring(SHARE, shape) for shape in request["shapes"]]
    operation = partial(OPERATIONS[request["operation"]], **request["options"])
    ask_for_tuples(network, number, operation, request["shapes"], request["comparisons"])
    network.communicator.begin()
    sent = network.online_sent.bytes_sent
    result = operation(*(network.party.holds(share) for share in shares)).share.contiguous().numpy()
    reply = {
        "shape": list(result.shape),
        "rounds": network.communicator.rounds,
        "bytes_sent": network.online_sent.bytes_sent - sent,
    }
    server.send_json(CONTROL, reply)
    server.send_ring(OPENED, np.asarray(result))
    network.provider.finish()


def serve(begun: Start) -> None:
    torch.set_num_threads(1)
    meeting = meet(begun)
    with meeting.plugged():
        answer_all(meeting.network)


def answer_all(network: Network) -> None:
    number = 0
    while True:
        network.server.readable_within(None)
        number += 1
        try:
            request = network.server.recv_json(CONTROL)
        except PeerClosedError:
            return
        answer(network, number, request)


def main() -> NoReturn:
    serve_process("party", serve)


if __name__ == "__main__":
    main()
