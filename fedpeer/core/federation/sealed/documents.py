"""What is said in a round under a cipher, each document signed by its author, in a chain by digest.

Large things (a public key, ciphertexts) travel beside the document that names their digest. So what is signed is small,
can be kept, and can be shown to others without what is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from fedpeer.core import canonical
from fedpeer.core.canonical import Value
from fedpeer.core.envelope.keys import Identity, verify
from fedpeer.core.errors import MismatchError, OutsiderError
from fedpeer.core.federation.sealed.terms import Terms
from fedpeer.core.federation.secure.documents import Document, Said
from fedpeer.core.identity import PeerId


class Key(Document, frozen=True, tag="key"):
    """The beneficiary: this round's sum goes under this public key, which was made for it alone."""

    public: bytes


class Pledge(Document, frozen=True, tag="pledge"):
    """A contributor: this ciphertext is my part. `version` tells what is in it from my parts of other rounds."""

    ciphertext: bytes
    version: bytes


class Added(Document, frozen=True, tag="added"):
    """The coordinator: this ciphertext is the sum of what was pledged, by these pledges, in the charter's order."""

    ciphertext: bytes
    pledges: tuple[bytes, ...]


class Opened(Document, frozen=True, tag="opened"):
    """The beneficiary, to all: this is the sum."""

    total: bytes


class Closed(Document, frozen=True, tag="closed"):
    """The beneficiary, to all: the sum was opened, and is not shown."""


class Word(Value, frozen=True, tag="word"):
    """What travels: a document, and beside it the large thing that it names by digest."""

    document: bytes
    load: bytes = b""


K = TypeVar("K", bound=Document, covariant=True)
E = TypeVar("E", bound=Document)


@dataclass(frozen=True, slots=True)
class Heard(Generic[K]):
    """A document whose signature was checked, its author, the bytes that prove it, and their digest."""

    author: PeerId
    document: K
    data: bytes = field(repr=False)
    digest: bytes


def sign(document: Document, identity: Identity) -> bytes:
    """Return the document signed as what it is."""
    kind, body = type(document).__name__.lower(), canonical.encode(document)
    return canonical.encode(Said(kind, identity.peer, body, identity.sign(_label(kind), body)))


def read(data: bytes, terms: Terms, kind: type[E]) -> Heard[E]:
    """Return what was said; RemoteError unless who may say such a thing signed it, as this, in this round."""
    said = canonical.decode(data, Said)
    author = PeerId(said.author)
    if said.kind != kind.__name__.lower() or author not in _speakers(terms, kind):
        raise OutsiderError(f"a {said.kind[:20]} where a {kind.__name__.lower()} belongs, or of someone else's part")
    verify(terms.signers[author], _label(said.kind), said.body, said.signature)
    document = canonical.decode(said.body, kind)
    if document.round != terms.id:
        raise MismatchError(f"a {said.kind} by {author} of another round")
    return Heard(author, document, data, digest(data))


def kind_of(word: Word) -> type[Document]:
    """What kind of document a word claims to carry; OutsiderError for none of a round."""
    kind = KINDS.get(canonical.decode(word.document, Said).kind)
    if kind is None:
        raise OutsiderError("a document of an unknown kind")
    return kind


def after(heard: Heard[E], before: Heard[Document]) -> Heard[E]:
    """The same; MismatchError unless it answers the document before it."""
    if heard.document.after != before.digest:
        raise MismatchError(f"a document by {heard.author} that belongs to another course of the round")
    return heard


def digest(data: bytes) -> bytes:
    """The digest by which a later document names this one, as signed."""
    return canonical.digest("sealed document", data)


def load_digest(data: bytes) -> bytes:
    """The digest by which a document names what travels beside it."""
    return canonical.digest("sealed load", data)


def check_load(load: bytes, named: bytes) -> bytes:
    """Return what came beside a document; MismatchError if that does not name it."""
    if load_digest(load) != named:
        raise MismatchError("what came beside a document is not what it names")
    return load


KINDS: Mapping[str, type[Document]] = {kind.__name__.lower(): kind for kind in (Key, Pledge, Added, Opened, Closed)}


def _speakers(terms: Terms, kind: type[Document]) -> tuple[PeerId, ...]:
    if kind is Pledge:
        return terms.contributors
    return (terms.coordinator,) if kind is Added else (terms.beneficiary,)


def _label(kind: str) -> str:
    return f"sealed {kind}"
