"""The end of a round, as it is told to all members and kept: who took part, whose vectors were added, and the sum.

Whoever has it and the charter knows that enough members took part, with which versions of their vectors, and that the
collector stands by the sum. That it is their sum only the transcript shows, which the result names by digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fedpeer.core.canonical import Value
from fedpeer.core.envelope.messages import Round
from fedpeer.core.errors import MismatchError
from fedpeer.core.federation.secure.chain import check_follows, delivered, opened, proposed
from fedpeer.core.federation.secure.documents import Delivery, Opening, Proposal, Result, Word, expect, read
from fedpeer.core.federation.secure.terms import Terms
from fedpeer.core.identity import PeerId
from fedpeer.core.statistics.residues import Residues


class Conclusion(Value, frozen=True):
    """The decisions of an opened round, as signed."""

    round: Round
    opening: bytes
    delivery: bytes
    proposal: bytes
    result: bytes

    @classmethod
    def of(cls, which: Round, word: Word) -> Conclusion:
        """What a collector says last; MismatchError if it is anything else."""
        if len(word.documents) != len(cls.__struct_fields__) - 1:
            raise MismatchError("the end of a round without the decisions that led to it")
        return cls(which, *word.documents)

    @property
    def word(self) -> Word:
        """The same, to be said."""
        return Word((self.opening, self.delivery, self.proposal, self.result))


@dataclass(frozen=True)
class Concluded:
    """What a conclusion says: the contributors with the versions of their vectors, the sum, and who opened it."""

    versions: Mapping[PeerId, bytes]
    total: Residues = field(repr=False)
    collector: PeerId
    proposal: bytes
    transcript: bytes


def conclude(terms: Terms, conclusion: Conclusion) -> Concluded:
    """Read a conclusion; RemoteError that names what in it is not as it must be."""
    opening = expect(read(conclusion.opening, terms), Opening)
    circle, adverts = opened(terms, opening)
    delivery = expect(read(conclusion.delivery, terms), Delivery)
    check_follows(delivery, opening)
    dealers = delivered(circle, delivery)
    proposal = expect(read(conclusion.proposal, terms), Proposal)
    check_follows(proposal, delivery)
    versions = {peer: adverts[peer].version for peer in proposed(terms, dealers, proposal)}
    result = expect(read(conclusion.result, terms), Result)
    check_follows(result, proposal)
    total = Residues.from_bytes(terms.layout, result.document.total)
    return Concluded(versions, total, result.author, proposal.digest, result.document.transcript)
