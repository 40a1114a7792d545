"""A federation by real Flower programs: TLS, node authentication, a node that is killed."""

import json
import os
import signal
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from mpc.consent.chain import read_ledger
from mpc.consent.compare import differences
from mpc.session.session import join_session
from secfpp.config.tree import to_json
from secfpp.deployment.client import sent_lengths
from secfpp.deployment.config import load_federation
from secfpp.deployment.server import Gathering, Patience, run_server
from secfpp.integrations.flower.answers import PROTOCOL
from secfpp.integrations.flower.frames import SocketMessage
from secfpp.integrations.flower.local_socket import ask
from secfpp.json_file import JsonValue
from tests.deployment.folders import make_client_folders, write_settings
from tests.deployment.programs import Programs
from tests.integrations.flower.superlink import superlink
from tests.mpc.deployment import ROLES, ledger_of, make_credentials, running
from tests.patience import SOON_S

pytest.importorskip("flwr", reason="needs Flower: pip install 'secfpp[flower]'")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

APP = Path(__file__).parents[3] / "examples" / "flower"
CLIENTS = 4
LAST = CLIENTS - 1
POLICY = {"min_owners": 3, "min_cluster_size": 2}
SETTINGS: dict[str, Any] = {
    "training": {"rounds": 3, "local_steps": 8, "shared_steps": 6},
    "clustering": {"k": 2, "min_cluster_size": 2},
    "quorum": 3,
}
LONG_S = 10 * SOON_S
"""Nothing here should ever wait so long."""


@dataclass
class Federation:
    """Images and settings, and parties and dealer of their own for each of two servers."""

    root: Path
    images: list[Path]
    settings: Path
    policy: Path

    @contextmanager
    def programs(self, name: str) -> Iterator[tuple[Path, Programs]]:
        """Run parties and dealer; give their credentials, and what starts clients."""
        certs = make_credentials(self.root / f"{name}-certs", clients=CLIENTS)
        files = ("--config", self.settings, "--network", certs / "network.json")
        (self.root / name).mkdir()
        programs = Programs(
            self.root / name, (*files, "--certs", certs, "--policy", self.policy), CLIENTS
        )
        with running(certs, {"party:0": POLICY, "party:1": POLICY}):
            try:
                yield certs, programs
            finally:
                programs.end()


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(POLICY))
    folders = make_client_folders(tmp_path)
    images = [folders[number] for number in (0, 1, 3, 4)]
    return Federation(
        tmp_path, images, write_settings(tmp_path / "federation.json", **SETTINGS), policy
    )


@dataclass
class WithoutTheLast(Gathering):
    """The last client is killed before the second round, and is back in the third."""

    programs: Programs
    images: Path
    _away: bool = field(default=False, init=False)

    def begin(self, number: int) -> None:
        role = f"client:{LAST}"
        if number == 2:
            self.programs.until(lambda: _rounds(self.programs, LAST) == [1], "no round")
            self.programs.kill(role)
        if number == 3:
            self.programs.client(LAST, self.images)
        self._away = number == 2

    def lost(self) -> int:
        return int(self._away)


def _wait_for(programs: Programs, name: str, count: int) -> None:
    """Wait for lines in a file of the ServerApp's."""
    complaint = f"fewer than {count} lines in {name}"
    programs.until(lambda: len(programs.lines("server", name)) >= count, complaint)


def _rounds(programs: Programs, number: int) -> list[int]:
    return [line["round"] for line in programs.lines(f"client:{number}", "metrics.jsonl")]


def _metrics(programs: Programs) -> list[list[list[float]]]:
    """Return what every client measured in each of its rounds."""
    return [
        [
            [line["own_mix"], line["uniform"], line["train_loss"], float(line["opened"])]
            for line in programs.lines(f"client:{number}", "metrics.jsonl")
        ]
        for number in range(CLIENTS)
    ]


def ask_again(
    path: Path,
    federation: Federation,
    run: str,
    number: int,
    changes: Mapping[str, JsonValue] = MappingProxyType({}),
) -> dict[str, JsonValue]:
    """Ask a client's program to take part in a round, as a ClientApp does."""
    hello: dict[str, JsonValue] = {"protocol": PROTOCOL, "verb": "hello"}
    known = ask(path, SocketMessage(values=hello), within_s=SOON_S).values
    values: dict[str, JsonValue] = {
        "protocol": PROTOCOL,
        "verb": "round",
        "run": run,
        "round": number,
        "model": known["model"],
        "settings": to_json(load_federation(federation.settings)),
        "within_s": LONG_S,
    }
    return dict(ask(path, SocketMessage(values={**values, **changes}), within_s=LONG_S).values)


