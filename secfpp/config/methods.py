"""Settings of single methods of the literature: one frozen dataclass a method, one prefix each.

Where nothing else is said, a default was found on seeds 100, 101 and 102; docs/methods.md says how.
"""

from dataclasses import dataclass
from typing import Literal

from secfpp.config.checks import require, require_positive

__all__ = [
    "CflConfig",
    "DpFplConfig",
    "FedOtpConfig",
    "FedPgpConfig",
    "IfcaConfig",
    "LossName",
    "PFedPromptConfig",
]

LossName = Literal["plain", "balanced", "aligned"]
"""Cross-entropy over images; over classes alike; the latter and alignment, as P_G of SecFPP."""


@dataclass(frozen=True, kw_only=True)
class FedPgpConfig:
    """FedPGP: a global prompt and a low-rank local one."""

    fedpgp_rank: int = 4
    """Rank of the local part U V; 4 is the authors' default."""
    fedpgp_mu: float = 1.0
    """Weight of the contrastive loss; 1 is the authors' default."""
    fedpgp_temperature: float = 0.5
    """Temperature of the contrastive loss; 0.5 is the authors'."""
    fedpgp_lr: float = 0.02
    """Adam's learning rate of all three parts."""
    fedpgp_loss: LossName = "aligned"
    """Loss beside the contrastive one; plain is the paper's."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require(self.fedpgp_rank >= 1, "fedpgp_rank", self.fedpgp_rank, "at least 1")
        require_positive("fedpgp_mu", self.fedpgp_mu, zero=True)
        require_positive("fedpgp_temperature", self.fedpgp_temperature)
        require_positive("fedpgp_lr", self.fedpgp_lr)


@dataclass(frozen=True, kw_only=True)
class FedOtpConfig:
    """FedOTP: a global and a local prompt, matched to regions of images by optimal transport."""

    fedotp_lr: float = 0.003
    """Adam's learning rate of both prompts."""
    fedotp_eps: float = 0.1
    """Weight of the entropy of a transport plan; the authors have 0.1 (CIFAR) and 0.01."""
    fedotp_mass: float = 0.8
    """Gamma: what of an image's regions the prompts take in all; 0.8 is the authors', 1 is
    transport of everything."""
    fedotp_loss: LossName = "plain"
    """Loss of the local steps; plain is the paper's."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require_positive("fedotp_lr", self.fedotp_lr)
        require_positive("fedotp_eps", self.fedotp_eps)
        require(0 < self.fedotp_mass <= 1, "fedotp_mass", self.fedotp_mass, "above 0, at most 1")


@dataclass(frozen=True, kw_only=True)
class PFedPromptConfig:
    """pFedPrompt: a common prompt, and attention over the client's own images."""

    pfedprompt_alpha: float = 20.0
    """Weight of what attention says; 0 leaves PromptFL."""
    pfedprompt_beta: float = 20.0
    """Sharpness of attention: an image at cosine c weighs exp(-beta (1 - c))."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require_positive("pfedprompt_alpha", self.pfedprompt_alpha, zero=True)
        require_positive("pfedprompt_beta", self.pfedprompt_beta, zero=True)


@dataclass(frozen=True, kw_only=True)
class IfcaConfig:
    """IFCA: k prompts at the server; each client trains the one with the lowest loss."""

    ifca_start: float = 0.02
    """Standard deviation of what each of the k prompts starts from, around the public start."""
    ifca_lr: float = 0.005
    """Adam's learning rate."""
    ifca_loss: LossName = "balanced"
    """Loss by which clients choose and train; plain is the paper's."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require_positive("ifca_start", self.ifca_start, zero=True)
        require_positive("ifca_lr", self.ifca_lr)


@dataclass(frozen=True, kw_only=True)
class CflConfig:
    """CFL: clusters split in two where their members' steps disagree.

    The authors' thresholds, 0.4 and 1.6, are norms of steps of their networks; these are ratios.
    """

    cfl_stationary: float = 0.25
    """A cluster may split when its mean step is shorter than this times its longest step (for
    the authors' eps1 and eps2: 0.4 / 1.6)."""
    cfl_moving: float = 0.1
    """... and its longest step is longer than this times the farthest that Adam can go."""
    cfl_lr: float = 0.01
    """Adam's learning rate."""
    cfl_loss: LossName = "plain"
    """Loss of the local steps; plain is the paper's."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require_positive("cfl_stationary", self.cfl_stationary, zero=True)
        require_positive("cfl_moving", self.cfl_moving, zero=True)
        require_positive("cfl_lr", self.cfl_lr)


@dataclass(frozen=True, kw_only=True)
class DpFplConfig:
    """DP-FPL: a global and a local prompt under noise, with low-rank gradients of the local one."""

    dpfpl_rank: int = 4
    """Rank of the gradients of P_L, at most the prompt's tokens and width: from there on it is no
    restriction. 4 of 8 tokens, as the paper's 8 of 16."""
    dpfpl_sample_rate: float = 0.125
    """Probability with which an image is in a step's batch (the paper: batches of 32)."""
    dpfpl_clip: float = 1.0
    """Bound on the joint L2 norm of one image's gradients of P_G, u and v (the paper: 10 on
    each part of a batch's mean)."""
    dpfpl_lr_shared: float = 0.05
    """Rate of gradient descent on P_G (the paper: 1e-4)."""
    dpfpl_lr_local: float = 0.003
    """Rate of gradient descent on P_L (the paper: 1e-4)."""
    dpfpl_start: float = 0.02
    """Standard deviation of the entries of P_L at the start, as in the authors' code."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require(self.dpfpl_rank >= 1, "dpfpl_rank", self.dpfpl_rank, "at least 1")
        rate = self.dpfpl_sample_rate
        require(0 < rate <= 1, "dpfpl_sample_rate", rate, "above 0, at most 1")
        for name in ("dpfpl_clip", "dpfpl_lr_shared", "dpfpl_start"):
            require_positive(name, getattr(self, name))
        require_positive("dpfpl_lr_local", self.dpfpl_lr_local, zero=True)
