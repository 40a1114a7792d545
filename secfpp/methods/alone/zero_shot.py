"""Zero-shot: the public start of the prompt, without training."""

from secfpp.methods.interface import Card, Method, NoSettings
from secfpp.methods.shared.averaging import keep
from secfpp.methods.shared.plans import no_steps
from secfpp.methods.shared.trainers import two_phase

__all__ = ["METHOD"]

METHOD = Method(
    card=Card(
        name="zero-shot",
        title="Zero-shot",
        sends="nothing",
        gets="nothing",
        keeps="everything",
        privacy="nothing is sent",
        source="CLIP (Radford et al., ICML 2021)",
    ),
    settings=NoSettings,
    trainer=two_phase(no_steps),
    begin=lambda context: keep,
    is_personal=False,
)
