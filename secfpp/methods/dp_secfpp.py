"""SecFPP with differential privacy inside the secure sum: no server is trusted with a step.

Computing parties add discrete Gaussian noise to cluster sums under sharing, each its own. What it
covers is chosen by `inside.dp_guarantee`.
"""

from functools import partial
from typing import Final

from mpc.jobs.result import Session
from secfpp.config.inside import GuaranteeName
from secfpp.errors import ConfigError
from secfpp.learning.prompts import FloatArray
from secfpp.methods.interface import Card, Method, MethodContext, MethodSettings, NoSettings
from secfpp.methods.shared.noised import NoisedExchange
from secfpp.methods.shared.noised_jobs import NoisedJobs
from secfpp.methods.shared.plans import two_level
from secfpp.methods.shared.trainers import two_phase
from secfpp.privacy.statement import PrivacyStatement

__all__ = ["METHOD", "jobs_of", "make_exchange_on", "statement_of"]

COVERS: Final[dict[GuaranteeName, str]] = {
    "pipeline": "P_G of every cluster, and the clustering of descriptors, whose centres are noised "
    "and never opened; a client's own cluster follows from them and from its own descriptor (joint "
    "differential privacy)",
    "known-assignment": "P_G of every cluster; the clusters are public",
    "means": "P_G of every cluster, given the clusters; the clusters come from descriptors without "
    "noise and are not covered, so that one client's descriptor can move others",
}
NEIGHBOURS: Final[dict[GuaranteeName, str]] = {
    "pipeline": "one client's descriptor and steps count nowhere, in any round; N is public",
    "known-assignment": "one client's steps are replaced by zero in every round; the clusters are "
    "public",
    "means": "one client's steps are replaced by zero in every round; the clusters, which are not "
    "covered, are the same",
}
OWN: Final = "; P_L, memory and choices, which never leave their client, have no noise"
TRUST: Final = (
    "any one of the computing parties is honest, and the dealer colludes with none: epsilon is by "
    "the noise of one party"
)


def jobs_of(settings: MethodSettings[NoSettings], seed: int = 0) -> NoisedJobs:
    """Return the maker of a run's jobs."""
    return NoisedJobs(
        clustering=settings.clustering,
        inside=settings.inside,
        privacy=settings.privacy,
        rounds=settings.training.rounds,
        seed=seed,
    )


def statement_of(settings: MethodSettings[NoSettings], trust: str) -> PrivacyStatement:
    """State the guarantee of a run, and who must be trusted for it."""
    inside, noise = settings.inside, jobs_of(settings).noise
    return PrivacyStatement(
        epsilon_target=settings.privacy.epsilon,
        epsilon_pld=noise.epsilon_pld,
        epsilon_rdp=noise.epsilon_rdp,
        delta=settings.privacy.delta,
        noise_multiplier=noise.later.means_multiplier,
        clip_norm=inside.dp_clip_norm,
        sensitivity=inside.dp_clip_norm,
        compositions=noise.rounds,
        neighbours=NEIGHBOURS[inside.dp_guarantee],
        covers=COVERS[inside.dp_guarantee] + OWN,
        trust=trust,
        guarantee=inside.dp_guarantee,
        compositions_clustering=noise.first.centre_updates,
        noise_multiplier_clustering=noise.first.centre_multiplier,
    )


def make_exchange_on(
    session: Session, context: MethodContext[NoSettings], *, name: str, num_draws: int
) -> NoisedExchange:
    """Make the exchange of a seed on a session of parties, or on its plaintext twin.

    Raises
    ------
    ConfigError
        If a guarantee contradicts other settings.
    """
    settings = context.settings
    if settings.inside.dp_guarantee == "pipeline" and settings.clustering.k is None:
        raise ConfigError(
            "clustering.k=none but inside.dp_guarantee=pipeline needs it given: a choice of k is "
            "not covered; give --k"
        )
    if settings.clustering.reveal != "own-mean":
        raise ConfigError(
            f"clustering.reveal={settings.clustering.reveal} opens what no noise covers; dp-secfpp "
            "needs own-mean"
        )
    return NoisedExchange(
        session=session,
        jobs=jobs_of(settings, context.seeds.number("first centres")),
        num_draws=num_draws,
        given_N=context.domain_N,
        axes=partial(_axes, context),
        label=f"{name}, seed {context.seeds.root}",
    )


def _axes(context: MethodContext[NoSettings]) -> FloatArray:
    """Return the public axes that descriptors are projected on."""
    if context.public_axes is None:
        raise ConfigError("no model is at hand for public axes; choose another dp_guarantee")
    return context.public_axes(context.settings.inside.dp_dims)


def begin(context: MethodContext[NoSettings]) -> NoisedExchange:
    """Use the computing parties of the run; start them on first use."""
    return make_exchange_on(
        context.open_session(), context, name="dp-secfpp", num_draws=context.settings.parties
    )


METHOD = Method(
    card=Card(
        name="dp-secfpp",
        title="SecFPP + DP inside the sum",
        sends="additive shares of P_G's clipped step, and once of its descriptor, one to each "
        "computing party",
        gets="shares of its own cluster's noised sum of steps and its size",
        keeps="P_L and its images",
        privacy="secret sharing hides every step, and client-level differential privacy bounds "
        "what the released means say; --dp-guarantee chooses what is covered",
        source="central DP without a trusted server: noise of each party under secret sharing",
    ),
    settings=NoSettings,
    trainer=two_phase(two_level),
    begin=begin,
    uses_parties=True,
    statement=lambda settings: statement_of(settings, TRUST),
    prototypes="none",
)
