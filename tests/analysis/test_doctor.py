"""`secfpp doctor`: one finding a line, failures fail, nothing raises."""

import json
from collections import namedtuple
from pathlib import Path

import pytest

from secfpp.analysis import doctor
from secfpp.analysis.doctor import Check
from secfpp.cli import main

Memory = namedtuple("Memory", "available")
Disk = namedtuple("Disk", "free")


def finding(name: str) -> Check:
    return doctor.CHECKS[name](name)


def test_json_of_the_real_machine(capfd: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--json"])
    record = json.loads(capfd.readouterr().out)
    assert {check["name"] for check in record["checks"]} == set(doctor.CHECKS)
    assert record["healthy"] == all(check["status"] != "fail" for check in record["checks"])
    assert code == (0 if record["healthy"] else 1)


def test_a_check_that_raises_is_a_failure_and_not_the_end(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(name: str) -> Check:
        raise ImportError("libcudart.so.12: cannot open shared object file")

    monkeypatch.setitem(doctor.CHECKS, "torch", broken)
    assert main(["doctor"]) == 1
    printed = capfd.readouterr().out
    assert "libcudart" in printed
    assert "embedded model" in printed


@pytest.mark.parametrize(("free", "status"), [(8e9, "ok"), (2e9, "warn"), (1e9, "fail")])
def test_memory(free: float, status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: Memory(free))
    assert finding("memory").status == status


def test_cache_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(file))
    found = finding("cache")
    assert found.status == "fail"
    assert "XDG_CACHE_HOME" in found.remedy


def test_disk_nearly_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: Disk(5e8))
    assert finding("run folders").status == "warn"


def test_wrong_pair_of_torch_and_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: "2.13.0")
    found = finding("torch")
    assert found.status == "warn"
    assert "torch==2.14" in found.remedy


def test_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.version_info", (3, 10, 0))
    assert finding("python").status == "fail"


def test_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    assert finding("loopback").status == "ok"
