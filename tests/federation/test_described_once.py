"""A client keeps the descriptor of its first round, whenever that is; or is described anew."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from secfpp.config.clustering import DescriptorName
from secfpp.federation.round import DESCRIPTOR, Federation, RoundResult, begin, run_round
from secfpp.methods.registry import METHODS
from tests.federation.toy import T, W
from tests.methods.personal import federation, toy_config

TURNS = ([0, 1, 2, 3, 4, 5], [0, 2, 4, 5, 6, 7], [0, 1, 3, 6, 7, 8], list(range(9)))
"""Participants of four rounds: clients 6 and 7 come in the second, client 8 in the third."""
FIRST = {**dict.fromkeys(range(6), 0), 6: 1, 7: 1, 8: 2}


def made(*, once: bool, descriptor: DescriptorName = "text-shift") -> Federation:
    fed = federation(METHODS["secfpp-plain"], toy_config())
    return replace(fed, describe_once=once, descriptor=descriptor)


def rounds(fed: Federation) -> list[RoundResult]:
    state, results = begin(fed, torch.zeros(T, W)), []
    assert state.extra[DESCRIPTOR].isnan().all()
    for clients in TURNS:
        results.append(run_round(fed, state, np.array(clients, dtype=np.int64)))
        state = results[-1].state
    return results


def sent_by(results: list[RoundResult], client: int) -> list[np.ndarray]:
    """Return the descriptors that a client sent, in the order of its rounds."""
    return [
        result.descriptor_nD[result.clients_n.tolist().index(client)]
        for result in results
        if client in result.clients_n
    ]


def test_the_first_descriptor_is_kept_over_rounds() -> None:
    results, anew = rounds(made(once=True)), rounds(made(once=False))
    for client in range(9):
        kept, fresh = sent_by(results, client), sent_by(anew, client)
        assert np.isfinite(kept[0]).all()
        assert np.linalg.norm(kept[0]) == pytest.approx(1.0)
        assert len(kept) > 1
        assert all(np.array_equal(kept[0], later) for later in kept)
        assert not any(np.allclose(fresh[0], later, atol=1e-3) for later in fresh[1:])


def test_a_client_that_comes_later_is_described_when_it_comes() -> None:
    results = rounds(made(once=True))
    for client, first in FIRST.items():
        assert len(sent_by(results[:first], client)) == 0
        for index, result in enumerate(results):
            kept = result.state.extra[DESCRIPTOR][client]
            assert bool(kept.isnan().all()) == (index < first)
        assert np.array_equal(kept.numpy(), sent_by(results, client)[0])


def test_first_rounds_are_the_same_either_way() -> None:
    once, anew = rounds(made(once=True)), rounds(made(once=False))
    assert np.array_equal(once[0].descriptor_nD, anew[0].descriptor_nD)


def test_the_clusters_are_those_of_what_was_sent() -> None:
    """With descriptors of images, which do not change, both ways give one result."""
    once, anew = (rounds(made(once=o, descriptor="mean-image"))[-1] for o in (True, False))
    assert torch.equal(once.state.shared_NTW, anew.state.shared_NTW)
    assert np.array_equal(once.descriptor_nD, anew.descriptor_nD)


def test_a_run_takes_the_setting() -> None:
    config = toy_config()
    assert config.clustering.describe_once
    assert config.clustering.descriptor == "text-shift"
