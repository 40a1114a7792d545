"""Local-only: every client trains its own prompt alone."""

from secfpp.methods.interface import Card, Method, NoSettings
from secfpp.methods.shared.averaging import keep
from secfpp.methods.shared.plans import one_level_local
from secfpp.methods.shared.trainers import two_phase

__all__ = ["METHOD"]

METHOD = Method(
    card=Card(
        name="local-only",
        title="Local only",
        sends="nothing",
        gets="nothing",
        keeps="its prompt",
        privacy="nothing is sent",
        source="CoOp (Zhou et al., IJCV 2022), for each client",
    ),
    settings=NoSettings,
    trainer=two_phase(one_level_local),
    begin=lambda context: keep,
    prototypes="none",
)
