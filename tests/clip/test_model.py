import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

from secfpp.clip.model import FrozenClip, load_clip
from secfpp.clip.text import PromptedText
from secfpp.clip.vocabulary import VOCABULARY_FILE, cut_merges, write_vocabulary
from secfpp.errors import ConfigError, ModelError
from tests.clip.conftest import TEXT, VISION, save_random
from tests.clip.texts import text_features

EMBEDDED = "secfpp/assets/digits-clip"


def test_plain_open_clip_loads_the_embedded_model(embedded: FrozenClip) -> None:
    model = open_clip.create_model(f"local-dir:{EMBEDDED}").eval()
    tokenizer = open_clip.get_tokenizer(
        f"local-dir:{EMBEDDED}", bpe_path=f"{EMBEDDED}/{VOCABULARY_FILE}"
    )
    texts = ["a photo of the digit seven", "the noisy digit two"]
    with torch.no_grad():
        expected = model.encode_text(tokenizer(texts), normalize=True)
    torch.testing.assert_close(text_features(embedded, tuple(texts)), expected)


def test_the_model_is_frozen_and_described(embedded: FrozenClip) -> None:
    assert not embedded.model.training
    assert not any(p.requires_grad for p in embedded.model.parameters())
    assert (embedded.embed_dim, embedded.width, embedded.context_length) == (128, 64, 24)
    assert (embedded.image_size, embedded.device.type) == (32, "cpu")
    assert 1 < embedded.logit_scale <= 100


def test_fingerprint_is_of_the_weights(embedded: FrozenClip) -> None:
    again = load_clip(f"local-dir:{EMBEDDED}", device="cpu")
    assert again.fingerprint == embedded.fingerprint
    again = load_clip(f"local-dir:{EMBEDDED}", device="cpu")
    again.model.logit_scale.data += 1e-6
    assert again.fingerprint != embedded.fingerprint


@pytest.mark.slow
def test_images_equal_open_clips_own_path(other_clip: FrozenClip) -> None:
    rng = np.random.default_rng(0)
    images_NHW3 = rng.integers(0, 256, (300, 32, 32, 3), dtype=np.uint8)
    transform = image_transform_v2(
        PreprocessCfg(**other_clip.model.visual.preprocess_cfg), is_train=False
    )
    pixels = torch.stack([transform(Image.fromarray(image)) for image in images_NHW3])
    with torch.no_grad():
        expected = other_clip.model.encode_image(pixels, normalize=True)
    torch.testing.assert_close(other_clip.encode_images(images_NHW3), expected, atol=1e-5, rtol=0)


def test_images_of_another_size_are_resized(embedded: FrozenClip) -> None:
    small = np.full((2, 32, 32, 3), 100, dtype=np.uint8)
    large = np.full((2, 70, 70, 3), 100, dtype=np.uint8)
    torch.testing.assert_close(embedded.encode_images(large), embedded.encode_images(small))


def test_no_images_give_no_features(embedded: FrozenClip) -> None:
    none = embedded.encode_images(np.zeros((0, 32, 32, 3), dtype=np.uint8))
    assert none.shape == (0, 128)


