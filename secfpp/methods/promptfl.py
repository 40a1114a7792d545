"""PromptFL: one prompt for all, which the server averages in each round."""

from secfpp.methods.interface import Card, Method, NoSettings
from secfpp.methods.shared.averaging import average_all
from secfpp.methods.shared.plans import one_level_shared
from secfpp.methods.shared.trainers import two_phase

__all__ = ["METHOD"]

METHOD = Method(
    card=Card(
        name="promptfl",
        title="PromptFL",
        sends="its prompt, in the clear, to the server",
        gets="the mean prompt of the participants",
        keeps="its images",
        privacy="none: the server sees every prompt",
        source="PromptFL (Guo et al., IEEE TMC 2024), FedAvg unweighted",
    ),
    settings=NoSettings,
    trainer=two_phase(one_level_shared),
    begin=lambda context: average_all,
)
