"""One contributor's part in a round, from its first word to the sum: who it talks to, what it has said and heard.

It follows one collector at a time. When that one has been silent for long enough it turns to the next and tells it
everything, so that nothing which was decided is decided again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from fedpeer.core.errors import MismatchError
from fedpeer.core.federation.secure import contributor
from fedpeer.core.federation.secure.conclusion import Concluded, Conclusion, conclude
from fedpeer.core.federation.secure.contributor import (
    CONTRIBUTOR,
    Advertised,
    Concealed,
    Dealt,
    Own,
    State,
    Voted,
)
from fedpeer.core.federation.secure.documents import (
    Delivery,
    Document,
    Heard,
    Opening,
    Proposal,
    Vote,
    Word,
    expect,
    read,
)
from fedpeer.core.federation.secure.terms import Terms
from fedpeer.core.identity import PeerId
from fedpeer.core.statistics.residues import Residues


@dataclass(frozen=True)
class Contribution:
    """The state of a contributor; `rank` is that of the collector it follows, `total` the sum once it is known."""

    terms: Terms
    state: State
    since: float
    rank: int = 0
    said: tuple[bytes, ...] = field(default=(), repr=False)
    heard: tuple[Heard[Document], ...] = ()
    total: Residues | None = field(default=None, repr=False)

    @classmethod
    def begin(cls, own: Own, now: float) -> Contribution:
        """Begin with a vector, and 32 bytes drawn for this round alone."""
        state = contributor.advertise(own)
        return cls(own.terms, state, now, said=(state.said,))

    @property
    def collector(self) -> PeerId:
        """Who is followed now."""
        return self.terms.collectors[self.rank]

    @property
    def again(self) -> Word:
        """What was said last, which the collector may not have heard."""
        return Word(self.said[-1:])

    def hear(self, word: Word, now: float) -> tuple[Contribution, Word | None]:
        """Hear a collector; RemoteError, and no change, for what does not belong here."""
        if len(word.documents) > 1:
            return self._ended(conclude(self.terms, Conclusion.of(self.terms.round, word))), None
        heard = read(word.documents[0] if word.documents else b"", self.terms)
        self._check_turn(heard.author)
        if word.votes == () and any(each.digest == heard.digest for each in self.heard):
            return self, None
        state = self._next(heard, word)
        known = self.heard if word.votes else (*self.heard, heard)
        after = replace(self, state=state, since=now, said=(*self.said, state.said), heard=known)
        return after, after.again

    def turn(self, now: float) -> tuple[Contribution, Word]:
        """Turn to the next collector, and tell it everything."""
        rank = (self.rank + 1) % len(self.terms.collectors)
        after = replace(self, rank=rank, since=now)
        return after, Word((*(each.data for each in self.heard), *self.said))

    def _next(self, heard: Heard[Document], word: Word) -> State:
        event = "agreement" if word.votes else type(heard.document).__name__.lower()
        if not CONTRIBUTOR.allows(type(self.state).__name__.lower(), event):
            raise MismatchError(f"a second {event}, or one before its time, from {heard.author}")
        match self.state, heard.document:
            case Advertised() as state, Opening():
                return contributor.deal(state, expect(heard, Opening))
            case Dealt() as state, Delivery():
                sealed = {PeerId(each.dealer): each.data for each in word.sealed}
                return contributor.conceal(state, expect(heard, Delivery), sealed)
            case Concealed() as state, Proposal():
                return contributor.vote(state, expect(heard, Proposal))
            case Voted() as state, Proposal() if heard.digest == state.proposal.digest:
                votes = (expect(read(data, self.terms), Vote) for data in word.votes if data != state.said)
                return contributor.reveal(state, votes)
            case _:
                raise MismatchError(f"an {event} on another document than the one heard, from {heard.author}")

    def _check_turn(self, author: PeerId) -> None:
        if self.terms.collectors.index(author) > self.rank:
            raise MismatchError(f"a decision of {author}, whose turn to collect it is not")

    def _ended(self, concluded: Concluded) -> Contribution:
        self._check_turn(concluded.collector)
        mine = next((each for each in self.heard if isinstance(each.document, Proposal)), None)
        if mine is not None and mine.digest != concluded.proposal:
            raise MismatchError(f"a result from {concluded.collector} of another proposal than this node voted for")
        if self.total is not None and self.total != concluded.total:
            raise MismatchError(f"{concluded.collector} has said two results of one round")
        return replace(self, total=concluded.total)
