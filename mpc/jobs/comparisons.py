"""Names of the comparison protocols."""

import warnings
from typing import Final, Literal

Comparisons = Literal["auto", "fss", "lut", "boolean"]
COMPARISONS: Final[tuple[Comparisons, ...]] = ("auto", "fss", "lut", "boolean")
FORMER_COMPARISONS: Final[dict[object, Comparisons]] = {
    "keys": "fss",
    "digits": "lut",
    "circuits": "boolean",
}
"""Names of version 0.1, accepted with a warning until version 0.3."""


def renamed(former: object) -> Comparisons:
    """Return the current name of a comparison protocol, with a warning."""
    now = FORMER_COMPARISONS[former]
    what = f"comparisons={former!r} is now {now!r}; the old name is understood until version 0.3"
    warnings.warn(what, FutureWarning, stacklevel=4)
    return now
