import hashlib
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.ring.fixedpoint import FloatArray
from secfpp.config.partition import PartitionConfig, Scheme
from secfpp.config.tree import from_json, to_json
from secfpp.data.domains import Domain, DomainSet
from secfpp.data.load import load_domains
from secfpp.data.partition import ClientShard, partition
from secfpp.errors import DataError
from secfpp.seeds import Seeds
from tests.data.toy_sets import make_set

SCHEMES = get_args(Scheme)
EMBEDDED_SEED_0 = {  # sha256 of the indices of the first release
    3.0: "c16567c34bbac08928bd3642523bee615298ec693f0c1fff053ac74b4e568620",
    0.5: "521ce3c35f90196de189a3bbbba706adc8ef5c0035858bbdb7602aba017e3fee",
}
LEGAL = (
    "has only images of class",
    "would have only images of class",
    "Dirichlet partitions",
    "are needed",
    "clients without a class in common",
    "is given the classes",
)


@pytest.fixture(scope="module")
def digits() -> DomainSet:
    return load_domains("digits")


def digest(shards: Sequence[ClientShard]) -> str:
    total = hashlib.sha256()
    for shard in shards:
        sizes = f"{len(shard.train_index)} {len(shard.test_index)}"
        total.update(f"{shard.client} {shard.domain} {sizes}\n".encode())
        total.update(shard.train_index.astype("<i8").tobytes())
        total.update(shard.test_index.astype("<i8").tobytes())
    return total.hexdigest()


@pytest.mark.parametrize("label_mix", list(EMBEDDED_SEED_0))
def test_default_scheme_gives_the_partition_of_the_first_release(
    digits: DomainSet, label_mix: float
) -> None:
    config = PartitionConfig(label_mix=label_mix)
    shards = partition(digits, config, Seeds(0).numpy("partition"))
    assert digest(shards) == EMBEDDED_SEED_0[label_mix]


