"""The federation of deploy/compose.yaml, run to its end in containers."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mpc.consent.chain import read_ledger
from mpc.consent.compare import differences
from tests.deploy.containers import SERVICES, Containers, images_are_built, why_not
from tests.packaging.checkouts import CHECKOUT
from tests.patience import SOON_S

pytestmark = pytest.mark.slow

ROUNDS = 3
CLIENTS = ("client-0", "client-1", "client-2")
PARTIES = ("party-0", "party-1")
REACH = """
import socket, sys
for host, port in zip(sys.argv[1::2], sys.argv[2::2]):
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
        print(host, "yes")
    except OSError:
        print(host, "no")
"""

FOUND = """
import importlib.util, sys
print(*filter(importlib.util.find_spec, sys.argv[1:]))
"""


@pytest.fixture
def containers(tmp_path: Path) -> Iterator[Containers]:
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    containers = Containers(tmp_path, f"secfpp-test-{os.getpid()}")
    program = CHECKOUT / "deploy" / "sample_images.py"
    subprocess.run([sys.executable, program, tmp_path / "data"], check=True, timeout=3 * SOON_S)
    containers.prepare()
    reason = containers.why_none_starts()
    if reason is not None:
        pytest.skip(reason)
    try:
        yield containers
    finally:
        containers.compose("down", "--volumes", "--timeout", "5")


def test_a_federation_in_containers(containers: Containers) -> None:
    containers.compose("up", "--detach", "--no-build")
    containers.await_end("server", within_s=7 * SOON_S)
    for client in CLIENTS:
        containers.await_end(client, within_s=3 * SOON_S)
    rounds = _lines(containers.file_of("server", "rounds.jsonl"))
    assert [(each["round"], each["clients"]) for each in rounds] == [
        (number, len(CLIENTS)) for number in range(1, ROUNDS + 1)
    ]
    for client in CLIENTS:
        metrics = _lines(containers.file_of(client, "metrics.jsonl"))
        assert [each["opened"] for each in metrics] == [True] * ROUNDS
    _ledgers_agree(containers)
    _only_parties_reach_the_dealer(containers)
    for service in ("dealer", *PARTIES):
        assert containers.probe(service, "/healthz") == 0
        assert containers.probe(service, "/nothing") == 1
    for service in SERVICES:
        _is_confined(containers, service)
    if images_are_built():
        found = containers.python("dealer", FOUND, "numpy", "torch", "crypten")
        assert found.split() == ["numpy"]


def _lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _ledgers_agree(containers: Containers) -> None:
    ledgers = [read_ledger(containers.file_of(each, "ledger.jsonl")) for each in SERVICES]
    assert list(differences(ledgers)) == []
    assert all(len(ledger.jobs) == ROUNDS for ledger in ledgers)


def _only_parties_reach_the_dealer(containers: Containers) -> None:
    (network,) = containers.inspect("dealer")["NetworkSettings"]["Networks"].values()
    dealer = network["IPAddress"]
    asked = ("party-0", "7000", "party-1", "7001", "dealer", "7002", dealer, "7002")
    for service, answer in {"party-0": "yes", "server": "no", "client-0": "no"}.items():
        said = dict(line.split() for line in containers.python(service, REACH, *asked).splitlines())
        assert said == {"party-0": "yes", "party-1": "yes", "dealer": answer, dealer: answer}
    networks = {each: containers.networks(each) for each in SERVICES}
    alone = [networks[each] for each in (*CLIENTS, "server", "dealer")]
    assert all(len(names) == 1 for names in alone)
    assert len(set.union(*alone)) == len(alone)
    assert networks["party-0"] == networks["party-1"] > set.union(*alone)
    for name in networks["party-0"]:
        (found,) = json.loads(containers.podman("network", "inspect", name))
        assert found["internal"]


def _is_confined(containers: Containers, service: str) -> None:
    found = containers.inspect(service)
    host = found["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert found["EffectiveCaps"] in (None, [])
    assert any("no-new-privileges" in option for option in host["SecurityOpt"])
    assert found["Config"]["User"] == "1000:1000"
    assert host["Memory"] > 0
    assert host["PidsLimit"] > 0
    assert host["NanoCpus"] > 0
    listed = containers.python(service, "import os; print(*sorted(os.listdir('/credentials')))")
    assert listed.split() == sorted(("ca.pem", "network.json", f"{service}.key", f"{service}.pem"))
