"""Rows that were taken out: who has confirmed that it no longer holds them.

1. Rows that are withdrawn after the others had them are noted, under serial 0. The next contribution that leaves is the
   one without them.
2. Whoever says in a status that it holds that contribution, or a newer one, is asked for a receipt, until it is here.
   So receipts arrive in the end, whatever is lost, and only for withdrawals.
3. A receipt is kept as its signer's bytes. It counts for the withdrawals that it names.
"""

from __future__ import annotations

from msgspec.structs import replace

from fedpeer.core.canonical import ordinal
from fedpeer.core.envelope.messages import MOST_RECALLED, Rank, Recall, Receipt, Standing
from fedpeer.core.envelope.receipts import Confirmation, confirm, confirmed
from fedpeer.core.errors import MismatchError
from fedpeer.core.federation.ledger import Held
from fedpeer.core.identity import PeerId
from fedpeer.core.peer.kept import Withdrawal
from fedpeer.core.peer.state import Batch
from fedpeer.core.peer.turn import Turn

PENDING = "0"
# How often the same member is asked, and how often it signs.
ASKED_S = 3.0
SIGNED_S = 1.0


def taken_out(turn: Turn, batch: Batch, rows: int) -> None:
    """Note rows that were withdrawn, if the others have had them."""
    state = turn.state
    empty = state.released is None or (state.told is not None and not state.told.rows)
    if empty or batch.number > state.marks.released:
        return
    known = state.withdrawals.get(PENDING) or Withdrawal(int(turn.now), 0, (), 0, b"", Rank(0, b""), ())
    batches = tuple(dict.fromkeys((*known.batches, batch.id)))
    _keep(turn, PENDING, replace(known, at=int(turn.now), rows=known.rows + rows, batches=batches))


def released(turn: Turn, before: Held | None, held: Held) -> None:
    """A contribution leaves: it is the one without the rows that were withdrawn, and has all batches that are here."""
    turn.change(marks=replace(turn.state.marks, released=turn.state.marks.added))
    pending = turn.state.withdrawals.get(PENDING)
    if pending is None or before is None:
        return
    forgotten(turn)
    others = turn.state.roster.heard_by(turn.state.me.peer)
    serial, digest = held.rank
    withdrawal = replace(pending, serial=serial, digest=digest, gone=Rank(*before.rank), waiting=others)
    _keep(turn, ordinal(serial), replace(withdrawal, at=int(turn.now)))


def forgotten(turn: Turn) -> None:
    """What is here is what was released: the rows that were withdrawn are back, and nothing is to be confirmed."""
    if PENDING in turn.state.withdrawals:
        turn.change(withdrawals={k: w for k, w in turn.state.withdrawals.items() if k != PENDING})


def recall(turn: Turn, sender: PeerId, theirs: Standing) -> None:
    """Ask a member for its receipts that are still missing, if it says that it can give them."""
    waiting = [w for w in turn.state.withdrawals.values() if sender in w.waiting]
    if not waiting:
        return
    rank = next(((h.serial, h.digest) for h in theirs.holds if h.peer == turn.state.me.peer), (0, b""))
    gone = tuple(w.gone for w in waiting if rank >= (w.serial, w.digest))[:MOST_RECALLED]
    if gone and turn.seldom(f"recall/{sender}", ASKED_S):
        turn.tell(sender, Recall(gone))


def sign(turn: Turn, sender: PeerId, asked: Recall) -> None:
    """Confirm to a member that we hold its newest contribution and none of those that are gone, if that is so."""
    state = turn.state
    held = state.ledger.held.get(sender)
    if held is None or not asked.gone or any((r.serial, r.digest) >= held.rank for r in asked.gone):
        return
    if not turn.seldom(f"sign/{sender}", SIGNED_S):
        return
    serial, digest = held.rank
    said = Confirmation(state.federation, sender, state.me.peer, serial, digest, asked.gone, int(turn.now))
    turn.tell(sender, Receipt(confirm(said, state.me)))
    text = f"signed a receipt for {turn.name(sender)}: only its contribution {serial} is held here"
    turn.note("audit", "info", text, peer=sender, data={"serial": serial, "gone": [r.serial for r in asked.gone]})


def keep(turn: Turn, sender: PeerId, receipt: Receipt) -> None:
    """Keep a member's receipt; RemoteError if it is not its own, not for us, or confirms nothing that was withdrawn."""
    state = turn.state
    said = confirmed(receipt.receipt, state.roster.members[sender].card.sign, state.federation)
    if (said.peer, said.origin) != (sender, state.me.peer):
        raise MismatchError("a receipt of another member than its sender, or for another than this node")
    meant = {k: w for k, w in state.withdrawals.items() if w.serial and w.gone in said.gone}
    if not meant or any((said.serial, said.digest) < (w.serial, w.digest) for w in meant.values()):
        raise MismatchError("a receipt that confirms none of this node's withdrawals")
    new = {k: w for k, w in meant.items() if sender in w.waiting}
    for name, withdrawal in new.items():
        _keep(turn, name, replace(withdrawal, waiting=tuple(p for p in withdrawal.waiting if p != sender)))
        turn.change(receipts={**turn.state.receipts, f"{name}/{sender}": receipt.receipt})
        text = f"{turn.name(sender)} confirmed: it no longer holds contribution {withdrawal.gone.serial} of this node"
        turn.note("data", "info", text, peer=sender, data={"serial": withdrawal.serial})


def _keep(turn: Turn, name: str, withdrawal: Withdrawal) -> None:
    turn.change(withdrawals={**turn.state.withdrawals, name: withdrawal})
