"""The one door: whatever leaves secret sharing passes `Door.reveal` and stands in the ledger.

What each policy opens, besides each data owner's own mean and group size:

============ ============================================== ================================
policy       to the server and the computing parties         to the server alone
============ ============================================== ================================
own-mean     one bit an iteration: did anything change
assignments  labels after every iteration
distances                                                    squared distances of all pairs
============ ============================================== ================================

Under `distances` the server computes k and the labels from what it learned and tells the parties.
`evaluate` opens the final labels to an evaluator: for simulations only.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from mpc._crypten import share_of
from mpc.communicator import MeshCommunicator
from mpc.fixedpoint import Int64Array
from mpc.jobs import LedgerEntry
from mpc.transport import OPENED, Link

Audience = Literal["parties and server", "server", "evaluator", "each client"]


class Door:
    """A party's side of every opening.

    Parameters
    ----------
    communicator : MeshCommunicator
    server : Link
        To the server, in whose process a simulation's evaluator lives.
    owners : mapping of link to rows
        To each data owner, with the rows that are its own.
    policy, job : str
        Written to every ledger line.
    """

    def __init__(
        self,
        communicator: MeshCommunicator,
        server: Link,
        owners: Mapping[Link, Sequence[int]],
        *,
        policy: str,
        job: str,
    ) -> None:
        self._communicator = communicator
        self._server = server
        self._owners = owners
        self._policy = policy
        self._job = job
        self.ledger: list[LedgerEntry] = []

    def reveal(self, x_enc: Any, *, to: Audience, what: str, why: str) -> Int64Array | None:
        """Open a secret-shared tensor to an audience, and write it down first.

        Parameters
        ----------
        x_enc : MPCTensor
        to : Audience
            `each client` opens row i to the owner of point i only.
        what, why : str
            For the ledger.

        Returns
        -------
        ndarray of int64, or None
            The value for `parties and server`; None when the parties do not learn it.

        Notes
        -----
        Cost: one round; 8 bytes an element from each party to each of the audience.
        """
        share = share_of(x_enc)
        self.ledger.append(
            LedgerEntry(
                to=to,
                what=what,
                shape=share.shape,
                why=why,
                policy=self._policy,
                job=self._job,
            )
        )
        if to == "parties and server":
            opened = self._communicator.all_reduce(x_enc.share)
            value: Int64Array = opened.numpy()  # type: ignore[union-attr]
            return value
        if to == "each client":
            for link, rows in self._owners.items():
                link.send_ring(OPENED, share[np.asarray(rows)])
        else:
            self._server.send_ring(OPENED, share)
        return None
