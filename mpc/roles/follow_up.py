"""A job that follows shards: it meets no owners, and does what they consented to in the shards.

The ledger says under which jobs' terms it is done.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from mpc.consent.chain import Ledger
from mpc.engine.reveal import PartyRevealer
from mpc.errors import PeerClosedError
from mpc.jobs.comparisons import Comparisons
from mpc.jobs.job import ClusterJob
from mpc.net.frames import CONTROL
from mpc.net.link import Link
from mpc.preprocessing.provider import DealerProvider
from mpc.preprocessing.schedule import Schedule
from mpc.roles.job_meter import Meter, Network


class FollowUp:
    """One job that follows shards, at a party.

    Parameters
    ----------
    network : Network
    ledger : Ledger
    number : int
        Of the job.
    of : mapping of str to list of int
        What it does, and the numbers of the shards' jobs under whose terms.
    comparisons : Comparisons
    schedule : Schedule
    """

    def __init__(
        self,
        network: Network,
        ledger: Ledger,
        number: int,
        *,
        of: Mapping[str, list[int]],
        comparisons: Comparisons,
        schedule: Schedule,
    ) -> None:
        self._network, self._ledger, self._number = network, ledger, number
        ledger.write("agreed", run=network.provider.run, job=number, terms=dict(of))
        ledger.sync()
        self.meter = Meter(network, job=number)
        network.provider.compare_by(comparisons)
        if isinstance(network.provider, DealerProvider):
            network.provider.expect(number, schedule)
        self.meter.inputs_are_in()

    def revealer(self, job: ClusterJob) -> PartyRevealer:
        """Return a revealer that opens nothing to owners."""
        line = {"run": self._network.provider.run, "job": self._number}
        return PartyRevealer(
            self._network.server,
            {},
            job,
            number=self._number,
            record=lambda entry: self._ledger.write("opened", **line, **entry.as_line()),
        )

    def report(
        self, revealer: PartyRevealer, *, iterations: int = 0, owners: Sequence[Link] = ()
    ) -> None:
        """Write that the job is done, and tell the server its public values and its traffic."""
        undelivered, run = revealer.undelivered, self._network.provider.run
        self._ledger.write("done", run=run, job=self._number, undelivered=len(undelivered))
        self._ledger.sync()
        told = {
            "iterations": iterations,
            "ledger": [entry.as_json() for entry in revealer.ledger],
            "undelivered": undelivered,
        }
        with suppress(PeerClosedError):  # the next server, or nobody, goes on
            self._network.server.send_json(
                CONTROL, told | self.meter.report(owners), number=self._number
            )
