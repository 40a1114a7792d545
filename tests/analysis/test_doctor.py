"""`secfpp doctor`: one finding a line, failures fail, nothing raises."""

import json
from collections import namedtuple

import pytest

from secfpp.analysis import doctor
from secfpp.analysis.doctor import Check
from secfpp.cli import main

Memory = namedtuple("Memory", "available")
Disk = namedtuple("Disk", "free")


def finding(name: str) -> Check:
    return doctor.CHECKS[name](name)


def test_json_of_the_real_machine(capfd):
    code = main(["doctor", "--json"])
    record = json.loads(capfd.readouterr().out)
    assert {check["name"] for check in record["checks"]} == set(doctor.CHECKS)
    assert record["healthy"] == all(check["status"] != "fail" for check in record["checks"])
    assert code == (0 if record["healthy"] else 1)


def test_a_check_that_raises_is_a_failure_and_not_the_end(monkeypatch, capfd):
    def broken(name: str) -> Check:
        raise ImportError("libcudart.so.12: cannot open shared object file")

    monkeypatch.setitem(doctor.CHECKS, "torch", broken)
    assert main(["doctor"]) == 1
    printed = capfd.readouterr().out
    assert "libcudart" in printed
    assert "embedded model" in printed


@pytest.mark.parametrize(("free", "status"), [(8e9, "ok"), (2e9, "warn"), (1e9, "fail")])
def test_memory(free, status, monkeypatch):
    monkeypatch.setattr("psutil.virtual_memory", lambda: Memory(free))
    assert finding("memory").status == status


def test_cache_that_cannot_be_written(monkeypatch, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(file))
    found = finding("cache")
    assert found.status == "fail"
    assert "XDG_CACHE_HOME" in found.remedy


def test_disk_nearly_full(monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: Disk(5e8))
    assert finding("run folders").status == "warn"


def test_wrong_pair_of_torch_and_torchvision(monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: "2.13.0")
    found = finding("torch")
    assert found.status == "warn"
    assert "torch==2.14" in found.remedy


def test_old_python(monkeypatch):
    monkeypatch.setattr("sys.version_info", (3, 10, 0))
    assert finding("python").status == "fail"


def test_ports(monkeypatch):
    assert finding("loopback").status == "ok"
