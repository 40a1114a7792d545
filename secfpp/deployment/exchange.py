"""The exchange of a client's program: one clustering job a round, over the client's own links.

Shape letters: n = 1 participant, M numbers of a payload.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from mpc.consent.terms import Terms
from mpc.errors import ConsentError, MpcError, PartyError, TransportError
from mpc.session.owner import Owner, OwnResult
from secfpp.deployment.config import FederationConfig, label_of
from secfpp.deployment.orders import GIVEN_DIM, expected_job, unexpected
from secfpp.errors import RunError
from secfpp.learning.prompts import FloatArray
from secfpp.methods.interface import Contribution, ExchangeResult
from secfpp.methods.shared.averaging import bytes_of
from secfpp.methods.shared.sizes import SizeEstimates

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
        payload_nM = self._payload(contribution)
        while True:
            terms = self._next_terms()
            try:
                self._check_settings(terms)
                self.owner.share(terms, self._points(contribution, terms), payload_nM)
                result = self.owner.fetch(terms)
                break
            except (ConsentError, PartyError, TransportError) as error:
                self._go_on_after(error)
        opened = result.size_R > 0
        self.round, self.opened = terms.job.round, bool(opened.all())
        received_nM = np.where(opened[:, None], result.mean_RM, payload_nM)
        if terms.job.is_private:
            received_nM = contribution.before_nM + self._noised_step(terms, result)
        return ExchangeResult(
            clients_r=contribution.clients_n,
            update_rM=received_nM,
            k=terms.job.k,
            clusters_descriptors=True,
            bytes_client=bytes_of(terms.dim, terms.payload, terms.payload),
        )

    def _payload(self, contribution: Contribution) -> FloatArray:
        """Return what this client lets be averaged: its update, or with a budget its step."""
        if self.config.privacy is None:
            return _within(contribution.update_nM, self.config.payload_bound)
        step_nM = contribution.update_nM - contribution.before_nM
        return _within(step_nM, self.config.inside.dp_clip_norm)

    def _points(self, contribution: Contribution, terms: Terms) -> FloatArray:
        """Return this client's descriptor, or zero where a job does not look at points."""
        if terms.job.guarantee == "known-assignment":
            return np.zeros((len(contribution.descriptor_nD), GIVEN_DIM))
        return contribution.descriptor_nD

    def _noised_step(self, terms: Terms, result: OwnResult) -> FloatArray:
        """Return the noised mean step; zero if none was opened, so that members stay together.

        A noised size is corrected by what is known before: there are N clients in K clusters.
        """
        opened = result.size_R > 0
        step_nM = np.where(opened[:, None], result.mean_RM, 0.0)
        if not terms.job.size_share:
            return step_nM
        jobs = self.config.noised_jobs
        sizes = SizeEstimates(
            num_clients=terms.owners,
            num_clusters=terms.job.k or 1,
            variance=terms.parties * (jobs.noise.first.size_variance if jobs else 0.0),
        )
        ratio = sizes.corrections(np.zeros(len(opened), dtype=np.int64), result.size_R)
        return np.asarray(step_nM * ratio[:, None])

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
        job = expected_job(self.config, terms, expected)
        if job is not None and (name := unexpected(terms.job, job)) is not None:
            asked, allowed = getattr(terms.job, name), getattr(job, name)
            self.owner.decline(terms, name, asked=asked, allowed=allowed)
        if not 1 <= terms.job.round <= self.config.training.rounds:
            raise RunError(f"the server announced round {terms.job.round}, which there is not")


def _within(update_nM: FloatArray, bound: float) -> FloatArray:
    """Scale each row down to the bound if it is longer."""
    norm_n1 = np.linalg.norm(update_nM, axis=1, keepdims=True)
    scaled: FloatArray = update_nM * np.minimum(1.0, bound / np.maximum(norm_n1, 1e-300))
    return scaled
