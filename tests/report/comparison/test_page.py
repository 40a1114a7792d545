"""The page of a comparison stands alone, says what the table says, and leaves out what is not."""

import csv
import json
import re
import shutil
import statistics
from pathlib import Path

import pytest

from secfpp.cli import main
from secfpp.comparison.table import COLUMNS
from secfpp.errors import RunFolderError
from secfpp.report.comparison.load import load_comparison
from secfpp.report.comparison.write import write_comparison
from tests.report.fixture_compare import (
    EPSILONS,
    OPEN,
    PRIVATE,
    read_rows,
    write_comparison_fixture,
    write_rows,
)
from tests.report.page_reader import read_page

EPSILON = "\N{GREEK SMALL LETTER EPSILON}"
NO_BREAK = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a comparison of five seeds and its page once, for the tests that only read."""
    folder = write_comparison_fixture(tmp_path_factory.mktemp("whole") / "compare")
    write_comparison(folder)
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a comparison of one seed and few methods once, for the tests that change a copy."""
    keep = {"zero-shot", "local-only", "secfpp", "dp-fpl"}
    return write_comparison_fixture(
        tmp_path_factory.mktemp("small") / "compare",
        seeds=(3,),
        epsilons=(1.0,),
        without=(OPEN | PRIVATE).keys() - keep,
    )


@pytest.fixture
def folder(small: Path, tmp_path: Path) -> Path:
    """A copy of the small comparison."""
    return shutil.copytree(small, tmp_path / "compare")


def page_of(folder: Path) -> str:
    """Write the page, check that it is well-formed, and return its text."""
    read = read_page(write_comparison(folder)[0])
    assert read.mismatched == []
    assert read.open == []
    assert len(read.ids) == len(set(read.ids))
    assert {r.removeprefix("#") for r in read.references} <= set(read.ids)
    return read.words


def set_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.slow
def test_page_needs_nothing_from_anywhere(whole: Path) -> None:
    read = read_page(whole / "report.html")
    assert all(reference.startswith("#") for reference in read.references)
    assert not {"script", "link", "iframe", "img"} & read.tags
    source = (whole / "report.html").read_text()
    assert not re.search(r"@import|url\((?!#)", source)
    assert "font-family: 'DejaVu" not in source


@pytest.mark.slow
def test_page_is_well_formed_and_its_ids_are_unique(whole: Path) -> None:
    read = read_page(whole / "report.html")
    assert read.mismatched == []
    assert read.open == []
    assert len(read.ids) == len(set(read.ids))
    assert {r.removeprefix("#") for r in read.references} <= set(read.ids)


def test_colours_are_left_to_the_style_sheet(whole: Path) -> None:
    source = (whole / "report.html").read_text()
    drawn = "".join(re.findall(r"<svg.*?</svg>", source, flags=re.DOTALL))
    assert re.findall(r"#0a0a0\d|#0[1-4]0\d0\d\b", drawn) == []
    assert set(re.findall(r"var\((--\w+)\)", drawn)) <= set(re.findall(r"(--\w+):", source))


def test_figure_for_elsewhere_has_colours_of_its_own(whole: Path) -> None:
    drawn = (whole / "figure.svg").read_text()
    assert drawn.startswith("<?xml")
    assert "var(" not in drawn
    assert re.findall(r"#0a0a0\d|#0[1-4]0\d0\d\b", drawn) == []
    assert "#0b5a9d" in drawn


def test_numbers_of_the_table_are_on_the_page(whole: Path) -> None:
    words = read_page(whole / "report.html").words
    rows = read_rows(whole / "table.csv")
    for method, budget in {(row["method"], row["epsilon_target"]) for row in rows}:
        mine = [r for r in rows if (r["method"], r["epsilon_target"]) == (method, budget)]
        assert mine[0]["title"] in words
        for name in ("own_mix", "other_domains", "worst_client"):
            values = [100 * float(row[name]) for row in mine]
            error = statistics.stdev(values) / len(values) ** 0.5
            shown = f"{statistics.fmean(values):.1f} \N{PLUS-MINUS SIGN} {error:.1f}"
            assert shown in words.replace(NO_BREAK, " "), (method, budget, name)


def test_differences_are_the_references_lead_with_both_p_values(whole: Path) -> None:
    rows = read_rows(whole / "table.csv")
    own = {(r["method"], r["seed"]): float(r["own_mix"]) for r in rows if not r["epsilon_target"]}
    gaps = [own["secfpp", str(seed)] - own["local-only", str(seed)] for seed in range(5)]
    with (whole / "accuracy.csv").open(newline="") as file:
        (line,) = (row for row in csv.DictReader(file) if row["method"] == "local-only")
    assert float(line["reference_ahead_own_mix"]) == pytest.approx(statistics.fmean(gaps))
    assert float(line["p_sign_flip_own_mix"]) == pytest.approx(2 / 2**5)
    assert 0 < float(line["p_t_own_mix"]) < 0.05
    assert f"+{100 * statistics.fmean(gaps):.1f}" in read_page(whole / "report.html").words


