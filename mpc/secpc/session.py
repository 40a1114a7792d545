"""Sessions of the paper's own protocol, SecPC: Lagrange coded k-means among the clients.

There are no computing parties and no dealer. Each data owner is a client that holds a share of each
other owner's rows, and the server decodes distances from the answers of enough of them.

Shape letters: N rows, D dimensions, M of a payload.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Self

import numpy as np

from mpc.errors import InputError, InsecureError
from mpc.jobs.bounds import with_bounds
from mpc.jobs.encoding import check_bounds
from mpc.jobs.job import ClusterJob
from mpc.jobs.order import Order, rows_by_owner
from mpc.jobs.result import DROPPED, ClusterResult
from mpc.jobs.rows import encode_payload
from mpc.net.channel import check_seconds
from mpc.ring.fixedpoint import FloatArray
from mpc.secpc.client_processes import CLIENT_MODULE, ClientProcesses
from mpc.secpc.first_queries import first_polynomials
from mpc.secpc.group import ClientGroup
from mpc.secpc.local_clients import LocalClients
from mpc.secpc.messages import CodedOrder, OwnRows, Sets
from mpc.secpc.quantiser import check_payload, quantiser_of, radius_of
from mpc.secpc.reveal import CodedRevealer
from mpc.secpc.search import Found
from mpc.secpc.server import ServerJob
from mpc.secpc.settings import SecPCSettings
from mpc.session.stamps import PLAIN_STAMP, Links
from mpc.traffic import Traffic

UNMASKED_STAMP: Final = "masking off: the server sees slice-wise distances"
ONE_PROCESS_STAMP: Final = "clients are objects of one process, which holds all shares"


class SecPCSession:
    """A session whose clients compute for one another.

    Parameters
    ----------
    settings : SecPCSettings, optional
    timeout_s : float
        Longest silence of a client; after it the client has dropped out.
    job_timeout_s : float
        Longest time that all clients together may take for one answer.
    links : {"tls", "plain"}
        As in `mpc.session.session.open_session`.
    insecure_dev : bool
        Allow plain links.
    """

    def __init__(
        self,
        settings: SecPCSettings | None = None,
        *,
        timeout_s: float = 60.0,
        job_timeout_s: float = 600.0,
        links: Links = "tls",
        insecure_dev: bool = False,
    ) -> None:
        check_seconds("timeout_s", timeout_s)
        check_seconds("job_timeout_s", job_timeout_s)
        if links not in ("tls", "plain"):
            raise InputError(f"links={links!r} is none of tls, plain")
        if links == "plain" and not insecure_dev:
            raise InsecureError(f"{PLAIN_STAMP}. To debug with it, say --insecure-dev")
        self.settings = settings or SecPCSettings()
        self.settings.check()
        self.lost: dict[str, str] = {}
        """Why clients dropped out of the last job, by role."""
        self.wrong: frozenset[str] = frozenset()
        """Clients whose answers in the last job contradicted those of the others."""
        self.sets_asked: tuple[Sets, ...] = ()
        """The sets of each query of the last job; see `mpc.secpc.leakage`."""
        self.on_phase: Callable[[str], None] = lambda phase: None
        """Is told of each phase of a job before it begins: share, masks, distances, sums,
        result."""
        self.group: ClientGroup | None = None
        self.client_module = CLIENT_MODULE
        """What a client's process runs; tests replace it."""
        self._links = links
        self._timeout_s, self._job_timeout_s = timeout_s, job_timeout_s
        self._jobs = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """End all clients. Idempotent."""
        if self.group is not None:
            self.group.close()
        self.group = None

    def check(self) -> None:
        """Do nothing: a client that has ended is replaced by the next job."""

    @property
    def stamps(self) -> tuple[str, ...]:
        """What is not secure in results of this session; empty if nothing is."""
        stamps = {
            UNMASKED_STAMP: not self.settings.masking,
            ONE_PROCESS_STAMP: not self.settings.client_processes,
            PLAIN_STAMP: self._links == "plain",
        }
        return tuple(stamp for stamp, holds in stamps.items() if holds)

    def cluster(
        self,
        job: ClusterJob,
        points_ND: FloatArray,
        payload_NM: FloatArray,
        owners: Sequence[int] | None = None,
    ) -> ClusterResult:
        """Cluster rows, and average payloads inside clusters.

        Parameters
        ----------
        job : ClusterJob
            With `protocol="secpc"`, so its policy is `distances`: the server learns distances of
            rows to centres.
        points_ND : ndarray of float64, (N, D)
        payload_NM : ndarray of float64, (N, M)
        owners : sequence of int, optional
            The client that holds each row; None: each row has its own.

        Returns
        -------
        ClusterResult
            Labels are always set, since the server and all clients learn them. Rows of a client
            that dropped out have size `mpc.jobs.result.DROPPED` and label 0.

        Raises
        ------
        InputError, BudgetError
            Refused before anything is shared.
        OwnerError
            Too few clients are left; the next job starts them anew.
        SessionError, TransportError
            A process did not start.

        Notes
        -----
        Cost: a client sends each other one 8 R (D + M) / l bytes for its R rows, and the server 8 N
        C bytes for distances to C means, of which an iteration has up to K. Masks are about as many
        bytes again, times (J - 1) / (J - t). Leakage: see `mpc.secpc.reveal`; to any t clients that
        pool what they see, with the server or without, no more than that.
        """
        job.check_points(points_ND, payload_NM)
        if job.protocol != "secpc":
            raise InputError(f"protocol={job.protocol!r}, but this session computes 'secpc'")
        job = with_bounds(job, points_ND, payload_NM)
        check_bounds(job, *points_ND.shape)
        order = self._order(job, points_ND, payload_NM, owners)
        rows = {
            at: OwnRows(points_ND[held], payload_NM[held])
            for at, held in enumerate(order.order.rows.values())
        }
        for own in rows.values():
            order.quantiser.encode(own.points_RD, job)  # refused before anything is shared
            encode_payload(own.payload_RM, job)
        group = self._group(order)
        started = time.perf_counter()
        revealer = CodedRevealer(order.code, order.clients, job, order.masking)
        server = ServerJob(order, group, revealer)
        try:
            found, means = server.run(rows)
        except BaseException:
            self.close()  # what clients wait for is not known
            raise
        finally:
            self.lost = {order.clients[at]: why for at, why in group.lost.items()}
            self.wrong = frozenset(order.clients[at] for at in revealer.wrong)
            self.sets_asked = tuple(server.sets_asked)
        return self._result(order, found, means, server, time.perf_counter() - started)

    def _order(
        self,
        job: ClusterJob,
        points_ND: FloatArray,
        payload_NM: FloatArray,
        owners: Sequence[int] | None,
    ) -> CodedOrder:
        """Return a job as it is announced; everything that can be refused is refused here."""
        held = rows_by_owner(owners, len(points_ND))
        code = self.settings.code(len(held))
        check_payload(len(points_ND), payload_NM.shape[1], code.field)
        quantiser = quantiser_of(
            job,
            radius_of(job, points_ND),
            (len(points_ND), points_ND.shape[1]),
            code.field,
            self.settings.point_bits,
        )
        self._jobs += 1
        order = Order(
            number=self._jobs,
            job=job,
            rows=held,
            dim=points_ND.shape[1],
            payload=payload_NM.shape[1],
        )
        return CodedOrder(
            order=order,
            slices=code.slices,
            colluders=code.colluders,
            masking=self.settings.masking,
            quantiser=quantiser,
            polynomials=first_polynomials(job, code, len(points_ND))
            if self.settings.masking
            else 0,
        )

    def _group(self, order: CodedOrder) -> ClientGroup:
        """Return clients for a job: those of the job before if they are the same and all there."""
        group = self.group
        if group is None or group.clients != order.clients or not group.is_whole:
            self.close()
            group = self._opened(order.clients)
        self.group, group.on_phase = group, self.on_phase
        return group

    def _opened(self, clients: tuple[str, ...]) -> ClientGroup:
        if not self.settings.client_processes:
            return LocalClients(clients)
        return ClientProcesses(
            clients,
            timeout_s=self._timeout_s,
            job_timeout_s=self._job_timeout_s,
            tls=self._links == "tls",
            module=self.client_module,
        )

    def _result(
        self,
        order: CodedOrder,
        found: Found,
        means: Mapping[int, FloatArray],
        server: ServerJob,
        seconds: float,
    ) -> ClusterResult:
        n, payload = order.order.num_points, order.order.payload
        means_NM, size_N = np.full((n, payload), np.nan), np.full(n, DROPPED, dtype=np.int64)
        for at, result_RM in means.items():
            held = order.rows_of([at])
            means_NM[held] = result_RM[:, :-1]
            size_N[held] = result_RM[:, -1].astype(np.int64)
        return ClusterResult(
            k=found.k,
            iterations=found.iterations,
            protocol=order.order.job.protocol,
            means_NM=means_NM,
            sizes_N=size_N,
            labels_N=found.labels_N,
            ledger=tuple(server.revealer.ledger),
            traffic=self._traffic(server, seconds),
        )

    def _traffic(self, server: ServerJob, seconds: float) -> Traffic:
        group, steps = server.group, {step.name: step.seconds for step in server.steps}
        offline = steps.get("masks", 0.0)
        online = steps.get("distances", 0.0) + steps.get("sums", 0.0)
        return Traffic(
            roles=group.tally.roles({"input": steps.get("share", 0.0), "online": online}),
            operations=group.tally.operations(),
            steps=tuple(server.steps),
            rounds_online=group.rounds,
            rounds_offline=0,
            seconds_share=steps.get("share", 0.0),
            seconds_online=online,
            seconds_offline=offline,
            seconds_total=seconds,
            insecure=self.stamps,
        )
