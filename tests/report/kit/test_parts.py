"""The parts of the page: numbers in words, fields of JSON, looks, headline, hulls."""

from dataclasses import replace
from statistics import fmean

import pytest

from secfpp.report.kit.differences import difference
from secfpp.report.kit.fields import Fields
from secfpp.report.kit.figures import looks
from secfpp.report.kit.hull import convex_hull
from secfpp.report.kit.labels import spread_out
from secfpp.report.kit.text import (
    NOTHING,
    count,
    megabytes,
    p_value,
    percent,
    seconds,
    size,
    spread,
)
from secfpp.report.run.cost import role_group, step_rows, traffic_table
from secfpp.report.run.headline import answer, tiles
from secfpp.report.run.records import MethodRow, RoleBytes, SecureJob, SeedMean, Step


def result(name: str, own_mix: float, uniform: float) -> MethodRow:
    nothing = SeedMean(mean=None, standard_error=None)
    return MethodRow(
        name=name,
        title=name.title(),
        own_mix=SeedMean(mean=own_mix, standard_error=None),
        uniform=SeedMean(mean=uniform, standard_error=None),
        worst_client=nothing,
        ari=nothing,
        epsilon=None,
        privacy_in_words="",
        rounds=None,
        bytes_client=None,
        bytes_party=None,
        seconds_train=None,
        seconds_share=None,
        seconds_online=None,
        seconds_dealer=None,
    )


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (percent(0.7256), "72.6"),
        (percent(None), NOTHING),
        (spread(0.011), "\N{PLUS-MINUS SIGN}\N{NO-BREAK SPACE}1.1"),
        (spread(None), ""),
        (count(12345), "12\N{NO-BREAK SPACE}345"),
        (megabytes(361_000), "0.36"),
        (megabytes(36_000), "0.036"),
        (megabytes(14_800_000), "14.8"),
        (megabytes(148_000_000), "148"),
        (size(999), "999 B"),
        (size(36_100), "36.1 kB"),
        (size(14_800_000), "14.8 MB"),
        (p_value(None), NOTHING),
        (p_value(0.0002), "<.001"),
        (p_value(0.0312), ".031"),
        (p_value(0.25), ".25"),
        (p_value(1.0), "1.00"),
        (seconds(0.123), "0.12"),
        (seconds(8.34), "8.3"),
        (seconds(123.4), "123"),
    ],
)
def test_numbers_in_words(written: str, wanted: str) -> None:
    assert written == wanted


def test_fields_of_the_wrong_type_read_as_nothing() -> None:
    fields = Fields({"a": "text", "b": True, "c": [1, "x"], "d": float("nan"), "e": 2})
    assert fields.number("a") is None
    assert fields.number("b") is None
    assert fields.number("d") is None
    assert fields.numbers("c") == ()
    assert fields.whole("e") == 2
    assert fields.text("e", "default") == "default"
    assert not fields.child("a")
    assert not Fields([1, 2])


def test_fields_flatten_for_the_configuration() -> None:
    nested = Fields({"a": {"b": None, "c": [1, 2]}, "d": False})
    assert nested.flattened() == (("a.b", "none"), ("a.c", "1, 2"), ("d", "no"))


def test_the_hero_is_heavy_its_twin_dashed_in_the_same_colour() -> None:
    known = looks(["zero-shot", "secfpp-plain", "secfpp"], level={"zero-shot"})
    assert list(known) == ["zero-shot", "secfpp-plain", "secfpp"]
    assert known["secfpp"].heavy
    assert known["secfpp-plain"].dashed
    assert known["secfpp-plain"].colour == known["secfpp"].colour != known["zero-shot"].colour
    assert known["zero-shot"].level


def test_no_two_of_many_methods_look_the_same() -> None:
    known = looks([f"method {index}" for index in range(16)])
    assert len({(look.colour, look.marker) for look in known.values()}) == 16


def test_headline_claims_no_more_than_the_numbers() -> None:
    results = [
        result("zero-shot", 0.60, 0.60),
        result("local-only", 0.80, 0.50),
        result("promptfl", 0.90, 0.90),
        result("secfpp", 0.70, 0.70),
    ]
    said = answer(results)
    assert "above Zero-Shot on both" in said
    assert "above Local-Only on one of the two" in said
    assert "above Promptfl on neither" in said


