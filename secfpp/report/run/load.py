"""Read a run folder into the records of the report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from secfpp.errors import RunFolderError
from secfpp.json_file import parse_json, read_json
from secfpp.report.kit.fields import Fields
from secfpp.report.run.records import (
    HERO,
    TWIN,
    ClusterMap,
    MethodRow,
    Reveal,
    RoleBytes,
    RoundPoint,
    RunRecord,
    SecureJob,
    SeedMean,
    Step,
)


def load_run(folder: Path) -> RunRecord:
    """Read a run folder, finished or not.

    Raises
    ------
    RunFolderError
        If `folder` is not a run folder, or one of its files is damaged.
    """
    if not (folder / "config.json").is_file():
        raise RunFolderError(f"{folder} is not a run folder: it has no config.json; see runs/")
    metrics = tuple(_lines(folder / "metrics.jsonl"))
    table = read_object(folder / "results.json")
    jobs = tuple(_secure_jobs(read_object(folder / "traffic.json")))
    return RunRecord(
        folder=folder.resolve(),
        config=read_object(folder / "config.json"),
        versions=read_object(folder / "versions.json"),
        rounds=tuple(_round_point(line) for line in metrics),
        results=_results(table or _table_so_far(folder)),
        complete=table.flag("complete"),
        reveals=tuple(_reveal(line) for line in _lines(folder / "ledger.jsonl")),
        jobs=tuple(_secure_job(job) for job in jobs),
        clusters=_first_clusters(read_object(folder / "clusters.json")),
        num_clients=max((line.whole("num_participants") for line in metrics), default=0),
        insecure=tuple(dict.fromkeys(r for job in jobs for r in job.texts("insecure"))),
    )


def _secure_jobs(traffic: Fields) -> Iterator[Fields]:
    """Yield the cost of every round of the secure method; keys are `method/seedS`."""
    for key in traffic.names():
        if key.startswith(f"{HERO}/"):
            yield from traffic.children(key)


def read_object(path: Path) -> Fields:
    """Read a JSON object; an absent file reads as an empty one.

    Raises
    ------
    RunFolderError
        If it is not JSON.
    """
    if not path.is_file():
        return Fields({})
    try:
        return Fields(read_json(path))
    except (ValueError, OSError) as error:
        raise RunFolderError(f"{path} is damaged: {error}; delete it or run again") from error


def _lines(path: Path) -> Iterator[Fields]:
    """Read JSON lines; an incomplete last line is ignored."""
    lines = path.read_bytes().splitlines() if path.is_file() else []
    for number, line in enumerate(lines, start=1):
        try:
            yield Fields(parse_json(line))
        except ValueError as error:
            if number < len(lines):
                raise RunFolderError(f"{path}, line {number} is damaged: {error}") from error


def _round_point(line: Fields) -> RoundPoint:
    """Read one line of metrics.jsonl."""
    return RoundPoint(
        method=line.text("method"),
        seed=line.whole("seed"),
        round=line.whole("round"),
        own_mix=line.number("own_mix"),
        uniform=line.number("uniform"),
    )


def _reveal(line: Fields) -> Reveal:
    """Read one line of ledger.jsonl without the iteration; openings of one kind are equal."""
    shape = " x ".join(f"{size:.0f}" for size in line.numbers("shape"))
    return Reveal(
        method=line.text("job").partition(",")[0],
        learner=line.text("to"),
        what=line.text("what"),
        why=re.sub(r"^iteration \d+: ", "", line.text("why")),
        shape=shape or "1",
    )


def _table_so_far(folder: Path) -> Fields:
    """Make the table of a run that was killed before it wrote its table."""
    from secfpp.config.tree import to_json  # imports torch: slow, and rarely needed
    from secfpp.experiment.results import summarise
    from secfpp.experiment.run_folder import RunFolder
    from secfpp.federation.round import RoundRecord

    run = RunFolder(folder)
    records = run.records("metrics.jsonl", RoundRecord)
    if not records:
        return Fields({})
    rows = summarise(run.config(), records)
    return Fields({"methods": {row.name: to_json(row) for row in rows}})


def _results(table: Fields) -> tuple[MethodRow, ...]:
    """Read results.json."""
    methods = table.child("methods")
    return tuple(_method_row(name, methods.child(name)) for name in methods.names())


def _method_row(name: str, row: Fields) -> MethodRow:
    """Read one method's totals."""
    return MethodRow(
        name=name,
        title=row.text("title", name),
        own_mix=_estimate(row, "own_mix"),
        uniform=_estimate(row, "uniform"),
        worst_client=_estimate(row, "worst_client"),
        ari=_estimate(row, "ari_first"),
        epsilon=row.number("epsilon"),
        privacy_in_words=row.text("privacy_in_words", ""),
        rounds=row.number("rounds"),
        bytes_client=row.number("bytes_client_max"),
        bytes_party=row.number("bytes_party_max"),
        seconds_train=row.number("seconds_train"),
        seconds_share=row.number("seconds_share"),
        seconds_online=row.number("seconds_online"),
        seconds_dealer=row.number("seconds_dealer"),
    )


def _estimate(row: Fields, name: str) -> SeedMean:
    """Read a mean and its standard error, or a bare number."""
    value = row.child(name)
    if not value:
        return SeedMean(mean=row.number(name), standard_error=None)
    return SeedMean(
        mean=value.number("mean"),
        standard_error=value.number("standard_error"),
        per_seed=value.numbers("per_seed"),
    )


def _secure_job(job: Fields) -> SecureJob:
    """Read the cost of one round of the secure method."""
    return SecureJob(
        roles=tuple(
            RoleBytes(
                role=role.text("role"),
                phase=role.text("phase"),
                bytes_moved=role.whole("bytes_sent") + role.whole("bytes_received"),
            )
            for role in job.children("roles")
        ),
        steps=tuple(
            Step(
                name=re.sub(r"^iteration \d+$", "iterations", step.text("name")),
                rounds=step.whole("rounds"),
                bytes_sent=step.whole("bytes_sent"),
                seconds=step.number("seconds") or 0.0,
            )
            for step in job.children("steps")
        ),
    )


def _first_clusters(pictures: Fields) -> ClusterMap | None:
    """Read the first clustering of the secure method, or of its twin, from clusters.json."""
    found = [drawn for entry in pictures.children("maps") if (drawn := _clusters(entry))]
    order = {HERO: 0, TWIN: 1}
    return min(
        found,
        key=lambda drawn: (order.get(drawn.method, 2), drawn.seed, drawn.round),
        default=None,
    )


def _clusters(entry: Fields) -> ClusterMap | None:
    """Read one picture; None if its lists do not fit together."""
    places = entry.pairs("points")
    domains, labels = entry.texts("domains"), entry.numbers("labels")
    if not places or not len(places) == len(domains) == len(labels):
        return None
    return ClusterMap(
        method=entry.text("method"),
        seed=entry.whole("seed"),
        round=entry.whole("round"),
        points=places,
        domains=domains,
        labels=tuple(int(label) for label in labels),
    )
