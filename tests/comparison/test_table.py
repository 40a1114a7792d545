"""The table says what the cells' own files say; the summary what the table says."""

import csv
import dataclasses
import json
import math
import statistics
from pathlib import Path

import pytest

from secfpp.cli.compare_tables import accuracy_table, cost_table, difference_table, guarantees
from secfpp.cli.console import PLAIN_WIDTH
from secfpp.comparison.cells import list_cells
from secfpp.comparison.folder import CompareFolder
from secfpp.comparison.pool import Failure
from secfpp.comparison.summary import Summary, summarise, write_summary
from secfpp.comparison.table import COLUMNS, Row, read_rows, write_table
from secfpp.errors import RunFolderError
from tests.cli.test_tables import printed
from tests.comparison.toy import ROUNDS, run_cells, settings

METHODS = ("zero-shot", "promptfl", "dp-promptfl", "secfpp")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> CompareFolder:
    path = tmp_path_factory.mktemp("compare") / "toy"
    run_cells(path, settings(*METHODS))
    return CompareFolder(path)


@pytest.fixture(scope="module")
def rows(folder: CompareFolder) -> tuple[Row, ...]:
    return read_rows(folder, list_cells(folder.config))


def summary_of(folder: CompareFolder, rows: tuple[Row, ...]) -> Summary:
    return summarise(folder.config, rows, (), complete=True)


def test_a_row_for_each_method_budget_and_seed(rows: tuple[Row, ...]) -> None:
    assert [(row.method, row.epsilon_target, row.seed) for row in rows] == [
        *(("zero-shot", None, 5), ("zero-shot", None, 6)),
        *(("promptfl", None, 5), ("promptfl", None, 6)),
        *(("dp-promptfl", 1.0, 5), ("dp-promptfl", 1.0, 6)),
        *(("dp-promptfl", 8.0, 5), ("dp-promptfl", 8.0, 6)),
        *(("secfpp", None, 5), ("secfpp", None, 6)),
    ]
    assert [row.rounds for row in rows[::2]] == [0, ROUNDS, ROUNDS, ROUNDS, ROUNDS]
    assert [row.local_steps for row in rows[::2]] == [0, 3, 3, 3, 3]


