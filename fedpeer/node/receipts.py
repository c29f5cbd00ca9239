"""Withdrawals for people: what was taken out, who has confirmed it and who has not."""

from __future__ import annotations

from fedpeer.core.envelope.receipts import read
from fedpeer.core.identity import PeerId
from fedpeer.core.peer.kept import Withdrawal
from fedpeer.core.peer.state import Peer
from fedpeer.node import shapes


def withdrawals(peer: Peer) -> list[shapes.Withdrawal]:
    """Every withdrawal with its receipts, oldest first; last, what has not left yet."""
    receipts: dict[str, list[shapes.Receipt]] = {}
    for name, signed in peer.receipts.items():
        receipts.setdefault(name.partition("/")[0], []).append(_receipt(peer, signed))
    ordered = sorted(peer.withdrawals.items(), key=lambda item: (item[1].serial == 0, item[1].serial))
    return [_withdrawal(peer, told, receipts.get(name, [])) for name, told in ordered]


def _withdrawal(peer: Peer, told: Withdrawal, receipts: list[shapes.Receipt]) -> shapes.Withdrawal:
    return shapes.Withdrawal(
        serial=told.serial,
        digest=told.digest.hex(),
        replaced=told.gone.serial,
        replaced_digest=told.gone.digest.hex(),
        at=float(told.at),
        rows=told.rows,
        batches=list(told.batches),
        state="not released" if not told.serial else "waiting" if told.waiting else "confirmed",
        receipts=sorted(receipts, key=lambda receipt: (receipt.at, receipt.name)),
        waiting_for=[_name(peer, member) for member in told.waiting],
    )


def _receipt(peer: Peer, signed: bytes) -> shapes.Receipt:
    said = read(signed)
    return shapes.Receipt(
        peer=said.peer,
        name=_name(peer, said.peer),
        at=float(said.at),
        serial=said.serial,
        digest=said.digest.hex(),
        signed=signed.hex(),
    )


def _name(peer: Peer, member: str) -> str:
    known = peer.roster.members.get(PeerId(member))
    return known.card.name if known else member