@settings(max_examples=200, deadline=None)
@given(
    scheme=st.sampled_from(SCHEMES),
    clients=st.integers(1, 5),
    images=st.integers(1, 12),
    test_images=st.integers(1, 20),
    size=st.integers(20, 150),
    num_classes=st.integers(2, 6),
    label_mix=st.sampled_from([1e-3, 0.1, 1.0, 3.0, 1e6]),
    test_every=st.sampled_from([None, 3]),
    missing=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_scheme_uses_each_image_once_or_says_why_not(
    scheme: Scheme,
    clients: int,
    images: int,
    test_images: int,
    size: int,
    num_classes: int,
    label_mix: float,
    test_every: int | None,
    missing: bool,
    seed: int,
) -> None:
    domain_set = make_set(
        [size, size + 3], num_classes, missing={1} if missing else (), test_every=test_every
    )
    config = PartitionConfig(
        scheme=scheme,
        clients_per_domain=clients,
        images_per_client=images,
        label_mix=label_mix,
        test_images_per_domain=test_images,
    )
    try:
        shards = partition(domain_set, config, np.random.default_rng(seed))
    except DataError as error:
        assert any(reason in str(error) for reason in LEGAL)  # noqa: PT017
        return
    assert [s.client for s in shards] == list(range(2 * clients))
    for d, domain in enumerate(domain_set.domains):
        check_domain(domain, [s for s in shards if s.domain == d], config)


def check_domain(domain: Domain, shards: Sequence[ClientShard], config: PartitionConfig) -> None:
    """No image is used twice, and every client has what the settings say."""
    images = config.images_per_client
    used = np.concatenate([shards[0].test_index, *(s.train_index for s in shards)])
    needed = config.clients_per_domain * images + config.test_images_per_domain
    assert len(shards) == config.clients_per_domain
    assert len(set(used.tolist())) == len(used) == needed
    assert 0 <= used.min() <= used.max() < len(domain)
    for shard in shards:
        assert shard.train_index.dtype == np.int64
        assert len(shard.train_index) == images
        np.testing.assert_array_equal(shard.test_index, shards[0].test_index)
        check_classes(domain, shard, config)
    if config.scheme == "pathological":
        classes = [set(np.flatnonzero(s.label_mix_C).tolist()) for s in shards]
        counts = [len(own) for own in classes]
        assert len(set.union(*classes)) == sum(counts)
        assert max(counts) - min(counts) <= 1
        for shard, own in zip(shards, classes, strict=True):
            assert set(domain.labels_N[shard.train_index].tolist()) <= own
            assert shard.label_mix_C[list(own)] == pytest.approx(1 / len(own))


def check_classes(domain: Domain, shard: ClientShard, config: PartitionConfig) -> None:
    """A label mix is a distribution over classes of the domain; splits and schemes are kept."""
    assert shard.label_mix_C.sum() == pytest.approx(1)
    assert (shard.label_mix_C >= 0).all()
    assert set(np.flatnonzero(shard.label_mix_C)) <= set(domain.labels_N)
    if domain.is_test_N is not None:
        assert not domain.is_test_N[shard.train_index].any()
        assert domain.is_test_N[shard.test_index].all()
    own = set(domain.labels_N[shard.train_index].tolist())
    if config.scheme != "pathological" and config.images_per_client > 1:
        assert len(own) > 1
    if config.scheme == "dirichlet":
        assert own <= set(np.flatnonzero(shard.label_mix_C).tolist())


@pytest.mark.parametrize("scheme", SCHEMES)
def test_same_seed_same_partition_and_another_seed_another(scheme: Scheme) -> None:
    config = PartitionConfig(scheme=scheme, test_images_per_domain=100)
    domain_set = make_set([600, 600], num_classes=8)
    first, again, other = (
        digest(partition(domain_set, config, np.random.default_rng(seed))) for seed in (1, 1, 2)
    )
    assert first == again != other


@pytest.mark.parametrize("scheme", SCHEMES)
def test_schemes_are_recorded_in_settings(scheme: Scheme) -> None:
    config = PartitionConfig(scheme=scheme)
    assert from_json(PartitionConfig, to_json(config)) == config
    assert from_json(PartitionConfig, {}).scheme == "domain-dirichlet"


def partition_labels(
    scheme: Scheme,
    label_mix: float = 1.0,
    images: int = 400,
    num_classes: int = 10,
    clients: int = 5,
) -> tuple[FloatArray, FloatArray]:
    domain_set = make_set([6000], num_classes)
    config = PartitionConfig(
        scheme=scheme,
        clients_per_domain=clients,
        images_per_client=images,
        label_mix=label_mix,
        test_images_per_domain=1000,
    )
    shards = partition(domain_set, config, np.random.default_rng(0))
    labels_N = domain_set.domains[0].labels_N
    share_KC = [np.bincount(labels_N[s.train_index], minlength=num_classes) for s in shards]
    return np.array(share_KC) / images, np.array([s.label_mix_C for s in shards])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_training_images_follow_the_stated_mix(scheme: Scheme) -> None:
    share_KC, mix_KC = partition_labels(scheme)
    np.testing.assert_allclose(share_KC, mix_KC, atol=0.08)


def test_domain_is_even_and_dirichlet_is_as_uneven_as_asked() -> None:
    even_KC, _ = partition_labels("domain")
    np.testing.assert_allclose(even_KC, 0.1, atol=0.06)
    spread = {}
    for label_mix in (0.3, 3.0, 1000.0):
        share_KC, _ = partition_labels("dirichlet", label_mix)
        spread[label_mix] = share_KC.std()
    assert spread[0.3] > 1.5 * spread[3.0] > 1.5 * 1.5 * spread[1000.0]


def test_dirichlet_couples_the_clients_and_a_mix_of_ones_own_does_not() -> None:
    """A class is divided as a whole, so what one client has much of, others lack."""
    _, mix_KC = partition_labels("dirichlet", 0.3, images=100)
    assert (mix_KC.argmax(axis=0) >= 0).all()
    top_C = mix_KC.max(axis=0) / mix_KC.sum(axis=0)
    assert top_C.mean() > 0.5


def test_pathological_takes_classes_in_turn() -> None:
    share_KC, mix_KC = partition_labels("pathological", images=40, clients=4)
    assert sorted((mix_KC > 0).sum(axis=1)) == [2, 2, 3, 3]
    np.testing.assert_allclose(share_KC, mix_KC, atol=1 / 40)


def test_one_class_each_is_legal_when_pathological() -> None:
    share_KC, _ = partition_labels("pathological", images=40, clients=10)
    np.testing.assert_array_equal(np.sort(share_KC.argmax(axis=1)), np.arange(10))
    assert (share_KC.max(axis=1) == 1).all()


def fail(scheme: Scheme, match: str, num_classes: int = 3, size: int = 300, **changes: Any) -> None:
    settings = {"images_per_client": 20, "test_images_per_domain": 30, **changes}
    with pytest.raises(DataError, match=match):
        partition(
            make_set([size], num_classes),
            PartitionConfig(scheme=scheme, **settings),
            np.random.default_rng(0),
        )


def test_a_client_of_one_class_is_named_with_the_remedy() -> None:
    message = r"client \d of domain 'd0' has only images of class 'class\d'.*raise partition\."
    fail("domain-dirichlet", message, label_mix=1e-3)
    unlikely = r"client \d of domain 'd0' has only .*raise partition\.images_per_client"
    fail("domain", unlikely, clients_per_domain=100, images_per_client=2, test_images_per_domain=9)


def test_a_domain_of_one_class_is_named() -> None:
    domain_set = make_set([300, 300], num_classes=2, missing={1})
    config = PartitionConfig(images_per_client=20, test_images_per_domain=30)
    message = "client 4 of domain 'd1' .*'class1', for .*no other class; add some, or remove"
    for scheme in ("domain-dirichlet", "domain", "dirichlet"):
        with pytest.raises(DataError, match=message):
            partition(
                domain_set,
                PartitionConfig(**{**vars(config), "scheme": scheme}),
                Seeds(0).numpy("p"),
            )


def test_empty_clients_and_too_few_images_are_named() -> None:
    few = r"none of 100 Dirichlet .* client \d got 0 images of 0 classes\); raise partition\."
    fail("dirichlet", few, label_mix=1e-3, clients_per_domain=8)
    one = r"none of 100 Dirichlet .* client \d got \d+ images of 1 classes\); raise partition\."
    fail("dirichlet", one, label_mix=1e-3, clients_per_domain=2, num_classes=2)
    fail("pathological", "3 classes, too few for 4 clients without a class in common")
    fail(
        "pathological",
        r"client 1 of domain 'd0' is given the classes 'class\d', which have 90 training images",
        clients_per_domain=2,
        images_per_client=91,
    )
