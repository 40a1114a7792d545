"""Values of flags under the names that they had in the last release, understood with a note."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from mpc.jobs.comparisons import FORMER_COMPARISONS

FORMER_VALUES: Final[Mapping[str, Mapping[object, str]]] = {"--comparisons": FORMER_COMPARISONS}
"""By flag: former value to present one."""


def present_words(words: Sequence[str]) -> Iterator[str]:
    """Yield command-line words with former values replaced; say so on standard error."""
    for before, word in zip(["", *words], words, strict=False):
        flag, equals, value = word.partition("=")
        if equals and value in FORMER_VALUES.get(flag, {}):
            yield f"{flag}={_present(flag, value)}"
        elif word in FORMER_VALUES.get(before, {}):
            yield _present(before, word)
        else:
            yield word


def _present(flag: str, former: str) -> str:
    present = FORMER_VALUES[flag][former]
    sys.stderr.write(
        f"note: {flag} {former} is now {flag} {present}; "
        "the former name is understood until version 0.3\n"
    )
    return present
