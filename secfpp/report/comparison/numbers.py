"""report.json of a comparison: the content of the page for machines (fractions, bytes, seconds)."""

from __future__ import annotations

import json
from dataclasses import asdict

from secfpp.report.attacks.records import Attacks, attack_records
from secfpp.report.comparison.curves import TITLES, mean_by_round, shown_lines
from secfpp.report.comparison.differences import correction_note
from secfpp.report.comparison.headline import QUESTION, answer, not_best
from secfpp.report.comparison.learning import card_rows, ledgers
from secfpp.report.comparison.records import Comparison, Line
from secfpp.report.comparison.stamps import stamps, tuned_on, tuning_note
from secfpp.report.comparison.tables import accuracy_records, cost_records
from secfpp.report.run.cost import step_rows, traffic_table


def numbers_json(found: Comparison, attacks: Attacks | None = None) -> str:
    """Return the content of the page as indented JSON."""
    traffic = traffic_table(found.jobs)
    first = found.of_mix(found.mixes[0])
    record = {
        "comparison": found.folder.name,
        "question": QUESTION,
        "answer": answer(first),
        "not_best": not_best(first),
        "mixes": [_answers(found.of_mix(mix), mix) for mix in found.mixes],
        "score_on": "validation" if found.on_validation else "reporting",
        "correction": correction_note(found),
        "reference": found.config.text("reference", "secfpp"),
        "stamps": [asdict(stamp) for stamp in stamps(found)],
        "accuracy": accuracy_records(found),
        "costs": cost_records(found),
        "curves": _curves(found),
        "guarantees": [
            {**_which(line), **asdict(line.guarantee)}
            for line in found.lines
            if line.guarantee is not None
        ],
        "cards": [asdict(card) for card in card_rows(found)],
        "disclosures": [asdict(ledger) for ledger in ledgers(found.reveals)],
        "traffic_of_one_round": None if traffic is None else asdict(traffic),
        "steps_of_one_round": [asdict(row) for row in step_rows(found.jobs)],
        "clusters": [asdict(drawn) for drawn in found.maps],
        "attacks": attack_records(attacks),
        "seeds": list(found.seeds),
        "tuned_on_seeds": list(tuned_on(found)),
        "tuning": tuning_note(found),
        "config": dict(found.config.flattened()),
        "versions": dict(found.versions.flattened()),
    }
    return json.dumps(record, indent=1, allow_nan=False) + "\n"


def _answers(part: Comparison, mix: str) -> dict[str, str]:
    """Return what the head of the page says of one mix."""
    return {"mix": mix, "answer": answer(part), "not_best": not_best(part)}


def _which(line: Line) -> dict[str, object]:
    """Say which line it is."""
    return {"mix": line.mix, "method": line.method, "variant": line.variant}


def _curves(found: Comparison) -> list[dict[str, object]]:
    """Return the curves of every mix."""
    parts = map(found.of_mix, found.mixes)
    return [_curve(part, line) for part in parts for line in shown_lines(part)]


def _curve(found: Comparison, line: Line) -> dict[str, object]:
    """Return (round, mean over seeds in per cent) of each measure."""
    return {
        **_which(line),
        "epsilon_target": line.rows[0].budget,
        **{f"{name}_percent": mean_by_round(found, line, name) for name in TITLES},
    }
