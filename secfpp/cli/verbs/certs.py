"""`secfpp certs`: a test authority and all credentials, or keys that each role makes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.console import RenderableType

from mpc.jobs.job import MAX_POINTS
from mpc.net.addresses import MAX_PARTIES, Addresses, write_addresses
from secfpp.cli.outcome import Outcome
from secfpp.cli.requesting import NETWORK_FILE, Install, Request, Sign, addresses_at
from secfpp.cli.requesting import Authority as AuthorityAlone
from secfpp.cli.tables import table
from secfpp.cli.verb import Verb
from secfpp.errors import ConfigError

if TYPE_CHECKING:
    from mpc.net.certificates import Authority

ROWS_OF_CLIENTS = 4
WARNING = (
    "A test authority: whoever holds ca.key can impersonate everybody. Keep it here, copy it to no "
    "host.\nIn a deployment each role makes its own key: see `secfpp certs request`."
)


@dataclass(frozen=True, kw_only=True)
class Init(Verb):
    """Make a test authority, credentials for every role, and a network file."""

    folder: tyro.conf.Positional[Path]
    """Folder to write to; made if there is none."""
    parties: int = 2
    """Computing parties, 2 to 5."""
    clients: int = 20
    """Clients: client:0, client:1, ... More can be added later."""
    hosts: tuple[str, ...] = ()
    """HOST or HOST:PORT of each party in rank order, then of the dealer. Default: this machine."""
    session: str = "secfpp"
    """Name of the deployment."""
    days: int = 30
    """Days until everything expires."""

    def execute(self) -> Outcome:
        """Check all, then write all."""
        from mpc.net.certificates import Authority
        from mpc.net.credential_folder import write_certificates

        roles, addresses = self._roles(), self._addresses()
        network_path = self.folder / NETWORK_FILE
        if os.path.lexists(network_path):
            raise ConfigError(f"{network_path} is there already: choose another folder")
        authority = Authority.create(valid_days=self.days)
        write_certificates(authority, self.folder, roles)
        write_addresses(network_path, addresses)
        return _outcome(self.folder, roles, authority, network=addresses)

    def _roles(self) -> tuple[str, ...]:
        if not 2 <= self.parties <= MAX_PARTIES:
            raise ConfigError(f"--parties {self.parties}: 2 to {MAX_PARTIES} are possible")
        if not 0 <= self.clients <= MAX_POINTS:
            raise ConfigError(f"--clients {self.clients}: 0 to {MAX_POINTS} are possible")
        parties = (f"party:{rank}" for rank in range(self.parties))
        clients = (f"client:{number}" for number in range(self.clients))
        return (*parties, "dealer", "server", *clients)

    def _addresses(self) -> Addresses:
        """Return the addresses of the parties, then of the dealer."""
        needed = self.parties + 1
        hosts = self.hosts or ("127.0.0.1",) * needed
        if len(hosts) != needed:
            raise ConfigError(
                f"--hosts names {len(hosts)}; {needed} are needed, {self.parties} parties in rank "
                "order and then the dealer"
            )
        return addresses_at(hosts, self.session)


@dataclass(frozen=True, kw_only=True)
class Add(Verb):
    """Issue credentials of further roles, by the authority that `init` made."""

    folder: tyro.conf.Positional[Path]
    """Folder that `secfpp certs init` wrote, with ca.key."""
    roles: tyro.conf.Positional[tuple[str, ...]]
    """Roles such as client:20 or client:north_hospital."""

    def execute(self) -> Outcome:
        """Issue and write."""
        from mpc.net.credential_folder import add_certificates

        if not self.roles:
            raise ConfigError("no role is named; try client:20")
        authority = add_certificates(self.folder, self.roles)
        return _outcome(self.folder, self.roles, authority)


@dataclass(frozen=True, kw_only=True)
class Certs(Verb):
    """Make certificates and keys by which the roles of a deployment authenticate one another.

    For tests, `init` makes a folder with all of them, and `add` adds roles to it. In a deployment,
    `authority` makes an authority, each role's host makes its own key by `request`, the authority's
    host signs it by `sign`, and `install` puts the certificate in place. All take --json.
    """

    action: (
        Annotated[Init, tyro.conf.subcommand("init", prefix_name=False)]
        | Annotated[Add, tyro.conf.subcommand("add", prefix_name=False)]
        | Annotated[AuthorityAlone, tyro.conf.subcommand("authority", prefix_name=False)]
        | Annotated[Request, tyro.conf.subcommand("request", prefix_name=False)]
        | Annotated[Sign, tyro.conf.subcommand("sign", prefix_name=False)]
        | Annotated[Install, tyro.conf.subcommand("install", prefix_name=False)]
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "json", self.json or self.action.json)  # before or after the verb

    def execute(self) -> Outcome:
        """Run the chosen action."""
        return self.action.execute()


def _outcome(
    folder: Path, roles: Sequence[str], authority: Authority, network: Addresses | None = None
) -> Outcome:
    """Return what was made, when it expires, and which files each host needs."""
    from mpc.net.certificates import DATE

    record: dict[str, object] = {
        "folder": str(folder),
        "roles": list(roles),
        "expires": authority.valid_until.isoformat(),
        "copy": {role: _files_of(role) for role in roles},
    }
    if network is not None:
        record["network"] = network.as_json()
    made = f"{len(roles)} roles in {folder}, valid until {authority.valid_until:{DATE}}"
    shown: tuple[RenderableType, ...] = (made, "", _copies(roles, network), "", WARNING)
    return Outcome(record=record, shown=shown)


def _files_of(role: str) -> list[str]:
    from mpc.net.credential_folder import AUTHORITY_FILE, file_names

    return [AUTHORITY_FILE, *file_names(role), NETWORK_FILE]


def _copies(roles: Sequence[str], network: Addresses | None) -> RenderableType:
    """Draw the files that each host needs; many clients share one line."""
    places = network.by_role() if network is not None else {}
    drawn = table("Copy to each role's own host", "role", "listens at", "files")
    for column in drawn.columns:
        column.justify = "left"
    clients = [role for role in roles if role.startswith("client:")]
    single = roles if len(clients) <= ROWS_OF_CLIENTS else [r for r in roles if r not in clients]
    for role in single:
        drawn.add_row(role, str(places.get(role, "-")), " ".join(_files_of(role)))
    if len(single) < len(roles):
        files = " ".join(_files_of("client:ID"))
        drawn.add_row(f"client:ID ({len(clients)} of them)", "-", files)
    return drawn
