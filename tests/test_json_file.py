"""JSON that Python reads and nobody else would, and that later steps would stumble over."""

from pathlib import Path

import pytest

from secfpp.cli import main
from secfpp.errors import RunFolderError
from secfpp.experiment.run_folder import RunFolder
from secfpp.json_file import DEEPEST, parse_json
from tests.patience import SOON_S


@pytest.mark.parametrize("text", ["NaN", '{"a": [1, -Infinity]}', "[1e999]"])
def test_numbers_that_are_not_finite_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not finite"):
        parse_json(text)


@pytest.mark.parametrize("depth", [DEEPEST, 900, 100_000])
def test_depth_beyond_use_is_refused(depth: int) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json('{"a": ' + "[" * depth + "]" * depth + "}")
    assert parse_json("[" * (DEEPEST - 1) + "]" * (DEEPEST - 1)) is not None


@pytest.mark.timeout(SOON_S)
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/full"])
def test_settings_from_a_device_without_end_are_refused(
    device: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--config", device]) == 2
    assert f"cannot read settings from {device}: is a pipe or a device" in capfd.readouterr().err


def test_a_long_value_is_cut_in_a_message(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.json").write_text('{"seeds": "' + "x" * 5000 + '"}')
    assert main(["run", "--config", str(tmp_path / "c.json")]) == 2
    assert len(capfd.readouterr().err) < 200


@pytest.mark.timeout(SOON_S)
@pytest.mark.parametrize("name", ["results.json", "metrics.jsonl"])
def test_records_of_a_run_are_files(tmp_path: Path, name: str) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / name).symlink_to("/dev/zero")
    folder = RunFolder(tmp_path)
    with pytest.raises(RunFolderError, match=f"cannot read .*{name}"):
        folder.read(name) if name.endswith("n") else folder.lines(name)
