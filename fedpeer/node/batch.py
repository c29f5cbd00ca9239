"""Events that are stepped together, and what they lead to: all of it in one change of the store."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fedpeer.core.errors import DuplicateError, FedpeerError, PledgeError
from fedpeer.core.peer import effects as fx
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.records import changes
from fedpeer.core.peer.state import State
from fedpeer.core.privacy.purse import Purse
from fedpeer.node.authors import Author, author, marked
from fedpeer.node.timeline import printable
from fedpeer.ports import Commit, Entry, Outgoing

Records = Mapping[tuple[str, str], bytes | None]


@dataclass(slots=True)
class Task:
    """An event on its way through; the future is its operator's, if it has one, and so is the author."""

    scope: str
    event: ev.Event
    future: asyncio.Future[Any] | None = None
    author: Author | None = field(default_factory=author)
    reply: Any = None
    error: BaseException | None = None

    def answer(self, failed: FedpeerError | None) -> None:
        """Tell the operator what came of it."""
        error = failed or self.error
        if self.future is None or self.future.done():
            return
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(self.reply)


@dataclass(slots=True)
class Outcome:
    """What a batch of events led to, once it is committed."""

    states: dict[str, State]
    touched: set[str] = field(default_factory=set)
    effects: list[tuple[str, fx.Effect]] = field(default_factory=list)
    outgoing: list[tuple[int, Outgoing]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    failed: FedpeerError | None = None
    purse: Purse = field(default_factory=Purse)

    def want(self, task: Task, effect: fx.Effect) -> None:
        """Keep an effect of a task's event; what people are told of it has the task's author."""
        if isinstance(effect, fx.Note):
            effect = replace(effect, data=marked(effect.data, task.author))
        self.effects.append((task.scope, effect))

    def change(self, before: Mapping[str, State], own: Records, now: float, sent: list[int]) -> Commit:
        """All of it, and records of the node's own, as one change of the store; PledgeError if it breaks its word."""
        records = {
            (scope, name): value
            for scope in self.touched
            for name, value in changes(before.get(scope), self.states[scope]).items()
        }
        outbox = [Outgoing(s, e.slot, e.subject, e.body) for s, e in self.effects if isinstance(e, fx.Send)]
        entries = [_entry(now, s, e) for s, e in self.effects if isinstance(e, fx.Note)]
        return Commit({**own, **records}, outbox, sent, entries, self._pledges())

    def take_back(self, scope: str, before: Mapping[str, State]) -> bool:
        """Have nothing happened in a scope; False if nothing was pledged there. What was paid stays paid."""
        if not any(s == scope and isinstance(e, fx.Pledge) for s, e in self.effects):
            return False
        self.effects = [(s, e) for s, e in self.effects if s != scope]
        self.touched.discard(scope)
        self.states.pop(scope, None)
        if scope in before:
            self.states[scope] = before[scope]
        return True

    def _pledges(self) -> dict[tuple[str, str], bytes]:
        found: dict[tuple[str, str], bytes] = {}
        for scope, effect in self.effects:
            if isinstance(effect, fx.Pledge) and found.setdefault((scope, effect.name), effect.value) != effect.value:
                raise PledgeError.of(scope, effect.name)
        return found


def check_new(before: State | None) -> None:
    """DuplicateError if a membership that is begun is there already."""
    if before is not None and before.phase in {"joining", "active", "alarmed"}:
        raise DuplicateError("this node is in that federation already")


def _entry(now: float, scope: str, note: fx.Note) -> Entry:
    return Entry(now, scope, note.kind, note.level, printable(note.text), note.peer, note.pulse, note.data)
