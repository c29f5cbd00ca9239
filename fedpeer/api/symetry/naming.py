"""What a user calls projects: names that are given, shown, and given up.

A user's own names come first. What has none goes by the node's name for it, or by its id where that name means
something else to the user, or nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from fedpeer.api.symetry import maps
from fedpeer.api.symetry.door import Ask
from fedpeer.api.symetry.envelope import DialectError
from fedpeer.core.errors import UnknownError
from fedpeer.node.shapes import Project

_GONE = ("left", "removed", "declined")
_NOTHING = ""  # the id that a name stands for which was given up


@contextmanager
def naming(ask: Ask, pid: str | None = None) -> Iterator[str]:
    """Yield the new project's name, kept for this request; DialectError if the user has a project of that name."""
    if not ask.flag("persist", True):
        raise DialectError(HTTPStatus.BAD_REQUEST, "persist=false is not supported: a project is always kept")
    with giving(ask, ask.query("pid") if pid is None else pid) as name:
        yield name


@contextmanager
def giving(ask: Ask, pid: str) -> Iterator[str]:
    """Yield a name, kept for this request; DialectError if it is none, or the user has a project of that name."""
    mine, known = (ask.cid, maps.new_pid(pid)), ask.dialect.users.project(ask.cid, pid)
    if mine in ask.dialect.naming or (known is not None and _alive(ask, known)):
        raise taken(ask, pid)
    ask.dialect.naming.add(mine)
    try:
        yield pid
    finally:
        ask.dialect.naming.discard(mine)


def taken(ask: Ask, pid: str) -> DialectError:
    """Return the no to a name that the user has given."""
    return DialectError(HTTPStatus.CONFLICT, f"Customer [{ask.cid}] already have SYMETRYML with id[{pid}]")


def seen(ask: Ask) -> dict[str, str]:
    """Return the ids of what the user may look at, by what each is called."""
    told = {scope: name for scope, name in _names(ask).items() if ask.who.may("viewer", scope)}
    own = ask.dialect.users.called(ask.cid)
    mine = {pid: scope for pid, scope in own.items() if scope in told}
    others = {scope: name for scope, name in told.items() if scope not in mine.values()}
    times = Counter(others.values())
    return mine | {name if times[name] == 1 and name not in own else scope: scope for scope, name in others.items()}


async def give_up(ask: Ask) -> None:
    """Let the name in the path be none of the user's any more.

    Where something else of the node has that name, the user's stands for nothing from here on: whoever sends a request
    twice must not be understood to mean that.
    """
    scope = ask.dialect.users.project(ask.cid, ask.pid)
    if scope is None:
        return
    if any(name == ask.pid and other != scope for other, name in _names(ask).items()):
        await ask.dialect.users.bind(ask.cid, ask.pid, _NOTHING)
    else:
        await ask.dialect.users.unbind(ask.cid, ask.pid)


def local(ask: Ask, scope: str) -> Project | None:
    """Return the project of this id, if it is one without a federation."""
    return ask.node.alone(scope)


def _names(ask: Ask) -> dict[str, str]:
    return {fed.id: fed.name for fed in ask.node.federations()} | {one.id: one.name for one in ask.node.projects()}


def _alive(ask: Ask, scope: str) -> bool:
    if scope in {project.id for project in ask.node.projects()}:
        return True
    try:
        return ask.node.federation(scope).state not in _GONE
    except UnknownError:
        return False
