"""SecFPP: clients are clustered and P_G is averaged under secret sharing."""

from secfpp.methods.interface import Card, Method, MethodContext, NoSettings
from secfpp.methods.shared.clustered import ClusteredExchange
from secfpp.methods.shared.plans import two_level
from secfpp.methods.shared.trainers import two_phase

__all__ = ["METHOD"]


def begin(context: MethodContext[NoSettings]) -> ClusteredExchange:
    """Use the computing parties of the run; start them on first use."""
    return ClusteredExchange(
        session=context.open_session(),
        clustering=context.settings.clustering,
        protocol=context.settings.protocol,
        label=f"secfpp, seed {context.seeds.root}",
        seed=context.seeds.number("first centres"),
    )


METHOD = Method(
    card=Card(
        name="secfpp",
        title="SecFPP",
        sends="additive shares of its descriptor and of P_G, one to each computing party",
        gets="shares of its own cluster's mean P_G and size",
        keeps="P_L and its images",
        privacy="secret sharing: nobody sees a P_G, a mean of others or a label (own-mean policy)",
        source="SecFPP (arXiv 2505.22447), by our own protocol and losses: docs/methods.md",
    ),
    settings=NoSettings,
    trainer=two_phase(two_level),
    begin=begin,
    uses_parties=True,
)