def check_repeated(programs: Programs, federation: Federation, paths: list[Path]) -> None:
    """A message that comes again is answered alike, others are refused; nothing is shared."""
    run = json.loads((programs.folder("client:0") / "run.json").read_text())["run"]
    ledgers = [programs.folder(f"client:{n}") / "ledger.jsonl" for n in range(CLIENTS)]
    before = [path.read_text() for path in ledgers]
    for number in (1, 2, 3):
        answer = ask_again(paths[0], federation, run, number)
        (kept,) = (
            line for line in programs.lines("client:0", "metrics.jsonl") if line["round"] == number
        )
        assert (answer["code"], answer["train_loss"]) == ("done", kept["train_loss"])
    last = partial(ask_again, paths[LAST], federation)
    assert last(run, 2) == {"code": "missed"}
    other = to_json(load_federation(federation.settings))
    assert isinstance(other, dict)
    refused: dict[str, dict[str, JsonValue]] = {
        "bad request": {"round": 4},
        "other protocol": {"protocol": PROTOCOL + 1},
        "other settings": {"settings": other | {"seed": 12345}},
        "other model": {"model": "another"},
        "other run": {"run": "0" * 16},
    }
    for code, changes in refused.items():
        assert last(run, 3, changes) == {"code": code}
    assert [path.read_text() for path in ledgers] == before


def by_secfpp_server(federation: Federation) -> list[list[list[float]]]:
    """Return the metrics of the same federation, driven as by `secfpp server`."""
    with federation.programs("server") as (certs, programs):
        for number, images in enumerate(federation.images):
            programs.client(number, images)
        config = load_federation(federation.settings)
        records = run_server(
            config,
            sent_lengths(config),
            lambda: join_session(certs / "network.json", certs),
            federation.root / "server" / "out",
            patience=Patience(clients=CLIENTS, round_wait_s=LONG_S, wait_s=LONG_S),
            gathering=WithoutTheLast(programs, federation.images[LAST]),
        )
        assert [record.clients for record in records] == [4, 3, 4]
        for number in range(CLIENTS):
            code, said = programs.wait(f"client:{number}")
            assert code == 0, said
        return _metrics(programs)


def test_flower_reaches_what_the_server_reaches(federation: Federation, tmp_path: Path) -> None:
    """The last node is killed in the first round, ClientApp included, and is back in the third."""
    with (
        federation.programs("flower") as (certs, programs),
        superlink(tmp_path / "superlink") as link,
    ):
        out = tmp_path / "flower" / "server"
        sockets = [tmp_path / f"s{number}" / "socket" for number in range(CLIENTS)]
        for number, images in enumerate(federation.images):
            programs.client(number, images, "--listen", sockets[number], "--share-metrics")
        with ThreadPoolExecutor() as pool:
            list(pool.map(link.register, [f"node-{number}" for number in range(CLIENTS)]))
        for number, path in enumerate(sockets):
            link.start_node(f"node-{number}", path)
        programs.until(lambda: all(path.exists() for path in sockets), "a client does not listen")
        first = programs.started["client:0"]
        os.kill(first.pid, signal.SIGSTOP)  # no round without it
        link.run(
            APP,
            config=str(federation.settings),
            network=str(certs / "network.json"),
            certs=str(certs),
            out=str(out),
            clients=CLIENTS,
            round_wait_s=2 * SOON_S,
            wait_s=LONG_S,
            reply_wait_s=SOON_S / 2,
        )
        asked = programs.folder(f"client:{LAST}") / "run.json"
        programs.until(asked.exists, "the last client is not asked")
        link.kill(f"node-{LAST}")
        run = json.loads(asked.read_text())["run"]
        with ThreadPoolExecutor(1) as pool:  # Flower runs a ClientApp that was killed again
            again = pool.submit(ask_again, sockets[LAST], federation, run, 1)
            os.kill(first.pid, signal.SIGCONT)
            assert again.result(LONG_S)["code"] == "done"
        written = partial(_wait_for, programs)
        written("rounds.jsonl", 1)
        expected = by_secfpp_server(federation)
        written("rounds.jsonl", 2)
        link.start_node(f"node-{LAST}", sockets[LAST])
        written("answers.jsonl", 3)
        assert [line["clients"] for line in programs.lines("server", "rounds.jsonl")] == [4, 3, 4]
        answers = programs.lines("server", "answers.jsonl")
        assert [line["answers"].get("done") for line in answers] == [3, 3, 4]
        reached = _metrics(programs)
        assert [len(rounds) for rounds in reached] == [3, 3, 3, 2]
        for client, (one, other) in enumerate(zip(reached, expected, strict=True)):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=0.02, err_msg=str(client))
        check_repeated(programs, federation, sockets)
        told = [client[-1][2] for client in reached]
        assert answers[-1]["train_loss"] == pytest.approx(np.mean(told))
        names = ["server", *(f"client:{number}" for number in range(CLIENTS))]
        kept = [programs.folder(name) / "ledger.jsonl" for name in names]
        ledgers = [read_ledger(path) for path in (*kept, *(ledger_of(certs, r) for r in ROLES))]
        assert list(differences(ledgers)) == []
