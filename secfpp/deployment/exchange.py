"""The exchange of a client's program: one clustering job a round, over the client's own links.

Shape letters: n = 1 participant, M numbers of a payload.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from mpc.consent.terms import Terms
from mpc.errors import ConsentError, MpcError, PartyError, TransportError
from mpc.session.owner import Owner
from secfpp.deployment.config import FederationConfig, label_of
from secfpp.errors import RunError
from secfpp.learning.prompts import FloatArray
from secfpp.methods.interface import Contribution, ExchangeResult
from secfpp.methods.shared.averaging import bytes_of

__all__ = ["OwnerExchange"]


@dataclass(kw_only=True, eq=False)
class OwnerExchange:
    """Take part in the next round that is announced, and return what this client receives.

    A job that is given up, because another client failed or a link broke, opened nothing; the
    client takes part in the next one with new shares.
    """

    owner: Owner
    config: FederationConfig
    model: str
    """Digest of this client's model."""
    wait_s: float
    """Longest wait for a round."""
    say: Callable[[str], None]
    """Is told, in a line, why a job came to nothing."""
    round: int = field(default=0, init=False)
    """The round that was exchanged last."""
    opened: bool = field(default=False, init=False)
    """Whether a mean was opened to this client in it."""

    def __call__(self, contribution: Contribution) -> ExchangeResult:
        """Share descriptor and update, and receive the mean of the client's cluster.

        Raises
        ------
        ConsentError
            This client's policy does not allow the job, or its settings are other ones.
        PeerTimeoutError
            No round came in time.
        """
        payload_nM = _within(contribution.update_nM, self.config.payload_bound)
        while True:
            terms = self._next_terms()
            try:
                self._check_settings(terms)
                self.owner.share(terms, contribution.descriptor_nD, payload_nM)
                result = self.owner.fetch(terms)
                break
            except (ConsentError, PartyError, TransportError) as error:
                self._go_on_after(error)
        opened = result.size_R > 0
        self.round, self.opened = terms.job.round, bool(opened.all())
        return ExchangeResult(
            clients_r=contribution.clients_n,
            update_rM=np.where(opened[:, None], result.mean_RM, payload_nM),
            k=terms.job.k,
            clusters_descriptors=True,
            bytes_client=bytes_of(terms.dim, terms.payload, terms.payload),
        )

    def _next_terms(self) -> Terms:
        """Wait for the next job that no party refuses or gives up at once."""
        while True:
            try:
                return self.owner.await_job(self.wait_s)
            except (ConsentError, PartyError) as error:
                self._go_on_after(error)

    def _go_on_after(self, error: MpcError) -> None:
        """Say why a job came to nothing; raise if it is this client that refuses it."""
        refusals = error.refusals if isinstance(error, ConsentError) else ()
        if any(each["role"] == self.owner.role for each in refusals):
            raise error
        self.say(f"a job came to nothing: {error}")

    def _check_settings(self, terms: Terms) -> None:
        """Decline a job of a federation with other settings or another model."""
        expected = label_of(self.config, self.model, terms.job.round)
        if terms.job.label != expected:
            self.owner.decline(terms, "label", asked=terms.job.label, allowed=expected)
        if not 1 <= terms.job.round <= self.config.training.rounds:
            raise RunError(f"the server announced round {terms.job.round}, which there is not")


def _within(update_nM: FloatArray, bound: float) -> FloatArray:
    """Scale each row down to the bound if it is longer."""
    norm_n1 = np.linalg.norm(update_nM, axis=1, keepdims=True)
    scaled: FloatArray = update_nM * np.minimum(1.0, bound / np.maximum(norm_n1, 1e-300))
    return scaled
