"""The network file: public addresses of a deployment, with a copy for every role.

::

    {"session": "hospitals",
     "parties": ["10.0.0.1:7000", "10.0.0.2:7000"],
     "dealer": "[fd00::3]:7000"}

The file contains no secrets and is not trusted: the peer at an address must still present the
certificate of its role (`mpc.net.certificates`).
"""

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from mpc.errors import InputError
from mpc.whole_file import read_json

MAX_PARTIES: Final = 5
_KEYS: Final = ("session", "parties", "dealer")
_SESSION: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ADDRESS: Final = re.compile(r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>[0-9]{1,5})")
_HOST: Final = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
_DIGITS: Final = re.compile(r"[0-9.]+")


@dataclass(frozen=True, slots=True)
class Address:
    """Host and port where a role listens.

    Parameters
    ----------
    host : str
        A host name or an IP address; IPv6 without brackets.
    port : int
        1 to 65535.
    """

    host: str
    port: int

    def __post_init__(self) -> None:
        if not 1 <= self.port <= 65535:
            raise InputError(f"port {self.port} of {self.host}: 1 to 65535 are possible")
        _check_host(self.host)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `host:port`, or `[host]:port` for IPv6.

        Raises
        ------
        InputError
        """
        found = _ADDRESS.fullmatch(text)
        if found is None:
            raise InputError(
                f"{text!r} is no address: needed is host:port, such as 10.0.0.1:7000, "
                "or [fd00::1]:7000 for IPv6"
            )
        if found["v6"] is not None and ":" not in found["v6"]:
            raise InputError(f"{text!r}: brackets are for IPv6 addresses alone")
        return cls(found["v6"] or found["host"], int(found["port"]))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def place(self) -> tuple[str, int]:
        """Host and port in canonical spelling; host names are not resolved."""
        try:
            return str(ipaddress.ip_address(self.host)), self.port
        except ValueError:
            return self.host.lower(), self.port


@dataclass(frozen=True, kw_only=True, slots=True)
class Addresses:
    """Addresses of the parties and the dealer of one deployment."""

    session: str
    """Name of the deployment: 1 to 64 letters, digits, `.`, `_`, `-`."""
    parties: tuple[Address, ...]
    """Addresses of the parties in rank order, 2 to 5."""
    dealer: Address

    def __post_init__(self) -> None:
        if not _SESSION.fullmatch(self.session):
            raise InputError(
                f"session {self.session!r}: needed are 1 to 64 letters, digits, '.', '_' or '-'"
            )
        if not 2 <= len(self.parties) <= MAX_PARTIES:
            raise InputError(f"{len(self.parties)} parties named; 2 to {MAX_PARTIES} are possible")
        role_at: dict[tuple[str, int], str] = {}
        for role, address in self.by_role().items():
            if address.place in role_at:
                raise InputError(f"{role} has the address of {role_at[address.place]}, {address}")
            role_at[address.place] = role

    def address_of(self, role: str) -> Address:
        """Return the address of a role.

        Raises
        ------
        InputError
            There is no such role.
        """
        places = self.by_role()
        if role not in places:
            raise InputError(f"{role} is none of {', '.join(places)}, which the network file names")
        return places[role]

    def by_role(self) -> dict[str, Address]:
        """Return addresses by role: `party:0`, `party:1`, ..., `dealer`."""
        parties = {f"party:{rank}": address for rank, address in enumerate(self.parties)}
        return {**parties, "dealer": self.dealer}

    def as_json(self) -> dict[str, object]:
        """Return the content of the file as a JSON object."""
        return {
            "session": self.session,
            "parties": [str(address) for address in self.parties],
            "dealer": str(self.dealer),
        }

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Return the addresses of an `as_json` value.

        Raises
        ------
        InputError
            A key is missing or unknown, or a value has a wrong type or is out of range.
        """
        if not isinstance(value, Mapping):
            raise InputError(f"needed is an object with the keys {', '.join(_KEYS)}")
        for key in _KEYS:
            if key not in value:
                raise InputError(f"key {key!r} is missing; needed are {', '.join(_KEYS)}")
        for key in value:
            if key not in _KEYS:
                raise InputError(f"unknown key {key!r}; known are {', '.join(_KEYS)}")
        parties = value["parties"]
        if not isinstance(parties, list):
            raise InputError("parties must be a list of addresses")
        return cls(
            session=_text(value["session"], "session"),
            parties=tuple(Address.parse(_text(entry, "a party's address")) for entry in parties),
            dealer=Address.parse(_text(value["dealer"], "dealer")),
        )


def read_addresses(path: Path) -> Addresses:
    """Read and check a network file.

    Raises
    ------
    InputError
        Names the file and the error.
    """
    return read_json(path, Addresses.from_json)


def write_addresses(path: Path, addresses: Addresses) -> None:
    """Write a new network file.

    Raises
    ------
    InputError
        The file exists already, or writing fails.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(json.dumps(addresses.as_json(), indent=2) + "\n")
    except FileExistsError:
        raise InputError(f"{path} is there already; edit it, or remove it first") from None
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None


def _check_host(host: str) -> None:
    """Reject a host that is neither a host name nor an IP address to connect to."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if _DIGITS.fullmatch(host) or not _HOST.fullmatch(host):
            raise InputError(f"host {host!r} is neither a host name nor an IP address") from None
        return
    if address.is_unspecified or address.is_multicast:
        raise InputError(f"host {host}: nobody can be reached there; name the host itself")


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{what} must be a string, not {value!r}")
    return value
