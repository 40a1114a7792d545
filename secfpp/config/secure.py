"""How the computing parties are run."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mpc.errors import InputError
from mpc.jobs.protocol import ProtocolName
from mpc.secpc.settings import SecPCSettings
from mpc.session.stamps import insecure_stamps
from secfpp.config.checks import require, require_positive
from secfpp.errors import ConfigError

ProviderName = Literal["dealer", "tfp"]
LinksName = Literal["tls", "plain"]


@dataclass(frozen=True, kw_only=True)
class SecureConfig:
    """How the computing parties are run."""

    parties: int = 2
    """Computing parties; any `parties - 1` of them may pool what they see."""
    protocol: ProtocolName = "additive"
    """What computes the clustering: `additive`, our own protocols; `crypten`, CrypTen's own
    operations on the same shares, as a yardstick. With it, each round begins fresh, at rows that
    are far from one another, and all iterations are done; `secpc`, the paper's, in which clients
    compute for one another and the server learns distances (`clustering.reveal` is then
    `distances`)."""
    secpc: SecPCSettings = field(default_factory=SecPCSettings)
    """How the protocol `secpc` codes vectors; not used by others."""
    timeout_s: float = 60.0
    """Seconds after which a silent party counts as dead."""
    provider: ProviderName = "dealer"
    """Source of correlated randomness: `dealer`, a separate process, or `tfp`, CrypTen's own
    provider. With `tfp` party 0 can unmask everything; it is for debugging, with `insecure_dev`."""
    links: LinksName = "tls"
    """How processes talk: TLS 1.3, or `plain` TCP on loopback, which anybody on this host can read.
    `plain` is for measurements, with `insecure_dev` only."""
    network: Path | None = None
    """Use parties and a dealer that run elsewhere, named in this file; start none here."""
    certs: Path | None = None
    """Folder with the credentials of server and clients; needed with `network`."""
    insecure_dev: bool = False
    """Allow `provider=tfp` and `links=plain`. Never with real data."""

    def __post_init__(self) -> None:
        """Refuse values out of range or in contradiction."""
        require(2 <= self.parties <= 5, "secure.parties", self.parties, "in 2..5")
        require_positive("secure.timeout_s", self.timeout_s)
        if (self.network is None) != (self.certs is None):
            raise ConfigError(
                "secure.network and secure.certs go together: addresses and credentials"
            )
        if self.network is not None and self.protocol == "secpc":
            raise ConfigError("secure.network names parties, and secure.protocol=secpc has none")
        try:
            self.secpc.check()
        except InputError as error:
            raise ConfigError(f"secure.secpc: {error}") from error
        if self.insecure and not self.insecure_dev:
            raise ConfigError(
                f"{'; '.join(self.insecure)}. To debug with it, set secure.insecure_dev"
            )

    @property
    def insecure(self) -> tuple[str, ...]:
        """The reasons why these settings are unfit for real secrets; empty if there is none."""
        return insecure_stamps(self.provider, self.links)
