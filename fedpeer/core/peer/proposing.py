"""Proposals to grow the schema: a member makes one, the admin decides, and the charter tells everyone.

1. A proposal names features and levels, and holds nothing that was counted. It goes to the admin alone: what others
   measure need not be known to all before it is agreed.
2. It is said again whenever the admin is heard and has not answered, so in the end it is there, whatever is lost.
3. A schema that has grown obliges nobody: a node counts what its own operator has agreed to. Else whoever decides could
   have others count a column that their files happen to have.
4. Only the charter makes it hold. What it comes to is seen from the schema, and where the admin declines, from its
   word.
"""

from __future__ import annotations

from msgspec.structs import replace

from fedpeer.core.envelope.messages import MOST_ADDED, MOST_REASON, Motion, Ruling
from fedpeer.core.errors import MalformedError, MismatchError, SchemaError, StateError, UnknownError
from fedpeer.core.federation.decisions import SchemaGrown
from fedpeer.core.identity import PeerId
from fedpeer.core.peer.deciding import tell_everyone
from fedpeer.core.peer.proposals import (
    AcceptProposal,
    Agree,
    DeclineProposal,
    Proposal,
    Propose,
    Stage,
    proposal_id,
    together,
)
from fedpeer.core.peer.turn import Turn
from fedpeer.core.statistics.additions import Additions
from fedpeer.core.statistics.extension import beyond, extended
from fedpeer.core.statistics.schema import Schema

# How many of a member's proposals can be open, and of how many characters together, so that none can fill the admin's
# store.
MOST_OPEN, MOST_WAITING = 20, 2 * MOST_ADDED
# How often a proposal is said again: until the admin has it, and then to hear what became of it.
SAID_S, ASKED_S = 10.0, 3_600.0


def propose(turn: Turn, event: Propose) -> None:
    """Propose additions to the schema, or find the proposal that is open for the same."""
    turn.need_active()
    state = turn.state
    if state.roster.policy.noise is not None:
        raise StateError(
            "the schema of a federation with noise cannot grow: the noise was made, and paid for, for this one",
            hint="found another federation with the schema that you want",
        )
    rest = beyond(state.roster.schema, event.additions)
    if not rest:
        raise StateError("the federation's schema has all of this already")
    extended(state.roster.schema, rest)
    text = rest.to_json()
    if len(text) > MOST_ADDED:
        raise SchemaError(f"{len(text)} characters of additions; at most {MOST_ADDED}", hint="propose them in parts")
    same = [p for p in state.proposals.values() if (p.by, p.additions) == (state.me.peer, text) and not p.is_settled]
    if not same:
        at = int(turn.now)
        name, comment = proposal_id(state.me.peer, text, at), event.comment[:MOST_REASON]
        same = [Proposal(name, state.me.peer, text, comment, at, "open" if state.is_admin else "sent")]
        _keep(turn, same[0])
        turn.note("charter", "info", f"proposed that the schema grow by {rest.told}", data={"proposal": same[0].id})
        _say(turn, same[0])
    turn.reply(same[0])


def accept(turn: Turn, event: AcceptProposal) -> None:
    """Let the schema grow as proposed, for everyone."""
    turn.need_admin("let the schema grow")
    proposal = _open(turn, event.proposal)
    roster = turn.state.roster
    rest, follows = beyond(roster.schema, Additions.from_json(proposal.additions)), turn.state.agreed is roster.schema
    turn.decide(SchemaGrown(rest.to_json(), proposal.by))
    if follows:
        _agree(turn, turn.state.roster.schema.digest)
    turn.note("charter", "info", f"the schema has grown by {rest.told}, as {turn.name(proposal.by)} proposed")
    tell_everyone(turn)
    turn.reply(turn.state.proposals[proposal.id])


def agree(turn: Turn, event: Agree) -> None:
    """Count rows under this schema from here on."""
    turn.need_active()
    schema = next((s for s in turn.state.roster.lineage.schemas if s.digest == event.schema), None)
    if schema is None:
        raise UnknownError(f"the federation has no schema {event.schema[:16]}")
    _agree(turn, schema.digest)
    turn.note("audit", "info", f"rows are counted under schema {schema.digest[:16]} from here on")
    turn.reply(schema.digest)


def decline(turn: Turn, event: DeclineProposal) -> None:
    """Do not let the schema grow as proposed."""
    turn.need_admin("decline a proposal")
    proposal = replace(_open(turn, event.proposal), state="declined", reason=event.reason[:MOST_REASON])
    _keep(turn, proposal)
    turn.note("charter", "info", f"declined what {turn.name(proposal.by)} proposed", data={"proposal": proposal.id})
    _rule(turn, PeerId(proposal.by), proposal)
    turn.reply(proposal)


