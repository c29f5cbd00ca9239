"""Receive, step, commit, release: what makes the peers of this node happen.

1. Everything that happens is an event in one queue. What has arrived together is stepped together, on one writer
   thread, so the event loop never waits for cryptography or for the disk.
2. The new states, the outbox and the timeline are committed in one transaction. Only then do the states count, only
   then are answers given, and only then does anything leave for the bus. If the commit fails, nothing happened.
3. What was committed and has not left is published again after a restart, byte for byte; receivers drop repetitions.
4. `probe` is called at every boundary between these; tests kill the process there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from fedpeer.core.envelope.chunks import Assembly
from fedpeer.core.errors import FedpeerError, PledgeError, StoreError, UnknownError
from fedpeer.core.peer import effects as fx
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.records import restore
from fedpeer.core.peer.session import Habits, Session
from fedpeer.core.peer.state import Joining, Peer, State
from fedpeer.core.peer.step import begin, step
from fedpeer.core.peer.tending import gap_s, void_passes
from fedpeer.core.privacy.purse import Declared, Purse
from fedpeer.node.authors import author, marked
from fedpeer.node.batch import Outcome, Task, check_new
from fedpeer.node.bridging import flows
from fedpeer.node.computing import Ciphers, computed, no_ciphers
from fedpeer.node.link import Hooks, Line, Link
from fedpeer.node.pulses import Pulses
from fedpeer.node.timeline import Timeline, printable
from fedpeer.ports import Broker, Bus, Clock, Commit, Delivery, Entropy, Entry, Notice, Outgoing, Store

PROBES = ("received", "stepped", "before-commit", "after-commit", "before-publish", "after-publish", "released")

MOST_TOGETHER = 256
MOST_WAITING = 20_000
MOST_WAITING_BYTES = 256 * 2**20
TICK_S = 1.0
STOP_S = 5.0
NODE = ""
PROJECT = "project-"  # how the scopes begin that are no memberships

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class World:
    """The ports that an engine works with."""

    store: Store
    clock: Clock
    entropy: Entropy
    open_bus: Callable[[Line], Bus]
    broker: Broker | None
    probe: Callable[[str], None] = lambda _: None
    ciphers: Ciphers = no_ciphers


@dataclass(frozen=True, slots=True)
class Manners:
    """How an engine behaves: the jitter of pulses, how long the timeline is, and what each session begins with.

    `declared` is the data set that this node's rows are of, as far as noise is paid for.
    """

    jitter: float = 0.1
    keep_entries: int = 20_000
    habits: Habits = field(default_factory=Habits)
    assembly: Assembly = field(default_factory=Assembly)
    declared: Declared | None = None


class Engine:
    """Owns the states of this node's memberships. `states` is a snapshot that nobody changes in place."""

    def __init__(self, world: World, manners: Manners) -> None:
        """Nothing is read or opened before `start`."""
        self.states: Mapping[str, State] = {}
        self.links: dict[str, Link] = {}
        self.fault = ""
        self.purse = Purse()
        self.timeline = Timeline((), keep=manners.keep_entries)
        self.pulses = Pulses(lambda scope: self.post(scope, ev.PulseDue()), jitter=manners.jitter)
        self._world = world
        self._manners = manners
        self._queue: deque[Task] = deque()
        self._waiting_bytes = 0
        self._more = asyncio.Event()
        self._changed = asyncio.Condition()
        self._left: list[int] = []
        self._last_entry = 0
        self._broken: dict[str, str] = {}
        self._writer = ThreadPoolExecutor(1, "fedpeer-writer")
        self._cryptography = ThreadPoolExecutor(1, "fedpeer-cipher")
        self._computing: dict[str, Future[Any]] = {}
        self._session = Session(b"")
        self._tasks: set[asyncio.Task[Any]] = set()
        self._settling: set[str] = set()

    # Life

    async def start(self) -> None:
        """Restore every membership, publish what had not left, and begin."""
        boot = self._world.entropy.draw(16)
        self._session = Session(boot, self._manners.habits, assembly=self._manners.assembly)
        pending = await self._write(self._restore)
        self.pulses.start()
        for scope in self.states:
            await self._reach(scope)
        for number, outgoing in pending:
            if outgoing.scope in self.links:
                self.links[outgoing.scope].send([(number, outgoing)])
        self._spawn(self._run())
        self._spawn(self._tick())

    async def stop(self) -> None:
        """Stop, with everything that was accepted committed."""
        self.pulses.stop()
        for link in self.links.values():
            await link.close()
        await self.until(lambda: not self._queue, STOP_S)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.timeline.close()
        await self._write(self._world.store.close)
        self._writer.shutdown()
        self._cryptography.shutdown(wait=False, cancel_futures=True)

    # Events in

    async def begin(self, event: ev.Found | ev.Join) -> str:
        """Begin a membership; returns its federation's id once that is stored."""
        return str(await self._await(Task(NODE, event)))

    async def ask(self, scope: str, event: ev.Event) -> Any:
        """Have an operator's event dealt with; returns its answer once its effects are stored, or raises."""
        return await self._await(Task(scope, event))

    def post(self, scope: str, event: ev.Event) -> None:
        """Have an event dealt with. What arrives faster than it can be is dropped: the others will say it again."""
        size = len(event.body) if isinstance(event, ev.Received) else 0
        if len(self._queue) < MOST_WAITING and self._waiting_bytes + size <= MOST_WAITING_BYTES:
            self._waiting_bytes += size
            self._enqueue(Task(scope, event))

    def note(self, entry: Entry) -> None:
        """Put a line of the node's own on the timeline."""
        self._spawn(self._note(replace(entry, data=marked(entry.data, author()))))

    def entry(self, scope: str, kind: str, text: str) -> Entry:
        """A line of the timeline that is committed with what it tells of."""
        return Entry(self._world.clock.now(), scope, kind, "info", printable(text), data=marked({}, author()))

    async def until(self, ready: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until something is so; False when the time ran out."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(ready)
        except TimeoutError:
            return ready()
        return True

    async def store(self, change: Commit) -> None:
        """Commit a change of records that are not a state's, and tell people what it says of itself."""
        self.timeline.extend(await self._write(self._kept, change))

    async def records(self, scope: str) -> dict[str, bytes]:
        """Every record of a scope."""
        found: dict[str, bytes] = await self._write(self._world.store.load, scope)
        return found

    async def projects(self) -> list[str]:
        """The scopes of projects."""
        found: list[str] = await self._write(self._world.store.scopes)
        return [scope for scope in found if scope.startswith(PROJECT)]

    async def clear(self, scope: str, kinds: Sequence[str], levels: Sequence[str]) -> int:
        """Forget timeline entries."""
        await self._write(self._world.store.clear_entries, scope, kinds, levels)
        return self.timeline.clear(scope, kinds, levels)

    def peer(self, scope: str) -> Peer:
        """The membership with this id; LocalError if it is not (yet) one."""
        state = self.states.get(scope)
        if isinstance(state, Joining):
            raise UnknownError(
                f"still {state.phase} {state.invitation.federation_name}: the admin has not answered yet"
            )
        if state is None:
            raise UnknownError(f"there is no federation {scope}")
        return state

    # The loop

    async def _run(self) -> None:
        while True:
            await self._more.wait()
            tasks = [self._queue.popleft() for _ in range(min(len(self._queue), MOST_TOGETHER))]
            if not self._queue:
                self._more.clear()
            self._waiting_bytes -= sum(len(t.event.body) for t in tasks if isinstance(t.event, ev.Received))
            self._world.probe("received")
            outcome = await self._write(self._advance, tasks)
            try:
                await self._release(outcome, tasks)
            except Exception:  # noqa: BLE001 see `_step`
                # What is committed is committed; the loop must go on for the sake of all that is still to come.
                _log.exception("a bug while carrying out what was committed")

    def _advance(self, tasks: Sequence[Task]) -> Outcome:
        """Step every task's event and commit what came of all of them. On the writer thread."""
        outcome = Outcome(dict(self.states), purse=self.purse)
        for task in tasks:
            self._step(outcome, task)
        for scope in list(outcome.touched):
            self._step(outcome, Task(scope, ev.Settle()))
        self._world.probe("stepped")
        try:
            self._keep(outcome, tasks)
        except StoreError as error:
            return self._failed(error)
        except Exception:  # noqa: BLE001 see `_step`
            _log.exception("a bug while storing what came of %d events", len(tasks))
            return self._failed(StoreError("what came of this could not be stored: an internal error, see the log"))
        return outcome

    def _failed(self, error: StoreError) -> Outcome:
        """Nothing happened, and people can see why."""
        if self.fault != str(error):
            _log.error("nothing can be stored, so rounds have stopped: %s", error)
        self.fault = str(error)
        return Outcome(dict(self.states), failed=error, purse=self.purse)

    def _step(self, outcome: Outcome, task: Task) -> None:
        stamped = ev.Stamped(self._world.clock.now(), self._world.entropy.draw(32), task.event, outcome.purse)
        before = outcome.states.get(task.scope)
        try:
            if task.scope == NODE:
                after, wanted = begin(stamped, self._session)
                task.scope = task.reply = after.federation
                check_new(outcome.states.get(task.scope))
            elif before is None:
                raise UnknownError(f"there is no federation {task.scope}")
            else:
                after, wanted = step(before, stamped, self._session)
        except FedpeerError as error:
            task.error = error
            return
        except Exception as bug:  # noqa: BLE001 the one place where a bug is kept from taking the other peers down
            # A bug must not stop the node: the event has no effect, and whoever asked, and the log, hear of it.
            _log.exception("a bug while dealing with %s", type(task.event).__name__)
            task.error = bug
            return
        outcome.states[task.scope] = after
        if after is not before:
            outcome.touched.add(task.scope)
        for effect in wanted:
            if isinstance(effect, fx.Reply):
                task.reply = effect.value
            elif isinstance(effect, fx.Charged):
                outcome.purse = effect.purse
            else:
                outcome.want(task, effect)

    def _keep(self, outcome: Outcome, tasks: Sequence[Task]) -> None:
        """Commit all but what came of a federation's events where that would break a word that was given there."""
        while True:
            try:
                return self._commit(outcome)
            except PledgeError as error:
                if not outcome.take_back(error.scope, self.states):
                    raise
                if self._broken.get(error.scope) != str(error):
                    _log.error("nothing was done of what has just happened in a federation: %s", error)
                    outcome.effects.append((error.scope, fx.Note("sync", "error", str(error))))
                self._broken[error.scope] = str(error)
                for task in tasks:
                    task.error = error if task.scope == error.scope else task.error

    def _commit(self, outcome: Outcome) -> None:
        paid = {(NODE, name): value for name, value in outcome.purse.changes(self.purse).items()}
        change = outcome.change(self.states, paid, self._world.clock.now(), self._left[:])
        if not (change.records or change.outbox or change.entries or change.sent or change.pledges):
            return
        self._world.probe("before-commit")
        ids = self._world.store.commit(change)
        self._world.probe("after-commit")
        if self.fault:
            _log.info("the store can be written again")
            self.fault = ""
        del self._left[: len(change.sent)]
        outcome.outgoing = list(zip(ids, change.outbox, strict=True))
        outcome.entries = self._stored(change.entries)

    def _stored(self, entries: Sequence[Entry]) -> list[Entry]:
        if not entries:
            return []
        try:
            stored = self._world.store.entries(after=self._last_entry, limit=len(entries), newest_first=False)
        except StoreError:
            return []  # the change is safe; that its entries cannot be read back must not make it seem otherwise
        self._last_entry = max((e.id for e in stored), default=self._last_entry)
        return stored

    async def _release(self, outcome: Outcome, tasks: Sequence[Task]) -> None:
        self.states, self.purse = outcome.states, outcome.purse
        self.timeline.extend(outcome.entries)
        for number, outgoing in outcome.outgoing:
            link = self.links.get(outgoing.scope)
            if link is not None:
                link.send([(number, outgoing)])
        settled = {t.scope for t in tasks if isinstance(t.event, ev.Settle)}
        for scope in outcome.touched | settled:
            self._tend(scope)
        for task in tasks:
            task.answer(outcome.failed)
        self._world.probe("released")
        await self._carry_out(outcome.effects)
        async with self._changed:
            self._changed.notify_all()

    async def _carry_out(self, effects: Sequence[tuple[str, fx.Effect]]) -> None:
        for scope, effect in effects:
            match effect:
                case fx.Reconnect():
                    self._spawn(self._reach(scope))
                case fx.Enforce():
                    self._spawn(self._cut_off(scope))
                case fx.Fetch():
                    self.links[scope].fetch(effect.subjects)
                case fx.Compute():
                    self._spawn(self._compute(scope, effect))

    # What follows from a state

    def _tend(self, scope: str) -> None:
        state = self.states[scope]
        pulsing = isinstance(state, Peer) and state.phase == "active" and state.settings.pulsing
        self.pulses.set(scope, state.roster.schedule if isinstance(state, Peer) and pulsing else None)
        if isinstance(state, Peer) and state.session.dirty and scope not in self._settling:
            self._settling.add(scope)
            asyncio.get_running_loop().call_later(gap_s(state), self._settle, scope)
        for target, event in flows(self.states, scope):
            self.post(target, event)

    def _settle(self, scope: str) -> None:
        self._settling.discard(scope)
        self.post(scope, ev.Settle())

    async def _reach(self, scope: str) -> None:
        if scope not in self.links:
            self.links[scope] = Link(self._world.open_bus, self._hooks(scope))
        await self._enforce(scope)
        self._tend(scope)
        await self.links[scope].set(Line.of(self.states[scope]))

    async def _cut_off(self, scope: str) -> None:
        # Whoever is cut off has then been told why; what the others say is sealed in an epoch that it does not know.
        await self.links[scope].drained()
        await self._enforce(scope)

    async def _enforce(self, scope: str) -> None:
        state = self.states[scope]
        if self._world.broker is None or not isinstance(state, Peer) or not state.bus.account_seed:
            return
        try:
            await self._world.broker.set_account(state.bus.label, void_passes(state))
        except FedpeerError as error:
            self.note(Entry(self._world.clock.now(), scope, "bus", "error", f"the broker did not cut off: {error}"))

    def _hooks(self, scope: str) -> Hooks:
        def received(delivery: Delivery) -> None:
            self.post(scope, ev.Received(delivery.subject, delivery.body))

        def notice(notice: Notice) -> None:
            self.note(Entry(self._world.clock.now(), scope, "bus", notice.level, notice.text))

        return Hooks(
            received=received,
            connected=lambda: self.post(scope, ev.Connected()),
            notice=notice,
            left=self._left.extend,
            probe=self._world.probe,
        )

    async def _compute(self, scope: str, wanted: fx.Compute) -> None:
        """Have a cipher do its slow work on a thread of its own, and post what comes of it; only the newest waits."""
        before = self._computing.get(scope)
        if before is not None:
            before.cancel()
        work = self._cryptography.submit(computed, self._world.ciphers, wanted.terms, wanted.task)
        self._computing[scope] = work
        self.post(scope, ev.Computed(wanted.round, await asyncio.wrap_future(work)))

    async def _note(self, entry: Entry) -> None:
        with contextlib.suppress(StoreError):
            await self.store(Commit(entries=[entry]))

    def _kept(self, change: Commit) -> list[Entry]:
        self._world.store.commit(change)
        return self._stored(change.entries)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            for scope in self.states:
                self.post(scope, ev.Tick())

    def _restore(self) -> list[tuple[int, Outgoing]]:
        store = self._world.store
        entries = store.entries(limit=self._manners.keep_entries)
        self._last_entry = max((e.id for e in entries), default=0)
        self.timeline = Timeline(entries[::-1], keep=self._manners.keep_entries)
        memberships = [s for s in store.scopes() if s != NODE and not s.startswith(PROJECT)]
        self.states = {s: restore(s, store.load(s), self._session) for s in memberships}
        self.purse = Purse.restored(store.load(NODE), self._manners.declared)
        return store.pending()

    # Threads

    async def _await(self, task: Task) -> Any:
        task.future = asyncio.get_running_loop().create_future()
        self._enqueue(task)
        return await task.future

    def _enqueue(self, task: Task) -> None:
        self._queue.append(task)
        self._more.set()

    async def _write(self, work: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._writer, work, *args)

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("a task of the engine failed", exc_info=task.exception())
