"""The common part of `secfpp party` and `secfpp dealer`: a role on this host."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mpc.errors import InputError
from secfpp.cli.console import say
from secfpp.cli.outcome import Outcome
from secfpp.cli.watching import Watched
from secfpp.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mpc.consent.policy import Policy
    from mpc.roles.bootstrap import Start


@dataclass(frozen=True, kw_only=True)
class Serving(Watched):
    """Waits for the other roles, and takes part in the jobs of one server after another."""

    network: Path
    """File of addresses, the same on every host; `secfpp certs init` makes one."""
    certs: Path
    """Folder with this role's certificate and key, and ca.pem."""
    bind: str | None = None
    """Host to listen on, e.g. 0.0.0.0. Default: this role's host in the network file."""
    timeout_s: float = 60.0
    """Seconds after which a silent peer counts as dead."""
    job_timeout_s: float = 600.0
    """Longest time that one job may take."""
    wait_s: float = 600.0
    """Seconds to wait until the other roles connect."""
    once: bool = False
    """End with the first server, or when a session fails."""
    ledger: Path | None = None
    """File of this role's ledger, continued if it exists. Default: `ledger-ROLE.jsonl` here."""

    def __post_init__(self) -> None:
        from mpc.net.channel import check_seconds

        for flag, value in (
            ("--timeout-s", self.timeout_s),
            ("--job-timeout-s", self.job_timeout_s),
            ("--wait-s", self.wait_s),
        ):
            try:
                check_seconds(flag, value)
            except InputError as error:  # a ValueError, which tyro would report in its own words
                raise ConfigError(str(error)) from error

    def serve(self, role: str) -> Outcome:
        """Serve in a role until SIGTERM, or until the first server leaves with `--once`."""
        from mpc.net.addresses import read_addresses
        from mpc.roles.ending import Ending
        from mpc.roles.standalone import start_of

        live = self.program()  # loaded before the role announces itself, so that Ctrl-C is clean
        addresses = read_addresses(self.network)
        addresses.address_of(role)  # a rank too high is told before a file of it is missed
        start = start_of(
            role,
            addresses,
            self.certs,
            bind=self.bind,
            timeout_s=self.timeout_s,
            job_timeout_s=self.job_timeout_s,
            start_timeout_s=self.wait_s,
            ledger=self.ledger or Path(f"ledger-{role.replace(':', '-')}.jsonl"),
            policy=self.allowed(),
            stays=not self.once,
            ending=Ending(self.job_timeout_s),
            say=say,
            on_event=self.watch(role, addresses.session, certs=self.certs),
        )
        if start.ending is not None:
            start.ending.install()
        host, port = start.listener.getsockname()[:2]
        say(f"{role} of session {start.identity.session!r} listens on {host}:{port}")
        live(start)
        return Outcome(record={"role": role}, shown=(f"{role}: the session is over",))

    def allowed(self) -> Policy:
        """Return what the role allows; a role that sees no job allows what it is asked."""
        from mpc.consent.policy import Policy

        return Policy.of_simulation()

    def program(self) -> Callable[[Start], None]:
        """Load and return the program of the role."""
        raise NotImplementedError(type(self).__name__)
