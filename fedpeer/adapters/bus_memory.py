"""A bus in memory: a broker that keeps the newest message of some subjects, and can be made to misbehave.

Nothing here waits for a clock. Each delivery is put to the loop in order, unless the broker's `decide` says otherwise;
with the same decisions the same run repeats.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from fedpeer.adapters.subject import check_literals, check_patterns, matches
from fedpeer.core.envelope import grants
from fedpeer.core.errors import BusError
from fedpeer.ports import Delivery, Notice

Fate: TypeAlias = Literal["deliver", "drop", "twice", "later"]
Decide: TypeAlias = Callable[[str, str, str], Fate]

_MAX_BODY = 1 << 20


class MemoryBroker:
    """Joins buses by name. `decide(sender, receiver, subject)` is the fate of each delivery.

    A delivery that is put off (`later`) comes after the next one to the same receiver, or by `settle`; so a list of
    fates can reorder at will. `down` and `cut` end connections, and `up` and `mend` let them come back.
    """

    def __init__(self, *, keeps: Sequence[str] = (), decide: Decide | None = None) -> None:
        """Keep the newest message of each subject that matches one of `keeps`."""
        self.decide = decide
        self._keeps = list(keeps)
        self._newest: dict[str, bytes] = {}
        self._buses: dict[str, MemoryBus] = {}
        self._later: dict[str, list[Delivery]] = {}
        self._cut: set[str] = set()
        self._up = True

    def keep(self, subjects: Sequence[str]) -> None:
        """Keep the newest message of these subjects too, from now on."""
        self._keeps += [s for s in subjects if s not in self._keeps]

    def newest(self, subject: str) -> bytes | None:
        """The newest kept message on a subject."""
        return self._newest.get(subject)

    def down(self) -> None:
        """End every connection, and refuse new ones."""
        self._up = False
        self._tell_all("the broker is down")

    def up(self) -> None:
        """Let every bus connect again."""
        self._up = True
        self._tell_all("the broker is up")

    def cut(self, *names: str) -> None:
        """Part these from the broker, and so from everyone."""
        self._cut.update(names)
        self._tell_all("the network is cut")

    def mend(self, *names: str) -> None:
        """Undo `cut`, of everyone if nobody is named."""
        self._cut.difference_update(names or tuple(self._cut))
        self._tell_all("the network is whole")

    def settle(self) -> None:
        """Deliver what was put off."""
        for name in list(self._later):
            self._release(name)

    def attach(self, bus: MemoryBus) -> None:
        """Take a bus, whose name must be free."""
        if bus.name in self._buses:
            raise BusError(f"there is a bus named {bus.name!r} already")
        self._buses[bus.name] = bus
        asyncio.get_running_loop().call_soon(lambda: bus.reached(self._reaches(bus.name), "the broker is out of reach"))

    def detach(self, bus: MemoryBus) -> None:
        """Forget a bus."""
        self._later.pop(bus.name, None)
        self._buses.pop(bus.name, None)

    def take(self, sender: str, subject: str, body: bytes) -> None:
        """Keep and pass on one message."""
        if any(matches(pattern, subject) for pattern in self._keeps):
            self._newest[subject] = body
        for name, bus in list(self._buses.items()):
            if bus.connected and bus.follows(subject):
                self._route(sender, name, Delivery(subject, body))

    def _reaches(self, name: str) -> bool:
        return self._up and name not in self._cut

    def _tell_all(self, why: str) -> None:
        for name, bus in list(self._buses.items()):
            bus.reached(self._reaches(name), why)

    def _route(self, sender: str, name: str, delivery: Delivery) -> None:
        fate = self.decide(sender, name, delivery.subject) if self.decide else "deliver"
        if fate == "later":
            self._later.setdefault(name, []).append(delivery)
        elif fate != "drop":
            for _ in range(2 if fate == "twice" else 1):
                self._hand(name, delivery)
            self._release(name)

    def _release(self, name: str) -> None:
        for delivery in self._later.pop(name, []):
            self._hand(name, delivery)

    def _hand(self, name: str, delivery: Delivery) -> None:
        if (bus := self._buses.get(name)) is not None:
            asyncio.get_running_loop().call_soon(bus.arrive, delivery)


class MemoryBus:
    """A Bus on a MemoryBroker; `name` is how `decide`, `cut` and `mend` know it."""

    def __init__(self, broker: MemoryBroker, *, federation: str = "", name: str = "") -> None:
        """Not connected until `open`."""
        self.name = name
        self._broker = broker
        self._federation = federation
        self._followed: dict[str, None] = {}
        self._reachable = False
        self._said: bool | None = None
        self._changed = asyncio.Event()
        self._closed = False
        self._receive: Callable[[Delivery], None] = _nobody
        self._notice: Callable[[Notice], None] = _nobody

    @property
    def connected(self) -> bool:
        """Whether a publish has a chance to leave now."""
        return self._reachable

    async def open(self, receive: Callable[[Delivery], None], notice: Callable[[Notice], None]) -> None:
        """Connect as soon as the broker can be reached."""
        self._receive, self._notice = receive, notice
        self._broker.attach(self)

    async def follow(self, subjects: Sequence[str]) -> None:
        """Follow subjects; waits for a connection."""
        check_patterns(subjects)
        self._followed.update(dict.fromkeys(subjects))
        while not self._reachable:
            if self._closed:
                raise BusError("the bus connection is closed")
            self._changed.clear()
            await self._changed.wait()

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Hand messages to the broker, all or none."""
        check_literals(subject for subject, _ in messages)
        for subject, body in messages:
            if len(body) > _MAX_BODY:
                raise BusError(f"a message of {len(body)} bytes for {subject} is over the bus's limit of {_MAX_BODY}")
        self._check()
        for subject, body in messages:
            self._broker.take(self.name, subject, bytes(body))
        await asyncio.sleep(0)

    async def newest(self, subject: str) -> bytes | None:
        """Ask the broker for the newest message on one subject."""
        check_literals([subject])
        self._check()
        await asyncio.sleep(0)
        return self._broker.newest(subject)

    async def ensure_stream(self) -> None:
        """Have the broker keep the federation's messages."""
        self._check()
        self._broker.keep(grants.stream_subjects(self._federation))

    async def close(self) -> None:
        """Stop for good."""
        self._closed, self._reachable = True, False
        self._changed.set()
        self._broker.detach(self)

    def follows(self, subject: str) -> bool:
        """Whether a message on this subject is for us."""
        return any(matches(pattern, subject) for pattern in self._followed)

    def arrive(self, delivery: Delivery) -> None:
        """Take a delivery, unless the connection was lost while it was under way."""
        if self._reachable:
            self._receive(delivery)

    def reached(self, reachable: bool, why: str) -> None:
        """Learn whether the broker can be reached now."""
        if self._closed or self._said is reachable:
            return
        self._said = self._reachable = reachable
        self._changed.set()
        text = "connected to the broker" if reachable else f"not connected: {why}"
        self._notice(Notice("info" if reachable else "warning", text, connected=reachable))

    def _check(self) -> None:
        if not self._reachable:
            raise BusError("the bus connection is closed" if self._closed else "not connected to the bus")


def _nobody(_: object) -> None:
    """Hear nothing: before `open`."""
