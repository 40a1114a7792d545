"""Secure k-means as a scikit-learn estimator.

The process that calls `fit` holds all rows, so it plays the server and every data owner, as only a
simulation can. The parties see only shares. The estimator exposes what the reveal policy opens.

Shape letters: N points, K clusters, D dimensions.
"""

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.metrics import pairwise_distances_argmin
from sklearn.utils.validation import check_is_fitted, validate_data

from mpc.errors import InputError, PolicyError, PrecisionWarning
from mpc.estimator_parameters import (
    budget_of,
    check_norms,
    init_rows,
    named_init,
    owners_of,
    seed_of,
    whole,
)
from mpc.jobs.bounds import Prepared, deviations_of, lost_to_rounding
from mpc.jobs.default_start import start_of
from mpc.jobs.encoding import bounds_of
from mpc.jobs.job import K_CANDIDATES_MAX, ClusterJob, Comparisons, Init, RevealPolicy
from mpc.jobs.privacy import DEFAULT_DELTA, Guarantee
from mpc.jobs.private_rows import Budget, prepared_for, private_job
from mpc.jobs.result import ClusterResult, LedgerEntry, Session
from mpc.jobs.statement import NoiseStatement
from mpc.ring.fixedpoint import FloatArray
from mpc.session.held_rows import ShardSizes, bounded_job, cluster_rows, shard_sizes
from mpc.session.session import open_session
from mpc.session.stamps import Links
from mpc.traffic import Traffic

LABELS_OPEN: Final[tuple[RevealPolicy, ...]] = ("assignments", "distances")
"""Policies that open labels and the attributes computed from them."""
OF_LABELS: Final = ("labels_", "cluster_centers_", "inertia_")
"""Attributes that exist only if labels are open."""
FORMER_NAMES: Final = {"group_means_": "own_means_", "group_sizes_": "own_sizes_"}


class WithheldError(PolicyError, AttributeError):
    """Raise when a requested attribute is secret under the reveal policy."""


