from typing import get_args

from secfpp.analysis.descriptor_report import descriptor_report
from secfpp.config.clustering import DescriptorName
from secfpp.config.training import TrainingConfig
from secfpp.experiment.config import RunConfig
from tests.federation.toy import TOY_PARTITION, T, toy_workload


def test_report_covers_every_descriptor_and_seed() -> None:
    config = RunConfig(
        partition=TOY_PARTITION,
        training=TrainingConfig(local_steps=10, shared_steps=8, num_context=T),
        seeds=2,
        first_seed=3,
    )
    report = descriptor_report(config, toy_workload())
    assert [score.name for score in report] == list(get_args(DescriptorName))
    for score in report:
        assert score.seeds == (3, 4)
        assert len(score.ari.per_seed) == len(score.chosen_k) == 2
        assert all(1 <= k <= 8 for k in score.chosen_k)
    by_name = {score.name: score for score in report}
    assert by_name["mean-image"].ari.mean == 1.0
    assert by_name["text-features"].ari.mean > 0.9
