"""SecFPP in the clear: the same algorithm on the plaintext twin; shows the cost of secrecy."""

from mpc.reference.session import PlainSession
from secfpp.methods.interface import Card, Method, MethodContext, NoSettings
from secfpp.methods.shared.clustered import ClusteredExchange
from secfpp.methods.shared.plans import two_level
from secfpp.methods.shared.trainers import two_phase

__all__ = ["METHOD"]


def begin(context: MethodContext[NoSettings]) -> ClusteredExchange:
    """Cluster in this process."""
    return ClusteredExchange(
        session=PlainSession(),
        clustering=context.settings.clustering,
        protocol=context.settings.protocol,
        label=f"secfpp-plain, seed {context.seeds.root}",
        seed=context.seeds.number("first centres"),
    )


METHOD = Method(
    card=Card(
        name="secfpp-plain",
        title="SecFPP in the clear",
        sends="its descriptor and its P_G, in the clear, to the server",
        gets="its own cluster's mean P_G and size",
        keeps="P_L and its images",
        privacy="none: the server sees every P_G and label",
        source="plaintext twin of SecFPP",
    ),
    settings=NoSettings,
    trainer=two_phase(two_level),
    begin=begin,
)
