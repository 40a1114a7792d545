"""Record a run round by round, and read the records back for `--resume`."""

from dataclasses import asdict

import numpy as np

from secfpp.config.tree import JsonValue, to_json
from secfpp.experiment.results import MethodResult
from secfpp.experiment.run_folder import RunFolder
from secfpp.experiment.units import Unit
from secfpp.federation.round import RoundRecord, RoundResult
from secfpp.learning.prompts import FloatArray, PromptState
from secfpp.methods.interface import IntArray

__all__ = ["Recorder", "planar_map"]


class Recorder:
    """Records one run.

    Parameters
    ----------
    folder : RunFolder
        Lines of rounds after the last saved state are removed from metrics and traffic. The ledger
        keeps them, because their values have been opened.
    units : tuple of Unit
        All units of the run.
    """

    def __init__(self, folder: RunFolder, units: tuple[Unit, ...]) -> None:
        self.folder = folder
        self.states: dict[str, PromptState] = {}
        self.records: list[RoundRecord] = []
        self._traffic: dict[str, list[JsonValue]] = {}
        self._maps: dict[str, JsonValue] = {}
        self._recover(units)

    def rounds_done(self, unit: Unit) -> int:
        """Return the saved rounds of a unit; -1 if it has not begun."""
        state = self.states.get(unit.key)
        return -1 if state is None else state.rounds_done

    def record(
        self, unit: Unit, result: RoundResult, domain_N: IntArray, domain_names: tuple[str, ...]
    ) -> RoundRecord:
        """Write one round: openings first, the state last, which marks the round as done."""
        record = result.record(unit.seed, unit.method, domain_N)
        place = {"method": unit.method, "seed": unit.seed, "round": record.round}
        ledger = [{**place, **entry.as_json()} for entry in result.exchanged.ledger]
        self.folder.append("ledger.jsonl", [_object(line) for line in ledger])
        if result.exchanged.traffic.roles:
            cost = to_json({"round": record.round, **result.exchanged.traffic.as_json()})
            self._traffic.setdefault(unit.key, []).append(cost)
            self.folder.write("traffic.json", dict(self._traffic))
        if result.exchanged.clusters_descriptors:
            self._write_map(unit, result, domain_N, domain_names)
        self.folder.append("metrics.jsonl", [_object(asdict(record))])
        self.folder.save_state(unit.key, result.state)
        self.states[unit.key] = result.state
        self.records.append(record)
        return record

    def finish(self, results: tuple[MethodResult, ...], *, complete: bool) -> None:
        """Write the table and all prompts."""
        table: dict[str, JsonValue] = {str(row.name): to_json(row) for row in results}
        self.folder.write("results.json", {"complete": complete, "methods": table})
        self.folder.save_prompts(self.states)

    def _write_map(
        self, unit: Unit, result: RoundResult, domain_N: IntArray, domain_names: tuple[str, ...]
    ) -> None:
        """Keep the first and the last clustering of a unit for pictures."""
        labels_n = result.exchanged.labels_n
        if labels_n is None:
            return
        which = "first" if result.state.rounds_done == 1 else "last"
        self._maps[f"{unit.key}/{which}"] = {
            "method": unit.method,
            "seed": unit.seed,
            "round": result.state.rounds_done,
            "domains": [domain_names[domain] for domain in domain_N[result.clients_n]],
            "labels": [int(label) for label in labels_n],
            "points": [[float(x), float(y)] for x, y in planar_map(result.descriptor_nD)],
        }
        self.folder.write("clusters.json", {"maps": list(self._maps.values())})

    def _recover(self, units: tuple[Unit, ...]) -> None:
        """Read the records of an interrupted run."""
        for unit in units:
            state = self.folder.load_state(unit.key)
            if state is not None:
                self.states[unit.key] = state
        lines = self.folder.records("metrics.jsonl", RoundRecord)
        self.records = [line for line in lines if self._is_safe(line)]
        if len(self.records) != len(lines):
            self.folder.rewrite("metrics.jsonl", [_object(asdict(r)) for r in self.records])
        self._recover_traffic(units)
        self._recover_maps()

    def _is_safe(self, record: RoundRecord) -> bool:
        """Tell whether a line belongs to a saved round."""
        unit = Unit(method=record.method, seed=record.seed)
        return record.round <= self.rounds_done(unit)

    def _recover_traffic(self, units: tuple[Unit, ...]) -> None:
        """Read the traffic of saved rounds."""
        stored = self.folder.read("traffic.json")
        for unit in units:
            lines = stored.get(unit.key, []) if isinstance(stored, dict) else []
            safe = [
                line
                for line in (lines if isinstance(lines, list) else [])
                if isinstance(line, dict) and _int(line.get("round")) <= self.rounds_done(unit)
            ]
            if safe:
                self._traffic[unit.key] = list(safe)

    def _recover_maps(self) -> None:
        """Read the pictures."""
        stored = self.folder.read("clusters.json")
        maps = stored.get("maps") if isinstance(stored, dict) else None
        for entry in maps if isinstance(maps, list) else []:
            if isinstance(entry, dict):
                which = "first" if entry.get("round") == 1 else "last"
                self._maps[f"{entry.get('method')}/seed{entry.get('seed')}/{which}"] = entry


def planar_map(descriptor_nD: FloatArray) -> FloatArray:
    """Project descriptors on their two principal axes, for a picture.

    Parameters
    ----------
    descriptor_nD : ndarray of float64, (n, D)

    Returns
    -------
    ndarray of float64, (n, 2)
        Zeros for an axis that does not exist.
    """
    centred_nD = descriptor_nD - descriptor_nD.mean(axis=0)
    square_n, axis_nn = np.linalg.eigh(centred_nD @ centred_nD.T)  # D is much larger than n
    found = min(2, *centred_nD.shape)
    points_n2 = np.zeros((len(descriptor_nD), 2))
    scale_f = np.sqrt(square_n[::-1][:found].clip(min=0))
    points_n2[:, :found] = axis_nn[:, ::-1][:, :found] * scale_f
    return points_n2


def _object(value: object) -> dict[str, JsonValue]:
    """Turn a mapping into a JSON object."""
    found = to_json(value)
    if not isinstance(found, dict):
        raise TypeError(f"{type(value).__name__} does not make a JSON object")
    return found


def _int(value: JsonValue) -> int:
    """Read an integer."""
    return value if isinstance(value, int) else -1
