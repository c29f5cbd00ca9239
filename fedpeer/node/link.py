"""One federation's line to the bus: publishes the outbox in order, follows its subjects, asks for what was kept."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from fedpeer.core.envelope import subjects
from fedpeer.core.envelope.access import Access
from fedpeer.core.errors import BusError
from fedpeer.core.peer.state import Joining, Peer, State
from fedpeer.ports import Bus, Delivery, Notice, Outgoing

RETRY_S = 1.0
DRAIN_S = 5.0
BURST = 64


@dataclass(frozen=True, slots=True)
class Line:
    """How the bus is to be reached: with which access, in whose name, listening to what."""

    access: Access
    federation: str
    name: str
    subjects: tuple[str, ...]
    keeper: bool

    @classmethod
    def of(cls, state: State) -> Line | None:
        """The line that a state calls for; None if there is none any more."""
        match state:
            case Joining(phase="joining"):
                invitation = state.invitation
                answer = subjects.welcome(state.federation, invitation.invite)
                return cls(invitation.access, state.federation, invitation.invite, (answer,), keeper=False)
            case Peer(phase="active" | "alarmed"):
                sender = state.roster.exchange.centralised and not state.is_admin
                member = subjects.followed_by_sender if sender else subjects.followed_by_member
                followed = (subjects.followed_by_admin if state.is_admin else member)(state.federation, state.me.peer)
                return cls(state.bus.access, state.federation, state.me.peer, followed, keeper=state.is_admin)
            case _:
                return None


@dataclass(frozen=True, slots=True)
class Hooks:
    """Whom a link tells: what arrived, that it is connected, what an operator should see, what left, and a probe."""

    received: Callable[[Delivery], None]
    connected: Callable[[], None]
    notice: Callable[[Notice], None]
    left: Callable[[Sequence[int]], None]
    probe: Callable[[str], None]


class Link:
    """Keeps one bus open as its line says, and empties its share of the outbox into it."""

    def __init__(self, open_bus: Callable[[Line], Bus], hooks: Hooks) -> None:
        """Nothing is opened before `set`."""
        self._open_bus = open_bus
        self._hooks = hooks
        self._line: Line | None = None
        self._bus: Bus | None = None
        self._waiting: dict[str, tuple[int, Outgoing]] = {}
        self._more = asyncio.Event()
        self._up = asyncio.Event()
        self._listening = False
        self._setting = asyncio.Lock()
        self._idle = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._publisher: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether the bus is there."""
        return self._bus is not None and self._bus.connected

    async def set(self, line: Line | None) -> None:
        """Reach the bus in this way from now on; what is waiting leaves by the old way first, if it can."""
        async with self._setting:
            if line == self._line:
                return
            await self._hang_up()
            self._line = line
            if line is None:
                return
            self._bus = self._open_bus(line)
            await self._bus.open(self._hooks.received, self._noticed)
            self._publisher = asyncio.create_task(self._publish())

    def send(self, waiting: Iterable[tuple[int, Outgoing]]) -> None:
        """Publish these stored messages, each after those before it; a newer one in a slot replaces an older one."""
        for number, outgoing in waiting:
            key = outgoing.slot or str(number)
            self._waiting.pop(key, None)
            self._waiting[key] = (number, outgoing)
        if self._waiting:
            self._idle.clear()
            self._more.set()

    def fetch(self, wanted: Sequence[str]) -> None:
        """Ask for the newest kept message of each subject; each arrives like any other."""
        self._spawn(self._fetch(wanted))

    async def drained(self) -> None:
        """Wait until everything has left, for a while and if the bus is there."""
        if self._waiting and self.connected:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), DRAIN_S)

    async def close(self) -> None:
        """Hang up. Idempotent."""
        await self.set(None)

    async def _publish(self) -> None:
        bus = self._bus
        while bus is not None:
            await self._more.wait()
            batch = list(self._waiting.items())[:BURST]
            if not batch:
                self._more.clear()
                self._idle.set()
                continue
            if not await self._published(bus, batch):
                self._up.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._up.wait(), RETRY_S)

    async def _published(self, bus: Bus, batch: list[tuple[str, tuple[int, Outgoing]]]) -> bool:
        self._hooks.probe("before-publish")
        try:
            await bus.publish([(o.subject, o.body) for _, (_, o) in batch])
        except BusError:
            return False
        self._hooks.probe("after-publish")
        for slot, item in batch:
            if self._waiting.get(slot) is item:
                del self._waiting[slot]
        self._hooks.left([number for _, (number, _) in batch])
        return True

    def _noticed(self, notice: Notice) -> None:
        self._hooks.notice(notice)
        if notice.connected and not self._listening:
            self._up.set()
            self._spawn(self._listen())

    async def _listen(self) -> None:
        bus, line = self._bus, self._line
        if bus is None or line is None or self._listening:
            return
        self._listening, told = True, ""
        try:
            while True:
                try:
                    await bus.follow(line.subjects)
                except BusError as error:
                    # Connected and deaf is the worst state to stay in: nobody would notice.
                    if str(error) != told:
                        told = str(error)
                        self._hooks.notice(Notice("error", f"the bus refused: {error}", connected=False))
                    await asyncio.sleep(RETRY_S)
                else:
                    break
            if line.keeper:
                await self._keep(bus)
            self._hooks.connected()
        finally:
            self._listening = False

    async def _keep(self, bus: Bus) -> None:
        """Have the broker keep what was said; without that, members who were away are helped by those who are there."""
        try:
            await bus.ensure_stream()
        except BusError as error:
            self._hooks.notice(Notice("warning", f"{error}", connected=self.connected))

    async def _fetch(self, wanted: Sequence[str]) -> None:
        for subject in wanted:
            if self._bus is None:
                return
            with contextlib.suppress(BusError):
                body = await self._bus.newest(subject)
                if body is not None:
                    self._hooks.received(Delivery(subject, body))

    async def _hang_up(self) -> None:
        if self._bus is None:
            return
        await self.drained()
        tasks = [*self._tasks, *([self._publisher] if self._publisher else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._bus.close()
        self._bus = self._publisher = None

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
