"""Our contribution to a round: what its collector says goes in, and what we say goes to it.

1. What goes into the sum is remembered when it leaves, masked, whether or not a sum is ever heard of.
2. Before the vote, the set of contributors is held to every set whose sum we voted for or have heard: the difference of
   two sums must be nobody's, or that of enough. The set, and the pledge that it is the only one of its round, are
   saved with the vote.
"""

from __future__ import annotations

from dataclasses import replace

from fedpeer.core import canonical
from fedpeer.core.envelope.messages import Talk
from fedpeer.core.errors import MismatchError
from fedpeer.core.federation.secure.chain import opened
from fedpeer.core.federation.secure.conclusion import Conclusion
from fedpeer.core.federation.secure.contribution import Contribution
from fedpeer.core.federation.secure.contributor import Concealed, Revealed, Voted
from fedpeer.core.federation.secure.documents import Word
from fedpeer.core.identity import PeerId
from fedpeer.core.peer import concluding
from fedpeer.core.peer.effects import Pledge
from fedpeer.core.peer.ongoing import Ongoing
from fedpeer.core.peer.persons import Persons
from fedpeer.core.peer.turn import Turn
from fedpeer.core.statistics.summary import Summary


def say(turn: Turn, word: Word) -> None:
    """Say something to the collector that we follow, who may be ourselves."""
    ongoing, contribution = _now(turn)
    turn.session(round=replace(ongoing, said_at=turn.now))
    turn.talk(contribution.collector, Talk(ongoing.terms.round, True, canonical.encode(word)))


def hear(turn: Turn, data: bytes) -> None:
    """Hear a collector."""
    ongoing, word = turn.state.session.round, canonical.decode(data, Word)
    if ongoing is None:
        return
    if len(word.documents) > 1:
        _concluded(turn, ongoing, word)
    elif ongoing.contribution is not None and not ongoing.over:
        after, answer = ongoing.contribution.hear(word, turn.now)
        if answer is not None and _may_answer(turn, ongoing, after):
            turn.session(round=replace(ongoing, contribution=after))
            say(turn, answer)


def stopped(turn: Turn, sender: PeerId, reason: str) -> None:
    """A collector says that its round has ended without a sum; only the one that we follow is believed."""
    ongoing = turn.state.session.round
    if ongoing is not None and ongoing.contribution is not None and ongoing.contribution.collector == sender:
        _give_up(turn, f"{turn.name(sender)} says: {reason}")


def turn_away(turn: Turn) -> None:
    """The collector that we follow is silent: tell the next one everything, or give the round up."""
    ongoing, contribution = _now(turn)
    if ongoing.given_up:
        _give_up(turn, f"{turn.name(contribution.collector)}, who collects, is silent")
        return
    after, word = contribution.turn(turn.now)
    turn.session(round=replace(ongoing, contribution=after, silent=ongoing.silent + 1))
    say(turn, word)


def _concluded(turn: Turn, ongoing: Ongoing, word: Word) -> None:
    conclusion = Conclusion.of(ongoing.terms.round, word)
    if ongoing.contribution is not None:
        after, _ = ongoing.contribution.hear(word, turn.now)
        turn.session(round=replace(ongoing, contribution=after, over=True))
    concluding.show(turn, canonical.encode(conclusion))
    turn.session(dirty=True)


def _may_answer(turn: Turn, ongoing: Ongoing, after: Contribution) -> bool:
    """Remember what the answer gives away; False for a vote that may not be given."""
    before = ongoing.contribution.state if ongoing.contribution else None
    match after.state:
        case Concealed() if not isinstance(before, Concealed):
            return _paid(turn, ongoing)
        case Voted() if not isinstance(before, Voted):
            return _may_vote(turn, after.state)
        case Revealed() if isinstance(before, Voted):
            turn.effects.append(_pledge(before))
        case _:
            pass
    return True


def _paid(turn: Turn, ongoing: Ongoing) -> bool:
    """Our vector leaves: what its noise costs is paid with the same change of the store, or it stays."""
    brought = ongoing.brought
    if brought is None:
        raise TypeError("a contribution without what is in it")
    if brought.bill is not None:
        if not turn.purse.affords(brought.bill):
            _give_up(turn, "this node's privacy budget was spent meanwhile")
            return False
        turn.pay(brought.bill)
    given(turn, brought.summary, "masked", ongoing.persons)
    return True


def given(turn: Turn, brought: Summary, how: str, whose: Persons) -> None:
    """Our vector of these people's rows leaves, hidden: from now on it may be in a sum that somebody has seen."""
    sums, brought = turn.state.sums, turn.state.roster.lineage.embed(brought)
    if sums.given is not None and sums.given != brought:
        turn.change(traces=turn.state.past.kept(len(turn.state.traces) + 1, sums.given))
    turn.change(sums=replace(sums, given=brought))
    if turn.state.roster.schema.patient:
        turn.change(persons=turn.state.persons.released(len(turn.state.traces) + 1, whose))
    turn.count(sent=1)
    turn.note("sync", "info", f"sent {brought.rows} rows, {how}", peer=turn.state.me.peer)


def _may_vote(turn: Turn, state: Voted) -> bool:
    dealt = state.concealed.dealt
    _, adverts = opened(dealt.own.terms, dealt.opening)
    versions = {peer: adverts[peer].version for peer in state.survivors}
    clash = concluding.clash(turn, versions)
    if clash:
        turn.count(withheld=1)
        turn.note("contract", "warning", f"no vote for the sum of {len(versions)}: {clash}")
        _give_up(turn, clash)
        return False
    concluding.remember_circle(turn, versions)
    turn.effects.append(_pledge(state))
    return True


def _pledge(state: Voted) -> Pledge:
    """Of a round only one proposal is voted for, and shares are said for no other: the store keeps us to it."""
    return Pledge(f"round/{state.concealed.dealt.own.terms.id.hex()}", state.proposal.digest)


def _give_up(turn: Turn, reason: str) -> None:
    ongoing, _ = _now(turn)
    if not ongoing.over:
        turn.session(round=replace(ongoing, over=True), dirty=True)
        turn.note("sync", "warning", f"a round ended without a sum: {reason}")


def _now(turn: Turn) -> tuple[Ongoing, Contribution]:
    ongoing = turn.state.session.round
    if ongoing is None or ongoing.contribution is None:
        raise MismatchError("a word of a round that this node does not contribute to")
    return ongoing, ongoing.contribution