def test_every_private_row_has_its_statement(whole: Path) -> None:
    words = read_page(whole / "report.html").words
    assert "image: one training image of one client" in words
    assert "nobody: clients add the noise" in words
    assert "one client's updates are replaced by zero in every round" in words
    for epsilon in EPSILONS:
        by_pld, by_rdp = f"{1.31 * epsilon:.3g}", f"{1.12 * epsilon:.3g}"
        assert f"{epsilon:g} {by_pld} {by_rdp} {epsilon:.3g} 1e-05 10" in words, "DP-FPL"


def test_curve_that_this_version_has_not_is_only_a_note(whole: Path) -> None:
    words = read_page(whole / "report.html").words
    assert "SecFPP with DP inside the secure sum (not in this version)" in words
    numbers = json.loads((whole / "report.json").read_text())
    assert {line["method"] for line in numbers["accuracy"]} == set(OPEN | PRIVATE)


def test_headline_says_where_it_is_not_best(whole: Path) -> None:
    words = read_page(whole / "report.html").words
    assert "It is not the best everywhere" in words
    assert "P_G + P_L, true domains" in json.loads((whole / "report.json").read_text())["not_best"]


def test_methods_that_are_told_the_truth_are_never_best(whole: Path) -> None:
    source = (whole / "report.html").read_text()
    table = source.split('aria-label="Accuracy table"')[1].split("</table>")[0]
    rows = re.findall(r"<td>P_G \+ P_L, true domains.*?</tr>", table, re.DOTALL)
    assert len(rows) == 1 + len(EPSILONS), "without privacy, and at each budget"
    assert "best" not in "".join(rows)
    assert table.count('class="best"') >= 6


def test_costs_are_means_over_seeds(whole: Path) -> None:
    with (whole / "costs.csv").open(newline="") as file:
        lines = {row["method"]: row for row in csv.DictReader(file)}
    assert float(lines["secfpp"]["secure_rounds"]) == 400
    assert int(lines["dp-fpl"]["rows"]) == 15
    assert "SecFPP 400 0.37 28.0" in read_page(whole / "report.html").words


def test_ledger_of_the_secure_runs_is_counted(whole: Path) -> None:
    (ledger,) = json.loads((whole / "report.json").read_text())["disclosures"]
    assert ledger["method"] == "secfpp"
    times = {line["what"]: line["times"] for line in ledger["lines"]}
    assert times["one bit: assignments unchanged"] == "100"


def test_finished_comparison_has_no_alarm(whole: Path) -> None:
    assert "stamp alarm" not in (whole / "report.html").read_text()


@pytest.mark.slow
def test_one_seed_has_neither_errors_nor_tests(folder: Path) -> None:
    words = page_of(folder)
    assert "One seed: no standard error, no test" in words
    assert "\N{PLUS-MINUS SIGN}" not in words
    assert "On one seed SecFPP reaches" in words


def test_insecure_comparison_is_stamped_in_red(tmp_path: Path) -> None:
    made = write_comparison_fixture(
        tmp_path / "compare",
        seeds=(0,),
        epsilons=(),
        without=OPEN.keys() - {"zero-shot", "secfpp"},
        insecure=True,
    )
    source = write_comparison(made)[0].read_text()
    assert 'class="stamp alarm">insecure-dev' in source
    assert 'class="stamp alarm">Not secure: provider tfp: party 0 can unmask' in source


@pytest.mark.slow
def test_without_privacy_there_is_no_curve_and_no_statement(tmp_path: Path) -> None:
    made = write_comparison_fixture(tmp_path / "compare", seeds=(0,), epsilons=())
    words = page_of(made)
    assert "Privacy against utility" not in words
    assert "Privacy statements" not in words
    assert not (made / "figure.svg").exists()


def test_without_the_reference_nothing_is_claimed(folder: Path) -> None:
    rows = [row for row in read_rows(folder / "table.csv") if row["method"] != "secfpp"]
    write_rows(folder / "table.csv", rows)
    words = page_of(folder)
    assert "secfpp has no result in this comparison, or not yet" in words
    assert "Unfinished comparison; no result yet" in words


@pytest.mark.slow
def test_unfinished_comparison_names_what_is_missing(folder: Path) -> None:
    set_json(folder / "compare.json", seeds=2, epsilons=[0.5, 1.0])
    failure = {"cell": "seed4", "error": "disk full", "exit_code": 1}
    set_json(folder / "summary.json", failed=[failure])
    words = page_of(folder)
    assert "Unfinished comparison; no result yet: promptfl" in words
    assert "seeds or budgets are missing: Zero-shot" in words
    assert f"none at {EPSILON} = 0.5" in words or "and 1 more" in words
    assert "1 of 2 seeds" in words
    assert "Failed: seed4: disk full" in words


