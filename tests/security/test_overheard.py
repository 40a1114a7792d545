"""A man in the middle of a client and a party sees no share; without TLS he sees them all."""

import numpy as np
import pytest

import mpc.session.data_owner
from mpc import ClusterJob, SecureSession
from mpc.net.addresses import Address
from mpc.net.handshake import LOOPBACK, connect
from mpc.net.link import Link
from mpc.ring.fixedpoint import Int64Array
from mpc.session.local_group import ProcessGroup
from tests.mpc.relay import Relay


class ThroughRelay(ProcessGroup):
    """Client 3 reaches party 0 through a man in the middle."""

    relay: Relay | None = None

    def connect(self, me: str, rank: int) -> Link:
        if me != "client:3" or rank:
            return super().connect(me, rank)
        self.relay = Relay(self.ports[rank])
        address = Address(LOOPBACK, self.relay.port)
        return connect(address, me=self.identity(me), peer="party:0", timeout_s=20)


def overheard(
    tls: bool, monkeypatch: pytest.MonkeyPatch
) -> tuple[bytes, list[Int64Array], Int64Array]:
    """Return what the man in the middle saw, client 3's shares, and what they are shares of."""
    split = mpc.session.data_owner.split
    made: list[tuple[Int64Array, list[Int64Array]]] = []

    def noting(ring: Int64Array, num_parties: int) -> list[Int64Array]:
        shares = split(ring, num_parties)
        made.append((ring, shares))
        return shares

    monkeypatch.setattr(mpc.session.data_owner, "split", noting)
    rng = np.random.default_rng(0)
    points, payload = rng.uniform(-0.5, 0.5, size=(6, 2)), rng.normal(size=(6, 40))
    group = ThroughRelay(2, timeout_s=20, tls=tls)
    with SecureSession(group, job_timeout_s=60, insecure=()) as session:
        session.cluster(ClusterJob(k=2), points, payload)
    assert group.relay is not None
    group.relay.close()
    ring, shares = made[3]
    return bytes(group.relay.seen["there"] + group.relay.seen["back"]), shares, ring


def windows(array: Int64Array) -> list[bytes]:
    raw = array.tobytes()
    return [raw[start : start + 8] for start in range(len(raw) - 7)]


@pytest.mark.slow
def test_a_man_in_the_middle_sees_no_share(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, shares, ring = overheard(True, monkeypatch)
    assert len(seen) > shares[0].nbytes
    for array in (*shares, ring):
        assert not [window for window in windows(array) if window in seen]
    assert b"client:3" not in seen
    assert b"SHAR" not in seen


@pytest.mark.slow
def test_without_tls_he_sees_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, shares, _ = overheard(False, monkeypatch)
    assert all(window in seen for window in windows(shares[0]))
    assert not any(window in seen for window in windows(shares[1]))  # went to party 1
    assert b"SHAR" in seen
