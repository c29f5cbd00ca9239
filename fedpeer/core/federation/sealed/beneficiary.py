"""The beneficiary's part: a fresh key for one sum, which it opens once, and then forgets the key.

The secret key is in memory only, and only until the sum that comes under it is given to be opened. A sum of too few, or
without each contributor's signed pledge, is not opened.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fedpeer.core.envelope.keys import Identity
from fedpeer.core.errors import OutsiderError
from fedpeer.core.federation.circles import Versions
from fedpeer.core.federation.sealed.conclusion import Conclusion, summed
from fedpeer.core.federation.sealed.contributor import Own
from fedpeer.core.federation.sealed.documents import (
    Added,
    Closed,
    Heard,
    Key,
    Opened,
    Word,
    check_load,
    load_digest,
    read,
    sign,
)
from fedpeer.core.federation.sealed.terms import Terms
from fedpeer.core.federation.sealed.work import Generate, Keys, Open
from fedpeer.core.machine import Machine
from fedpeer.core.statistics.residues import Residues

BENEFICIARY = Machine(
    "the beneficiary",
    "drawing",
    {
        ("drawing", "key"): "waiting",
        ("waiting", "sum"): "opening",
        ("opening", "total"): "opened",
        ("drawing", "failure"): "ended",
        ("opening", "failure"): "ended",
    },
)


@dataclass(frozen=True)
class Drawing:
    """Waits for a fresh key."""

    own: Own


@dataclass(frozen=True)
class Waiting:
    """Has said the public half, and waits for a sum; `said` is said again to a coordinator that lacks it."""

    own: Own
    secret: bytes = field(repr=False)
    key: Heard[Key]
    said: Word = field(repr=False)


@dataclass(frozen=True)
class Opening:
    """Has given the sum to be opened, and the key with it; waits for what is in it."""

    own: Own
    key: Heard[Key]
    added: Heard[Added]
    versions: Versions


@dataclass(frozen=True)
class Ended:
    """The round as it is kept, and as it is told to the others."""

    kept: Conclusion = field(repr=False)
    told: Conclusion = field(repr=False)


def begin(own: Own, seed: bytes) -> tuple[Drawing, Generate]:
    """Begin with 32 bytes drawn for this round alone; OutsiderError unless we are the beneficiary."""
    if own.identity.peer != own.terms.beneficiary:
        raise OutsiderError("only the beneficiary makes a round's key")
    return Drawing(own), Generate(seed)


def publish(state: Drawing, keys: Keys) -> Waiting:
    """Say the public half of the key, for all."""
    own = state.own
    said = sign(Key(own.terms.id, b"", load_digest(keys.public)), own.identity)
    return Waiting(own, keys.secret, read(said, own.terms, Key), Word(said, keys.public))


def open_sum(state: Waiting, word: Word) -> tuple[Opening, Open]:
    """Hear the sum, and have it opened; RemoteError unless the coordinator's, of enough who have pledged to it."""
    added = read(word.document, state.own.terms, Added)
    versions = summed(state.own.terms, state.key, added)
    ciphertext = check_load(word.load, added.document.ciphertext)
    return Opening(state.own, state.key, added, versions), Open(state.secret, ciphertext, len(versions))


def end(state: Opening, total: Residues) -> Ended:
    """Say what was opened: to all where the terms say so, else only that it was."""
    own, chain = state.own, (state.key.data, state.added.data)
    opened = Opened(own.terms.id, state.added.digest, total.to_bytes())
    kept = Conclusion(own.terms.round, *chain, sign(opened, own.identity))
    if own.terms.shown:
        return Ended(kept, kept)
    return Ended(kept, closed(own.terms, kept, own.identity))


def closed(terms: Terms, kept: Conclusion, identity: Identity) -> Conclusion:
    """A conclusion of ours for those who may not see its sum: always the same bytes for the same round."""
    added = read(kept.added, terms, Added)
    return Conclusion(kept.round, kept.key, kept.added, sign(Closed(terms.id, added.digest), identity))
