"""report.json: the content of the page for machines."""

from __future__ import annotations

import json
from dataclasses import asdict

from secfpp.report.run.disclosures import disclosures
from secfpp.report.run.headline import QUESTION, answer, stamps
from secfpp.report.run.records import RunRecord


def numbers_json(run: RunRecord) -> str:
    """Return the run's results, disclosures and stamps as indented JSON (fractions, bytes, s)."""
    record = {
        "run": run.folder.name,
        "question": QUESTION,
        "answer": answer(run.results),
        "stamps": [asdict(stamp) for stamp in stamps(run)],
        "results": [asdict(result) for result in run.results],
        "disclosures": [asdict(line) for line in disclosures(run.reveals)],
        "clusters": None if run.clusters is None else asdict(run.clusters),
        "config": dict(run.config.flattened()),
        "versions": dict(run.versions.flattened()),
    }
    return json.dumps(record, indent=1, allow_nan=False) + "\n"
