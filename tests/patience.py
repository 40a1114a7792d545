"""How long a test waits for what should come at once."""

from typing import Final

SOON_S: Final = 40.0
"""A busy machine takes seconds for what an idle one does in milliseconds.

Less than a peer may be silent by default (60 s): who waited for that is found out.
"""
