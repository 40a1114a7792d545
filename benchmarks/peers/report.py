"""The file that a run leaves behind: what was measured, where, and with what."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from provenance import provenance

from peers.catalogue import CATALOGUE
from peers.hosts import Host
from peers.loopback import isolation
from peers.network_model import LAN, WAN
from peers.record import TOLERANCE, Record
from peers.workload import RADIUS, Workload

RESULTS: Final = Path(__file__).parent / "results"
PEERS_FILE: Final = RESULTS / "peers.json"
GROWTH_FILE: Final = RESULTS / "growth.json"
_GIT_TIMEOUT_S: Final = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A run of all engines."""

    provenance: dict[str, object]
    engines: dict[str, dict[str, object]]
    workloads: list[dict[str, object]]
    records: list[Record]

    @classmethod
    def of(
        cls,
        hosts: Sequence[Host],
        workloads: Sequence[Workload],
        records: Sequence[Record],
        measured_where: dict[str, object],
    ) -> Self:
        """Put together what a run has found."""
        versions = {name: found for host in hosts for name, found in host.versions.items()}
        engines = {
            host.name: {
                **_without_code(asdict(CATALOGUE[host.name])),
                "unavailable": host.unavailable,
            }
            for host in hosts
        }
        return cls(
            provenance=measured_where | {"versions": versions, "load_after": os.getloadavg()[0]},
            engines=engines,
            workloads=[
                {"size": str(w.size), "seed": w.seed, "latent_dims": w.latent_dims}
                for w in workloads
            ],
            records=list(records),
        )

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        write_json(
            path,
            {
                "provenance": self.provenance,
                "engines": self.engines,
                "workloads": self.workloads,
                "records": [record.as_json() for record in self.records],
            },
        )

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote."""
        values = json.loads(path.read_text())
        rows = [{k: v for k, v in row.items() if k != "samples"} for row in values["records"]]
        return cls(**{**values, "records": [Record.from_json(row) for row in rows]})


def measured_where(program: str, checkout: Path) -> dict[str, object]:
    """Return machine, versions, settings and command, as of the start of a run.

    Parameters
    ----------
    program : str
        Name of the module that runs.
    checkout : Path
        Whose `mpc` is measured.
    """
    kind, _ = isolation()
    return {
        **provenance(),
        "date": datetime.now(UTC).date().isoformat(),
        "command": " ".join(["python", "-m", program, *_without_paths(sys.argv[1:])]),
        "commit": _commit(checkout),
        "loopback": kind,
        "radius": RADIUS,
        "tolerance": TOLERANCE,
        "networks": [asdict(network) for network in (LAN, WAN)],
    }


def write_json(path: Path, values: dict[str, object]) -> None:
    """Write plain values, readable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=1) + "\n")


def _without_code(values: dict[str, object]) -> dict[str, object]:
    return {name: values[name] for name in ("title", "parties", "trust", "links")}


def _without_paths(arguments: Sequence[str]) -> list[str]:
    """Return a command line without options that name places on this machine."""
    kept, words = [], iter(arguments)
    for word in words:
        if word in ("--checkout", "--out"):
            next(words, "")
        else:
            kept.append(word)
    return kept


def _commit(checkout: Path) -> str:
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()
