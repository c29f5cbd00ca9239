"""What would leave this node if it pulsed now, for people."""

from __future__ import annotations

from fedpeer.core.federation.sealed.terms import computed
from fedpeer.core.peer.preview import learned, preview
from fedpeer.core.peer.state import Peer
from fedpeer.core.privacy.epsilon import UNIT
from fedpeer.core.privacy.purse import Purse
from fedpeer.node import shapes
from fedpeer.node.computing import Ciphers


def foreseen(peer: Peer, now: float, purse: Purse, ciphers: Ciphers) -> shapes.Preview:
    """The preview of a pulse; it can take seconds where there were thousands of releases."""
    told, roster = preview(peer, now, purse), peer.roster
    encrypts = roster.exchange.ciphered and told.outcome == "called" and roster.part(peer.me.peer) == "contributor"
    names = {p: peer.roster.members[p].card.name for p in peer.roster.active}
    return shapes.Preview(
        outcome=told.outcome,
        detail=told.detail,
        profile=peer.terms.policy.profile,
        rows=peer.local.rows,
        digest=peer.local.digest,
        signed_bytes=ciphers(computed(roster)).size if encrypts else told.signed,
        sealed_bytes=list(told.sealed),
        readers=[names[p] for p in told.readers],
        sum_readers=[names[p] for p in told.watchers],
        contract=[
            shapes.Verdict(line=v.line, rule=v.rule, passed=v.passed, measured=dict(v.measured))
            for v in told.verdict.verdicts
        ],
        rules=[
            shapes.Ruled(
                rule=f.rule, feature=f.feature, measured=f.measured, passed=f.passed, since=f.since, text=f.text
            )
            for f in told.examined.findings
        ],
        changes=[
            shapes.Changed(since=change.since, rows=change.rows, learned=learned(change))
            for change in told.examined.changes
        ],
        smallest_cell=told.cell.name if told.cell else "",
        smallest_cell_rows=abs(told.cell.rows) if told.cell else 0,
        membership_risk=told.examined.risk,
        noise={block: size for block, size in told.noise.items() if size},
        noise_cost=told.cost / UNIT,
        budget_left=purse.account.left / UNIT if purse.account else 0.0,
    )
