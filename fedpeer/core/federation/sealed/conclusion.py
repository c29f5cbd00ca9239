"""The end of a round, as it is kept and told: the key, who pledged to the sum, and the sum, or that it is not shown."""

from __future__ import annotations

from dataclasses import dataclass, field

from fedpeer.core.canonical import Value
from fedpeer.core.envelope.messages import Round
from fedpeer.core.federation.circles import Versions
from fedpeer.core.federation.sealed.documents import (
    Added,
    Closed,
    Heard,
    Key,
    Opened,
    Pledge,
    Word,
    after,
    kind_of,
    read,
)
from fedpeer.core.federation.sealed.terms import Terms
from fedpeer.core.identity import PeerId
from fedpeer.core.statistics.residues import Residues


class Conclusion(Value, frozen=True, tag="conclusion"):
    """The documents of an opened round, as signed; `end` is an `Opened`, or a `Closed` for who may not see it."""

    round: Round
    key: bytes
    added: bytes
    end: bytes


@dataclass(frozen=True)
class Concluded:
    """What a conclusion says: whose sum, of which versions, the sum, if it is shown, and who opened it.

    `transcript` names all that led to it, and not the sum.
    """

    versions: Versions
    total: Residues | None = field(repr=False)
    collector: PeerId
    transcript: bytes


def conclude(terms: Terms, conclusion: Conclusion) -> Concluded:
    """Read a conclusion; RemoteError that says what in it is not as it must be."""
    key = read(conclusion.key, terms, Key)
    added = read(conclusion.added, terms, Added)
    versions = summed(terms, key, added)
    if kind_of(Word(conclusion.end)) is Closed:
        after(read(conclusion.end, terms, Closed), added)
        return Concluded(versions, None, key.author, added.digest)
    opened = after(read(conclusion.end, terms, Opened), added)
    total = Residues.from_bytes(terms.sum.layout, opened.document.total)
    return Concluded(versions, total, key.author, added.digest)


def summed(terms: Terms, key: Heard[Key], added: Heard[Added]) -> Versions:
    """Whose sum it is, of which versions; RemoteError unless enough contributors have pledged to this very key."""
    after(added, key)
    pledges = [after(read(data, terms, Pledge), key) for data in added.document.pledges]
    terms.check_circle([pledge.author for pledge in pledges])
    return {pledge.author: pledge.document.version for pledge in pledges}
