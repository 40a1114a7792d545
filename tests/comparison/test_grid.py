"""Mixes and variants: which runs there are, what they may change, and what is said of them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from secfpp.cli.compare_tables import accuracy_table, difference_table, overview_table
from secfpp.comparison.cells import list_cells
from secfpp.comparison.config import CompareConfig, load_settings
from secfpp.comparison.folder import CompareFolder
from secfpp.comparison.grid import Mix, Variant, patched, slug
from secfpp.comparison.paired import holm
from secfpp.comparison.summary import Summary, summarise, write_summary
from secfpp.comparison.table import Row, read_rows, write_table
from secfpp.config.tree import JsonValue
from secfpp.errors import ConfigError, RunFolderError
from secfpp.experiment.config import RunConfig
from secfpp.report.comparison.load import load_comparison
from secfpp.report.comparison.write import write_comparison
from tests.cli.test_tables import printed
from tests.comparison.toy import run_cells, settings
from tests.report.page_reader import read_page

GRIDS = Path(__file__).parents[2] / "benchmarks" / "grids"
GRID = (
    Mix(name="even", settings={"partition": {"label_mix": 100.0}}),
    Mix(name="mixed-domains", settings={"partition": {"domains": "mixed"}}),
)
VARIANTS = (
    Variant(method="promptfl", label="lr 0.1", settings={"training": {"lr": 0.1}}, front="lr"),
    Variant(method="promptfl", label="lr 0.3", settings={"training": {"lr": 0.3}}, front="lr"),
)


def grid_of(*methods: str, seeds: int = 2) -> CompareConfig:
    plain = settings(*methods, seeds=seeds, epsilons=(8.0,))
    return replace(plain, grid=GRID, variants=VARIANTS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> CompareFolder:
    path = tmp_path_factory.mktemp("compare") / "grid"
    config = grid_of("zero-shot", "promptfl", "dp-promptfl", "secfpp")
    run_cells(path, config)
    found = CompareFolder(path)
    rows = read_rows(found, list_cells(config))
    write_table(path / "table.csv", rows)
    write_summary(path / "summary.json", summarise(config, rows, (), complete=True))
    return found


@pytest.fixture(scope="module")
def rows(folder: CompareFolder) -> tuple[Row, ...]:
    return read_rows(folder, list_cells(folder.config))


@pytest.fixture(scope="module")
def summary(folder: CompareFolder, rows: tuple[Row, ...]) -> Summary:
    return summarise(folder.config, rows, (), complete=True)


def test_every_mix_has_all_cells_and_every_variant_its_own() -> None:
    cells = list_cells(grid_of("zero-shot", "promptfl", "dp-promptfl", "secfpp", seeds=1))
    assert [cell.name for cell in cells] == [
        f"{mix}-seed5{ending}"
        for mix in ("even", "mixed-domains")
        for ending in ("", "-epsilon8", "-promptfl-lr-0.1", "-promptfl-lr-0.3")
    ]
    first, _, slow, fast = cells[:4]
    assert (first.mix, first.variant) == ("even", "")
    assert first.settings.methods == ("zero-shot", "promptfl", "secfpp")
    assert first.settings.partition.label_mix == 100.0
    assert first.settings.partition.images_per_client == 10, "of base"
    assert (slow.variant, slow.settings.methods) == ("lr 0.1", ("promptfl",))
    assert (slow.settings.training.lr, fast.settings.training.lr) == (0.1, 0.3)
    assert slow.settings.partition == first.settings.partition
    assert cells[4].settings.partition.domains == "mixed"


def test_private_variants_have_every_budget() -> None:
    variant = Variant(method="dp-promptfl", label="fast", settings={"training": {"lr": 0.1}})
    config = replace(settings("promptfl", seeds=1), variants=(variant,))
    assert [cell.name for cell in list_cells(config)] == [
        "seed5",
        "seed5-dp-promptfl-fast-epsilon1",
        "seed5-dp-promptfl-fast-epsilon8",
    ]


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ({"partition": {"label_mx": 1.0}}, "mix 'odd': unknown key 'label_mx' in partition"),
        ({"partition": {"label_mix": -1.0}}, "mix 'odd': partition.label_mix=-1.0"),
        ({"partition": 3}, "mix 'odd': partition is 3 but must be an object"),
        ({"data": "elsewhere"}, "sets data, which must be the same"),
        ({"training": {"num_context": 4}}, "sets training.num_context"),
        ({"partition": {"score_on": "validation"}}, "sets partition.score_on"),
        ({"privacy": {"epsilon": 3.0}}, "sets privacy.epsilon"),
        ({"seeds": 4}, "sets seeds, which each run has of its own"),
    ],
)
def test_what_a_mix_may_not_change_is_named(patch: dict[str, JsonValue], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        replace(CompareConfig(), grid=(Mix(name="odd", settings=patch),))
    assert said in str(refused.value)


def test_a_patch_keeps_everything_else() -> None:
    base = settings("promptfl").base
    found = patched(base, {"training": {"lr": 0.5}}, owner="me")
    assert found == replace(base, training=replace(base.training, lr=0.5))
    assert patched(RunConfig(), {}, owner="me") == RunConfig()


@pytest.mark.parametrize("name", ["", "a b", "../up", "-x", "x" * 61, "\u00e9"])
def test_a_name_that_cannot_name_a_folder_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="grid: "):
        Mix(name=name)


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="'even' stands for two"):
        replace(CompareConfig(), grid=(GRID[0], GRID[0]))
    twins = (
        Variant(method="promptfl", label="lr 0.1"),
        Variant(method="promptfl", label="LR-0.1"),
    )
    with pytest.raises(ConfigError, match="'promptfl, lr-0.1' stands for two"):
        replace(CompareConfig(), variants=twins)
    with pytest.raises(ConfigError, match="a label has a letter"):
        Variant(method="promptfl", label="-")
    assert slug("P_L 0.003") == "p-l-0.003"


@pytest.mark.slow
def test_settings_survive_the_file(folder: CompareFolder) -> None:
    file = folder.path / "compare.json"
    assert load_settings(file) == folder.config == CompareFolder(folder.path).config
    assert folder.config.grid == GRID


@pytest.mark.slow
@pytest.mark.parametrize("name", ["reduced", "full"])
def test_grids_beside_the_project_can_be_run(name: str) -> None:
    config = load_settings(GRIDS / f"{name}.json")
    assert config.first_seed == 300
    assert not config.tuned_on
    cells = list_cells(config)
    assert len({cell.name for cell in cells}) == len(cells)
    assert {cell.mix for cell in cells} == {mix.name for mix in config.grid}
    assert "pathological" in {cell.settings.partition.scheme for cell in cells}


def test_rows_are_in_the_order_of_the_settings(rows: tuple[Row, ...]) -> None:
    names = ["zero-shot", "promptfl", "promptfl, lr 0.1", "promptfl, lr 0.3", "dp-promptfl"]
    found = [(r.mix, f"{r.method}, {r.variant}".removesuffix(", "), r.seed) for r in rows]
    assert found == [
        (mix.name, name, seed) for mix in GRID for name in (*names, "secfpp") for seed in (5, 6)
    ]
    assert {row.score_on for row in rows} == {"reporting"}
    assert rows[2].cell == "even-seed5"
    assert rows[4].cell == "even-seed5-promptfl-lr-0.1"
    assert rows[4].own_mix != rows[2].own_mix, "another learning rate gives other results"


def test_mixed_domains_have_one_true_cluster(rows: tuple[Row, ...]) -> None:
    """The index is then 1 if one cluster was found, and 0 if clients were told apart."""
    mine = [row for row in rows if row.mix == "mixed-domains" and row.method == "secfpp"]
    assert {row.ari_last for row in mine} <= {0.0, 1.0}
    assert all(row.other_domains is None for row in mine)


def test_lines_are_compared_with_the_reference_of_their_mix(
    summary: Summary, rows: tuple[Row, ...]
) -> None:
    assert summary.mixes == ("even", "mixed-domains")
    for line in summary.methods:
        if line.method == "secfpp":
            assert line.paired is None
            continue
        assert line.paired is not None
        here = [row for row in rows if row.mix == line.mix]
        hero = [row.uniform for row in here if row.method == "secfpp"]
        mine = [
            row.uniform for row in here if (row.method, row.variant) == (line.method, line.variant)
        ]
        gaps = [a - b for a, b in zip(hero, mine, strict=True)]
        assert line.paired["uniform"].mean == pytest.approx(sum(gaps) / 2)


def test_p_values_are_corrected_over_the_whole_summary(summary: Summary) -> None:
    tests = [test for line in summary.methods for test in (line.paired or {}).values()]
    raw = [test.p_t for test in tests if test.p_t is not None]
    corrected = [test.p_holm for test in tests if test.p_holm is not None]
    assert summary.num_tests == len(raw) == len(corrected) > 15
    assert tuple(corrected) == holm(raw)
    assert min(corrected) == pytest.approx(min(1.0, len(raw) * min(raw)))


def test_tables_by_mix(summary: Summary) -> None:
    overview = printed(overview_table(summary))
    assert "even" in overview.splitlines()[1]
    assert "mixed-domains" in overview.splitlines()[1]
    assert "PromptFL, lr 0.1" in overview
    for mix in summary.mixes:
        accuracies = printed(accuracy_table(summary, mix))
        assert accuracies.startswith(f"{mix}: Accuracy in %")
        assert accuracies.count("PromptFL, lr") == 2
        assert "Holm" in printed(difference_table(summary, mix))


@pytest.mark.slow
def test_page_shows_every_mix(folder: CompareFolder, tmp_path: Path) -> None:
    page, numbers = write_comparison(folder.path, tmp_path)
    read = read_page(page)
    assert read.mismatched == read.open == []
    assert len(read.ids) == len(set(read.ids))
    source = page.read_text()
    for mix in GRID:
        assert f'aria-label="Accuracy table of {mix.name}"' in source
    assert "PromptFL: lr 0.1, lr 0.3." in read.words, "the joined points"
    assert "Unfinished" not in read.words
    said = json.loads(numbers.read_text())
    assert [part["mix"] for part in said["mixes"]] == [mix.name for mix in GRID]
    assert len(said["accuracy"]) == 2 * 6
    variant = next(line for line in said["accuracy"] if line["variant"] == "lr 0.3")
    assert variant["p_holm_own_mix"] >= variant["p_t_own_mix"]
    drawn = (tmp_path / "front.svg").read_text()
    assert drawn.startswith("<?xml")
    assert "var(" not in drawn


def test_curves_are_those_of_their_own_cells(folder: CompareFolder) -> None:
    found = load_comparison(folder.path)
    for line in found.lines:
        mine = [
            point.values["own_mix"]
            for point in found.points
            if (point.mix, point.method, point.variant) == (line.mix, line.method, line.variant)
            and point.round == max(p.round for p in found.points if p.method == line.method)
        ]
        assert mine == list(line.values("own_mix"))


def test_results_on_validation_images_are_named_everywhere(tmp_path: Path) -> None:
    plain = settings("zero-shot", "promptfl", seeds=1)
    partition = replace(plain.base.partition, score_on="validation", test_images_per_domain=9)
    config = replace(
        plain, base=replace(plain.base, partition=partition), first_seed=100, reference="promptfl"
    )
    run_cells(tmp_path / "c", config)
    folder = CompareFolder(tmp_path / "c")
    rows = read_rows(folder, list_cells(config))
    assert {row.score_on for row in rows} == {"validation"}
    summary = summarise(config, rows, (), complete=True)
    assert (summary.score_on, summary.reported_and_tuned_on) == ("validation", ())
    assert "validation images" in printed(accuracy_table(summary))
    write_table(folder.path / "table.csv", rows)
    write_summary(folder.path / "summary.json", summary)
    words = read_page(write_comparison(folder.path)[0]).words
    assert "Validation images: for choices of settings, not to be reported" in words
    assert "Tuning seeds:" not in words


def older(path: Path) -> None:
    """Turn a file of settings into one of the last release."""
    value = json.loads(path.read_text())
    for name in ("grid", "variants"):
        value.pop(name, None)
    for settings_of in (value, value.get("base", {})):
        for name in ("score_on", "domains", "validation_images_per_client"):
            settings_of.get("partition", {}).pop(name, None)
    path.write_text(json.dumps(value))


@pytest.mark.slow
def test_older_folders_are_read_and_only_finished_ones_are_resumed(tmp_path: Path) -> None:
    from secfpp.comparison.run import run_compare

    config = settings("zero-shot", "promptfl", "secfpp", seeds=2)
    run_cells(tmp_path / "c", config)
    for file in (tmp_path / "c" / "compare.json", *(tmp_path / "c").glob("cells/*/config.json")):
        older(file)
    found = run_compare(CompareConfig(), resume=tmp_path / "c")
    assert [line.mix for line in found.summary.methods] == [""] * 3
    write_comparison(tmp_path / "c")
    (tmp_path / "c" / "cells" / "seed6" / "results.json").unlink()
    with pytest.raises(RunFolderError, match="begun by an earlier release, which drew other"):
        run_compare(CompareConfig(), resume=tmp_path / "c")
