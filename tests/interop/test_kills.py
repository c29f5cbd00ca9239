"""kill -9 at every boundary between receiving, storing and sending: nothing is lost, nothing is released twice."""

from __future__ import annotations

import contextlib
import os
import random
import signal

import pytest

from fedpeer.client import ApiError
from fedpeer.core.errors import FedpeerError
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.summary import Summary
from fedpeer.node.engine import PROBES
from tests.support.daemons import Daemon, daemons, eventually, federate
from tests.support.simulation import SCHEMA


class Trial:
    """Three daemons in one federation, and every row that was ever posted to them."""

    def __init__(self, crew: list[Daemon], fed: str) -> None:
        self.crew, self.fed = crew, fed
        self.posted: dict[str, dict[str, list[float]]] = {}
        self.acknowledged: dict[str, set[str]] = {daemon.name: set() for daemon in crew}
        self.rng = random.Random(7)

    def rows(self) -> tuple[str, dict[str, list[float]]]:
        source = f"rows {len(self.posted)}"
        x = [self.rng.randrange(-200, 201) / 2 for _ in range(20)]
        self.posted[source] = {"x": x, "y": [self.rng.randrange(1001) for _ in range(20)]}
        return source, self.posted[source]

    def act_until_dead(self, victim: Daemon) -> None:
        """Use a daemon until it dies; what it acknowledged is remembered."""
        for _ in range(200):
            if victim.dead:
                return
            source, rows = self.rows()
            with contextlib.suppress(FedpeerError, ApiError, OSError, AssertionError):
                victim.add(self.fed, rows, source)
                self.acknowledged[victim.name].add(source)
                victim.client.sync(self.fed)
        raise AssertionError("the daemon did not die")

    def expected(self) -> Summary:
        """The sum of all that the daemons say they have counted; nothing acknowledged may be missing from it."""
        total = Summary.zero(SCHEMA)
        for daemon in self.crew:
            kept = [b.source for b in daemon.client.batches(self.fed)]
            assert len(kept) == len(set(kept))
            assert self.acknowledged[daemon.name] <= set(kept)
            for source in kept:
                total = total + collect(SCHEMA, self.posted[source])
        return total

    def converges(self) -> None:
        """Without anybody's help but a last pulse of each, all hold the sum of all."""
        for daemon in self.crew:
            eventually(lambda daemon=daemon: daemon.client.federation(self.fed).bus_connected)
            daemon.client.sync(self.fed)
        assert self.crew[0].client.sync(self.fed, wait_s=120).converged
        digest = self.expected().digest
        for daemon in self.crew:
            eventually(lambda daemon=daemon: daemon.client.federation(self.fed).total_digest == digest)
        eventually(self.agree)

    def agree(self) -> bool:
        """Whether all hold the same contribution of each, by its number."""
        serials = [{m.name: (m.serial, m.digest) for m in d.client.members(self.fed)} for d in self.crew]
        return serials[0] == serials[1] == serials[2]


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    with daemons(tmp_path_factory.mktemp("kills"), "alfa", "bravo", "charlie") as crew:
        fed = federate(*crew, schema=SCHEMA.to_dict(), contract="COUNT(x) >= 5", profile="relaxed")
        yield Trial(crew, fed.id)


def _killed_at(trial: Trial, role: str, probe: str, nth: int) -> None:
    victim = next(d for d in trial.crew if d.name == role)
    victim.kill()
    victim.start(crash_at=f"{probe}:{nth}")
    with contextlib.suppress(AssertionError):
        victim.ready()
    trial.act_until_dead(victim)
    assert victim.process.wait(60) == -signal.SIGKILL, victim.said
    victim.start().ready()
    trial.converges()


@pytest.mark.parametrize("role", ["alfa", "bravo"])
@pytest.mark.parametrize("probe", PROBES)
def test_a_daemon_killed_at_any_boundary_loses_nothing(trial, probe, role):
    _killed_at(trial, role, probe, trial.rng.randrange(4, 12))


@pytest.mark.soak
@pytest.mark.parametrize("role", ["alfa", "bravo"])
@pytest.mark.parametrize("probe", PROBES)
def test_a_daemon_killed_twenty_times_at_each_boundary_loses_nothing(trial, probe, role):
    for _ in range(20):
        _killed_at(trial, role, probe, trial.rng.randrange(1, 25))


def test_a_killed_server_is_started_again_and_all_go_on(trial):
    alfa = trial.crew[0]
    source, rows = trial.rows()
    server = int((alfa.home / "bus" / "server.pid").read_text().split()[0])
    os.kill(server, signal.SIGKILL)
    alfa.add(trial.fed, rows, source)
    trial.acknowledged["alfa"].add(source)
    trial.converges()


def test_all_daemons_killed_at_once_go_on(trial):
    for daemon in trial.crew:
        daemon.kill()
    for daemon in trial.crew:
        daemon.start()
    for daemon in trial.crew:
        daemon.ready()
    trial.converges()
