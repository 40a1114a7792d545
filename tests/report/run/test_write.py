"""The page stands alone, says what the run folder says, and survives what a run folder lacks."""

import json
import re
from pathlib import Path

import pytest

from secfpp.cli import main
from secfpp.errors import RunFolderError
from secfpp.report.run.write import write_report
from tests.report.fixture_run import METHODS, write_fixture
from tests.report.page_reader import read_page


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Write the page of a whole run once, for the tests that only read it."""
    return write_report(write_fixture(tmp_path_factory.mktemp("written") / "run"))


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A made-up run of three methods: pages of these tests are to lack or hold one thing."""
    return write_fixture(tmp_path / "run", methods=("zero-shot", "promptfl", "secfpp"))


@pytest.mark.slow
def test_page_needs_nothing_from_anywhere(written: tuple[Path, Path]) -> None:
    page, _ = written
    read = read_page(page)
    assert all(reference.startswith("#") for reference in read.references)
    assert not {"script", "link", "iframe", "img"} & read.tags
    source = page.read_text()
    assert not re.search(r"@import|url\((?!#)", source)
    assert "font-family: 'DejaVu" not in source


@pytest.mark.slow
def test_page_is_well_formed_and_its_ids_are_unique(written: tuple[Path, Path]) -> None:
    page, _ = written
    read = read_page(page)
    assert read.mismatched == []
    assert read.open == []
    assert len(read.ids) == len(set(read.ids))
    assert {r.removeprefix("#") for r in read.references} <= set(read.ids)


def test_style_sheet_is_not_escaped(written: tuple[Path, Path]) -> None:
    page, _ = written
    style = page.read_text().split("<style>")[1].split("</style>")[0]
    assert "&#34;" not in style
    assert '"Segoe UI"' in style


def test_page_shows_what_the_folder_says(written: tuple[Path, Path]) -> None:
    words = read_page(written[0]).words
    for title, own_mix, uniform, _ in METHODS.values():
        assert title in words
        assert f"{100 * own_mix:.1f}" in words
        assert f"{100 * uniform:.1f}" in words
    assert "own-mean" in words
    assert "20 in 5 domains" in words
    assert "Simulation only" in words
    assert "distances 1.0" in words, "the steps of the protocol"


def test_colours_are_left_to_the_style_sheet(written: tuple[Path, Path]) -> None:
    source = written[0].read_text()
    drawn = "".join(re.findall(r"<svg.*?</svg>", source, flags=re.DOTALL))
    assert re.findall(r"#0a0a0\d|#0[1-4]0\d0\d\b", drawn) == []
    assert "var(--c0)" in drawn
    defined = set(re.findall(r"(--\w+):", source))
    assert set(re.findall(r"var\((--\w+)\)", drawn)) <= defined


def test_figure_for_elsewhere_has_colours_of_its_own(written: tuple[Path, Path]) -> None:
    page, _ = written
    drawn = (page.parent / "figure.svg").read_text()
    assert drawn.startswith("<?xml")
    assert "var(" not in drawn
    assert re.findall(r"#0a0a0\d|#0[1-4]0\d0\d\b", drawn) == []
    assert "#0b5a9d" in drawn


def test_ledger_is_counted(written: tuple[Path, Path]) -> None:
    _, numbers = written
    lines = json.loads(numbers.read_text())["disclosures"]
    by_what = {line["what"]: line for line in lines}
    assert by_what["labels"]["learner"] == "evaluator"
    assert by_what["labels"]["times"] == "30"
    assert by_what["one bit: assignments unchanged"]["times"] == "60"


@pytest.mark.slow
def test_insecure_run_is_stamped_in_red(tmp_path: Path) -> None:
    page, numbers = write_report(
        write_fixture(tmp_path / "run", methods=("promptfl", "secfpp"), insecure=True)
    )
    source = page.read_text()
    assert re.search(r'class="stamp alarm">insecure-dev', source)
    assert "party 0 can unmask everything" in source
    assert any(stamp["alarm"] for stamp in json.loads(numbers.read_text())["stamps"])