@pytest.mark.parametrize(
    ("model", "pretrained", "message"),
    [
        ("ViT-B-23", None, "did you mean .*ViT-B-32"),
        ("ViT-B-32", None, "would be random; add --pretrained TAG, one of openai"),
        ("ViT-B-32", "openay", "did you mean openai"),
        ("ViT-B-32", "openai", "with QuickGELU and 'ViT-B-32' computes without it; use --model "),
        ("ViT-B-16-quickgelu", "laion400m_e32", "neither a file nor a tag"),
        ("embedded", "openai", "leave it out"),
        ("local-dir:/nowhere/at/all", None, "does not exist"),
    ],
)
def test_what_is_not_there_is_named(model: str, pretrained: str | None, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load_clip(model, pretrained)


def test_incomplete_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no open_clip_config\.json"):
        load_clip(f"local-dir:{tmp_path}")
    shutil.copy(f"{EMBEDDED}/open_clip_config.json", tmp_path)
    with pytest.raises(ModelError, match="but no weights"):
        load_clip(f"local-dir:{tmp_path}")
    (tmp_path / "open_clip_model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelError, match="is it a complete copy"):
        load_clip(f"local-dir:{tmp_path}")
    (tmp_path / "open_clip_config.json").write_text("{")
    with pytest.raises(ModelError, match="is it a complete copy"):
        load_clip(f"local-dir:{tmp_path}")


def test_a_model_without_its_vocabulary_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(EMBEDDED, tmp_path / "copy")
    (folder / VOCABULARY_FILE).unlink()
    with pytest.raises(ModelError, match=rf"{VOCABULARY_FILE} is missing, and the model knows 624"):
        load_clip(f"local-dir:{folder}")


def test_a_model_with_another_s_vocabulary_is_refused(tmp_path: Path) -> None:
    """A smaller one would give tokens that are there, and others than those of the training."""
    folder = shutil.copytree(EMBEDDED, tmp_path / "copy")
    write_vocabulary(folder / VOCABULARY_FILE, ["seven"])
    with pytest.raises(ModelError, match=r"has 5\d\d tokens, and the model knows 624"):
        load_clip(f"local-dir:{folder}")
    (folder / VOCABULARY_FILE).write_bytes(b"no gzip")
    with pytest.raises(ModelError, match="is it a complete copy"):
        load_clip(f"local-dir:{folder}")


def test_text_called_weights_gives_a_reason_in_words(tmp_path: Path) -> None:
    """Read as a pickle, "he" is the memo of number 101, and that number was all that was said."""
    (tmp_path / "weights.pt").write_text("hello world\n")
    with pytest.raises(ModelError, match=r"should hold is missing \(KeyError 101\); is it a check"):
        load_clip("ViT-S-32", str(tmp_path / "weights.pt"))


def test_weights_of_another_model_are_named(tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    shutil.copy(f"{EMBEDDED}/open_clip_model.safetensors", weights)
    with pytest.raises(ModelError, match="is it a checkpoint of this model"):
        load_clip("ViT-S-32", str(weights))


def test_text_towers_that_cannot_be_prompted_are_refused(tmp_path: Path) -> None:
    last = {"embed_dim": 24, "vision_cfg": VISION, "text_cfg": {**TEXT, "pool_type": "last"}}
    with pytest.raises(ModelError, match="end-of-text token .*'last'"):
        load_clip(save_random(tmp_path / "last", last))


@pytest.mark.parametrize("device", ["cuda:99", "abacus"])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(ConfigError, match=r"use (--device )?cpu"):
        load_clip(device=device)


@pytest.mark.parametrize(
    "model", [("ViT-B-32-quickgelu", "openai"), ("hf-hub:org/no-such-model", None)]
)
def test_offline_hub_names_fail_at_once(
    model: tuple[str, str | None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    tried: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda sock, address: tried.append(address))
    with pytest.raises(ModelError, match=r"HF_HUB_OFFLINE is set .*use --model embedded"):
        load_clip(*model)
    assert tried == []


@pytest.mark.slow
def test_a_hub_that_does_not_answer_is_asked_once(tmp_path: Path) -> None:
    """Its own client would ask again and again for minutes."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        code = (
            "import socket; from secfpp.clip.model import load_clip\n"
            "from secfpp.errors import ModelError\n"
            "tried, connect = [], socket.socket.connect\n"
            "socket.socket.connect = lambda *given: (tried.append(given), connect(*given))\n"
            "try: load_clip('ViT-B-32-quickgelu', 'openai')\n"
            "except ModelError as error: print(error, len(tried))\n"
        )
        environment = {
            "HF_ENDPOINT": f"http://127.0.0.1:{full.getsockname()[1]}",
            "PATH": "",
            "HOME": str(tmp_path),
        }
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    message, _, tried = done.stdout.strip().rpartition(" ")
    assert "does not answer and it is not in the local cache" in message
    assert int(tried) == 1


def test_cut_vocabulary_splits_its_words_as_the_full_one(tmp_path: Path) -> None:
    full = open_clip.tokenizer.SimpleTokenizer()
    words = ["seven", "handwritten", "unquestionably", "o"]
    size = write_vocabulary(tmp_path / "v.txt.gz", words)
    cut = open_clip.tokenizer.SimpleTokenizer(str(tmp_path / "v.txt.gz"))
    assert size == cut.vocab_size == 514 + len(cut_merges(words))
    assert cut.eot_token_id == size - 1
    for word in words:
        pieces = [full.decoder[t] for t in full.encode(word)]
        assert [cut.decoder[t] for t in cut.encode(word)] == pieces


def test_vocabulary_file_is_the_same_every_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_vocabulary(tmp_path / name, ["six"])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_card_of_the_embedded_model_describes_it(embedded: FrozenClip) -> None:
    with open(f"{EMBEDDED}/card.json") as file:
        card = json.load(file)
    assert card["fingerprint"] == embedded.fingerprint


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same_features(embedded: FrozenClip) -> None:
    on_gpu = load_clip(device="cuda")
    images_NHW3 = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 3), dtype=np.uint8)
    context_BTW = torch.randn(3, 4, embedded.width, generator=torch.Generator().manual_seed(0))
    for clip in (embedded, on_gpu):
        assert clip.encode_images(images_NHW3).device.type == clip.device.type
    torch.testing.assert_close(
        on_gpu.encode_images(images_NHW3).cpu(),
        embedded.encode_images(images_NHW3),
        atol=5e-3,  # convolutions in TF32
        rtol=0,
    )
    torch.testing.assert_close(
        PromptedText(on_gpu, ("one", "two"), 4)(context_BTW).cpu(),
        PromptedText(embedded, ("one", "two"), 4)(context_BTW),
        atol=1e-5,
        rtol=0,
    )
