"""The local method: canary clients, each of which adds its own noise.

Shape letters: m canary clients, one a direction, M numbers of a prompt.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from secfpp.attacks.audit.mechanism import OVERSHOOT, UNBOUNDED, directions, signs
from secfpp.attacks.audit.trials import BoolArray
from secfpp.config.audit import Fault
from secfpp.learning.prompts import FloatArray
from secfpp.methods.interface import MethodSettings
from secfpp.methods.ldp_promptfl import LdpPromptFlSettings, released, statement
from secfpp.privacy.statement import PrivacyStatement

__all__ = ["LocalAudit", "local_audit"]

Release = Callable[[FloatArray], FloatArray]
"""What leaves the clients for their steps."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LocalAudit:
    """All rounds of what leaves the clients.

    A canary that is in steps along its direction, one that is out steps the other way: other data,
    as the neighbouring relation says. The auditor sees each client's noised step.
    """

    statement: PrivacyStatement
    begin: Callable[[], Release]
    """Makes the release of one run."""
    numbers: int
    """M."""

    @property
    def canaries(self) -> int:
        """One client a direction."""
        return self.numbers - 1

    def run(self, included_m: BoolArray) -> FloatArray:
        """Play all rounds; the score has standard deviation 1."""
        release, said = self.begin(), self.statement
        ways_mM = directions(self.numbers)
        loud_mM = np.where(included_m, 1.0, -1.0)[:, None] * OVERSHOOT * said.clip_norm * ways_mM
        score_m = np.zeros(len(ways_mM))
        for sign in signs(said.compositions):
            score_m += sign * (release(sign * loud_mM) * ways_mM).sum(axis=1)
        stddev = said.noise_multiplier * said.sensitivity * np.sqrt(said.compositions)
        return np.asarray(score_m / stddev, dtype=np.float64)


def local_audit(
    settings: MethodSettings[LdpPromptFlSettings], *, numbers: int, fault: Fault | None = None
) -> LocalAudit:
    """Audit what leaves clients of ldp-promptfl, with the settings of a run."""
    said = statement(settings)
    one_round = replace(settings, training=replace(settings.training, rounds=1))
    half = replace(said, noise_multiplier=said.noise_multiplier / 2)
    unbounded = replace(said, clip_norm=UNBOUNDED * said.clip_norm)
    made: dict[Fault | None, Callable[[], Release]] = {
        None: lambda: lambda step_mM: released(step_mM, said),
        "no-clipping": lambda: lambda step_mM: released(step_mM, unbounded),
        "half-noise": lambda: lambda step_mM: released(step_mM, half),
        "one-release": lambda: lambda step_mM: released(step_mM, statement(one_round)),
        "reused-noise": lambda: _reusing(said),
    }
    return LocalAudit(statement=said, begin=made[fault], numbers=numbers)


def _reusing(said: PrivacyStatement) -> Release:
    """Return a faulty release, which adds the noise of its first round in every round."""
    exact: Final = replace(said, noise_multiplier=0.0)
    drawn: list[FloatArray] = []

    def release(step_mM: FloatArray) -> FloatArray:
        if not drawn:
            drawn.append(released(np.zeros_like(step_mM), said))
        return released(step_mM, exact) + drawn[0]

    return release
