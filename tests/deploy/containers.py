"""The services of deploy/compose.yaml in containers that run today's code.

Where deploy/build-without-daemon.sh has built images for today's lock file, these are used.
Elsewhere all services share one image without any files, and see Python and its packages of this
machine: that takes a second, and shows as much of the compose file.
"""

import hashlib
import importlib.util
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.packaging.checkouts import CHECKOUT
from tests.patience import SOON_S

COMPOSE_FILE = CHECKOUT / "deploy" / "compose.yaml"
SERVICES = ("dealer", "party-0", "party-1", "server", "client-0", "client-1", "client-2")
_IMAGES = ("secfpp-dealer", "secfpp-party", "secfpp-client")
_LABEL = "secfpp.lock"
_OF_THIS_MACHINE = "localhost/secfpp-of-this-machine"
_FOLDERS = ("bin", "lib", "lib64", "sbin", "usr")
_PROBE = "/opt/secfpp/probe.py"
_CODE = "/today"
_MOST_FILES = 16384
_MOST_PROCESSES = 8192
_WITHOUT_SYSTEMD = {"healthcheck": {"disable": True}}
"""Podman's own health checks need systemd; see `Containers.probe`."""


def why_not() -> str | None:
    """Return why no containers can be run here; None if they can."""
    if os.geteuid() != 0:
        return "podman with networks of its own needs root"
    if shutil.which("podman") is None:
        return "podman is not installed"
    if importlib.util.find_spec("podman_compose") is None:
        return "podman-compose is not installed; the extra dev has it"
    words = ("podman", "info", "--format", "{{.Host.NetworkBackend}}")
    done = subprocess.run(words, capture_output=True, text=True, timeout=SOON_S, check=False)
    if done.stdout.strip() != "netavark":
        return "podman has no netavark, so services would not find one another by name"
    return None


def images_are_built() -> bool:
    """Return whether there are images of the Dockerfile for today's lock file."""
    lock = hashlib.sha256((CHECKOUT / "requirements" / "lock.txt").read_bytes()).hexdigest()
    form = f'{{{{index .Labels "{_LABEL}"}}}}'
    words = ("podman", "image", "inspect", "--format", form, *_IMAGES)
    done = subprocess.run(words, capture_output=True, text=True, timeout=SOON_S, check=False)
    return done.returncode == 0 and done.stdout.split() == [lock] * len(_IMAGES)