class SecureKMeans(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """K-means in which no party sees a row, as a scikit-learn estimator.

    Parameters
    ----------
    n_clusters : int or None, default=8
        K. None chooses it from 1 to `k_max` and makes it public.
    reveal : {"own-mean", "assignments", "distances"}, default="own-mean"
        What is opened; see `mpc.engine.reveal`. `own-mean` keeps labels secret.
    parties : int, default=2
        Computing parties, 2 to 5, if no session is given.
    session : session, optional
        An open `SecureSession` or `PlainSession`, used for every fit and not closed. None opens one
        for each fit. Clones and copies use the same session. A pickle that another process reads
        has no session, because links and processes belong to the process that opened them.
    max_iter : int, optional
        Most reassignments. None: 20, or fewer if there are many starts; see
        `mpc.jobs.default_start`.
    init : {"farthest-first", "k-means++", "leaders", "random"} or sequence of int, optional
        Start: a method of `mpc.ClusterJob`, or the K public rows that are the first centres.
        None: k-means++, or farthest-first if `n_clusters` is None.
    n_init : int, optional
        Number of starts, run in the same rounds; the one with least inertia is kept. None: 2 K + 8
        for k-means++ and up to some thousand rows, 32 at most; see `mpc.jobs.default_start`.
    random_state : int, RandomState instance or None, default=None
        Seed of all public draws; no mask depends on it. None draws a fresh seed.
    k_max : int, default=8
        The largest number of clusters to choose if `n_clusters` is None.
    comparisons : {"auto", "fss", "lut", "boolean"}, default="auto"
        Comparison protocol; see `mpc.ClusterJob`.
    standardize : bool, default=False
        Divide each feature by its standard deviation, which stays secret.
    norm_bound : float, optional
        Public bound on the distance of a row from the mean of all rows, in standard deviations if
        `standardize`. None takes the power of two at or above the largest distance, which the
        parties and the server then learn.
    min_cluster_size : int, default=3
        A cluster with fewer owners is not opened, because its mean could expose another owner's
        row. 1 opens every cluster.
    owners : int, sequence of int or None, default=64
        Data owners, each with its own links. An int is their number; rows are assigned to them in
        turn. A sequence names the owner of each row. None: each row has its own owner.
    shard_size : int, optional
        Most rows of a shard, up to 8191. The rows of shards are clustered one shard after another,
        then the clusters of all shards, so that X may have any number of rows; see
        `mpc.cluster_in_shards`. Needs `reveal="own-mean"`, `n_clusters` and no `standardize`. None:
        all rows are one job, of up to 8191.
    shard_k : int, optional
        Clusters of each shard. None: 2 K, but at most 16 unless K is larger.
    dp_epsilon : float, optional
        Add discrete Gaussian noise under sharing that keeps this epsilon for each data owner; see
        `mpc.jobs.statement`. Needs a `norm_bound`, on the length of rows as they are.
    dp_delta : float, default=1e-5
        Probability that the privacy loss exceeds epsilon.
    dp_guarantee : {"pipeline", "means"}, default="pipeline"
        What the noise covers: all that is computed (`n_clusters` given, labels secret), or means
        alone, given the assignment, which is then computed without noise.
    dp_dims : int, optional
        With `pipeline`: dimensions onto which rows are projected for the assignment.
    timeout_s : float, default=60.0
        Longest silence of a peer, if no session is given.
    links : {"tls", "plain"}, default="tls"
    insecure_dev : bool, default=False
        As in `mpc.open_session`, if no session is given.

    Attributes
    ----------
    own_means_ : ndarray of float64, (N, D)
        Row i: the mean of row i's cluster, reconstructed by its owner. The error is at most 2^-19
        of the range of each feature, and 2^-24 if features are few. NaN if the cluster has fewer
        owners than `min_cluster_size`.
    own_sizes_ : ndarray of int64, (N,)
        Size of that cluster; -1 if it has too few owners.
    n_clusters_ : int
        K, as given or as chosen.
    n_iter_ : int
        Reassignments done.
    norm_bound_ : float
        The public bound that was used.
    scale_ : ndarray of float64, (D,)
        Standard deviations of X if `standardize`, else ones; stays in this process.
    ledger_ : tuple of LedgerEntry
        Who learned what.
    privacy_ : NoiseStatement or None
        What the noise promises; sizes have noise, too.
    traffic_ : Traffic
        Rounds, bytes and seconds.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, (D,)
        Set if X was a data frame with string column names.
    labels_ : ndarray of int64, (N,)
        Set if the policy opens labels.
    cluster_centers_ : ndarray of float64, (K, D)
        Set if labels are open: the mean of the rows of each label, computed in the clear by the
        caller, who holds the rows. NaN for an empty cluster.
    inertia_ : float
        Set if labels are open: sum of squared distances of rows to these centres.

    Notes
    -----
    There are no sample weights. Fits on one session must not run at the same time. Rows are centred
    under sharing, so labels do not depend on the origin. A row has 18 bits below `norm_bound`;
    `fit` warns with `mpc.errors.PrecisionWarning` if they are too few. The parties and the server
    learn `norm_bound` and the other bounds of `mpc.jobs.job.ClusterJob`.

    Leakage: `own_means_` has every owner's mean, so whoever holds the fitted estimator sees whose
    are equal, under any policy. It is for the process that held the rows anyway.
    """

    labels_: npt.NDArray[np.int64]
    cluster_centers_: FloatArray
    inertia_: float

    def __init__(
        self,
        n_clusters: int | None = 8,
        *,
        reveal: RevealPolicy = "own-mean",
        parties: int = 2,
        session: Session | None = None,
        max_iter: int | None = None,
        init: Init | Sequence[int] | npt.NDArray[np.int64] | None = None,
        n_init: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        k_max: int = K_CANDIDATES_MAX,
        comparisons: Comparisons = "auto",
        standardize: bool = False,
        norm_bound: float | None = None,
        min_cluster_size: int = 3,
        owners: int | Sequence[int] | npt.NDArray[np.int64] | None = 64,
        shard_size: int | None = None,
        shard_k: int | None = None,
        dp_epsilon: float | None = None,
        dp_delta: float = DEFAULT_DELTA,
        dp_guarantee: Guarantee = "pipeline",
        dp_dims: int | None = None,
        timeout_s: float = 60.0,
        links: Links = "tls",
        insecure_dev: bool = False,
    ) -> None:
        self.n_clusters = n_clusters
        self.reveal = reveal
        self.parties = parties
        self.session = session
        self.max_iter = max_iter
        self.init = init
        self.n_init = n_init
        self.random_state = random_state
        self.k_max = k_max
        self.comparisons = comparisons
        self.standardize = standardize
        self.norm_bound = norm_bound
        self.min_cluster_size = min_cluster_size
        self.owners = owners
        self.shard_size = shard_size
        self.shard_k = shard_k
        self.dp_epsilon = dp_epsilon
        self.dp_delta = dp_delta
        self.dp_guarantee = dp_guarantee
        self.dp_dims = dp_dims
        self.timeout_s = timeout_s
        self.links = links
        self.insecure_dev = insecure_dev

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Share the rows, cluster them, and set the attributes that the policy opens.

        Parameters
        ----------
        X : array-like of float, (N, D)
        y : object
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            X or a parameter is refused before anything is shared; an `InputError` if this package
            refuses it.
        MpcError
            As `SecureSession.cluster`.

        Notes
        -----
        Cost and leakage: those of `SecureSession.cluster`, with a payload of the row itself.
        """
        points_ND = validate_data(self, X, dtype=np.float64, order="C")
        seed = seed_of(self.random_state)
        budget = budget_of(self.dp_epsilon, self.dp_delta, self.dp_guarantee, self.dp_dims)
        given = prepared_for(points_ND, budget, norm_bound=self.norm_bound, seed=seed)
        owners = owners_of(self.owners, len(points_ND))
        shards = shard_sizes(self.n_clusters, self.shard_size, self.shard_k)
        job = self._job(given, owners, shards, seed, budget)
        for lost in lost_to_rounding(job, given.points_ND):
            warnings.warn(lost, PrecisionWarning, stacklevel=2)
        with self._session() as session:
            result = cluster_rows(session, job, given, owners, shards)
        self._set_fitted(points_ND, given, job, result)
        return self

    def fit_predict(self, X: npt.ArrayLike, y: object = None) -> npt.NDArray[np.int64]:
        """Fit, and return the labels of the rows, (N,).

        Raises
        ------
        WithheldError
            The policy keeps labels secret; refused before anything is shared.
        ValueError, MpcError
            As `fit`.
        """
        if self.reveal not in LABELS_OPEN:
            raise _withheld("fit_predict", self.reveal)
        return self.fit(X).labels_

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return the label of the nearest known centre of each row, (N,), in the clear.

        If features are standardised, distances are in standard deviations of the fitted rows.

        Parameters
        ----------
        X : array-like of float, (N, D)
            Stays in this process.

        Raises
        ------
        WithheldError
            The policy kept labels, and so centres, secret.
        ValueError
            Not fitted, or X is refused.
        """
        check_is_fitted(self)
        centres_KD = self.cluster_centers_
        points_ND = validate_data(self, X, dtype=np.float64, reset=False)
        known = np.flatnonzero(~np.isnan(centres_KD).any(axis=1))
        nearest_N = pairwise_distances_argmin(
            points_ND / self.scale_, centres_KD[known] / self.scale_
        )
        return np.asarray(known[nearest_N], dtype=np.int64)

    def __getattr__(self, name: str) -> Any:
        """Explain a secret or renamed attribute: name the policy that opens it, or its new name."""
        if name in FORMER_NAMES and "policy_" in vars(self):
            now = FORMER_NAMES[name]
            what = f"{name} is now {now}; the former name is understood until version 0.3"
            warnings.warn(what, FutureWarning, stacklevel=2)
            return getattr(self, now)
        if name in OF_LABELS and "policy_" in vars(self):
            raise _withheld(name, self.policy_)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _job(
        self,
        given: Prepared,
        owners: Sequence[int] | None,
        shards: ShardSizes | None,
        seed: int,
        budget: Budget | None,
    ) -> ClusterJob:
        """Return the public description of the job with its bounds; refuse invalid parameters."""
        n = len(given.points_ND)
        k = None if self.n_clusters is None else whole("n_clusters", self.n_clusters)
        if k is not None and k > n:
            raise InputError(f"n_samples={n} should be >= n_clusters={k}")
        rows, init = init_rows(self.init), named_init(self.init, budget)
        start = start_of(
            n if shards is None else min(n, shards.size),
            k if shards is None else shards.k,
            init=init,
            restarts=None if self.n_init is None else whole("n_init", self.n_init),
            iterations=None if self.max_iter is None else whole("max_iter", self.max_iter),
            rows_given=rows is not None,
            k_max=whole("k_max", self.k_max),
        )
        job = ClusterJob(
            k=k,
            iterations=start.iterations,
            reveal=self.reveal,
            min_cluster_size=whole("min_cluster_size", self.min_cluster_size),
            init_rows=rows,
            init=start.init,
            restarts=start.restarts,
            seed=seed,
            k_max=whole("k_max", self.k_max),
            comparisons=self.comparisons,
            standardize=self.standardize,
            norm_bound=self.norm_bound,
            label="fit",
        )
        said = (init, rows, self.n_init)
        job = private_job(job, budget, owners, iterations=self.max_iter, start=said)
        bounded = bounded_job(job, given, owners, shards)
        if shards is None:
            check_norms(given, bounded)
        return bounded

    def _session(self) -> AbstractContextManager[Session]:
        """Return the given session, which stays open, or a new one for this fit."""
        if self.session is not None:
            return nullcontext(self.session)
        return open_session(
            self.parties,
            timeout_s=self.timeout_s,
            links=self.links,
            insecure_dev=self.insecure_dev,
        )

    def _set_fitted(
        self, points_ND: FloatArray, given: Prepared, job: ClusterJob, result: ClusterResult
    ) -> None:
        """Set the fitted attributes, and delete those that an earlier policy had opened."""
        for name in OF_LABELS:
            self.__dict__.pop(name, None)
        self.policy_: RevealPolicy = job.reveal
        self.norm_bound_ = bounds_of(job)[0]
        self.scale_ = deviations_of(points_ND) if job.standardize else np.ones(points_ND.shape[1])
        self.n_clusters_ = result.k
        self.n_iter_ = result.iterations
        self.own_means_: FloatArray = given.restored(result.means_NM)
        self.own_sizes_ = result.sizes_N
        self.ledger_: tuple[LedgerEntry, ...] = result.ledger
        self.traffic_: Traffic = result.traffic
        self.privacy_: NoiseStatement | None = result.privacy
        if job.reveal in LABELS_OPEN and result.labels_N is not None:
            self.labels_ = result.labels_N
            self.cluster_centers_ = self._centres(points_ND)
            gap_ND = points_ND - self.cluster_centers_[self.labels_]
            self.inertia_ = float(np.einsum("nd,nd->", gap_ND, gap_ND))

    def _centres(self, points_ND: FloatArray) -> FloatArray:
        """Return the mean of each label's rows, (K, D); NaN for an empty cluster."""
        centres_KD = np.full((self.n_clusters_, points_ND.shape[1]), np.nan)
        for label in np.unique(self.labels_):
            centres_KD[label] = points_ND[self.labels_ == label].mean(axis=0)
        return centres_KD


def _withheld(name: str, policy: RevealPolicy) -> WithheldError:
    openers = " or ".join(f"reveal={policy!r}" for policy in LABELS_OPEN)
    return WithheldError(
        f"{name} needs labels, which reveal={policy!r} keeps secret; fit with {openers} to open "
        "them, to the parties and the server, too"
    )
