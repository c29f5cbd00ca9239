"""Growing with the charter's schema: what is kept here is embedded into it, and nothing is counted or sent again."""

from __future__ import annotations

from dataclasses import replace

from msgspec import structs

from fedpeer.core.errors import SchemaError
from fedpeer.core.peer.kept import Exact
from fedpeer.core.peer.proposals import settled
from fedpeer.core.peer.state import Local, Peer, Settings
from fedpeer.core.statistics.additions import Additions
from fedpeer.core.statistics.extension import beyond, extended
from fedpeer.core.statistics.schema import Schema


def grown(peer: Peer) -> Peer:
    """The peer with all its sums under the newest schema of its charter.

    What others have signed keeps its bytes, and traces of earlier releases theirs: both are read under the schema that
    they are of.
    """
    embed, given = peer.roster.lineage.embed, peer.sums.given
    return replace(
        peer,
        settings=_agreed(peer),
        ledger=peer.ledger.grown(peer.roster.lineage),
        batches={name: Local(each.batch, embed(each.summary)) for name, each in peer.batches.items()},
        local=embed(peer.local),
        sums=replace(peer.sums, given=given and embed(given)),
        exact=peer.exact and Exact(peer.exact.serial, embed(peer.exact.summary)),
        proposals=settled(peer.proposals, peer.roster.schema),
    )


def _agreed(peer: Peer) -> Settings:
    """Who has proposed something agrees to it, and to nothing that others have proposed before."""
    agreed, settings = peer.agreed, peer.settings
    mine = [p for p in peer.proposals.values() if p.by == peer.me.peer and not p.is_settled]
    for proposal in mine:
        wanted = _with(agreed, Additions.from_json(proposal.additions))
        if any(schema.digest == wanted for schema in peer.roster.lineage.schemas):
            settings = structs.replace(settings, agreed=wanted)
    return settings


def _with(agreed: Schema, additions: Additions) -> str:
    """The digest of a schema with these additions and no others; nothing where they presuppose some of others."""
    try:
        rest = beyond(agreed, additions)
        return extended(agreed, rest).digest if rest else ""
    except SchemaError:
        return ""
