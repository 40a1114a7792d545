"""Two levels alone: SecFPP's local work without any exchange; shows what collaboration adds."""

from secfpp.methods.interface import Card, Method, NoSettings
from secfpp.methods.shared.averaging import keep
from secfpp.methods.shared.plans import two_level
from secfpp.methods.shared.trainers import two_phase

__all__ = ["METHOD"]

METHOD = Method(
    card=Card(
        name="two-level-alone",
        title="P_G + P_L, each client alone",
        sends="nothing",
        gets="nothing",
        keeps="P_G and P_L",
        privacy="nothing is sent",
        source="ablation: no exchange",
    ),
    settings=NoSettings,
    trainer=two_phase(two_level),
    begin=lambda context: keep,
    prototypes="none",
)
