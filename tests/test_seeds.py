import numpy as np
import pytest
import torch

from secfpp.errors import ConfigError
from secfpp.seeds import Seeds


def test_same_name_same_stream() -> None:
    assert np.array_equal(Seeds(3).numpy("a").random(5), Seeds(3).numpy("a").random(5))
    assert torch.equal(
        torch.rand(5, generator=Seeds(3).torch("a")), torch.rand(5, generator=Seeds(3).torch("a"))
    )


def test_names_and_roots_do_not_share_streams() -> None:
    draws = {
        (root, name): float(Seeds(root).numpy(name).random())
        for root in (0, 1)
        for name in ("a", "b", "round 1", "round 11")
    }
    assert len(set(draws.values())) == len(draws)


def test_stream_is_pinned() -> None:
    """A change of this number changes every published result."""
    assert Seeds(0).numpy("partition").integers(1_000_000) == 426_451


def test_negative_root_is_refused() -> None:
    with pytest.raises(ConfigError, match="seed -1"):
        Seeds(-1)
