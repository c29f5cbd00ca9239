"""What people may have done so that the schema of a federation grows."""

from __future__ import annotations

from fedpeer.core.errors import SchemaError
from fedpeer.core.identity import PeerId
from fedpeer.core.peer import proposals as core
from fedpeer.core.peer.state import Peer
from fedpeer.core.privacy.disclosure import width
from fedpeer.core.statistics.additions import Additions
from fedpeer.core.statistics.collect import lacking
from fedpeer.core.statistics.extension import between, beyond, extended
from fedpeer.core.statistics.schema import Schema
from fedpeer.node.counting import schema_of
from fedpeer.node.proposals import Agreement, Demand, Proposal, demand
from fedpeer.node.standalone import Standalone
from fedpeer.node.standing import Now
from fedpeer.node.timeline import printable


class Growth(Standalone):
    """The part of a node's commands by which schemas of federations grow."""

    def proposals(self, fed: str) -> list[Proposal]:
        """What was proposed by this node and, if it is the admin, to it; oldest first."""
        peer = self._peer(fed)
        told = sorted(peer.proposals.values(), key=lambda p: (p.at, p.id))
        return self._glances.of("proposals", peer, None, lambda: [_shape(peer, each) for each in told])

    async def propose(self, fed: str, additions: Additions, comment: str = "") -> Proposal:
        """Propose to the admin that the schema grow; the proposal that is open for the same is found again."""
        return await self._moved(fed, core.Propose(additions, comment))

    async def accept(self, fed: str, proposal: str) -> Proposal:
        """Let the schema grow as proposed, for everyone."""
        return await self._moved(fed, core.AcceptProposal(proposal))

    async def decline(self, fed: str, proposal: str, reason: str = "") -> Proposal:
        """Do not let the schema grow as proposed, and tell the proposer."""
        return await self._moved(fed, core.DeclineProposal(proposal, reason))

    def agreement(self, fed: str) -> Agreement:
        """What rows are counted under here, and what the federation's schema has beyond that."""
        peer = self._peer(fed)
        more, newest = _beyond(peer), peer.roster.schema
        return Agreement(schema=peer.agreed.digest, newest=newest.digest, additions=more.to_dict(), text=more.told)

    async def agree(self, fed: str, schema: str) -> Agreement:
        """Count rows under this schema of the federation from here on."""
        scope = self.resolve(fed)
        await self._engine.ask(scope, core.Agree(schema))
        return self.agreement(scope)

    def counted_schema(self, fed: str) -> Schema:
        """What rows are counted under here."""
        return schema_of(self._held(fed))

    def _trouble(self, state: Peer, now: Now) -> list[str]:
        more = _beyond(state)
        grown = [f"the schema has grown by {more.told}, not counted here (`fedpeer schema agree`)"] if more else []
        return [*super()._trouble(state, now), *grown]

    async def _moved(self, fed: str, event: core.Propose | core.AcceptProposal | core.DeclineProposal) -> Proposal:
        scope = self.resolve(fed)
        return _shape(self._engine.peer(scope), await self._engine.ask(scope, event))


def _beyond(peer: Peer) -> Additions:
    return between(peer.agreed, peer.roster.schema) if peer.agreed is not peer.roster.schema else Additions()


def _shape(peer: Peer, proposal: core.Proposal) -> Proposal:
    member, additions = peer.roster.members.get(PeerId(proposal.by)), Additions.from_json(proposal.additions)
    now, then, short = (None, None, []) if proposal.is_settled else _cost(peer, additions)
    return Proposal(
        id=proposal.id,
        by=member.card.name if member else proposal.by,
        additions=additions.to_dict(),
        text=additions.told,
        comment=printable(proposal.comment),
        at=float(proposal.at),
        state=proposal.state,
        reason=printable(proposal.reason),
        now=now,
        then=then,
        short=short,
    )


def _cost(peer: Peer, additions: Additions) -> tuple[Demand | None, Demand | None, list[str]]:
    """What the rules ask of releases before and after the schema has grown, and who has too few rows for that."""
    roster = peer.roster
    try:
        grown = extended(roster.schema, beyond(roster.schema, additions))
    except SchemaError:
        return None, None, []
    new = len(grown.presence) - len(roster.schema.presence)  # which all rows from before lack
    asked = [demand(roster.policy, roster.exchange, columns) for columns in (width(roster.schema), width(grown, new))]
    counted = {p: held.summary for p, held in peer.ledger.held.items() if p in roster.active}
    if roster.exchange.mode != "open":
        counted = {peer.me.peer: peer.sums.given or peer.local}
    short = []
    for one, summary in counted.items():
        policy = peer.terms.policy if one == peer.me.peer else roster.policy
        needed = demand(policy, roster.exchange, width(grown, new + len(lacking(summary)))).rows
        if 0 < summary.rows < needed:
            short.append(roster.members[one].card.name)
    return asked[0], asked[1], sorted(short)
