"""Our collecting of a round, if it is our turn: what contributors say goes in, and what they are to hear goes out.

The sum is put to the charter's release rules before anybody else hears it. The collector has then seen it: that is what
being one gives it, and all that it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fedpeer.core import canonical
from fedpeer.core.envelope.messages import MOST_REASON, Round, Talk
from fedpeer.core.errors import OutsiderError, RemoteError
from fedpeer.core.federation.secure.audit import Transcript
from fedpeer.core.federation.secure.collector import Collector, Words, advance, take
from fedpeer.core.federation.secure.conclusion import Conclusion
from fedpeer.core.federation.secure.course import there
from fedpeer.core.federation.secure.documents import Word
from fedpeer.core.identity import PeerId
from fedpeer.core.peer import concluding
from fedpeer.core.peer.ongoing import Ongoing
from fedpeer.core.peer.turn import Turn

# How many rounds' evidence is kept.
_KEPT = 2


def hear(turn: Turn, sender: PeerId, data: bytes) -> None:
    """Hear a contributor."""
    ongoing = turn.state.session.round
    if ongoing is None or sender not in ongoing.terms.signers or turn.state.me.peer not in ongoing.terms.signers:
        raise OutsiderError("a word to the collector of a round of others")
    wait_s = turn.state.session.habits.absent_after_s
    before = ongoing.collector or Collector(ongoing.terms, turn.state.me, wait_s, turn.now)
    after, words = take(before, canonical.decode(data, Word))
    _advanced(turn, ongoing, after, words)


def go_on(turn: Turn) -> None:
    """Go on without those who have not come in time."""
    ongoing = turn.state.session.round
    if ongoing is not None and ongoing.collector is not None:
        _advanced(turn, ongoing, ongoing.collector, [])


def _advanced(turn: Turn, ongoing: Ongoing, before: Collector, words: Words) -> None:
    after, more = advance(before, turn.now)
    turn.session(round=replace(ongoing, collector=after))
    if after.ended and not before.ended:
        _ended(turn, after, more)
    else:
        _tell(turn, ongoing.terms.round, (*words, *more))


def _ended(turn: Turn, collector: Collector, words: Words) -> None:
    reason = collector.reason or _refused(turn, collector)
    if not reason:
        _keep(turn, collector)
        _tell(turn, collector.terms.round, words)
        return
    turn.session(dirty=True)
    turn.note("sync", "warning", f"the round that this node collected ended without a sum: {reason}")
    told = Talk(collector.terms.round, False, b"", (collector.reason or concluding.RULED)[:MOST_REASON])
    for peer in collector.terms.signers:
        turn.talk(peer, told)


def _refused(turn: Turn, collector: Collector) -> str:
    """Why the sum that we have opened may not be shown, if it may not."""
    conclusion = Conclusion.of(collector.terms.round, there(collector.course).concluded)
    try:
        return concluding.fault(turn, canonical.encode(conclusion))
    except RemoteError as error:
        return str(error)


def _keep(turn: Turn, collector: Collector) -> None:
    """Keep what the sum was opened from, for whoever wants to see it."""
    sums = turn.state.sums
    name = canonical.ordinal(collector.terms.round.rank)
    evidence = {**sums.evidence, name: canonical.encode(Transcript.of(there(collector.course)))}
    newest = sorted(evidence)[-_KEPT:]
    turn.change(sums=replace(sums, evidence={each: evidence[each] for each in newest}))


def _tell(turn: Turn, which: Round, words: Sequence[tuple[PeerId, Word]]) -> None:
    for peer, word in words:
        turn.talk(peer, Talk(which, False, canonical.encode(word)))
