"""A data owner as a process of its own: it consents to jobs, shares its vectors, fetches its means.

Needs neither CrypTen nor torch.

::

    with Owner("client:3", read_addresses(network), certificates) as owner:
        terms = owner.await_job()  # announced alike by all parties, and allowed by the policy
        owner.share(terms, points_RD, payload_RM)
        result = owner.fetch(terms)

Shape letters: R rows of this owner, D dimensions of a point, M of a payload.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, Self

import numpy as np
import numpy.typing as npt

from mpc.consent.chain import Ledger, Listener
from mpc.consent.policy import Consent, Policy, Refusal, refused
from mpc.consent.spending import SPENT
from mpc.consent.terms import Terms
from mpc.errors import (
    ConsentError,
    FrameError,
    InputError,
    PeerClosedError,
    PeerTimeoutError,
    SessionError,
    TransportError,
)
from mpc.jobs.encoding import payload_unit
from mpc.jobs.rows import decode_mean, encode_payload, encode_point
from mpc.net.addresses import Addresses
from mpc.net.channel import check_seconds
from mpc.net.handshake import Identity
from mpc.net.renewal import RenewedCredentials
from mpc.ring.fixedpoint import FloatArray, Int64Array
from mpc.session.data_owner import DataOwner
from mpc.session.owner_links import NoJobYetError, OwnerLinks


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class OwnResult:
    """What one owner learns from a job."""

    mean_RM: FloatArray = field(repr=False)
    """Mean payload of the cluster of each row; NaN if none was opened."""
    size_R: npt.NDArray[np.int64] = field(repr=False)
    """Size of that cluster; 0 for a rejected row, `mpc.jobs.result.TOO_SMALL` for a cluster with
    fewer owners than the minimum."""


class Owner:
    """One data owner and its links to the parties, which are made anew when they break.

    Parameters
    ----------
    role : str
        `client:` and a name, as in its certificate.
    addresses : Addresses
    certificates : Path
        Folder with this owner's certificate and key, and the authority's certificate. Files that
        are replaced are read when it next connects.
    policy : Policy, optional
        What this owner allows; None: the defaults.
    ledger : Path, optional
        File of this owner's ledger; None: it keeps none.
    timeout_s : float
        Longest silence of a party that has something to say.
    job_timeout_s : float
        Longest time from an owner's share to its result.
    on_event : callable
        Is told of every event of the ledger.

    Raises
    ------
    InputError
        The credentials or the ledger cannot be used.
    """

    def __init__(
        self,
        role: str,
        addresses: Addresses,
        certificates: Path,
        *,
        policy: Policy | None = None,
        ledger: Path | None = None,
        timeout_s: float = 60.0,
        job_timeout_s: float = 600.0,
        on_event: Listener = lambda event, values: None,
    ) -> None:
        check_seconds("timeout_s", timeout_s)
        check_seconds("job_timeout_s", job_timeout_s)
        self.role = role
        self._job_timeout_s = job_timeout_s
        credentials = RenewedCredentials(certificates, role)
        me = Identity(role=role, session=addresses.session, credentials=credentials)
        self._links = OwnerLinks(me, addresses, timeout_s=timeout_s)
        self._ledger = Ledger(ledger, role=role, listener=on_event)
        self._consent = Consent(policy or Policy(), role, spending=self._ledger.spending)
        self._heard: tuple[str, int] = ("", 0)
        """Run and number of the last job."""
        self._shared: tuple[str, int] = ("", 0)
        self._fetched: dict[tuple[str, int], OwnResult] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up, and close the ledger. Idempotent."""
        self._links.hang_up()
        self._ledger.close()

    def hang_up(self) -> None:
        """Close the links, so that the parties do not count this owner as present. Idempotent.

        `await_job` connects anew.
        """
        self._links.hang_up()

    def await_job(self, within_s: float | None = None) -> Terms:
        """Wait until every party announces a job, and check it against the policy.

        Parameters
        ----------
        within_s : float, optional
            Longest wait; None: as long as it takes. Parties that cannot be reached are tried again.

        Returns
        -------
        Terms
            To be passed to `share`.

        Raises
        ------
        ConsentError
            The policy does not allow the job, or the parties announce different ones. They are
            told, and the owner can wait for the next job.
        PartyError
            A party gave the job up before this owner shared anything.
        PeerTimeoutError
            No job came in time.
        """
        deadline = None if within_s is None else time.monotonic() + within_s
        while True:
            owner = self._links.connected(deadline)
            try:
                terms = owner.hear_next(
                    after=self._links.heard,
                    wait=lambda link: self._links.await_announcement(link, deadline),
                    wait_for_others=self._links.wait_briefly,
                )
                break
            except NoJobYetError:
                raise
            except TransportError:
                self._links.hang_up()
            except ConsentError as error:
                self._decline(error, error.job)
                raise
        self._heard = (terms.run, terms.number)
        self._links.heard = terms.number
        try:
            self._consent.check(terms, [self.role])
        except ConsentError as error:
            self._decline(error, terms.number, terms)
            raise
        return terms

    def decline(self, terms: Terms, field: str, *, asked: object, allowed: object) -> NoReturn:
        """Decline a job for a reason of the caller's, and raise it.

        Raises
        ------
        ConsentError
            Always.
        """
        refusal = Refusal(role=self.role, field=field, asked=asked, allowed=allowed)
        error = refused((refusal,))
        self._decline(error, terms.number, terms)
        raise error

    def share(self, terms: Terms, points_RD: FloatArray, payload_RM: FloatArray) -> None:
        """Consent to a job, and send share p of the rows to party p. Once a job: then idempotent.

        Parameters
        ----------
        terms : Terms
            From `await_job`.
        points_RD : ndarray of float64, (R, D)
        payload_RM : ndarray of float64, (R, M)

        Raises
        ------
        ConsentError
            The job is for vectors of other lengths. The parties are told.
        InputError
            The rows are over a bound, or no float64 arrays. Nothing is shared, and the parties are
            told that this owner does not take part, but not why.
        TransportError
            A party cannot be reached; the job will be given up.

        Notes
        -----
        Cost: 8 (R (D + M) + 4) bytes to each party.
        """
        if self._shared == (terms.run, terms.number):
            return
        owner = self._of_job(terms)
        try:
            self._check_lengths(terms, points_RD, payload_RM)
            ring_RX = _encoded(terms, points_RD, payload_RM)
        except ConsentError as error:
            self._decline(error, terms.number, terms)
            raise
        except InputError:
            self._decline(ConsentError(f"{self.role} does not take part"), terms.number, terms)
            raise
        self._write("consented", terms, digest=terms.digest.hex(), terms=terms.as_json())
        if terms.job.is_private:
            spent = {"guarantee": terms.job.guarantee, "rho": terms.job.rho}
            self._write(SPENT, terms, **spent, owners=[self.role])
        self._ledger.sync()
        self._shared = (terms.run, terms.number)
        with self._hanging_up_on_failure():
            owner.send(ring_RX, job=terms.number, digest=terms.digest)

    def fetch(self, terms: Terms, num_rows: int = 1) -> OwnResult:
        """Return the mean and the size of the cluster of each own row. Idempotent.

        Parameters
        ----------
        terms : Terms
            Of a job that this owner has shared in.
        num_rows : int
            R, as it was shared.

        Raises
        ------
        ConsentError
            Another role does not allow the job.
        PartyError
            The job was given up for another reason.
        TransportError
            A party died, or the result did not come in time.
        """
        key = (terms.run, terms.number)
        if key in self._fetched:
            return self._fetched[key]
        if self._shared != key:
            raise InputError(f"{self.role} has not shared anything in job {terms.number}")
        try:
            whole = self._received((num_rows, terms.payload + 1), terms.number)
        except SessionError as error:
            self._write("given up", terms, why=str(error))
            raise
        size_R = whole[:, -1].copy()
        mean_RM = decode_mean(whole[:, :-1], size_R, payload_unit(terms.job, terms.payload))
        self._write("received", terms, shape=list(whole.shape))
        self._ledger.sync()
        self._fetched = {key: OwnResult(mean_RM=mean_RM, size_R=size_R)}
        return self._fetched[key]

    def _received(self, shape: tuple[int, int], number: int) -> Int64Array:
        """Return the reconstructed result; if a link breaks, connect anew and get it there."""
        deadline = time.monotonic() + self._job_timeout_s
        while True:
            owner = self._links.connected(deadline)
            try:
                return owner.receive(
                    shape, job=number, wait=lambda link: self._links.wait(link, deadline)
                )
            except TransportError as error:
                self._links.hang_up()
                late = isinstance(error, PeerTimeoutError) or time.monotonic() > deadline
                if late or isinstance(error, FrameError):
                    raise

    def _of_job(self, terms: Terms) -> DataOwner:
        """Return the links on which a job was announced."""
        owner = self._links.standing
        if owner is None or self._heard != (terms.run, terms.number):
            raise PeerClosedError(
                f"the connection on which job {terms.number} was announced to {self.role} is gone"
            )
        return owner

    def _check_lengths(self, terms: Terms, points_RD: FloatArray, payload_RM: FloatArray) -> None:
        """Raise unless points and payloads of a job are as long as those of this owner."""
        lengths = {"dim": (terms.dim, points_RD), "payload": (terms.payload, payload_RM)}
        refusals = tuple(
            Refusal(role=self.role, field=field, asked=asked, allowed=rows.shape[-1])
            for field, (asked, rows) in lengths.items()
            if np.ndim(rows) and asked != np.shape(rows)[-1]
        )
        most, rows = terms.job.rows_per_owner, len(points_RD)
        if terms.job.is_private and rows > most:
            refusals += (
                Refusal(role=self.role, field="rows_per_owner", asked=most, allowed=f"{rows} rows"),
            )
        if refusals:
            raise refused(refusals)

    def _decline(self, error: ConsentError, job: int, terms: Terms | None = None) -> None:
        """Tell the parties why this owner takes no part in a job, and write it down."""
        self._links.heard = job
        named = [dict(each) for each in error.refusals]
        run = {} if terms is None else {"run": terms.run}
        self._ledger.write("declined", **run, job=job, why=str(error), refusals=named)
        self._ledger.sync()
        if self._links.standing is not None:
            self._links.standing.decline(error, job=job)

    @contextmanager
    def _hanging_up_on_failure(self) -> Iterator[None]:
        """Hang up if a link fails: what else comes on it belongs to no job."""
        try:
            yield
        except TransportError:
            self._links.hang_up()
            raise

    def _write(self, event: str, terms: Terms, /, **values: object) -> None:
        self._ledger.write(event, run=terms.run, job=terms.number, **values)


def _encoded(terms: Terms, points_RD: FloatArray, payload_RM: FloatArray) -> Int64Array:
    """Check and encode an owner's rows, (R, D + M)."""
    widths = {"points": (points_RD, terms.dim), "payload": (payload_RM, terms.payload)}
    for name, (rows, width) in widths.items():
        if not isinstance(rows, np.ndarray) or rows.dtype != np.float64:
            raise InputError(f"{name} must be a float64 array")
        if rows.ndim != 2 or rows.shape[1] != width or not len(rows):
            raise InputError(f"{name} has shape {rows.shape}; the job needs (R, {width})")
    if len(points_RD) != len(payload_RM):
        raise InputError(f"{len(points_RD)} points but {len(payload_RM)} payload rows")
    return np.concatenate(
        [encode_point(points_RD, terms.job), encode_payload(payload_RM, terms.job)], axis=1
    )
