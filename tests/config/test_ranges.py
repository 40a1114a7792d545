import pytest

from secfpp.config.clustering import ClusteringConfig
from secfpp.config.partition import PartitionConfig
from secfpp.config.privacy import PrivacyConfig
from secfpp.config.secure import SecureConfig
from secfpp.config.training import TrainingConfig
from secfpp.errors import ConfigError
from secfpp.methods.cfl import CflSettings


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TrainingConfig(rounds=0), "training.rounds=0"),
        (lambda: TrainingConfig(local_steps=10, shared_steps=11), "training.shared_steps=11"),
        (lambda: TrainingConfig(lr=float("nan")), "training.lr=nan"),
        (lambda: TrainingConfig(alignment_weight=-1.0), "training.alignment_weight"),
        (lambda: TrainingConfig(num_context=0), "training.num_context"),
        (lambda: ClusteringConfig(k=None, k_max=17), "k_max"),
        (lambda: ClusteringConfig(k=0), "clustering.k=0"),
        (lambda: ClusteringConfig(warm_iterations=0), "clustering.warm_iterations=0"),
        (lambda: ClusteringConfig(fresh_every=0), "clustering.fresh_every=0"),
        (lambda: ClusteringConfig(min_cluster_size=0), "clustering.min_cluster_size=0"),
        (lambda: SecureConfig(parties=1), "secure.parties=1"),
        (lambda: SecureConfig(provider="tfp"), "insecure_dev"),
        (lambda: PrivacyConfig(epsilon=0.0), "privacy.epsilon=0"),
        (lambda: PrivacyConfig(delta=1.0), "privacy.delta=1"),
        (lambda: TrainingConfig(lr=1e300), r"training.lr=1e\+300 .* at most 1e\+09"),
        (lambda: SecureConfig(timeout_s=float("inf")), "secure.timeout_s=inf"),
        (lambda: CflSettings(cfl_lr=1e300), r"cfl_lr=1e\+300"),
        (lambda: PartitionConfig(label_mix=1e300), r"partition.label_mix=1e\+300"),
    ],
)
def test_values_out_of_range_are_refused(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(ConfigError, match=message):
        make()
