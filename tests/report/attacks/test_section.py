"""The section about attacks says what attacks.json says; made-up numbers, real file format."""

from dataclasses import replace
from pathlib import Path

import pytest

from secfpp.attacks.names import ATTACKS, ATTACKS_NAME
from secfpp.attacks.results import AttackRecord, AttackRow
from secfpp.config.tree import to_json
from secfpp.experiment.record_folder import write_json
from secfpp.report.attacks.figure import Place, attack_looks, attacks_svg, points_of
from secfpp.report.attacks.records import Attacks, load_attacks
from secfpp.report.attacks.section import attack_section
from secfpp.report.attacks.tables import attack_tables
from secfpp.report.run.write import write_report
from tests.report.fixture_run import write_fixture
from tests.report.page_reader import read_page

PLACES = [
    Place(method="promptfl", title="PromptFL", epsilon=None, accuracy=0.72),
    Place(method="dp-promptfl", title="PromptFL + central DP", epsilon=1.0, accuracy=0.70),
    Place(method="dp-promptfl", title="PromptFL + central DP", epsilon=8.0, accuracy=0.71),
]


def row(**given: object) -> AttackRow:
    whole: dict[str, object] = {
        "attack": "stealing",
        "method": "promptfl",
        "title": "PromptFL",
        "setting": "upload in the clear",
        "attacker": "server",
        "technique": "taken as it is",
        "targets": 20,
        "shown": True,
        "measure": "step cosine",
        "value": 0.93,
        "chance": 0.02,
        "chance_low": -0.01,
        "chance_high": 0.05,
        "interval": "bootstrap over clients",
    }
    whole |= given
    value = float(str(whole["value"]))
    bounds = {"low": value - 0.02, "high": value + 0.02}
    return AttackRow(**{**bounds, **whole})  # type: ignore[arg-type]


FELLOW = row(attacker="client of the same cluster", setting="mean", value=0.3, low=0.0, high=0.4)
NOISED = row(method="dp-promptfl", title="PromptFL + central DP", budget=8.0, value=0.5)
GUESSES = [
    row(attack="membership", measure="AUC", technique=technique, value=value, chance=0.5)
    for technique, value in (("weak", 0.6), ("strong", 0.8))
]
HIDDEN = row(shown=False, setting="distances", value=0.99)
ROWS = (row(), FELLOW, NOISED, *GUESSES, HIDDEN)


def write_attacks(folder: Path, rows: tuple[AttackRow, ...] = ROWS) -> None:
    record = AttackRecord(
        seed=0,
        seeds=(3, 4),
        shadows=8,
        attacks=ATTACKS,
        seconds=1.0,
        complete=True,
        rows=rows,
    )
    write_json(folder / ATTACKS_NAME, to_json(record))


@pytest.fixture
def found(tmp_path: Path) -> Attacks:
    write_attacks(tmp_path)
    loaded = load_attacks(tmp_path)
    assert loaded is not None
    return loaded


def test_rows_are_read_as_they_were_written(found: Attacks) -> None:
    assert found.seeds == (3, 4)
    assert len(found.rows) == len(ROWS)
    for read, written in zip(found.rows, ROWS, strict=True):
        for name in ("value", "low", "chance_high", "setting", "budget", "shown", "technique"):
            assert getattr(read, name) == getattr(written, name)
        assert read.above_chance == written.above_chance


def test_rows_without_numbers_are_left_out(tmp_path: Path) -> None:
    (tmp_path / ATTACKS_NAME).write_text('{"rows": [{"attack": "stealing", "value": 1.0}]}')
    loaded = load_attacks(tmp_path)
    assert loaded is not None
    assert loaded.rows == ()
    assert attack_section(loaded, PLACES) is None


def test_tables_have_a_line_for_each_setting(found: Attacks) -> None:
    stealing, membership = attack_tables(found)
    assert [line.seen for line in stealing.lines] == [
        "upload in the clear",
        "mean",
        "upload in the clear",
        "distances",
    ]
    first, second = stealing.lines[0].cells[0], stealing.lines[1].cells[0]
    assert (first.text, first.sign, first.chance, first.above) == ("0.93", ">", "0.02", True)
    assert (second.sign, second.above) == ("~", False)
    assert first.interval == "0.91 to 0.95; chance -0.01 to 0.05"
    assert membership.measures == ("AUC",)


def test_figure_has_the_best_technique_of_each_attacker(found: Attacks) -> None:
    stealing = points_of(found, PLACES, "stealing", "step cosine")
    assert {(p.place.method, p.place.epsilon, p.by_fellow, p.row.value) for p in stealing} == {
        ("promptfl", None, False, 0.93),
        ("promptfl", None, True, 0.3),
        ("dp-promptfl", 8.0, False, 0.5),
    }
    (membership,) = points_of(found, PLACES, "membership", "AUC")
    assert membership.row.value == 0.8
    drawn = attacks_svg(found, PLACES)
    assert drawn is not None
    assert drawn.startswith("<?xml")
    assert attacks_svg(replace(found, rows=()), PLACES) is None


def test_the_twin_has_a_colour_of_its_own(found: Attacks) -> None:
    titles = {"secfpp-plain": "SecFPP in the clear", "secfpp": "SecFPP"}
    places = [replace(PLACES[0], method=name, title=title) for name, title in titles.items()]
    rows = tuple(replace(found.rows[0], method=place.method) for place in places)
    looks = attack_looks(replace(found, rows=rows), places)
    assert looks["SecFPP"].colour != looks["SecFPP in the clear"].colour
    assert looks["SecFPP"].heavy


def test_page_of_a_run_has_the_section(tmp_path: Path) -> None:
    folder = write_fixture(tmp_path / "run", methods=("promptfl", "secfpp"))
    page, _ = write_report(folder)
    assert "Prompt stealing" not in read_page(page).words
    write_attacks(folder)
    page, _ = write_report(folder)
    read = read_page(page)
    assert read.mismatched == []
    assert len(read.ids) == len(set(read.ids))
    for words in ("Prompt stealing", "upload in the clear", "0.91 to 0.95; chance -0.01 to 0.05"):
        assert words in read.words
    assert "Seeds 3, 4." in read.words
    assert (folder / "attacks.svg").is_file()