@pytest.mark.slow
def test_results_on_tuning_seeds_are_stamped(folder: Path) -> None:
    set_json(folder / "compare.json", first_seed=100)
    rows = read_rows(folder / "table.csv")
    write_rows(folder / "table.csv", [row | {"seed": "100"} for row in rows])
    words = page_of(folder)
    assert "Tuning seeds: defaults were chosen on 100 of these seeds" in words
    assert "results on them are optimistic" in words


def test_tuning_seeds_are_said_where_none_is_reported(whole: Path) -> None:
    words = read_page(whole / "report.html").words
    assert "seeds 100, 101 and 102" in words
    assert "None of them is among those reported here (0 to 4)" in words


@pytest.mark.slow
@pytest.mark.parametrize("absent", ["table.csv", "summary.json", "versions.json", "cells"])
def test_what_is_absent_is_left_out(folder: Path, absent: str) -> None:
    gone = folder / absent
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    assert "Configuration and versions" in page_of(folder)


@pytest.mark.slow
def test_columns_that_were_not_measured_are_dashes(folder: Path) -> None:
    rows = read_rows(folder / "table.csv")
    emptied = [row | {"own_classes": "", "other_domains": "", "ari_first": ""} for row in rows]
    write_rows(folder / "table.csv", emptied)
    page_of(folder)
    first = json.loads((folder / "report.json").read_text())["accuracy"][0]
    assert first["own_classes"] is None


def test_damaged_number_is_named(folder: Path) -> None:
    rows = read_rows(folder / "table.csv")
    write_rows(folder / "table.csv", [rows[0], rows[1] | {"own_mix": "eighty"}])
    with pytest.raises(RunFolderError, match=r"table\.csv, line 3 is damaged: own_mix is 'eighty'"):
        write_comparison(folder)


@pytest.mark.slow
def test_text_from_the_folder_cannot_break_the_page(folder: Path) -> None:
    rows = read_rows(folder / "table.csv")
    bad = "<script>alert(1)</script>"
    write_rows(folder / "table.csv", [r | {"title": bad, "trust": bad} for r in rows])
    words = page_of(folder)
    assert "script" not in read_page(folder / "report.html").tags
    assert bad in words


@pytest.mark.slow
def test_name_with_markup_of_matplotlib_is_drawn_as_it_is(folder: Path) -> None:
    rows = read_rows(folder / "table.csv")
    strange = {"dp-fpl": "m$_x$ & <b>"}
    write_rows(
        folder / "table.csv",
        [row | {"method": strange.get(row["method"], row["method"])} for row in rows],
    )
    assert "m$_x$ & <b>" in page_of(folder)


@pytest.mark.slow
def test_same_folder_same_page(folder: Path, tmp_path: Path) -> None:
    first, _ = write_comparison(folder, tmp_path / "a")
    second, _ = write_comparison(folder, tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.slow
def test_command_knows_a_comparison(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(folder), "--json"]) == 0
    record = json.loads(capfd.readouterr().out)
    assert record["page"] == str(folder / "report.html")
    assert "What does secure personalisation cost" in (folder / "report.html").read_text()
    assert {path.name for path in folder.iterdir()} >= {"accuracy.csv", "costs.csv", "figure.svg"}


@pytest.mark.parametrize("odd", [b"\xff\xfe", b'"' + b"1" * 200_000])
def test_a_table_that_is_no_text_or_has_a_huge_cell_is_named(tmp_path: Path, odd: bytes) -> None:
    folder = write_comparison_fixture(tmp_path / "c", seeds=(0,), epsilons=(1.0,))
    with (folder / "table.csv").open("ab") as table:
        table.write(odd + b"\n")
    with pytest.raises(RunFolderError, match=r"table\.csv, line \d+ is damaged"):
        load_comparison(folder)


@pytest.mark.slow
def test_a_table_of_an_earlier_release_makes_the_same_page(folder: Path, tmp_path: Path) -> None:
    """It had no columns for mix, variant, run folder and images."""
    _, numbers = write_comparison(folder, tmp_path / "today")
    kept = [name for name in COLUMNS if name not in ("mix", "variant", "cell", "score_on")]
    rows = read_rows(folder / "table.csv")
    with (folder / "table.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, kept, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    _, older = write_comparison(folder, tmp_path / "older")
    assert older.read_bytes() == numbers.read_bytes()
    assert json.loads(older.read_text())["curves"][1]["own_mix_percent"], "cells are found"


def test_protocols_that_were_measured_are_a_table(folder: Path) -> None:
    assert "Protocols on the same jobs" not in page_of(folder)
    table = {"columns": ["N", "protocol"], "lines": [{"cells": ["10", "crypten"]}], "note": "Two."}
    (folder / "protocols.json").write_text(json.dumps(table))
    words = page_of(folder)
    assert "Protocols on the same jobs" in words
    assert "crypten" in words
    (folder / "protocols.json").write_text(json.dumps(table | {"lines": [{"cells": ["10"]}]}))
    assert "Protocols on the same jobs" not in page_of(folder)
