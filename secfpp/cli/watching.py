"""What an operator sees of a long-lived role: health, metrics, and a log in JSON.

Events are those of the role's ledger, which holds public values only. No label names a client, and
no line is written for each client; why a job was given up may name those that failed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, Literal

from mpc.errors import InputError
from mpc.net.handshake import LOOPBACK
from mpc.net.renewal import expiry_in
from secfpp.cli.console import say
from secfpp.cli.verb import Verb
from secfpp.errors import ConfigError

if TYPE_CHECKING:
    from mpc.consent.chain import Listener

LogFormat = Literal["text", "json"]
_IN_A_LINE: Final = ("run", "job", "why", "seconds", "requests", "undelivered", "digest")
"""Values of an event that stand in the log."""
_EVENTS: Final = (
    *("session began", "session ended", "agreed", "refused", "declined", "consented"),
    *("ordered", "opened", "received", "done", "given up", "dealt", "mended"),
)


@dataclass(frozen=True, kw_only=True)
class Watched(Verb):
    """A verb of a long-lived role."""

    health_port: int | None = None
    """Serve /healthz, /readyz and /metrics on this port of the loopback interface. Needs the extra
    `secfpp[metrics]`. None: do not."""
    log: LogFormat = "text"
    """How events are written to standard error: `text`, failures only; or `json`, all of them."""

    def watch(self, role: str, session: str, *, certs: Path, ready: bool = False) -> Listener:
        """Begin to serve health, and return what is told of every event of the role's ledger."""
        expiry = expiry_in(certs, role)
        if expiry.is_near:
            say(f"{role}: the certificate in {certs} is {expiry}: renew it")
        listeners: list[Listener] = []
        if self.health_port is not None:
            health = Health(role, certs=certs, ready=ready)
            health.serve(self.health_port)
            listeners.append(health.note)
        if self.log == "json":
            listeners.append(json_log(role, session))

        def tell(event: str, values: Mapping[str, object]) -> None:
            for listener in listeners:
                listener(event, values)

        return tell


def json_log(role: str, session: str, write: Callable[[str], None] = say) -> Listener:
    """Return a listener that writes a line of JSON for every event."""

    def log(event: str, values: Mapping[str, object]) -> None:
        line = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "role": role,
            "session": session,
            "event": event,
            **{name: values[name] for name in _IN_A_LINE if name in values},
        }
        write(json.dumps(line))

    return log


class Health:
    """Counts events, and says whether the role is in a session.

    Parameters
    ----------
    role : str
    certs : Path
        Folder of the role's credentials; it is read at every request for metrics.
    ready : bool
        Whether the role is ready without a session of its own, as clients and servers are.
    """

    def __init__(self, role: str, *, certs: Path, ready: bool) -> None:
        try:
            import prometheus_client as prometheus
        except ImportError:
            what = "--health-port needs the extra metrics: pip install 'secfpp[metrics]'"
            raise ConfigError(what) from None
        self._is_ready = ready
        self._registry = prometheus.CollectorRegistry()
        prometheus.ProcessCollector(registry=self._registry)
        info = prometheus.Info("secfpp_role", "What this process is.", registry=self._registry)
        info.info({"kind": role.split(":")[0]})
        self._events = prometheus.Counter(
            "secfpp_events", "Events of the role's ledger.", ["event"], registry=self._registry
        )
        for event in _EVENTS:
            self._events.labels(event=event.replace(" ", "_"))
        self._seconds = prometheus.Summary(
            "secfpp_job_seconds", "Seconds of jobs that were done.", registry=self._registry
        )
        self._ready = prometheus.Gauge(
            "secfpp_ready", "Whether the role can take part in a job.", registry=self._registry
        )
        self._ready.set(float(ready))
        expiry = prometheus.Gauge(
            "secfpp_certificate_expiry_timestamp_seconds",
            "When the role's certificate ends, in seconds since 1970; 0 if it cannot be used.",
            registry=self._registry,
        )
        expiry.set_function(lambda: _end_of(certs, role))
        self._text: Callable[[Any], bytes] = prometheus.generate_latest

    def note(self, event: str, values: Mapping[str, object]) -> None:
        """Count an event."""
        self._events.labels(event=event.replace(" ", "_")).inc()
        if isinstance(seconds := values.get("seconds"), int | float):
            self._seconds.observe(seconds)
        if event in ("session began", "session ended"):
            self._is_ready = event == "session began"
            self._ready.set(float(self._is_ready))

    def answer(self, path: str) -> tuple[HTTPStatus, bytes]:
        """Return the status and the text for a path."""
        if path == "/healthz":
            return HTTPStatus.OK, b"alive\n"
        if path == "/readyz":
            if self._is_ready:
                return HTTPStatus.OK, b"ready\n"
            return HTTPStatus.SERVICE_UNAVAILABLE, b"waiting for the other roles\n"
        if path == "/metrics":
            return HTTPStatus.OK, self._text(self._registry)
        return HTTPStatus.NOT_FOUND, b"/healthz, /readyz and /metrics are here\n"

    def serve(self, port: int) -> ThreadingHTTPServer:
        """Answer on a port of the loopback interface, in the background.

        Raises
        ------
        ConfigError
            The port cannot be used.
        """
        health = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802
                status, text = health.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", "text/plain; charset=utf-8")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *words: object) -> None:
                """Write nothing for each request."""

        try:
            server = ThreadingHTTPServer((LOOPBACK, port), Answers)
        except (OSError, OverflowError) as error:
            raise ConfigError(f"--health-port {port} cannot be used: {error}") from None
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        return server


def _end_of(certs: Path, role: str) -> float:
    """Return when the credentials in a folder end, as a time stamp; 0 if they cannot be used."""
    try:
        return expiry_in(certs, role).until.timestamp()
    except InputError:
        return 0.0
