"""Tables of the terminal: nothing is a dash, one seed has no spread, equal lines are counted."""

import io
from dataclasses import replace

from rich.console import Console, RenderableType

from mpc.jobs.result import LedgerEntry
from mpc.traffic import NO_TRAFFIC, RoleTraffic
from secfpp.cli.console import PLAIN_WIDTH
from secfpp.cli.result_tables import cost_table as run_cost_table
from secfpp.cli.result_tables import result_table
from secfpp.cli.tables import cost_table, ledger_table
from secfpp.experiment.results import MethodResult, estimate


def printed(part: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=PLAIN_WIDTH)
    with console.capture() as captured:
        console.print(part)
    return captured.get()


def method(*accuracies: float, rounds: float = 0.0) -> MethodResult:
    return MethodResult(
        name="secfpp",
        title="SecFPP",
        seeds=tuple(range(len(accuracies))),
        rounds_done=10,
        own_mix=estimate(accuracies),
        uniform=estimate(accuracies),
        worst_client=estimate(accuracies),
        ari_first=None,
        ari_last=None,
        seconds_train=8.3,
        seconds_share=0.0,
        seconds_online=0.0,
        seconds_dealer=0.0,
        rounds=rounds,
        bytes_client_max=361_000.0 if rounds else 0.0,
        bytes_party_max=0.0,
        privacy=None,
        epsilon=None,
    )


def role(name: str, moved: int) -> RoleTraffic:
    return RoleTraffic(
        role=name,
        phase="input",
        bytes_sent=moved,
        bytes_received=0,
        frames_sent=1,
        frames_received=0,
    )


def test_spread_only_with_several_seeds() -> None:
    assert "\N{PLUS-MINUS SIGN}" not in printed(result_table([method(0.7)]))
    several = printed(result_table([method(0.70, 0.74)]))
    assert "72.0 \N{PLUS-MINUS SIGN}\N{NO-BREAK SPACE}2.0" in several
    assert "2 seeds" in several


def test_plain_methods_have_dashes_and_secure_ones_numbers() -> None:
    plain, secure = method(0.7), method(0.7, rounds=640.0)
    lines = printed(run_cost_table([plain, secure])).splitlines()
    assert "640" in lines[-1]
    assert "0.36" in lines[-1]
    assert "0.36" not in lines[-2]
    assert lines[-2].count("\N{EN DASH}") == 6


def test_tables_fit_a_pipe() -> None:
    long = printed(result_table([method(0.7, 0.8)])) + printed(run_cost_table([method(0.7)]))
    assert max(map(len, long.splitlines())) <= PLAIN_WIDTH


def test_ledger_counts_equal_lines() -> None:
    entry = LedgerEntry(
        to="server", what="one bit", shape=(1,), why="stopping", policy="own-mean", job="x"
    )
    seen = printed(ledger_table([entry, entry]))
    assert seen.count("one bit") == 1
    assert " 2 " in seen
    assert "empty" in printed(ledger_table([]))


def test_traffic_shows_the_busiest_client_and_adds_links_up() -> None:
    roles = (role("client:0", 100), role("client:1", 300), role("party:0", 7), role("party:0", 5))
    seen = printed(cost_table(replace(NO_TRAFFIC, roles=roles)))
    assert "300 B" in seen
    assert "100 B" not in seen
    assert "12 B" in seen
    assert "in the clear" in printed(cost_table(NO_TRAFFIC))
