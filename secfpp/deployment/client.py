"""The program of one client: it trains, consents, shares, fetches, personalises and evaluates.

Its images, its prompt and its key never leave it. Its folder holds its state after every round, so
that it goes on after a kill.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Self

import numpy as np
import torch

from mpc.session.owner import Owner
from secfpp.config.privacy import PrivacyConfig
from secfpp.config.workload import DeviceName
from secfpp.data.readers.listing import ReadOptions
from secfpp.deployment.config import FederationConfig, model_digest
from secfpp.deployment.exchange import OwnerExchange
from secfpp.deployment.lengths import Lengths
from secfpp.deployment.own_images import OwnImages, read_own_images
from secfpp.errors import RunError
from secfpp.experiment.run_folder import RunFolder
from secfpp.federation.cohort import Cohort, build_cohort
from secfpp.federation.round import Federation, RoundResult, begin, run_round
from secfpp.learning.losses import Shards
from secfpp.learning.prompts import PromptState
from secfpp.learning.training import TextTower, pick_device
from secfpp.methods import dp_secfpp, secfpp
from secfpp.methods.interface import (
    Contribution,
    Exchange,
    ExchangeResult,
    Method,
    MethodSettings,
    NoSettings,
)
from secfpp.methods.shared.personal import make_trainer
from secfpp.methods.shared.prototypes import WithUpdate, averages_prototypes
from secfpp.seeds import Seeds

__all__ = [
    "ClientRound",
    "METRICS",
    "LoadedClient",
    "TakingPart",
    "federation_of",
    "load_client",
    "run_client",
    "sent_lengths",
]

METRICS: Final = "metrics.jsonl"
"""A client's file of `ClientRound`."""
_UNIT: Final = "client"
_NO_END: Final = 1 << 30
"""Rounds of a federation whose clients have images of one domain only: none is scored elsewhere."""


@dataclass(frozen=True, kw_only=True)
class ClientRound:
    """One line of a client's metrics.jsonl: accuracies on its own test images, in 0..1."""

    round: int
    own_mix: float | None
    """None without test images."""
    uniform: float | None
    train_loss: float
    seconds_train: float
    opened: bool
    """Whether a mean was opened to this client; otherwise it kept its own update."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedClient:
    """A client's images as features, and the frozen model."""

    cohort: Cohort
    """Of this client alone."""
    tower: TextTower
    logit_scale: float
    initial_TW: torch.Tensor
    has_tests: bool


def load_client(
    data: Path,
    config: FederationConfig,
    *,
    device: DeviceName = "auto",
    cache_dir: Path | None = None,
) -> LoadedClient:
    """Load the model, and encode a client's images.

    Raises
    ------
    DataError, ModelError, ConfigError
        If the images, the model or the device cannot be used.
    """
    from secfpp.clip.features import encode_domains
    from secfpp.clip.model import load_clip
    from secfpp.clip.text import PromptedText

    chosen = pick_device(device)
    clip = replace(
        load_clip(config.model, config.pretrained, str(chosen)), precision=config.precision
    )
    options = ReadOptions(image_size=clip.image_size, cache_dir=cache_dir)
    own: OwnImages = read_own_images(data, config.classes, options, phrase=config.phrase)
    images = own.listed.open()
    tower = PromptedText(clip, config.classes, config.training.num_context)
    features = encode_domains(clip, images, cache_dir, views=config.views)
    return LoadedClient(
        cohort=build_cohort(images, features, [own.shard], chosen),
        tower=tower,
        logit_scale=clip.logit_scale,
        initial_TW=tower.initial_context(config.phrase),
        has_tests=len(own.shard.test_index) > 0,
    )


def federation_of(config: FederationConfig, loaded: LoadedClient, exchange: Exchange) -> Federation:
    """Return the constants of all rounds, with prototypes where clients average them."""
    settings, method = _settings_of(config), _method_of(config)
    if averages_prototypes(method, config.personal):
        exchange = WithUpdate(exchange=exchange)
    return Federation(
        cohort=loaded.cohort,
        tower=loaded.tower,
        logit_scale=loaded.logit_scale,
        trainer=make_trainer(method, settings, Seeds(config.seed)),
        exchange=exchange,
        descriptor=config.clustering.descriptor,
        projection_dim=config.clustering.projection_dim,
        describe_once=config.clustering.describe_once,
        rounds=_NO_END,
        clients_at_once=config.training.clients_at_once,
    )


def _method_of(config: FederationConfig) -> Method[NoSettings]:
    """Return SecFPP, or with a budget the one that averages nothing besides noised steps."""
    return secfpp.METHOD if config.privacy is None else dp_secfpp.METHOD


def _settings_of(config: FederationConfig) -> MethodSettings[NoSettings]:
    """Return the settings that SecFPP's local work reads."""
    return MethodSettings(
        own=NoSettings(),
        training=config.training,
        clustering=config.clustering,
        privacy=config.privacy or PrivacyConfig(),
        inside=config.inside,
        personal=config.personal,
        images_per_client=0,
    )


