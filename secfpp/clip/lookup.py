"""Check the name of a model before open_clip builds it, and explain failures.

Everything that needs no network is checked first. An unreachable hub is noticed within
`PROBE_TIMEOUT_S`.
"""

from __future__ import annotations

import difflib
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import open_clip
from huggingface_hub import constants

from secfpp.clip.architecture import CONFIG_FILE
from secfpp.errors import ModelError, reason

LOCAL_DIR = "local-dir:"
HUB = "hf-hub:"
PROBE_TIMEOUT_S = 3.0
_REMEDY = (
    "use --model embedded, --model local-dir:PATH (a folder with open_clip_config.json and "
    "weights), --pretrained FILE, or load the model once on a machine with a network and copy "
    "its Hugging Face cache here"
)


def check_local_dir(folder: Path) -> None:
    """Refuse a folder without config or weights.

    Raises
    ------
    ModelError
        Names the missing part.
    """
    if not folder.is_dir():
        raise ModelError(f"model folder {str(folder)!r} does not exist; check local-dir:PATH")
    if not (folder / CONFIG_FILE).is_file():
        raise ModelError(
            f"model folder {str(folder)!r} has no {CONFIG_FILE}; save the model in open_clip's "
            "format, for example with `secfpp pretrain`"
        )
    if not any(path.suffix in (".safetensors", ".bin", ".pth") for path in folder.iterdir()):
        raise ModelError(
            f"model folder {str(folder)!r} has {CONFIG_FILE} but no weights "
            "(*.safetensors, *.bin or *.pth); prompts need a trained model"
        )


def check_vocabulary(file: Path, *, is_there: bool, num_read: int, num_known: int) -> None:
    """Refuse a vocabulary of another model, whose tokens differ from the trained ones.

    Parameters
    ----------
    file : Path
        Place of the model's own vocabulary.
    is_there : bool
        Whether the file exists; open_clip's own vocabulary is read otherwise.
    num_read, num_known : int
        Tokens of the vocabulary that is read, and tokens that the model has weights for.

    Raises
    ------
    ModelError
        The sizes do not fit. Models with open_clip's vocabulary may have spare weights; models with
        a cut one have exactly as many weights as tokens.
    """
    if num_read == num_known or (num_read < num_known and not is_there):
        return
    what = f"{file} has {num_read} tokens" if is_there else f"{file} is missing"
    raise ModelError(
        f"{what}, and the model knows {num_known}; copy the file that was saved with the weights"
    )


def check_name(model: str, pretrained: str | None) -> None:
    """Refuse an architecture or a tag that open_clip does not know; name similar ones.

    Raises
    ------
    ModelError
    """
    name = model.replace("/", "-")
    known = open_clip.list_models()
    if name not in known:
        raise ModelError(
            f"model {model!r} is neither 'embedded', local-dir:PATH, hf-hub:ORG/NAME nor one of "
            f"open_clip's {len(known)} names{_near(name, known)}"
        )
    tags = open_clip.list_pretrained_tags_by_model(name)
    if pretrained is None:
        raise ModelError(
            f"model {model!r} without weights would be random; add --pretrained TAG, "
            f"one of {_listed(tags)}, or --pretrained FILE"
        )
    if not open_clip.is_pretrained_cfg(name, pretrained) and not Path(pretrained).is_file():
        raise ModelError(
            f"--pretrained {pretrained!r} is neither a file nor a tag of {model!r}"
            f"{_near(pretrained, tags)}; its tags: {_listed(tags)}"
        )
    _check_activation(name, pretrained)


def _check_activation(name: str, pretrained: str) -> None:
    """Refuse weights that were trained with another activation; open_clip warns only.

    OpenAI's weights were trained with QuickGELU. With the usual GELU features are worse, and
    nothing else shows it.
    """
    tag = open_clip.get_pretrained_cfg(name, pretrained) or {}
    config = open_clip.get_model_config(name) or {}
    has, needs = bool(config.get("quick_gelu")), bool(tag.get("quick_gelu"))
    if not tag or has == needs:
        return
    other = f"{name}-quickgelu" if needs else name.removesuffix("-quickgelu")
    raise ModelError(
        f"weights {pretrained!r} were trained {'with' if needs else 'without'} QuickGELU and "
        f"{name!r} computes {'with' if has else 'without'} it; use --model {other}"
    )


@contextmanager
def offline_when_unreachable() -> Iterator[str]:
    """Restrict the hub's client to its cache if the hub cannot be reached.

    Without this, the client would retry for minutes.

    Yields
    ------
    str
        The reason why the hub is not asked; empty if it is.
    """
    if constants.HF_HUB_OFFLINE:
        yield "HF_HUB_OFFLINE is set"
        return
    if _hub_answers():
        yield ""
        return
    constants.HF_HUB_OFFLINE = True
    try:
        yield f"{constants.ENDPOINT} does not answer"
    finally:
        constants.HF_HUB_OFFLINE = False


def explain_failure(full_name: str, error: Exception, why_offline: str) -> str:
    """Return the reason why a model could not be loaded, and a remedy."""
    if not why_offline:
        return f"cannot load {full_name}: {reason(error)}"
    return f"cannot load {full_name}: {why_offline} and it is not in the local cache; {_REMEDY}"


def _hub_answers() -> bool:
    """Open and close one connection to the hub, or to its proxy.

    A separate thread does it, because the look-up of a host name has no time-out.
    """
    endpoint = urlsplit(constants.ENDPOINT)
    proxy = urllib.request.getproxies().get(endpoint.scheme)
    target = urlsplit(proxy) if proxy else endpoint
    port = target.port or (443 if target.scheme == "https" else 80)
    answered = threading.Event()
    failed_or_answered = threading.Event()

    def probe() -> None:
        with suppress(OSError):
            socket.create_connection((target.hostname or "", port), PROBE_TIMEOUT_S).close()
            answered.set()
        failed_or_answered.set()

    threading.Thread(target=probe, daemon=True, name="hub probe").start()
    failed_or_answered.wait(PROBE_TIMEOUT_S)
    return answered.is_set()


def _near(name: str, known: list[str]) -> str:
    """Return ``"; did you mean ...?"`` or nothing."""
    lower = {candidate.lower(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.lower(), list(lower), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(lower[match] for match in matches)}?" if matches else ""


def _listed(names: list[str]) -> str:
    return ", ".join(names) if names else "(none known)"
