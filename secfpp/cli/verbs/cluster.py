"""`secfpp cluster`: the secure clustering alone, on vectors from a file.

Shape letters: N points, D dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from rich.console import RenderableType
from rich.text import Text

from mpc.errors import BudgetError
from mpc.jobs.bounds import Prepared, lost_to_rounding
from mpc.jobs.default_start import start_of
from mpc.jobs.job import (
    K_CANDIDATES_MAX,
    MAX_POINTS,
    ClusterJob,
    Comparisons,
    Init,
    RevealPolicy,
)
from mpc.jobs.privacy import DEFAULT_DELTA
from mpc.jobs.private_rows import Budget, prepared_for, private_job
from mpc.jobs.result import ClusterResult, Session
from mpc.jobs.sharding import MAX_SHARD_CLUSTERS
from mpc.jobs.statement import NoiseStatement
from mpc.ring.fixedpoint import FloatArray
from mpc.session.held_rows import ShardSizes, bounded_job, cluster_rows, shard_sizes
from secfpp.cli.csv_rows import Headings
from secfpp.cli.outcome import Outcome
from secfpp.cli.owners import data_owners
from secfpp.cli.saving import check_writable, save_array
from secfpp.cli.tables import cost_table, ledger_table
from secfpp.cli.vectors import Choice, read_vectors
from secfpp.cli.verb import Verb
from secfpp.errors import ConfigError, DataError, OutputError
from secfpp.experiment.progress import working


@dataclass(frozen=True, kw_only=True)
class Cluster(Verb):
    """Cluster the rows of a file by k-means over secret shares.

    This process stands in for the data owners. Every row is split into shares before it leaves the
    process, and the parties see shares only.
    """

    input: Path
    """File of vectors, one row a point: .npy, .csv or .safetensors; `-` reads standard input."""
    k: int | None = 4
    """Clusters. `none`: chosen under sharing from 1 to `--k-max`; everybody learns which."""
    k_max: int = K_CANDIDATES_MAX
    """With `--k none`, the most clusters to choose."""
    parties: int = 2
    """Computing parties; any `parties - 1` of them may pool what they see."""
    reveal: RevealPolicy = "own-mean"
    """What is opened: each owner's own mean; the labels too; the distances too."""
    iterations: int | None = None
    """Most iterations of k-means. Default: k + 3 where many starts share them, else 20."""
    comparisons: Comparisons = "auto"
    """How numbers are compared: by function secret sharing (`fss`, fewest rounds), look-up tables
    (`lut`, fewest bytes), Boolean circuits, or whichever of the first two pays."""
    init_rows: tuple[int, ...] | None = None
    """Rows that are the first centres, k of them, public. None: chosen under sharing."""
    init: Init | None = None
    """How first centres are chosen. Default: k-means++, or farthest-first where k is to be chosen.
    Random rows, whose numbers are public, take the fewest rounds of messages; then leaders, for up
    to 64 vectors."""
    restarts: int | None = None
    """Starts of k-means++, leaders or random rows, in the same rounds; the one of least inertia is
    kept. Default: 2 k + 8, fewer for many rows; 4 of leaders, and at most k; 64 at random rows, or
    fewer of each number of clusters if k is to be chosen. Each costs bytes of its own; one is
    enough if the link to the dealer is slow."""
    seed: int = 0
    """Of all public draws; no mask depends on it."""
    min_cluster_size: int = 3
    """Nothing is opened of a cluster with fewer owners. 1 opens every cluster. A mean of two owners
    would show each the other's vector."""
    standardize: bool = False
    """Divide each feature by its standard deviation, under sharing: nobody learns one."""
    norm_bound: float | None = None
    """Public bound on a vector's distance from the mean, in standard deviations with
    `--standardize`. A row over it is rejected. Default: the power of two above all."""
    value_bound: float | None = None
    """Public bound on the magnitude of any number of the file. Default: as above."""
    owners: int | None = None
    """Data owners to stand in for, each with links of its own; rows go to them in turn. Default:
    64, or with `--network` as many as `--certs` has, at most 64."""
    shard_size: int | None = None
    """Cluster in shards of at most so many rows, then the clusters of all shards: for more than
    8191 rows. All rows of an owner are in one shard. Needs `--reveal own-mean` and a given
    `--k`."""
    shard_k: int | None = None
    """Clusters of each shard. Default: 2 k, but at most 16 unless k is larger."""
    dp_epsilon: float | None = None
    """Add discrete Gaussian noise under sharing, so that each data owner has this epsilon. Needs
    `--norm-bound`, here on the length of rows as they are; rows over it are refused. Default: no
    noise."""
    dp_delta: float = DEFAULT_DELTA
    """Probability that the privacy loss exceeds `--dp-epsilon`."""
    dp_guarantee: Literal["pipeline", "means"] = "pipeline"
    """What the noise covers: all that is computed (`pipeline`, with k given and labels secret), or
    the means alone (`means`): the assignment is then computed without noise."""
    dp_dims: int | None = None
    """With `pipeline`: dimensions onto which rows are projected for the assignment, by a public
    matrix; noise on centres grows with them. Default: no projection."""
    tensor: str | None = None
    """Name of the tensor in a safetensors file that holds several."""
    headings: Headings = "auto"
    """Whether the first line of a csv file is headings; `auto` decides, or refuses an unclear
    file."""
    out: Path | None = None
    """Save the means that owners reconstruct, one row for each point, as .npy."""
    plain: bool = False
    """Compute in the clear in this process instead, by the plaintext twin."""
    timeout_s: float = 60.0
    """Seconds after which a silent party counts as dead."""
    network: Path | None = None
    """Use parties and a dealer that run elsewhere, named in this file; start none here."""
    certs: Path | None = None
    """Folder with the credentials of server and clients; needed with `--network`."""
    links: Literal["tls", "plain"] = "tls"
    """How processes talk. `plain` TCP is for measurements: anybody on this host can read it."""
    provider: Literal["dealer", "tfp"] = "dealer"
    """Who makes correlated randomness. `tfp`, for debugging, lets party 0 unmask everything."""
    insecure_dev: bool = False
    """Allow insecure settings. Never with real data."""

    def execute(self) -> Outcome:
        """Share, cluster, and show what the policy opens."""
        points_ND = read_vectors(self.input, self._choice())
        check_writable(self.out)
        if (self.network is None) != (self.certs is None):
            raise ConfigError("--network and --certs go together: addresses and credentials")
        owners = data_owners(self.owners, len(points_ND), self.certs)
        shards = shard_sizes(self.k, self.shard_size, self.shard_k)
        job, given = self._public_and_shared(points_ND, owners, shards)
        lost = lost_to_rounding(job, given.points_ND)
        with working(self._doing()), self._session() as session:
            result = cluster_rows(session, job, given, owners, shards)
        saved = self.out is None or save_array(self.out, given.restored(result.means_NM))
        opened = result.labels_N is not None and self.reveal != "own-mean"
        return Outcome(
            record=_record(result, opened) | {"warnings": lost},
            shown=_shown(result, points_ND, opened, self.min_cluster_size, lost),
            exit_code=0 if saved else OutputError.exit_code,
        )

    def _choice(self) -> Choice:
        """Return which part of the file to read; shards hold more rows than a job does."""
        most = MAX_POINTS if self.shard_size is None else MAX_POINTS * MAX_SHARD_CLUSTERS
        return Choice(tensor=self.tensor, headings=self.headings, most_rows=most)

    def _job(self, num_points: int, shards: ShardSizes | None) -> ClusterJob:
        """Return the public description of the job."""
        start = start_of(
            num_points if shards is None else min(num_points, shards.size),
            self.k if shards is None else shards.k,
            init=None if self.dp_epsilon and self.init == "directions" else self.init,
            restarts=self.restarts,
            iterations=self.iterations,
            rows_given=self.init_rows is not None,
            k_max=self.k_max,
        )
        return ClusterJob(
            k=self.k,
            iterations=start.iterations,
            reveal=self.reveal,
            min_cluster_size=self.min_cluster_size,
            init_rows=self.init_rows,
            init=start.init,
            restarts=start.restarts,
            seed=self.seed,
            k_max=self.k_max,
            comparisons=self.comparisons,
            standardize=self.standardize,
            norm_bound=self.norm_bound,
            value_bound=self.value_bound,
            label=f"cluster {self.input.name}",
        )

    def _public_and_shared(
        self, points_ND: FloatArray, owners: tuple[int, ...], shards: ShardSizes | None
    ) -> tuple[ClusterJob, Prepared]:
        """Return the job with all its bounds, and the rows as they are shared."""
        job = self._job(len(points_ND), shards)
        try:
            budget = self._budget()
            given = prepared_for(points_ND, budget, norm_bound=self.norm_bound, seed=self.seed)
            said = (self.init, self.init_rows, self.restarts)
            job = private_job(job, budget, owners, iterations=self.iterations, start=said)
            return bounded_job(job, given, owners, shards), given
        except BudgetError as error:
            raise DataError(f"--input {self.input}: {error}") from error

    def _budget(self) -> Budget | None:
        """Return the guarantee that is asked for."""
        if self.dp_epsilon is None:
            return None
        return Budget(
            epsilon=self.dp_epsilon,
            delta=self.dp_delta,
            guarantee=self.dp_guarantee,
            dims=self.dp_dims,
        )

    def _doing(self) -> str:
        """Return the text that is shown meanwhile."""
        if self.plain:
            return "clustering in the clear"
        where = f"{self.parties} parties" if self.network is None else "the parties of the network"
        return f"clustering under secret shares, {where} and a dealer"

    def _session(self) -> AbstractContextManager[Session]:
        """Open parties and dealer, or the plaintext twin."""
        if self.plain:
            from mpc.reference.session import PlainSession

            return PlainSession()
        from mpc.session.session import join_session, open_session

        if self.network is not None and self.certs is not None:
            return join_session(self.network, self.certs, timeout_s=self.timeout_s)
        return open_session(
            self.parties,
            timeout_s=self.timeout_s,
            provider=self.provider,
            links=self.links,
            insecure_dev=self.insecure_dev,
        )