@dataclass(frozen=True)
class Containers:
    """The services of compose.yaml under a name of their own.

    Parameters
    ----------
    root : Path
        Holds the code, images of clients in `data`, and podman's settings.
    project : str
        Prefix of all names.
    """

    root: Path
    project: str

    def prepare(self) -> None:
        """Copy today's code, so that containers run it in place of the code of their images."""
        for package in ("secfpp", "mpc"):
            shutil.copytree(CHECKOUT / package, self.root / "code" / package)
        shutil.copy(CHECKOUT / "deploy" / "probe.py", self.root)
        subprocess.run(["chmod", "-R", "a+rX", self.root], check=True)
        volumes = [f"{self.root}/code:{_CODE}:ro", f"{self.root}/probe.py:{_PROBE}:ro"]
        more: dict[str, Any] = {"environment": {"PYTHONPATH": _CODE}}
        if not images_are_built():
            volumes += _volumes_of_this_machine()
            more["image"] = _OF_THIS_MACHINE
        services = {name: {**more, "volumes": volumes, **_WITHOUT_SYSTEMD} for name in SERVICES}
        services["credentials"] = {**more, "volumes": volumes}
        self._today.write_text(json.dumps({"services": services}))
        self._settings.write_text(_settings_of_this_machine())
        _make_image_of_this_machine()

    def why_none_starts(self) -> str | None:
        """Return what podman says if it cannot start a container on a bridge; None if it can."""
        volumes = [word for volume in _volumes_of_this_machine() for word in ("--volume", volume)]
        words = ("--network", "podman", "--entrypoint", "/usr/bin/true", _OF_THIS_MACHINE)
        try:
            self.podman("run", "--rm", *volumes, *words)
        except AssertionError as error:
            return f"podman starts no container here: {error}"
        return None

    @property
    def _today(self) -> Path:
        return self.root / "compose.today.yaml"

    @property
    def _settings(self) -> Path:
        return self.root / "containers.conf"

    def compose(self, *words: str, within_s: float = 3 * SOON_S) -> str:
        """Run a command of podman-compose; return what it printed."""
        before = ("--project-name", self.project, "--file", COMPOSE_FILE, "--file", self._today)
        return self._run((sys.executable, "-m", "podman_compose", *before, *words), within_s)

    def podman(self, *words: str | Path, within_s: float = 3 * SOON_S) -> str:
        """Run a command of podman; return what it printed."""
        return self._run(("podman", *words), within_s)

    def name(self, service: str) -> str:
        """Return the name of a service's container."""
        return f"{self.project}_{service}_1"

    def inspect(self, service: str) -> dict[str, Any]:
        """Return what podman knows of a service's container."""
        (found,) = json.loads(self.podman("inspect", self.name(service)))
        assert isinstance(found, dict)
        return found

    def networks(self, service: str) -> set[str]:
        """Return the names of a service's networks."""
        return set(self.inspect(service)["NetworkSettings"]["Networks"])

    def await_end(self, service: str, within_s: float) -> None:
        """Wait until a service has ended with 0."""
        code = self.podman("wait", self.name(service), within_s=within_s).strip()
        assert code == "0", self.podman("logs", self.name(service))

    def file_of(self, service: str, name: str) -> Path:
        """Return a copy of a file in a service's state."""
        place = self.root / f"{service}-{name}"
        self.podman("cp", f"{self.name(service)}:/var/lib/secfpp/{name}", place)
        return place

    def python(self, service: str, program: str, *words: str) -> str:
        """Run a Python program beside a service: same image, networks, user and volumes."""
        options = ("--rm", "--no-deps", "-T", "--entrypoint", "python")
        return self.compose("run", *options, service, "-c", program, *words)

    def probe(self, service: str, path: str) -> int:
        """Return the exit code of the probe of the images."""
        words = ("python", "-I", _PROBE, path)
        command = ("podman", "exec", self.name(service), *words)
        return subprocess.run(command, timeout=SOON_S, check=False).returncode

    def _run(self, command: Sequence[str | Path], within_s: float) -> str:
        environment = {
            **os.environ,
            "CONTAINERS_CONF": str(self._settings),
            "SECFPP_DATA": str(self.root / "data"),
        }
        done = subprocess.run(
            list(map(str, command)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within_s,
            env=environment,
            check=False,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout


def _make_image_of_this_machine() -> None:
    """Make an image that has no files but links to what is mounted, and a folder for state."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for name in filter(lambda name: Path("/", name).is_symlink(), _FOLDERS):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, os.readlink(f"/{name}")
            tar.addfile(link)
        state = tarfile.TarInfo("var/lib/secfpp")
        state.type, state.mode, state.uid, state.gid = tarfile.DIRTYPE, 0o700, 1000, 1000
        tar.addfile(state)
    path = f"PATH={sys.prefix}/bin:/usr/bin:/bin"
    settings = (f"ENV {path}", "USER 1000:1000", "WORKDIR /var/lib/secfpp", 'ENTRYPOINT ["secfpp"]')
    changes = [word for setting in settings for word in ("--change", setting)]
    words = ["podman", "import", "--quiet", *changes, "-", _OF_THIS_MACHINE]
    subprocess.run(words, input=layer.getvalue(), capture_output=True, timeout=SOON_S, check=True)


def _volumes_of_this_machine() -> list[str]:
    """Return what an image without files needs to run this machine's Python."""
    folders = {Path("/usr"), Path(sys.base_prefix), Path(sys.prefix)}
    folders |= {Path("/", name) for name in _FOLDERS if not Path("/", name).is_symlink()}
    return [f"{folder}:{folder}:ro" for folder in sorted(folders) if folder.is_dir()]


def _settings_of_this_machine() -> str:
    """Return settings of podman: limits that this process may set, and no need of systemd."""
    files = _at_most(resource.RLIMIT_NOFILE, _MOST_FILES)
    processes = _at_most(resource.RLIMIT_NPROC, _MOST_PROCESSES)
    engine = ["[engine]", 'events_logger = "file"']
    if not Path("/run/systemd/system").is_dir():
        engine.append('cgroup_manager = "cgroupfs"')
    if shutil.which("runc") is not None:
        engine.append('runtime = "runc"')
    limits = f'default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]'
    return "\n".join(["[containers]", limits, *engine, ""])


def _at_most(kind: int, most: int) -> int:
    hard = resource.getrlimit(kind)[1]
    return most if hard == resource.RLIM_INFINITY else min(most, hard)
