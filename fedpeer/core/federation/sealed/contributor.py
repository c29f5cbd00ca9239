"""A contributor's part: one vector, encrypted once under the round's one key, and said to the coordinator alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from fedpeer.core.envelope.keys import Identity
from fedpeer.core.errors import OutsiderError
from fedpeer.core.federation.sealed.documents import Heard, Key, Pledge, Word, check_load, load_digest, read, sign
from fedpeer.core.federation.sealed.terms import Terms
from fedpeer.core.federation.sealed.work import Encrypt
from fedpeer.core.machine import Machine
from fedpeer.core.privacy import masks
from fedpeer.core.statistics.residues import Residues

CONTRIBUTOR = Machine(
    "the contributor",
    "encrypting",
    {
        ("encrypting", "ciphertext"): "pledged",
        ("pledged", "end"): "told",
        ("encrypting", "failure"): "ended",
    },
)


@dataclass(frozen=True)
class Own:
    """Who takes part, and in what."""

    terms: Terms
    identity: Identity = field(repr=False)


@dataclass(frozen=True)
class Encrypting:
    """Has a key and a vector, and waits for the ciphertext."""

    own: Own
    key: Heard[Key]
    version: bytes


@dataclass(frozen=True)
class Pledged:
    """Has said its part, and holds no vector any more; `said` is said again to a coordinator that lacks it."""

    own: Own
    key: Heard[Key]
    said: Word = field(repr=False)


@dataclass(frozen=True)
class Part:
    """What a contributor brings: its vector, 32 bytes drawn for this round alone, and what its version is of.

    That is the vector as it was before the schema grew by something that it has nothing of.
    """

    vector: Residues = field(repr=False)
    seed: bytes = field(repr=False)
    lean: Residues | None = field(default=None, repr=False)


def encrypt(own: Own, word: Word, part: Part) -> tuple[Encrypting, Encrypt]:
    """Hear the round's key and have the vector encrypted under it; RemoteError unless it is the beneficiary's key."""
    if own.identity.peer not in own.terms.contributors:
        raise OutsiderError("who brings no rows has nothing to encrypt")
    key = read(word.document, own.terms, Key)
    public = check_load(word.load, key.document.public)
    lean = part.vector if part.lean is None else part.lean
    return Encrypting(own, key, version(own.identity, lean)), Encrypt(public, part.vector, part.seed)


def version(identity: Identity, vector: Residues) -> bytes:
    """What tells a lean vector from those of other rounds: a keyed digest, so that none is guessed."""
    return masks.key(identity.secret(), "sealed version", vector.to_bytes())[:16]


def pledge(state: Encrypting, ciphertext: bytes) -> Pledged:
    """Say the ciphertext, as ours, for the coordinator."""
    own = state.own
    document = Pledge(own.terms.id, state.key.digest, load_digest(ciphertext), state.version)
    return Pledged(own, state.key, Word(sign(document, own.identity), ciphertext))
