import hashlib
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.ring.fixedpoint import FloatArray
from secfpp.config.partition import PartitionConfig, Scheme, ScoreOn
from secfpp.config.tree import from_json, to_json
from secfpp.data.domains import Domain, DomainSet
from secfpp.data.load import load_domains
from secfpp.data.partition import ClientShard, partition
from secfpp.errors import DataError
from secfpp.seeds import Seeds
from tests.data.toy_sets import make_set

SCHEMES = get_args(Scheme)
EMBEDDED_SEED_0 = {  # sha256 of the indices: another value means other results everywhere
    3.0: "13c6603408c28223d129ad2e7623722e9f122491c10e1393f6701fdde113b42c",
    0.5: "e39c2ca53815c8641275cea02c3a6f2908e478ba71f3b638950361ad118c2f87",
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
        parts = (shard.train_index, shard.validation_index, shard.test_index)
        sizes = " ".join(str(len(part)) for part in parts)
        total.update(f"{shard.client} {shard.domain} {sizes}\n".encode())
        for part in parts:
            total.update(part.astype("<i8").tobytes())
    return total.hexdigest()


@pytest.mark.parametrize("label_mix", list(EMBEDDED_SEED_0))
def test_default_scheme_gives_the_partition_on_record(digits: DomainSet, label_mix: float) -> None:
    config = PartitionConfig(label_mix=label_mix)
    shards = partition(digits, config, Seeds(0).numpy("partition"))
    assert digest(shards) == EMBEDDED_SEED_0[label_mix]


@settings(max_examples=200, deadline=None)
@given(
    scheme=st.sampled_from(SCHEMES),
    clients=st.integers(1, 5),
    images=st.integers(1, 12),
    validation=st.integers(0, 6),
    score_on=st.sampled_from(get_args(ScoreOn)),
    test_images=st.integers(1, 20),
    size=st.integers(20, 150),
    num_classes=st.integers(2, 6),
    label_mix=st.sampled_from([1e-3, 0.1, 1.0, 3.0, 1e6]),
    test_every=st.sampled_from([None, 3]),
    missing=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_scheme_uses_each_image_in_one_role_or_says_why_not(
    scheme: Scheme,
    clients: int,
    images: int,
    validation: int,
    score_on: ScoreOn,
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
        validation_images_per_client=validation,
        label_mix=label_mix,
        test_images_per_domain=test_images,
        score_on=score_on,
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
    of_clients = [part for s in shards for part in (s.train_index, s.validation_index)]
    used = np.concatenate([shards[0].test_index, *of_clients])
    reporting = domain.is_reporting_N
    assert len(shards) == config.clients_per_domain
    assert len(set(used.tolist())) == len(used)
    assert 0 <= used.min() <= used.max() < len(domain)
    assert not reporting[np.concatenate(of_clients)].any()
    if config.score_on == "reporting":
        assert reporting[shards[0].test_index].all()
        assert len(shards[0].test_index) == config.test_images_per_domain
    else:
        left = int((~reporting).sum()) - len(np.concatenate(of_clients))
        assert not reporting[shards[0].test_index].any()
        assert len(shards[0].test_index) == min(left, config.test_images_per_domain) > 0
    for shard in shards:
        assert shard.train_index.dtype == np.int64
        assert shard.validation_index.dtype == np.int64
        assert len(shard.train_index) == images
        assert len(shard.validation_index) == config.validation_images_per_client
        np.testing.assert_array_equal(shard.test_index, shards[0].test_index)
        check_classes(domain, shard, config)
    if config.scheme == "pathological":
        classes = [set(np.flatnonzero(s.label_mix_C).tolist()) for s in shards]
        counts = [len(own) for own in classes]
        assert len(set.union(*classes)) == sum(counts)
        assert max(counts) - min(counts) <= 1
        for shard, own in zip(shards, classes, strict=True):
            assert set(domain.labels_N[shard.train_index].tolist()) <= own
            assert set(domain.labels_N[shard.validation_index].tolist()) <= own
            assert shard.label_mix_C[list(own)] == pytest.approx(1 / len(own))


def check_classes(domain: Domain, shard: ClientShard, config: PartitionConfig) -> None:
    """A label mix is a distribution over classes of the domain; splits and schemes are kept."""
    assert shard.label_mix_C.sum() == pytest.approx(1)
    assert (shard.label_mix_C >= 0).all()
    assert set(np.flatnonzero(shard.label_mix_C)) <= set(domain.labels_N)
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
    domain_set = make_set([12_000], num_classes)
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
    settings = {
        "images_per_client": 20,
        "validation_images_per_client": 3,
        "test_images_per_domain": 30,
        **changes,
    }
    with pytest.raises(DataError, match=match):
        partition(
            make_set([size], num_classes),
            PartitionConfig(scheme=scheme, **settings),
            np.random.default_rng(0),
        )


def test_a_client_of_one_class_is_named_with_the_remedy() -> None:
    message = r"client \d of domain 'd0' has only images of class 'class\d'.*raise partition\."
    fail("domain-dirichlet", message, label_mix=1e-3)
    without = {"validation_images_per_client": 0, "test_images_per_domain": 9}
    unlikely = r"client \d of domain 'd0' has only .*raise partition\.images_per_client"
    fail("domain", unlikely, clients_per_domain=100, images_per_client=2, **without, size=500)


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
    fail("dirichlet", few, label_mix=1e-3, clients_per_domain=8, size=600)
    one = r"none of 100 Dirichlet .* client \d got \d+ images of [01] classes\); raise partition\."
    fail("dirichlet", one, label_mix=1e-3, clients_per_domain=2, num_classes=2)
    fail("pathological", "3 classes, too few for 4 clients without a class in common")
    fail(
        "pathological",
        r"client 1 of domain 'd0' is given the classes 'class\d', which have 44 development "
        r"images, fewer than 42 for training \+ 3 for validation; lower",
        clients_per_domain=2,
        images_per_client=42,
    )


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("test_every", [None, 3])
def test_no_seed_develops_on_what_another_reports(scheme: Scheme, test_every: int | None) -> None:
    domain_set = make_set([300, 340], num_classes=6, test_every=test_every)
    reported: set[tuple[int, int]] = set()
    developed: set[tuple[int, int]] = set()
    for seed in range(40):
        for score_on in get_args(ScoreOn):
            config = PartitionConfig(
                scheme=scheme,
                clients_per_domain=3,
                images_per_client=12,
                validation_images_per_client=4,
                label_mix=1.0,
                test_images_per_domain=60,
                score_on=score_on,
            )
            for shard in partition(domain_set, config, np.random.default_rng(seed)):
                scored = reported if score_on == "reporting" else developed
                scored.update((shard.domain, i) for i in shard.test_index.tolist())
                developed.update((shard.domain, i) for i in shard.train_index.tolist())
                developed.update((shard.domain, i) for i in shard.validation_index.tolist())
    assert not reported & developed
    assert len(reported) > 100
    assert len(developed) > 250


@pytest.mark.parametrize("scheme", SCHEMES)
def test_clients_are_the_same_whatever_accuracy_is_measured_on(scheme: Scheme) -> None:
    domain_set = make_set([900], num_classes=6)
    reported, validated = (
        partition(
            domain_set,
            PartitionConfig(scheme=scheme, test_images_per_domain=100, score_on=score_on),
            np.random.default_rng(4),
        )
        for score_on in get_args(ScoreOn)
    )
    for a, b in zip(reported, validated, strict=True):
        np.testing.assert_array_equal(a.train_index, b.train_index)
        np.testing.assert_array_equal(a.validation_index, b.validation_index)
        assert not set(a.test_index) & set(b.test_index)


@pytest.mark.parametrize("scheme", [scheme for scheme in SCHEMES if scheme != "dirichlet"])
def test_held_out_images_change_no_training_image(scheme: Scheme) -> None:
    domain_set = make_set([900], num_classes=6)
    with_few, with_many = (
        partition(
            domain_set,
            PartitionConfig(
                scheme=scheme, test_images_per_domain=100, validation_images_per_client=count
            ),
            np.random.default_rng(4),
        )
        for count in (0, 25)
    )
    for a, b in zip(with_few, with_many, strict=True):
        np.testing.assert_array_equal(a.train_index, b.train_index)
        assert len(a.validation_index) == 0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_validation_images_have_the_mix_of_training_images(scheme: Scheme) -> None:
    domain_set = make_set([12_000], num_classes=6)
    config = PartitionConfig(
        scheme=scheme,
        images_per_client=400,
        validation_images_per_client=400,
        label_mix=2.0,
    )
    labels = domain_set.domains[0].labels_N
    for shard in partition(domain_set, config, np.random.default_rng(0)):
        share_C = np.bincount(labels[shard.validation_index], minlength=6) / 400
        np.testing.assert_allclose(share_C, shard.label_mix_C, atol=0.08)


@pytest.mark.parametrize("label_mix", [0.1, 0.5])
def test_every_class_is_scored_in_validation(digits: DomainSet, label_mix: float) -> None:
    """Also a class that clients want more images of than there are."""
    config = PartitionConfig(label_mix=label_mix, score_on="validation")
    for seed in range(5):
        for shard in partition(digits, config, Seeds(seed).numpy("partition")):
            labels = digits.domains[shard.domain].labels_N[shard.test_index]
            assert np.bincount(labels, minlength=10).min() >= 70 // 8
