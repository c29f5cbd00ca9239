"""What this node brings from one of its federations into another: it follows from their states, and so from charters.

Nothing is remembered here. Whatever a crash has left undone is found out when the source's state is looked at next.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from fedpeer.core.errors import LocalError, StateError, UnknownError
from fedpeer.core.peer.bridge import Bridged, Inflow, SetBridge
from fedpeer.core.peer.bridging import objection, outflow
from fedpeer.core.peer.state import BRIDGE, Peer, State
from fedpeer.core.statistics.extension import embed, extends
from fedpeer.core.statistics.summary import Summary

Ask = Callable[[str, SetBridge | Bridged], Awaitable[Any]]
Steps = tuple[SetBridge | None, Bridged]


def flows(states: Mapping[str, State], source: str) -> Iterator[tuple[str, Bridged]]:
    """What is to be told to other federations because this one may have changed."""
    state = states[source]
    if not isinstance(state, Peer) or not state.is_admin:
        return
    for name, target in states.items():
        if not isinstance(target, Peer) or target.phase != "active":
            continue
        if name in state.roster.bridges:
            yield from _newer(state, target)
        elif target.inflow is not None and target.inflow.source == source:
            yield name, Bridged(target.inflow, None)


def steps(source: Peer, target: Peer, *, on: bool) -> Steps:
    """What the source's charter and the target are told when a bridge begins or ends; LocalError if it cannot.

    A source in which nothing can be decided any more is told nothing, and its total is taken back all the same.
    """
    name = target.roster.name
    if not on:
        if not source.is_admin or target.federation not in source.roster.bridges:
            raise UnknownError(f"{source.roster.name} is not brought into {name} by this node")
        ended = Bridged(Inflow(source.federation, source.roster.name, (), source.roster.policy), None)
        return SetBridge(target.federation, name, on) if source.phase == "active" else None, ended
    event = outflow(source)
    reason = objection(target, event)
    if reason:
        raise StateError(f"{source.roster.name} cannot be brought into {name}: {reason}")
    return SetBridge(target.federation, name, on), event


async def bridge(ask: Ask, source: Peer, target: Peer, *, on: bool) -> None:
    """Have one federation be brought into another from here on, or no longer; LocalError if it cannot."""
    decided, told = steps(source, target, on=on)
    if decided is not None:
        await ask(source.federation, decided)
    await ask(target.federation, told)


def _newer(source: Peer, target: Peer) -> Iterator[tuple[str, Bridged]]:
    try:
        event = outflow(source)
    except LocalError:
        return
    kept = target.batches.get(BRIDGE)
    schema, total = target.roster.schema, event.summary
    held = kept.summary if kept else Summary.zero(schema)
    if total is not None and extends(total.schema, schema):
        total = embed(total, schema)
    if target.inflow != event.inflow or held != total:
        yield target.federation, event
