"""What an operator sees of a long-lived role: health, readiness, metrics, and a log in JSON."""

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mpc.net.certificates import Authority
from mpc.net.credential_folder import write_certificates
from mpc.net.handshake import LOOPBACK
from secfpp.cli.watching import Health, json_log
from secfpp.errors import ConfigError


def free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as sock:
        return int(sock.getsockname()[1])


@pytest.fixture
def certs(tmp_path: Path) -> Path:
    write_certificates(Authority.create(valid_days=30), tmp_path / "certs", ["party:0", "dealer"])
    return tmp_path / "certs"


@pytest.fixture
def served(certs: Path) -> Iterator[tuple[Health, int]]:
    health, port = Health("party:0", certs=certs, ready=False), free_port()
    server = health.serve(port)
    yield health, port
    server.shutdown()
    server.server_close()


def ask(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_role_is_alive_at_once_and_ready_in_a_session_only(served: tuple[Health, int]) -> None:
    health, port = served
    assert ask(port, "/healthz") == (200, "alive\n")
    assert ask(port, "/readyz")[0] == 503
    health.note("session began", {"run": "ab"})
    assert ask(port, "/readyz") == (200, "ready\n")
    health.note("session ended", {"why": "party:1 died"})
    assert ask(port, "/readyz")[0] == 503
    assert ask(port, "/other")[0] == 404


def test_metrics_count_events_and_name_nobody(served: tuple[Health, int]) -> None:
    health, port = served
    for _ in range(3):
        health.note("agreed", {"run": "ab", "job": 1, "digest": "cd"})
    health.note("done", {"run": "ab", "job": 1, "seconds": 0.5, "undelivered": 0})
    health.note("given up", {"why": "client:7 was silent"})
    text = ask(port, "/metrics")[1]
    found = {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["secfpp_events_total", ("agreed",)] == 3
    assert found["secfpp_events_total", ("given_up",)] == 1
    assert found["secfpp_events_total", ("refused",)] == 0
    assert found["secfpp_job_seconds_count", ()] == 1
    assert found["secfpp_job_seconds_sum", ()] == 0.5
    assert ("process_resident_memory_bytes", ()) in found
    assert "client" not in text


def test_the_log_has_session_job_and_role_and_no_shares() -> None:
    lines: list[str] = []
    log = json_log("party:1", "hospitals", lines.append)
    log("agreed", {"run": "ab", "job": 4, "digest": "cd", "terms": {"k": 2}})
    line = json.loads(lines[0])
    assert (line["role"], line["session"], line["event"]) == ("party:1", "hospitals", "agreed")
    assert (line["run"], line["job"], line["digest"]) == ("ab", 4, "cd")
    assert "terms" not in line


def test_metrics_say_when_the_certificate_ends(served: tuple[Health, int], certs: Path) -> None:
    def end() -> float:
        text = ask(served[1], "/metrics")[1]
        families = {family.name: family for family in text_string_to_metric_families(text)}
        return float(families["secfpp_certificate_expiry_timestamp_seconds"].samples[0].value)

    in_a_month = time.time() + 30 * 86_400
    assert end() == pytest.approx(in_a_month, abs=3600)
    (certs / "party-0.key").unlink()
    assert end() == 0


def test_a_port_in_use_is_refused_with_its_flag(certs: Path) -> None:
    health = Health("dealer", certs=certs, ready=False)
    taken = socket.create_server((LOOPBACK, 0))
    with taken, pytest.raises(ConfigError, match="--health-port"):
        health.serve(taken.getsockname()[1])
    with pytest.raises(ConfigError, match="--health-port 70000"):
        Health("dealer", certs=certs, ready=False).serve(70_000)
