"""Tip-Adapter: the public start of the prompt and a memory of the client's own images."""

from secfpp.methods.interface import Card, Method, NoSettings
from secfpp.methods.shared.averaging import keep
from secfpp.methods.shared.plans import no_steps
from secfpp.methods.shared.trainers import two_phase

__all__ = ["METHOD"]

METHOD = Method(
    card=Card(
        name="tip-adapter",
        title="Zero-shot + memory",
        sends="nothing",
        gets="nothing",
        keeps="its images and their features",
        privacy="nothing is sent",
        source="Tip-Adapter (Zhang et al., ECCV 2022), without training",
    ),
    settings=NoSettings,
    trainer=two_phase(no_steps),
    begin=lambda context: keep,
    prototypes="none",
)
