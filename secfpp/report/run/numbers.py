"""report.json: the content of the page for machines."""

from __future__ import annotations

import json
from dataclasses import asdict

from secfpp.report.attacks.records import Attacks, attack_records
from secfpp.report.run.disclosures import disclosures
from secfpp.report.run.headline import QUESTION, answer, stamps
from secfpp.report.run.records import RunRecord


def numbers_json(run: RunRecord, attacks: Attacks | None = None) -> str:
    """Return the content of the page as indented JSON (fractions, bytes, s)."""
    record = {
        "run": run.folder.name,
        "question": QUESTION,
        "answer": answer(run.results),
        "stamps": [asdict(stamp) for stamp in stamps(run)],
        "results": [asdict(result) for result in run.results],
        "disclosures": [asdict(line) for line in disclosures(run.reveals)],
        "attacks": attack_records(attacks),
        "clusters": None if run.clusters is None else asdict(run.clusters),
        "config": dict(run.config.flattened()),
        "versions": dict(run.versions.flattened()),
    }
    return json.dumps(record, indent=1, allow_nan=False) + "\n"
