"""What members say to each other once they are members. Every message is idempotent: hearing it twice changes nothing.

Loss is healed by comparison and not by acknowledgements: each member's `Status` says which charter it follows and which
contribution it holds of everyone, and whoever sees another lack something sends it again.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from fedpeer.core import canonical
from fedpeer.core.canonical import Value
from fedpeer.core.errors import MalformedError

# What a member can make another hold or read at once is bounded before anything is allocated for it.
MOST_HELD = 10_000
MOST_ENTRIES = 100_000
MOST_RECALLED = 1_000
MOST_REASON = 300
MOST_ADDED = 2**17  # characters of a proposal
ATTEMPTS = 2**20  # rounds of one second, as ranks count them
_Digest = Annotated[bytes, Meta(max_length=32)]
_Id = Annotated[str, Meta(max_length=26)]
_ProposalId = Annotated[str, Meta(pattern="^[0-9a-f]{12}$", max_length=12)]


class Kind(IntEnum):
    """The kinds of content an envelope can carry; a kind that is not here is ignored and noted."""

    STATUS = 1
    SHARE = 2
    HELLO = 3
    CATCHUP = 4
    FAREWELL = 5
    RECALL = 6
    RECEIPT = 7
    CALL = 8
    TALK = 9
    INQUIRY = 10
    EVIDENCE = 11
    VISIT = 12
    MOTION = 13
    RULING = 14


class Round(Value, frozen=True):
    """Which round it is. The charter's head fixes schema, contract, roster and release rules for all who take part.

    `pulse` is a second (UTC): the one in which its pulse is due, or, under a cipher, in which it was begun.
    """

    federation: str
    charter: _Digest
    pulse: Annotated[int, Meta(ge=0, le=2**40)]
    attempt: Annotated[int, Meta(ge=0, lt=ATTEMPTS)]

    @property
    def id(self) -> bytes:
        """A digest that every document of the round carries."""
        return canonical.digest("secure round", canonical.encode(self))

    @property
    def rank(self) -> int:
        """A number that grows from round to round."""
        return self.pulse * ATTEMPTS + self.attempt


class Holding(Value, frozen=True, array_like=True):
    """Which contribution of a peer a member holds; `digest` is that of its summary. Of peer "": which opened sum."""

    peer: _Id
    serial: int
    digest: _Digest


class Rank(Value, frozen=True, array_like=True):
    """One contribution of a known origin; `digest` is that of its summary."""

    serial: int
    digest: _Digest


class Standing(Value, frozen=True):
    """What a member holds: the same for two members exactly when they hold the same contributions."""

    charter_version: int
    charter_head: _Digest
    epoch: int
    holds: Annotated[tuple[Holding, ...], Meta(max_length=MOST_HELD)]


class Answer(Value, frozen=True, array_like=True):
    """The newest request of `peer` that the sender of a status has dealt with."""

    peer: _Id
    ask: int


class Status(Value, frozen=True, tag="status"):
    """Said to the group after every change and every few seconds.

    A new number in `ask` asks everyone to pulse and to say what they hold; `answers` says which requests were met.
    """

    standing: Standing
    total: _Digest
    explorable: bool
    ask: int
    answers: Annotated[tuple[Answer, ...], Meta(max_length=MOST_HELD)]


class Share(Value, frozen=True, tag="share"):
    """A contribution, said to the group."""

    contribution: bytes


class Hello(Value, frozen=True, tag="hello"):
    """Said to one member by one that cannot read the group's messages, to ask what it lacks."""

    standing: Standing


class CatchUp(Value, frozen=True, tag="catchup"):
    """The answer: charter entries, the newest epoch's secret, and contributions of members who are away.

    Where only sums are seen, the newest opened one stands in their place.
    """

    entries: Annotated[tuple[bytes, ...], Meta(max_length=MOST_ENTRIES)]
    epoch: int
    secret: _Digest
    contributions: Annotated[tuple[bytes, ...], Meta(max_length=MOST_HELD)]

    def __repr__(self) -> str:
        return f"CatchUp(epoch={self.epoch}, entries={len(self.entries)}, contributions={len(self.contributions)})"


class Farewell(Value, frozen=True, tag="farewell"):
    """Said to the admin by a member who leaves."""

    reason: str


class Recall(Value, frozen=True, tag="recall"):
    """Said to a member that has taken the sender's newer contribution: rows of the ones that are `gone` were withdrawn.

    It asks for a receipt that these are no longer held.
    """

    gone: Annotated[tuple[Rank, ...], Meta(max_length=MOST_RECALLED)]


class Receipt(Value, frozen=True, tag="receipt"):
    """The answer to a `Recall`: a signed `Confirmation`."""

    receipt: bytes


class Call(Value, frozen=True, tag="call"):
    """Said to the group by whoever begins a round first."""

    round: Round


class Talk(Value, frozen=True, tag="talk"):
    """A word of a round: to its collector (`up`) or from it. With a reason and no word, it will not go on."""

    round: Round
    up: bool
    word: bytes
    reason: Annotated[str, Meta(max_length=MOST_REASON)] = ""


class Inquiry(Value, frozen=True, tag="inquiry"):
    """Asks the collector of an opened round for all that it was opened from."""

    round: Round


class Evidence(Value, frozen=True, tag="evidence"):
    """The answer to an `Inquiry`: the round's transcript."""

    round: Round
    transcript: bytes


class Visit(Value, frozen=True, tag="visit"):
    """Said to a member whose contribution is being looked at by itself: what is asked of it."""

    what: Annotated[str, Meta(max_length=MOST_REASON)]


class Motion(Value, frozen=True, tag="motion"):
    """Said to the admin by a member who would have the schema grow by these additions."""

    id: _ProposalId
    additions: Annotated[str, Meta(max_length=MOST_ADDED)]
    comment: Annotated[str, Meta(max_length=MOST_REASON)]


class Ruling(Value, frozen=True, tag="ruling"):
    """The answer: what became of a proposal so far."""

    id: _ProposalId
    state: Literal["open", "accepted", "declined"]
    reason: Annotated[str, Meta(max_length=MOST_REASON)]


Message: TypeAlias = (
    Status
    | Share
    | Hello
    | CatchUp
    | Farewell
    | Recall
    | Receipt
    | Call
    | Talk
    | Inquiry
    | Evidence
    | Visit
    | Motion
    | Ruling
)
KINDS: dict[type, Kind] = {
    Status: Kind.STATUS,
    Share: Kind.SHARE,
    Hello: Kind.HELLO,
    CatchUp: Kind.CATCHUP,
    Farewell: Kind.FAREWELL,
    Recall: Kind.RECALL,
    Receipt: Kind.RECEIPT,
    Call: Kind.CALL,
    Talk: Kind.TALK,
    Inquiry: Kind.INQUIRY,
    Evidence: Kind.EVIDENCE,
    Visit: Kind.VISIT,
    Motion: Kind.MOTION,
    Ruling: Kind.RULING,
}


def parse(kind: int, content: bytes) -> Message:
    """Decode the content of an opened envelope; MalformedError if it is not what its kind says."""
    message: Message = canonical.decode(content, Message)  # type: ignore[arg-type]
    if KINDS[type(message)] != kind:
        raise MalformedError("the envelope's kind and its content differ")
    return message
