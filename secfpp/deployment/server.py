"""The program of the server: it drives rounds, and holds no data and no key of a client.

It knows which clients are connected to the parties, and what the reveal policy opens to it. Its
folder has a line for every finished round, so that it goes on from there after a kill. It works
without torch, which the process that counts lengths has to itself.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Protocol

from mpc.consent.chain import Ledger, Listener
from mpc.errors import ConsentError, OwnerError, SessionError, TransportError
from mpc.jobs.result import ClusterResult
from mpc.session.session import SecureSession
from secfpp.deployment.config import FederationConfig
from secfpp.deployment.folder import open_folder
from secfpp.deployment.lengths import Lengths
from secfpp.deployment.orders import KeptClusters, Order, next_order
from secfpp.errors import RunError
from secfpp.experiment.record_folder import RecordFolder

__all__ = ["Gathering", "Patience", "ServerRound", "SessionOpener", "run_server"]

_POLL_S: Final = 0.25
_MOST_ATTEMPTS: Final = 10
"""Jobs of one round that may come to nothing because clients fail."""
_MOST_FAILURES: Final = 5
"""Sessions in a row that may end without a finished round."""
ROUNDS: Final = "rounds.jsonl"
LEDGER: Final = "ledger.jsonl"


@dataclass(frozen=True, kw_only=True)
class ServerRound:
    """One line of the server's rounds.jsonl; all of it public."""

    round: int
    clients: int
    attempts: int
    """Jobs of this round, those given up included."""
    start: str
    iterations: int
    k: int
    rounds_online: int
    """Rounds of messages among the parties."""
    seconds: float
    bytes_party_max: int


class SessionOpener(Protocol):
    """Join the parties."""

    def __call__(self) -> AbstractContextManager[SecureSession]:
        """Return a session of parties to which the clients connect by themselves."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long the server waits for clients."""

    clients: int
    """A round begins as soon as so many clients are connected."""
    round_wait_s: float
    """A round begins with the quorum if they are not all connected after so many seconds."""
    wait_s: float
    """Longest wait for the quorum."""


class Gathering:
    """Which clients a round waits for. Here they come by themselves, as `secfpp client` does."""

    def begin(self, number: int) -> None:
        """Tell clients that a round begins, or begins anew in another session."""

    def lost(self) -> int:
        """Return how many of the clients that are wanted cannot come to this round."""
        return 0

    def end(self, record: ServerRound) -> None:
        """Hear from the clients of a finished round."""


def run_server(
    config: FederationConfig,
    lengths: Lengths,
    opener: SessionOpener,
    folder: Path,
    *,
    patience: Patience,
    gathering: Gathering | None = None,
    observe: Callable[[ServerRound], None] = lambda record: None,
    say: Callable[[str], None] = lambda line: None,
    on_event: Listener = lambda event, values: None,
) -> list[ServerRound]:
    """Drive every round that is left.

    If the session fails, because a party or the dealer died, the parties form a new one, and the
    server goes on in it.

    Parameters
    ----------
    config : FederationConfig
    lengths : Lengths
    opener : callable
        Joins the parties.
    folder : Path
        Keeps config.json, rounds.jsonl, and the server's ledger.
    patience : Patience
    gathering : Gathering, optional
        Tells clients that a round begins; None: they come by themselves.
    observe : callable
        Is told of every finished round.
    say : callable
        Is told, in a line, why a job or a session came to nothing.
    on_event : callable
        Is told of every event of the ledger.

    Raises
    ------
    RunError
        Too few clients are connected, or fail again and again.
    ConsentError
        A party or a client does not allow the job.
    RunFolderError
        The folder is of other settings, or damaged.
    SessionError, TransportError
        The parties cannot be joined, or fail again and again.
    """
    records = RecordFolder(open_folder(folder, config))
    gathering = gathering or Gathering()
    done = records.records(ROUNDS, ServerRound)
    ledger = Ledger(folder / LEDGER, role="server", listener=on_event)
    failures = 0
    try:
        while len(done) < config.training.rounds:
            finished = len(done)
            try:
                with opener() as session:
                    kept = KeptClusters()
                    for number in range(finished + 1, config.training.rounds + 1):
                        gathering.begin(number)
                        record = _round(
                            config, number, lengths, session, ledger, patience, gathering, say, kept
                        )
                        records.append(ROUNDS, [asdict(record)])
                        done.append(record)
                        observe(record)
                        gathering.end(record)
            except ConsentError:
                raise
            except (SessionError, TransportError) as error:
                failures = failures + 1 if len(done) == finished else 1
                if failures == _MOST_FAILURES:
                    raise
                say(f"the session ended: {error}; joining the next one")
    finally:
        ledger.close()
    return done