def heed(turn: Turn, sender: PeerId, message: Motion | Ruling) -> None:
    """Hear of a proposal, or of what became of one."""
    match message:
        case Motion():
            _moved(turn, sender, message)
        case Ruling():
            _ruled(turn, sender, message)


def remind(turn: Turn, sender: PeerId) -> None:
    """Say again to the admin, who was heard, what it has not answered."""
    if sender != turn.state.roster.admin:
        return
    for proposal in turn.state.proposals.values():
        waits_s = SAID_S if proposal.state == "sent" else ASKED_S
        if not proposal.is_settled and turn.seldom(f"proposal/{proposal.id}", waits_s):
            turn.tell(sender, Motion(proposal.id, proposal.additions, proposal.comment))


def _moved(turn: Turn, sender: PeerId, motion: Motion) -> None:
    """A member's proposal: keep it, and say what has become of it."""
    state = turn.state
    if not state.is_admin:
        raise MismatchError("a proposal to a member that does not decide")
    known = state.proposals.get(motion.id)
    if known is not None and (known.by, known.additions) != (sender, motion.additions):
        raise MismatchError("two proposals of one name")
    _rule(turn, sender, known or _received(turn, sender, motion))


def _ruled(turn: Turn, sender: PeerId, ruling: Ruling) -> None:
    """What became of a proposal of ours; only the admin can say."""
    state = turn.state
    proposal = state.proposals.get(ruling.id)
    if sender != state.roster.admin or proposal is None or proposal.by != state.me.peer:
        raise MismatchError("a ruling on what this node has not proposed, or not by the admin")
    # What was accepted is in the charter, which may still be on its way.
    stage: Stage = "declined" if ruling.state == "declined" else "open"
    if proposal.is_settled or (proposal.state, proposal.reason) == (stage, ruling.reason):
        return
    _keep(turn, replace(proposal, state=stage, reason=ruling.reason))
    if stage == "declined":
        text = f"the admin declined that the schema grow by {_told(proposal)}: {ruling.reason}"
        turn.note("charter", "warning", text, data={"proposal": proposal.id})


def _received(turn: Turn, sender: PeerId, motion: Motion) -> Proposal:
    """A proposal that was not known, and is from now on unless it cannot hold."""
    reason, is_there = _judged(turn.state.roster.schema, motion.additions)
    waiting = [p.additions for p in turn.state.proposals.values() if p.by == sender and not p.is_settled]
    if len(waiting) >= MOST_OPEN:
        reason = f"{MOST_OPEN} proposals of this member are open already"
    elif sum(map(len, waiting)) + len(motion.additions) > MOST_WAITING:
        reason = f"open proposals of a member have at most {MOST_WAITING} characters together"
    found: Stage = "declined" if reason else "accepted" if is_there else "open"
    proposal = Proposal(motion.id, sender, motion.additions, motion.comment, int(turn.now), found, reason[:MOST_REASON])
    if not proposal.is_settled:
        _keep(turn, proposal)
        text = f"{turn.name(sender)} proposes that the schema grow by {_told(proposal)}"
        turn.note("charter", "warning", text, peer=sender, data={"proposal": proposal.id})
    return proposal


def _judged(schema: Schema, text: str) -> tuple[str, bool]:
    """Why the schema cannot grow so, or nothing; and whether it has. MalformedError if these are no additions."""
    try:
        additions = Additions.from_json(text)
    except SchemaError as error:
        raise MalformedError(f"a proposal that is none: {error}") from None
    if not additions or additions.to_json() != text:
        raise MalformedError("a proposal of nothing, or not as it would be written here")
    try:
        rest = beyond(schema, additions)
        if rest:
            extended(schema, rest)
    except SchemaError as error:
        return str(error), False
    return "", not rest


def _open(turn: Turn, name: str) -> Proposal:
    proposal = turn.state.proposals.get(name)
    if proposal is None:
        raise UnknownError(f"there is no proposal {name}")
    if proposal.is_settled:
        raise StateError(f"proposal {name} is {proposal.state} already")
    return proposal


def _agree(turn: Turn, digest: str) -> None:
    turn.change(settings=replace(turn.state.settings, agreed=digest))


def _say(turn: Turn, proposal: Proposal) -> None:
    if not turn.state.is_admin:
        turn.tell(turn.state.roster.admin, Motion(proposal.id, proposal.additions, proposal.comment))


def _rule(turn: Turn, peer: PeerId, proposal: Proposal) -> None:
    if peer != turn.state.me.peer and turn.state.roster.member(peer) and proposal.state != "sent":
        turn.tell(peer, Ruling(proposal.id, proposal.state, proposal.reason))


def _keep(turn: Turn, proposal: Proposal) -> None:
    turn.change(proposals=together(turn.state.proposals, proposal))


def _told(proposal: Proposal) -> str:
    return Additions.from_json(proposal.additions).told
