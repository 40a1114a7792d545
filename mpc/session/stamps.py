"""Insecure settings of a session, which stamp every result that came of them."""

from typing import Final, Literal

from mpc.errors import InputError

Links = Literal["tls", "plain"]

TFP_STAMP: Final = "provider tfp: party 0 can unmask everything"
"""Stamp of every result that used CrypTen's first-party provider."""
PLAIN_STAMP: Final = "plain TCP: whoever reads the links of a data owner reads its secrets"
"""Stamp of every result that used links without TLS."""


def insecure_stamps(provider: str, links: str) -> tuple[str, ...]:
    """Return the stamps of results with these settings.

    Raises
    ------
    InputError
        The provider or the kind of links does not exist.
    """
    if provider not in ("dealer", "tfp"):
        raise InputError(f"provider={provider!r} is none of dealer, tfp")
    if links not in ("tls", "plain"):
        raise InputError(f"links={links!r} is none of tls, plain")
    stamps = {TFP_STAMP: provider == "tfp", PLAIN_STAMP: links == "plain"}
    return tuple(stamp for stamp, holds in stamps.items() if holds)
