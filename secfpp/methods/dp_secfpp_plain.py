"""The plaintext twin of dp-secfpp: the same noise in one process, which sees everything."""

from mpc.reference.session import PlainSession
from mpc.ring.discrete_gaussian import PrivateNoise
from secfpp.methods.dp_secfpp import make_exchange_on, statement_of
from secfpp.methods.interface import Card, Method, MethodContext, MethodSettings, NoSettings
from secfpp.methods.shared.noised import NoisedExchange
from secfpp.methods.shared.plans import two_level
from secfpp.methods.shared.trainers import two_phase
from secfpp.privacy.statement import PrivacyStatement

__all__ = ["METHOD", "draws_of"]


def draws_of(settings: MethodSettings[NoSettings]) -> int:
    """Return the draws of noise in a sum."""
    return settings.inside.dp_plain_draws or settings.parties


def statement(settings: MethodSettings[NoSettings]) -> PrivacyStatement:
    """State the guarantee of a run."""
    draws = draws_of(settings)
    return statement_of(
        settings,
        "one process sees every descriptor and step, clusters, and adds the noise; epsilon is by "
        f"one of {draws} draw{'s' if draws > 1 else ''}",
    )


def begin(context: MethodContext[NoSettings]) -> NoisedExchange:
    """Cluster and add noise in this process."""
    draws = draws_of(context.settings)
    session = PlainSession([PrivateNoise() for _ in range(draws)])
    return make_exchange_on(session, context, name="dp-secfpp-plain", num_draws=draws)


METHOD = Method(
    card=Card(
        name="dp-secfpp-plain",
        title="SecFPP + DP in the clear",
        sends="P_G's step, and once its descriptor, in the clear, to a trusted server",
        gets="its own cluster's noised mean step and size",
        keeps="P_L and its images",
        privacy="client-level differential privacy of what is released; none against the server",
        source="plaintext twin of dp-secfpp; --dp-plain-draws 1 has a trusted server's noise",
    ),
    settings=NoSettings,
    trainer=two_phase(two_level),
    begin=begin,
    statement=statement,
    prototypes="none",
)