def _record(result: ClusterResult, opened: bool) -> dict[str, object]:
    """Return the JSON object; labels are in it only when the policy opens them."""
    traffic = result.traffic
    record: dict[str, object] = {
        "k": result.k,
        "iterations": result.iterations,
        "rounds": traffic.rounds_online,
        "bytes": sum(role.bytes_sent for role in traffic.roles),
        "seconds": traffic.seconds_total,
        "traffic": traffic.as_json(),
        "ledger": [entry.as_json() for entry in result.ledger],
    }
    if opened:
        record["labels"] = result.labels_N
    if result.privacy is not None:
        record["privacy"] = {
            **result.privacy.as_json(),
            "epsilon_pld": _epsilon_pld(result.privacy),
        }
    return record


def _epsilon_pld(said: NoiseStatement) -> float:
    """Return epsilon by privacy loss distributions, as of continuous noise."""
    from secfpp.privacy.accounting import epsilon_pld

    return epsilon_pld(said.noise_multiplier, said.releases, said.delta)


def _shown(
    result: ClusterResult,
    points_ND: FloatArray,
    opened: bool,
    minimum: int,
    lost: Sequence[str],
) -> tuple[RenderableType, ...]:
    """Return what people see: a summary, labels if opened, cost, ledger."""
    n, d = points_ND.shape
    parts: list[RenderableType] = [
        f"{n} points of {d} dimensions, k = {result.k}, {result.iterations} iterations"
    ]
    if result.traffic.insecure:
        parts.append(Text(f"not secure: {', '.join(result.traffic.insecure)}", style="bold red"))
    if opened and result.labels_N is not None:
        parts.append("labels: " + " ".join(map(str, result.labels_N.tolist())))
    else:
        parts.append("labels stay with their owners (--reveal assignments opens them)")
    parts.extend(Text(f"precision: {what}", style="yellow") for what in lost)
    rejected = np.flatnonzero(result.rejected_N)
    if len(rejected):
        parts.append(f"{len(rejected)} of {n} rows are over --norm-bound and were rejected")
    withheld = int(result.too_small_N.sum())
    if withheld:
        parts.append(
            f"{withheld} of {n} rows are in clusters with fewer than {minimum} owners "
            "(--min-cluster-size): nothing was opened of them"
        )
    if result.privacy is not None:
        tight = f"; epsilon {_epsilon_pld(result.privacy):.4g} by PLD, as of continuous noise"
        parts.append(Text(result.privacy.in_words + tight))
    parts.extend([cost_table(result.traffic), ledger_table(result.ledger)])
    return tuple(parts)