def test_numbers_are_those_of_the_cells(folder: CompareFolder, rows: tuple[Row, ...]) -> None:
    text = (folder.path / "cells" / "seed6" / "metrics.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    mine = [line for line in lines if line["method"] == "secfpp"]
    row = next(row for row in rows if row.method == "secfpp" and row.seed == 6)
    assert len(mine) == ROUNDS
    for name in ("own_mix", "uniform", "worst_client", "own_classes", "other_domains"):
        assert getattr(row, name) == mine[-1][name]
    assert (row.ari_first, row.ari_last) == (mine[0]["ari"], mine[-1]["ari"])
    assert row.k_last == mine[-1]["k"]
    assert row.seconds_train == pytest.approx(sum(line["seconds_train"] for line in mine))
    assert row.bytes_client == sum(line["bytes_client_max"] for line in mine)


def test_private_rows_say_what_the_budget_means(rows: tuple[Row, ...]) -> None:
    row = next(row for row in rows if row.method == "dp-promptfl" and row.epsilon_target == 8.0)
    assert row.epsilon_pld == pytest.approx(8.0, abs=0.05)
    assert row.epsilon_pld is not None
    assert row.epsilon_rdp is not None
    assert row.epsilon_rdp > row.epsilon_pld
    assert row.compositions == ROUNDS
    assert row.unit is not None
    assert row.unit.startswith("client")
    assert "server" in str(row.trust)
    plain = rows[0]
    assert (plain.epsilon_pld, plain.delta, plain.unit, plain.trust) == (None, None, None, None)


def test_file_reads_back_bit_for_bit(rows: tuple[Row, ...], tmp_path: Path) -> None:
    write_table(tmp_path / "table.csv", rows)
    data = (tmp_path / "table.csv").read_bytes()
    assert data.count(b"\r\n") == data.count(b"\n") == len(rows) + 1
    with (tmp_path / "table.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert tuple(read[0]) == COLUMNS
    for line, row in zip(read, rows, strict=True):
        assert float(line["own_mix"]) == row.own_mix
        assert float(line["seconds_train"]) == row.seconds_train
        assert line["trust"] == (row.trust or "")
        assert line["epsilon_target"] == (
            "" if row.epsilon_target is None else repr(row.epsilon_target)
        )


def test_unfinished_methods_have_no_row(tmp_path: Path) -> None:
    config = settings("promptfl", "zero-shot")
    run_cells(tmp_path / "cut", config, leave_out=("seed6",))
    folder = CompareFolder(tmp_path / "cut")
    metrics = folder.path / "cells" / "seed5" / "metrics.jsonl"
    lines = metrics.read_text().splitlines(keepends=True)
    metrics.write_text("".join(line for line in lines if f'"round": {ROUNDS}' not in line))
    found = read_rows(folder, list_cells(config))
    assert [(row.method, row.seed) for row in found] == [("zero-shot", 5)]


def test_summary_by_hand(folder: CompareFolder, rows: tuple[Row, ...], tmp_path: Path) -> None:
    values = [row.own_mix for row in rows if row.method == "promptfl"]
    secure = [row.own_mix for row in rows if row.method == "secfpp"]
    gaps = [b - a for a, b in zip(values, secure, strict=True)]
    summary = summary_of(folder, rows)
    line = summary.methods[1]
    assert (line.method, line.seeds) == ("promptfl", (5, 6))
    assert line.metrics["own_mix"].mean == pytest.approx(statistics.fmean(values))
    assert line.metrics["own_mix"].standard_error == pytest.approx(abs(values[0] - values[1]) / 2)
    assert "ari_first" not in line.metrics
    assert line.paired is not None
    assert line.paired["own_mix"].mean == pytest.approx(statistics.fmean(gaps))
    assert line.paired["own_mix"].standard_error == pytest.approx(
        statistics.stdev(gaps) / math.sqrt(2)
    )
    assert summary.methods[-1].paired is None, "the reference is not compared with itself"
    write_summary(tmp_path / "summary.json", summary)
    read = json.loads((tmp_path / "summary.json").read_text())
    assert read["tuned_on_seeds"] == [100, 101, 102]
    assert read["reported_and_tuned_on"] == []
    assert read["methods"][2]["epsilon_target"] == 1.0
    assert read["methods"][2]["paired"]["uniform"]["num_seeds"] == 2


def test_pairs_are_made_of_common_seeds(folder: CompareFolder, rows: tuple[Row, ...]) -> None:
    without = tuple(row for row in rows if (row.method, row.seed) != ("secfpp", 5))
    line = summary_of(folder, without).methods[0]
    assert line.paired is not None
    assert line.paired["uniform"].num_seeds == 1
    alone = tuple(row for row in rows if row.method != "secfpp")
    assert all(line.paired is None for line in summary_of(folder, alone).methods)


def test_tables_fit_a_pipe_and_leave_nothing_out(
    folder: CompareFolder, rows: tuple[Row, ...]
) -> None:
    summary = summary_of(folder, rows)
    accuracies, differences = printed(accuracy_table(summary)), printed(difference_table(summary))
    seen = accuracies + differences + printed(cost_table(summary))
    assert max(map(len, seen.splitlines())) <= PLAIN_WIDTH
    assert accuracies.count("PromptFL + central DP") == 2
    assert "0.500" in differences, "the least p of two seeds by sign flips"
    words = list(guarantees(summary))
    assert len(words) == 1
    for said in ("1.00, 8.00", "delta 1e-05", "unit: client", "neighbours:", "trust:"):
        assert said in words[0]


def test_a_method_with_several_guarantees_names_the_one_it_has(
    folder: CompareFolder, rows: tuple[Row, ...], tmp_path: Path
) -> None:
    assert {row.guarantee for row in rows} == {None, ""}
    named = tuple(
        dataclasses.replace(row, guarantee="pipeline") if row.epsilon_target else row
        for row in rows
    )
    summary = summary_of(folder, named)
    assert "guarantee pipeline" in next(iter(guarantees(summary)))
    write_summary(tmp_path / "summary.json", summary)
    read = json.loads((tmp_path / "summary.json").read_text())["methods"]
    assert {line["guarantee"] for line in read} == {None, "pipeline"}


def test_failures_are_in_the_summary(folder: CompareFolder, rows: tuple[Row, ...]) -> None:
    failure = Failure(cell="seed6", error="no room", exit_code=1)
    summary = summarise(folder.config, rows, [failure], complete=False)
    assert dataclasses.asdict(summary)["failed"] == (dataclasses.asdict(failure),)


def test_a_title_that_is_no_text_is_spelt_in_ascii(tmp_path: Path, rows: tuple[Row, ...]) -> None:
    write_table(tmp_path / "table.csv", [dataclasses.replace(rows[0], title="\ud83d")])
    assert "\\ud83d" in (tmp_path / "table.csv").read_text(encoding="utf-8")


def test_a_record_without_its_keys_is_named(tmp_path: Path) -> None:
    run_cells(tmp_path / "c", settings("zero-shot", seeds=1))
    folder = CompareFolder(tmp_path / "c")
    cells = list_cells(folder.config)
    (folder.cell(cells[0]) / "metrics.jsonl").write_text("{}\n")
    assert folder.rounds_done(cells[0]) == {"None": 1}
    with pytest.raises(RunFolderError, match=r"metrics\.jsonl is damaged"):
        read_rows(folder, cells)
