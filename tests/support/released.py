"""What leaves a site: a summary that was admitted and protected, and one with noise."""

from __future__ import annotations

from fractions import Fraction

from fedpeer.core.contract.admit import SENDING, Admitted, admit
from fedpeer.core.contract.grammar import Contract
from fedpeer.core.privacy.noise import noise
from fedpeer.core.privacy.plan import allot
from fedpeer.core.statistics.noised import settled
from fedpeer.core.statistics.summary import Summary


def sendable(summary: Summary, peers: int = 3) -> Admitted:
    """The summary under a contract that asks for nothing."""
    found = admit(summary, Contract.parse("PEERS() > 0"), SENDING, peers=peers)
    assert isinstance(found, Admitted)
    return found


def noised(exact: Summary, rho: Fraction, seed: int) -> Summary:
    """The summary as one release of ρ-zCDP tells it, with noise drawn from the seed."""
    plan = allot(exact.schema, rho)
    drawn = noise(plan.layout, plan.each, seed.to_bytes(32, "big"))
    return Summary(exact.schema, settled(exact.schema, exact.residues + drawn, plan.variances), plan.variances)
