"""The engines by name: who computes, whom one trusts, and how to start each."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from peers.engines.engine import Engine


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """An engine, before it is started."""

    title: str
    parties: str
    trust: str
    links: str
    module: str
    maker: str
    arguments: tuple[object, ...]
    needs: str = ""
    """What the separate environment must have."""

    def start(self) -> Engine:
        """Import what it needs, and start it.

        Raises
        ------
        UnavailableError
            Something it needs is not there.
        """
        make: Callable[..., Engine] = getattr(import_module(self.module), self.maker)
        return make(*self.arguments)


def _ours(num_parties: int, comparisons: str | None = None) -> Entry:
    return Entry(
        title=f"SecFPP, {num_parties} parties" + (f", {comparisons}" if comparisons else ""),
        parties=f"{num_parties} + dealer",
        trust="all parties but one may collude, the dealer with nobody",
        links="TLS 1.3",
        module="peers.engines.ours",
        maker="Ours",
        arguments=(num_parties, comparisons),
    )


def _crypten(num_parties: int, provider: str, trust: str) -> Entry:
    return Entry(
        title=f"CrypTen, {num_parties} parties, {provider}",
        parties=f"{num_parties}" + (" + provider" if provider == "TTP" else ""),
        trust=trust,
        links="plain TCP (gloo)",
        module="peers.engines.crypten_engine",
        maker="Crypten",
        arguments=(num_parties, provider),
    )


def _spu(protocol: str, num_parties: int, trust: str) -> Entry:
    return Entry(
        title=f"SPU {protocol}, {num_parties} parties",
        parties=f"{num_parties}",
        trust=trust,
        links="plain TCP (brpc)",
        module="peers.engines.spu_engine",
        maker="Spu",
        arguments=(protocol, num_parties),
        needs="spu",
    )


def _mpspdz(protocol: str, parties: str, trust: str) -> Entry:
    return Entry(
        title=f"MP-SPDZ {protocol}",
        parties=parties,
        trust=trust,
        links="TLS 1.2",
        module="peers.engines.mpspdz_engine",
        maker="MpSpdz",
        arguments=(protocol,),
    )


_HONEST_MAJORITY: Final = "no two of the three collude"
_FIRST_PARTY: Final = "party 0 can unmask everything"

CATALOGUE: Final[dict[str, Entry]] = {
    "ours-2": _ours(2),
    "ours-2-fss": _ours(2, "fss"),
    "ours-2-boolean": _ours(2, "boolean"),
    "ours-3": _ours(3),
    "crypten-tfp-2": _crypten(2, "TFP", _FIRST_PARTY),
    "crypten-ttp-2": _crypten(2, "TTP", "provider's masks can be guessed (32-bit seeds)"),
    "crypten-tfp-3": _crypten(3, "TFP", _FIRST_PARTY),
    "spu-semi2k": _spu("SEMI2K", 2, _FIRST_PARTY),
    "spu-aby3": _spu("ABY3", 3, _HONEST_MAJORITY),
    "mpyc": Entry(
        title="MPyC, 3 parties",
        parties="3",
        trust=_HONEST_MAJORITY,
        links="plain TCP",
        module="peers.engines.mpyc_engine",
        maker="Mpyc",
        arguments=(3,),
        needs="mpyc",
    ),
    "mpspdz-replicated": _mpspdz("replicated-ring", "3", _HONEST_MAJORITY),
    "mpspdz-dealer": _mpspdz(
        "dealer-ring", "2 + dealer", "all parties but one may collude, the dealer with nobody"
    ),
}
"""In the order of their turns."""