def test_a_tie_is_not_a_win() -> None:
    said = answer([result("promptfl", 0.7, 0.6), result("secfpp", 0.7, 0.7)])
    assert "above Promptfl on one of the two" in said


def test_differences_in_points() -> None:
    (tile,) = tiles([result("promptfl", 0.75, 0.7), result("secfpp", 0.7, 0.7)])
    assert tile.own_mix == "\N{MINUS SIGN}5.0"
    assert tile.uniform == "0.0"


def estimate(*per_seed: float) -> SeedMean:
    return SeedMean(mean=fmean(per_seed), standard_error=None, per_seed=per_seed)


def test_differences_are_paired_over_seeds() -> None:
    found = difference(estimate(0.5, 0.7, 0.9), estimate(0.4, 0.6, 0.8))
    assert found is not None
    assert found.mean == pytest.approx(0.1)
    assert found.standard_error == pytest.approx(0.0, abs=1e-12)
    assert found.is_win
    noisy = difference(estimate(0.5, 0.9, 0.7), estimate(0.6, 0.6, 0.8))
    assert noisy is not None
    assert noisy.mean > 0
    assert not noisy.is_win, "within its standard error"
    assert difference(estimate(0.5), SeedMean(mean=None, standard_error=None)) is None


def test_headline_of_several_seeds_says_how_it_counts() -> None:
    plain, hero = result("promptfl", 0.6, 0.6), result("secfpp", 0.7, 0.7)
    assert "On this one seed" in answer([plain, hero])
    rival = replace(plain, own_mix=estimate(0.6, 0.62), uniform=estimate(0.6, 0.8))
    better = replace(hero, own_mix=estimate(0.7, 0.72), uniform=estimate(0.7, 0.72))
    said = answer([rival, better])
    assert "above Promptfl on one of the two, counting only" in said


def test_traffic_takes_the_busiest_client_and_adds_a_role_up() -> None:
    def entry(role: str, moved: int) -> RoleBytes:
        return RoleBytes(role=role, phase="input", bytes_moved=moved)

    entries = [("client:0", 1_000_000), ("client:1", 3_000_000), ("party:0", 1_000_000)]
    job = SecureJob(roles=tuple(entry(*e) for e in [*entries, ("party:0", 1_000_000)]), steps=())
    table = traffic_table([job, job])
    assert table is not None
    assert [(line.title, line.cells) for line in table.lines] == [
        ("busiest client", ("3.00",)),
        ("party 0", ("2.00",)),
    ]
    assert traffic_table([]) is None
    assert role_group("dealer") == "dealer"


def test_steps_are_averaged_over_jobs_and_added_up_within() -> None:
    step = Step(name="iterations", rounds=10, bytes_sent=1_000_000, seconds=0.5)
    (row,) = step_rows(
        [SecureJob(roles=(), steps=(step, step)), SecureJob(roles=(), steps=(step, step))]
    )
    assert row.cells == ("20.0", "2.00", "1.0")


@pytest.mark.parametrize(
    ("places", "corners"),
    [
        ([(0, 0), (4, 0), (4, 4), (0, 4), (2, 2), (1, 3)], 4),
        ([(0, 0), (1, 1), (2, 2)], 2),
        ([(1, 1), (1, 1)], 1),
        ([(0, 0), (1, 0)], 2),
    ],
)
def testconvex_hull(places: list[tuple[int, int]], corners: int) -> None:
    hull = convex_hull([(float(x), float(y)) for x, y in places])
    assert len(hull) == corners
    assert set(hull) <= set(places)


@pytest.mark.parametrize(
    ("heights", "wanted"),
    [
        ((1.0, 5.0), (1.0, 5.0)),
        ((5.0, 5.0), (4.5, 5.5)),
        ((5.2, 5.0, 5.1), (6.1, 4.1, 5.1)),
        ((0.0, 0.0), (0.0, 1.0)),
        ((10.0, 10.0, 2.0), (9.0, 10.0, 2.0)),
        ((), ()),
    ],
)
def test_names_are_moved_apart_as_little_as_can_be(
    heights: tuple[float, ...],
    wanted: tuple[float, ...],
) -> None:
    assert spread_out(heights, 1.0, 0.0, 10.0) == pytest.approx(wanted)


def test_names_that_do_not_fit_stand_closer() -> None:
    places = spread_out([3.0] * 21, 1.0, 0.0, 10.0)
    assert places == pytest.approx([index / 2 for index in range(21)])