def test_results_on_validation_images_are_stamped(run_folder: Path) -> None:
    settings = json.loads((run_folder / "config.json").read_text())
    settings["partition"] = {"score_on": "validation"}
    (run_folder / "config.json").write_text(json.dumps(settings))
    words = read_page(write_report(run_folder)[0]).words
    assert "Validation images: for choices of settings, not to be reported" in words


def test_secure_run_is_not_stamped(written: tuple[Path, Path]) -> None:
    assert "stamp alarm" not in written[0].read_text()


@pytest.mark.slow
def test_unfinished_run_says_so(run_folder: Path) -> None:
    results = json.loads((run_folder / "results.json").read_text())
    results["complete"] = False
    del results["methods"]["secfpp"]
    (run_folder / "results.json").write_text(json.dumps(results))
    words = read_page(write_report(run_folder)[0]).words
    assert "Unfinished run; not begun: secfpp" in words
    assert "SecFPP has no result in this run" in words


@pytest.mark.slow
@pytest.mark.parametrize(
    "absent",
    ["metrics.jsonl", "results.json", "ledger.jsonl", "traffic.json", "clusters.json"],
)
def test_absent_files_are_tolerated(run_folder: Path, absent: str) -> None:
    (run_folder / absent).unlink()
    read = read_page(write_report(run_folder)[0])
    assert read.mismatched == []
    assert "Disclosures" in read.words


@pytest.mark.slow
def test_a_run_killed_before_its_table_shows_what_was_done(run_folder: Path) -> None:
    (run_folder / "results.json").unlink()
    words = read_page(write_report(run_folder)[0]).words
    assert "Unfinished run" in words
    assert "SecFPP reaches" in words


def test_a_run_stopped_before_its_first_round(run_folder: Path) -> None:
    for path in run_folder.iterdir():
        if path.name not in ("config.json", "versions.json"):
            path.unlink()
    assert "Nothing was opened" in read_page(write_report(run_folder)[0]).words


@pytest.mark.slow
def test_an_incomplete_last_line_is_ignored(run_folder: Path) -> None:
    with (run_folder / "metrics.jsonl").open("a") as file:
        file.write('{"seed": 0, "meth')
    assert write_report(run_folder)[0].is_file()


def test_line_damaged_in_the_middle_is_named(run_folder: Path) -> None:
    lines = (run_folder / "ledger.jsonl").read_text().splitlines()
    lines[2] = "{"
    (run_folder / "ledger.jsonl").write_text("\n".join(lines))
    with pytest.raises(RunFolderError, match=r"ledger\.jsonl, line 3"):
        write_report(run_folder)


@pytest.mark.slow
def test_text_from_the_folder_cannot_break_the_page(run_folder: Path) -> None:
    results = json.loads((run_folder / "results.json").read_text())
    results["methods"]["promptfl"]["title"] = "<script>alert(1)</script>"
    (run_folder / "results.json").write_text(json.dumps(results))
    read = read_page(write_report(run_folder)[0])
    assert "script" not in read.tags
    assert "<script>alert(1)</script>" in read.words


@pytest.mark.slow
def test_same_run_same_page(run_folder: Path, tmp_path: Path) -> None:
    first, _ = write_report(run_folder, tmp_path / "a")
    second, _ = write_report(run_folder, tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.slow
def test_command(run_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run_folder), "--json"]) == 0
    record = json.loads(capfd.readouterr().out)
    assert record["page"] == str(run_folder / "report.html")
    assert (run_folder / "report.json").is_file()


def test_command_on_what_is_no_run_folder(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(tmp_path)]) == 1
    assert "not a run folder" in capfd.readouterr().err


@pytest.mark.slow
def test_a_folder_whose_name_is_no_text_has_a_page(run_folder: Path) -> None:
    named = run_folder.with_name("r\udcff")
    run_folder.rename(named)
    page, _ = write_report(named)
    assert "r\\udcff" in page.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("point", [[1, 2, 3], ["x", 1], [], [1e999, 0], 5])
def test_a_place_that_is_none_takes_the_picture_with_it(
    run_folder: Path, point: list[float | str] | int
) -> None:
    content = json.loads((run_folder / "clusters.json").read_text())
    content["maps"][0]["points"][0] = point
    (run_folder / "clusters.json").write_text(json.dumps(content).replace("Infinity", "0, 1"))
    assert write_report(run_folder)[0].is_file()