@dataclass(kw_only=True, eq=False)
class TakingPart:
    """A client between two rounds: what stays the same, and its state."""

    federation: Federation
    exchange: OwnerExchange
    folder: RunFolder
    state: PromptState
    has_tests: bool

    @classmethod
    def begin(
        cls,
        config: FederationConfig,
        loaded: LoadedClient,
        owner: Owner,
        folder: RunFolder,
        *,
        wait_s: float,
        say: Callable[[str], None] = lambda line: None,
    ) -> Self:
        """Go on from the folder's state, or begin.

        Parameters
        ----------
        config : FederationConfig
        loaded : LoadedClient
        owner : Owner
        folder : RunFolder
            Of `open_folder`. Keeps config.json, state/client.safetensors and metrics.jsonl.
        wait_s : float
            Longest wait for a round.
        say : callable
            Is told, in a line, why a job came to nothing.

        Raises
        ------
        RunFolderError
            The folder is damaged.
        """
        model = model_digest(loaded.initial_TW.cpu().numpy())
        exchange = OwnerExchange(owner=owner, config=config, model=model, wait_s=wait_s, say=say)
        federation = federation_of(config, loaded, exchange)
        state = folder.load_state(_UNIT) or begin(federation, loaded.initial_TW)
        return cls(
            federation=federation,
            exchange=exchange,
            folder=folder,
            state=state.to(loaded.cohort.device),
            has_tests=loaded.has_tests,
        )

    def next_round(self) -> ClientRound:
        """Take part in the next round that is announced, and save what comes of it.

        Raises
        ------
        ConsentError
            This client's policy does not allow the round.
        TransportError
            No round came in time.
        """
        result = run_round(self.federation, self.state, np.zeros(1, dtype=np.int64))
        number = self.exchange.round
        record = _record(number, result, opened=self.exchange.opened, scored=self.has_tests)
        self.state = result.state.replace(rounds_done=number)
        self.folder.save_state(_UNIT, self.state)
        self.folder.append(METRICS, [asdict(record)])
        return record


def run_client(
    config: FederationConfig,
    loaded: LoadedClient,
    owner: Owner,
    folder: RunFolder,
    *,
    wait_s: float,
    observe: Callable[[ClientRound], None] = lambda record: None,
    say: Callable[[str], None] = lambda line: None,
) -> PromptState:
    """Take part in every round until the last one; go on from the folder's state.

    Parameters
    ----------
    config, loaded, owner, folder, wait_s, say
        As for `TakingPart.begin`.
    observe : callable
        Is told of every round.

    Raises
    ------
    ConsentError
        This client's policy does not allow a round.
    RunFolderError
        The folder is damaged.
    TransportError
        No round came in time.
    """
    part = TakingPart.begin(config, loaded, owner, folder, wait_s=wait_s, say=say)
    while part.state.rounds_done < config.training.rounds:
        observe(part.next_round())
    return part.state


def _record(number: int, result: RoundResult, *, opened: bool, scored: bool) -> ClientRound:
    return ClientRound(
        round=number,
        own_mix=result.scores.own_mix if scored else None,
        uniform=result.scores.uniform if scored else None,
        train_loss=result.train_loss,
        seconds_train=result.seconds_train,
        opened=opened,
    )


def sent_lengths(config: FederationConfig) -> Lengths:
    """Load the model, and form what a client without images would share.

    Raises
    ------
    ModelError, ConfigError
        If the model cannot be used.
    """
    from secfpp.clip.model import load_clip
    from secfpp.clip.text import PromptedText

    clip = load_clip(config.model, config.pretrained, "cpu")
    tower = PromptedText(clip, config.classes, config.training.num_context)
    loaded = LoadedClient(
        cohort=_no_images(clip.embed_dim, config.classes),
        tower=tower,
        logit_scale=clip.logit_scale,
        initial_TW=tower.initial_context(config.phrase),
        has_tests=False,
    )
    federation = federation_of(config, loaded, _no_exchange)
    state = begin(federation, loaded.initial_TW)
    sent = federation.trainer.sent(state)
    return Lengths(
        dim=state.extra["descriptor"].shape[1],
        payload=state.updates().shape[1] + sum(rows.shape[1] for rows in sent.values()),
        model=model_digest(loaded.initial_TW.numpy()),
    )


def _no_images(embed_dim: int, class_names: Sequence[str]) -> Cohort:
    """Return a cohort of one client, of which only the sizes matter."""
    image = Shards(
        features_NBE=torch.zeros(1, 1, embed_dim),
        labels_NB=torch.zeros(1, 1, dtype=torch.int64),
        mask_NB=torch.ones(1, 1, dtype=torch.bool),
    )
    none = Shards(
        features_NBE=image.features_NBE[:, :0],
        labels_NB=image.labels_NB[:, :0],
        mask_NB=image.mask_NB[:, :0],
    )
    return Cohort(
        domain_names=("",),
        class_names=tuple(class_names),
        domain_N=np.zeros(1, dtype=np.int64),
        label_mix_NC=torch.full((1, len(class_names)), 1 / len(class_names), dtype=torch.float64),
        train=image,
        validation=none,
        test_features_GSE=none.features_NBE,
        test_labels_GS=none.labels_NB,
    )


def _no_exchange(contribution: Contribution) -> ExchangeResult:
    raise RunError("nothing is exchanged")
