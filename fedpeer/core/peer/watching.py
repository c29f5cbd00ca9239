"""Places that are looked at again and again, and what was counted of the files in them.

What is remembered of a file changes in the same step as the batch that has its rows, and is saved with it: a file is
never counted twice because a node was killed in between, nor taken for counted when it was not.
"""

from __future__ import annotations

from fedpeer.core.errors import DuplicateError, UnknownError
from fedpeer.core.peer.events import AddBatch, AddWatch, RemoveWatch, SawFile
from fedpeer.core.peer.kept import Seen
from fedpeer.core.peer.turn import Turn


def add_watch(turn: Turn, event: AddWatch) -> None:
    """Look at a place from now on."""
    turn.need_active()
    state, watch = turn.state, event.watch
    twin = next((w.id for w in state.watches.values() if w.location == watch.location), None)
    if twin is not None:
        raise DuplicateError(f"{watch.location} is watched already, by watch {twin}", hint="remove that one first")
    seen = {k: s for k, s in state.seen.items() if k not in event.forget}
    turn.change(watches={**state.watches, watch.id: watch}, seen=seen if event.forget else state.seen)
    turn.note("data", "info", f"watches {watch.location} every {watch.every_s} s", data={"watch": watch.id})
    turn.reply(watch)


def remove_watch(turn: Turn, event: RemoveWatch) -> None:
    """Look at a place no more; what was counted stays, and is known if the place is watched again."""
    watch = turn.state.watches.get(event.watch)
    if watch is None:
        raise UnknownError(f"there is no watch {event.watch}")
    turn.change(watches={k: w for k, w in turn.state.watches.items() if k != watch.id})
    turn.note("data", "info", f"watches {watch.location} no more", data={"watch": watch.id})
    turn.reply(watch)


def saw_file(turn: Turn, event: SawFile) -> None:
    """Remember how a file that was counted looks now."""
    known = turn.state.seen.get(event.seen.key)
    if known is not None and known.until == event.seen.until:
        _keep(turn, event.seen)


def remember(turn: Turn, event: AddBatch) -> None:
    """Remember what was counted of a file; DuplicateError if others have counted some of it meanwhile."""
    if event.seen is None:
        return
    known = turn.state.seen.get(event.seen.key)
    if event.since is not None and event.since != (known.until if known else 0):
        raise DuplicateError(f"{event.seen.path} was counted by someone else meanwhile")
    _keep(turn, event.seen)


def _keep(turn: Turn, seen: Seen) -> None:
    turn.change(seen={**turn.state.seen, seen.key: seen})
