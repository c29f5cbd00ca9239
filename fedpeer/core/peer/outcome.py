"""What a pulse comes to, and how it is told where contract or release rules keep rows back."""

from __future__ import annotations

from typing import Literal

from fedpeer.core.contract.admit import Admitted, Refused
from fedpeer.core.federation.ledger import Ledger
from fedpeer.core.peer.turn import Turn
from fedpeer.core.privacy.epsilon import UNIT
from fedpeer.core.privacy.protect import Withheld
from fedpeer.core.privacy.purse import Bill

Outcome = Literal["sent", "unchanged", "refused", "withheld", "empty", "called"]


def refused(turn: Turn, passage: Refused) -> tuple[Outcome, str]:
    """The contract does not let the rows' sum leave."""
    turn.count(send_contract_failures=1)
    turn.note("contract", "error", f"not sent: the contract refused: {passage.reason}")
    return "refused", passage.reason


def allowed(turn: Turn, verdict: Admitted) -> None:
    """Say so if the contract lets the rows' sum leave only because this node is set so."""
    if verdict.failed:
        turn.count(send_contract_failures=1)
        turn.note("contract", "error", f"sent although the contract refused, as this node is set: {verdict.reason}")


def kept_back(turn: Turn, withheld: Withheld) -> tuple[Outcome, str]:
    """A release rule does not let it leave."""
    turn.count(withheld=1)
    data = {"rule": withheld.rule, "feature": withheld.feature, "measured": withheld.measured}
    turn.note("contract", "error", f"not sent: withheld by a release rule: {withheld.text}", data=data)
    return "withheld", withheld.text


def noted(turn: Turn, bill: Bill | None) -> str:
    """What the noise of something that leaves cost, in words."""
    account = turn.purse.account
    if bill is None or account is None:
        return ""
    return f", with noise that cost ρ = {bill.charge.cost / UNIT:.3g}; {account.left / UNIT:.3g} is left"


def left_out(turn: Turn, before: Ledger) -> None:
    """Name whom the total has no room for any more, and who brings what another brings already."""
    ledger = turn.state.ledger
    for peer in ledger.left_out:
        if peer in before.left_out:
            continue
        held, twin = ledger.held[peer], ledger.twins.get(peer)
        if twin is not None:
            both = min(set(held.contribution.through) & set(ledger.held[twin].contribution.through))
            text = f"{turn.name(peer)} is left out: {turn.name(twin)} brings federation {both} here already"
        else:
            rows, bound = held.summary.rows, turn.state.roster.schema.row_bound
            text = f"{turn.name(peer)} is left out: with its {rows} rows all would be more than the bound of {bound}"
            turn.blame(peer)
        turn.note("contract", "error", text, peer=peer)
