"""One cluster: P_G + P_L with a single P_G for all; the ablation of clustering."""

from secfpp.methods.interface import Card, Method, NoSettings
from secfpp.methods.shared.averaging import average_all
from secfpp.methods.shared.plans import two_level
from secfpp.methods.shared.trainers import two_phase

__all__ = ["METHOD"]

METHOD = Method(
    card=Card(
        name="one-cluster",
        title="P_G + P_L, one cluster",
        sends="its P_G, in the clear, to the server",
        gets="the mean P_G of the participants",
        keeps="P_L and its images",
        privacy="none: the server sees every P_G",
        source="ablation: k = 1",
    ),
    settings=NoSettings,
    trainer=two_phase(two_level),
    begin=lambda context: average_all,
)