def _round(
    config: FederationConfig,
    number: int,
    lengths: Lengths,
    session: SecureSession,
    ledger: Ledger,
    patience: Patience,
    gathering: Gathering,
    say: Callable[[str], None],
    kept: KeptClusters,
) -> ServerRound:
    """Drive one round, with as many jobs as it takes."""
    started = time.monotonic()
    for attempt in range(1, _MOST_ATTEMPTS + 1):
        names = _await_clients(session, config, patience, gathering)
        order = next_order(config, lengths, number, names, kept)
        result = _attempt(session, order, names, ledger, say)
        if result is not None:
            kept.done(order, names, result)
            return _record(number, attempt, len(names), result, time.monotonic() - started)
    raise RunError(f"round {number} came to nothing {_MOST_ATTEMPTS} times")


def _attempt(
    session: SecureSession,
    order: Order,
    names: Sequence[str],
    ledger: Ledger,
    say: Callable[[str], None],
) -> ClusterResult | None:
    """Order one job of the clients; None if some of them failed, so that nothing was opened."""
    rows = {name: [row] for row, name in enumerate(names)}
    try:
        result = session.order(order.job, rows, dim=order.dim, payload=order.payload)
    except (OwnerError, ConsentError) as error:
        _write_terms(ledger, session)
        _write(ledger, session, "given up", why=str(error))
        if isinstance(error, ConsentError):
            raise
        say(f"{order.job.label} came to nothing: {error}")
        return None
    _write_terms(ledger, session)
    for entry in result.ledger:
        values = entry.as_json()
        label = values.pop("job")
        _write(ledger, session, "opened", **{**values, "shape": list(entry.shape), "label": label})
    _write(ledger, session, "done")
    ledger.sync()
    return result


def _write_terms(ledger: Ledger, session: SecureSession) -> None:
    """Write what was ordered."""
    if session.terms is not None:
        terms = session.terms
        _write(ledger, session, "ordered", digest=terms.digest.hex(), terms=terms.as_json())


def _write(ledger: Ledger, session: SecureSession, event: str, **values: object) -> None:
    """Write an event of the session's last job."""
    if session.terms is not None:
        ledger.write(event, run=session.terms.run, job=session.terms.number, **values)


def _await_clients(
    session: SecureSession, config: FederationConfig, patience: Patience, gathering: Gathering
) -> list[str]:
    """Return the clients of the next job: as many as can come, or the quorum after a while."""
    started = time.monotonic()
    while True:
        present = session.present()
        waited = time.monotonic() - started
        if len(present) >= max(config.quorum, patience.clients - gathering.lost()):
            return present
        if len(present) >= config.quorum and waited >= patience.round_wait_s:
            return present
        if waited >= patience.wait_s:
            raise RunError(
                f"{len(present)} clients are connected to all parties after {waited:.0f} s, but "
                f"{config.quorum} are needed: {', '.join(present) or 'none'}"
            )
        time.sleep(_POLL_S)


def _record(
    number: int, attempts: int, clients: int, result: ClusterResult, seconds: float
) -> ServerRound:
    return ServerRound(
        round=number,
        clients=clients,
        attempts=attempts,
        start=result.start,
        iterations=result.iterations,
        k=result.k,
        rounds_online=result.traffic.rounds_online,
        seconds=seconds,
        bytes_party_max=result.traffic.bytes_party_max,
    )
