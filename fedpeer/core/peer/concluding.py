"""Opened sums: put to the charter's rules, shown in the ledger, and remembered for the sums that come after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fedpeer.core.contract.admit import RECEIVING, Refused, admit
from fedpeer.core.contract.grammar import Contract
from fedpeer.core.federation.circles import Versions, check_circle, circle, distinct, moved
from fedpeer.core.federation.ledger import Opened
from fedpeer.core.federation.opened import Concluded, read_opened
from fedpeer.core.federation.together import shown
from fedpeer.core.peer.turn import Turn
from fedpeer.core.privacy.findings import standing_risk
from fedpeer.core.privacy.masked import examined_sum

# What others hear of a release rule: which one, and what it measured, is for our own log.
RULED = "the sum did not pass its release rules"


def show(turn: Turn, data: bytes) -> None:
    """Show an opened sum, if it is newer than the one that is shown and every rule allows it."""
    known = turn.state.ledger.opened
    if known is not None and known.data == data:
        return
    concluded, opened = read_opened(data, turn.state.charter)
    ledger = turn.state.ledger.show(opened)
    remember_circle(turn, concluded.versions)
    if ledger is turn.state.ledger:
        return
    reason = "" if concluded.total is None else _ruled(turn, opened)
    if reason:
        turn.count(receive_errors=1)
        turn.note("contract", "error", f"the sum of {len(opened.contributors)} members is not shown: {reason}")
        return
    _doubled(turn, concluded, opened)
    if known is not None and known.total != opened.total and not known.total.noise:
        sums = turn.state.sums
        traces = turn.state.past_sums.kept(len(sums.traces) + 1, known.total)
        turn.change(sums=replace(sums, traces=traces))
    turn.change(ledger=ledger)
    turn.session(dirty=True)
    turn.count(received=1)
    text = f"the sum of {len(opened.contributors)} members was opened: {_what(turn, concluded, opened)}"
    evidence = {"digest": opened.total.digest, "transcript": concluded.transcript.hex()}
    told = evidence | ({} if opened.total.noise else {"membership_risk": standing_risk(opened.total)})
    turn.note("sync", "info", text, peer=concluded.collector, data=told)


def fault(turn: Turn, data: bytes) -> str:
    """Why a sum that we have opened may not be shown to anybody, or nothing."""
    return _ruled(turn, read_opened(data, turn.state.charter)[1])


def remember_circle(turn: Turn, versions: Versions) -> None:
    """Remember whose vectors a sum is of, that others may have seen."""
    sums = turn.state.sums
    name, data = circle(versions)
    if name not in sums.circles:
        turn.change(sums=replace(sums, circles={**sums.circles, name: data}))


def clash(turn: Turn, versions: Versions) -> str:
    """What is wrong with opening the sum of these beside those of earlier circles, if anything."""
    before = [check_circle(name, data) for name, data in turn.state.sums.circles.items()]
    two = next(filter(None, (_clash(turn, versions, each) for each in before)), "")
    return two or _together(turn, versions, before)


def _together(turn: Turn, versions: Versions, before: Sequence[Versions]) -> str:
    names = " and ".join(map(turn.name, shown(versions, before)))
    return f"it and the sums before would show together what {names} have" if names else ""


def _clash(turn: Turn, versions: Versions, earlier: Versions) -> str:
    if distinct(versions, earlier):
        return ""
    who = sorted(turn.name(p) for p in versions.keys() | earlier.keys() if versions.get(p) != earlier.get(p))
    few = moved(versions, earlier)
    return f"only {few} ({', '.join(who)}) differ from a sum before, and the two sums would show what they have"


def _what(turn: Turn, concluded: Concluded, opened: Opened) -> str:
    shown = concluded.total is not None
    return f"{opened.total.rows} rows" if shown else f"it is for {turn.name(concluded.collector)} alone"


def _ruled(turn: Turn, opened: Opened) -> str:
    """What the charter's rules have against a sum of several."""
    state, roster = turn.state, turn.state.roster
    if roster.exchange.release:
        contract = Contract.parse(roster.exchange.release)
        verdict = admit(opened.total, contract, RECEIVING, peers=len(opened.contributors))
        if isinstance(verdict, Refused):
            return f"the charter's rules for sums refused: {verdict.reason}"
    last = state.ledger.opened.total if state.ledger.opened else None
    failed = examined_sum(opened.total, roster.policy, last, state.past_sums).failed
    return failed.text if failed else ""


def _doubled(turn: Turn, concluded: Concluded, opened: Opened) -> None:
    """Name a collector that stands by two sums of one round; all hold the same one of them."""
    known = turn.state.ledger.opened
    if known is not None and known.serial == opened.serial:
        text = f"{turn.name(concluded.collector)} signed two different sums of one round"
        turn.blame(concluded.collector)
        turn.note("sync", "error", text, peer=concluded.collector)
