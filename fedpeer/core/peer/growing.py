"""Growing with the charter's schema: what is kept here is embedded into it, and nothing is counted or sent again."""

from __future__ import annotations

from dataclasses import replace

from fedpeer.core.peer.kept import Exact
from fedpeer.core.peer.proposals import settled
from fedpeer.core.peer.state import Local, Peer


def grown(peer: Peer) -> Peer:
    """The peer with all its sums under the newest schema of its charter.

    What others have signed keeps its bytes, and traces of earlier releases theirs: both are read under the schema that
    they are of.
    """
    embed, given = peer.roster.lineage.embed, peer.sums.given
    return replace(
        peer,
        ledger=peer.ledger.grown(peer.roster.lineage),
        batches={name: Local(each.batch, embed(each.summary)) for name, each in peer.batches.items()},
        local=embed(peer.local),
        sums=replace(peer.sums, given=given and embed(given)),
        exact=peer.exact and Exact(peer.exact.serial, embed(peer.exact.summary)),
        proposals=settled(peer.proposals, peer.roster.schema),
    )
