"""What is said in a round, each document signed by its author, so that anyone may pass it on and check it later.

Contributors say `Advert`, `Deal`, `Masked`, `Vote`, `Reveal`; the collector says `Opening`, `Delivery`, `Proposal`,
`Result`. Each document names the one before it by digest, so a round is a chain, and two chains never mix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

from fedpeer.core import canonical
from fedpeer.core.canonical import Value
from fedpeer.core.envelope.keys import Identity, verify
from fedpeer.core.errors import MismatchError, OutsiderError
from fedpeer.core.federation.secure.terms import Terms
from fedpeer.core.identity import PeerId


class Document(Value, frozen=True):
    """What every document says: the round, and the digest of the document it answers."""

    round: bytes
    after: bytes


class Advert(Document, frozen=True, tag="advert"):
    """I want to contribute; these are my keys (X25519) of this round, for masks and for shares.

    `version` tells my vector from those of other rounds, to nobody more than that: it is the same if they are.
    """

    mask_key: bytes
    share_key: bytes
    version: bytes


class Opening(Document, frozen=True, tag="opening"):
    """These contribute: their adverts, as signed, in the charter's order."""

    adverts: tuple[bytes, ...]


class Promise(Value, frozen=True, array_like=True):
    """Digests of the two shares that a holder gets of a dealer: of its seed and of its key."""

    seed: bytes
    key: bytes


class Deal(Document, frozen=True, tag="deal"):
    """My secrets in shares, one sealed piece for each holder in order, and what they can be checked against."""

    seed: bytes
    promises: tuple[Promise, ...]
    sealed: tuple[bytes, ...]


class Delivery(Document, frozen=True, tag="delivery"):
    """These have dealt: the others are out, and no mask is shared with them."""

    dealers: tuple[str, ...]


class Masked(Document, frozen=True, tag="masked"):
    """My vector under my masks."""

    vector: bytes


class Survivor(Value, frozen=True, array_like=True):
    """A peer whose masked vector is in, and the digest of that document."""

    peer: str
    masked: bytes


class Proposal(Document, frozen=True, tag="proposal"):
    """The sum of these peers is to be opened."""

    survivors: tuple[Survivor, ...]


class Vote(Document, frozen=True, tag="vote"):
    """I have seen this proposal, and shall see no other in this round."""


class Piece(Value, frozen=True, array_like=True):
    """A share of a peer: of its seed if it survived, of its key if it did not."""

    peer: str
    share: bytes

    def __repr__(self) -> str:
        return f"Piece({self.peer})"


class Reveal(Document, frozen=True, tag="reveal"):
    """The shares that open the sum of the proposal, and nothing else."""

    pieces: tuple[Piece, ...]


class Result(Document, frozen=True, tag="result"):
    """The sum, as the collector opened it, and the digest of all that it was opened from."""

    total: bytes
    transcript: bytes


class Sealed(Value, frozen=True, array_like=True):
    """A dealer's shares for one holder."""

    dealer: str
    data: bytes


class Word(Value, frozen=True):
    """What travels: documents, with a delivery the shares for whom it goes to, with a proposal the votes for it."""

    documents: tuple[bytes, ...]
    sealed: tuple[Sealed, ...] = ()
    votes: tuple[bytes, ...] = ()


class Said(Value, frozen=True):
    """A document as it travels: its kind, its author, its canonical bytes, and the author's signature of it as that."""

    kind: str
    author: str
    body: bytes
    signature: bytes


D = TypeVar("D", bound=Document, covariant=True)
E = TypeVar("E", bound=Document)


@dataclass(frozen=True, slots=True)
class Heard(Generic[D]):
    """A document whose signature was checked, with its author and the bytes that prove it."""

    author: PeerId
    document: D
    data: bytes = field(repr=False)
    digest: bytes


def sign(document: Document, identity: Identity) -> bytes:
    """Return the document signed as what it is."""
    return speak(document, identity).data


def speak(document: E, identity: Identity) -> Heard[E]:
    """Sign a document, and return it as others will hear it."""
    kind, body = type(document).__name__.lower(), canonical.encode(document)
    name = _name(kind, body)
    said = Said(kind, identity.peer, body, identity.sign(_label(kind), name))
    return Heard(identity.peer, document, canonical.encode(said), _digest(identity.peer, name))


def read(data: bytes, terms: Terms) -> Heard[Document]:
    """Return what was said; RemoteError unless a member signed it as a document of this round."""
    said = canonical.decode(data, Said)
    author, kind = PeerId(said.author), KINDS.get(said.kind)
    if kind is None or author not in terms.signers:
        raise OutsiderError("a document of an unknown kind, or of someone who is not in the round")
    name = _name(said.kind, said.body)
    verify(terms.signers[author], _label(said.kind), name, said.signature)
    document = canonical.decode(said.body, kind)
    if document.round != terms.id:
        raise MismatchError(f"a {said.kind} by {author} of another round")
    return Heard(author, document, data, _digest(author, name))


def digest(data: bytes) -> bytes:
    """The digest by which a later document names this one: of its kind, its author and its body."""
    said = canonical.decode(data, Said)
    return _digest(said.author, _name(said.kind, said.body))


def expect(heard: Heard[Document], kind: type[E]) -> Heard[E]:
    """The same, known to be of this kind; MismatchError if it is of another."""
    if not isinstance(heard.document, kind):
        raise MismatchError(f"a {type(heard.document).__name__.lower()} where a {kind.__name__.lower()} belongs")
    return cast("Heard[E]", heard)


KINDS: Mapping[str, type[Document]] = {
    kind.__name__.lower(): kind for kind in (Advert, Opening, Deal, Delivery, Masked, Proposal, Vote, Reveal, Result)
}


def _name(kind: str, body: bytes) -> bytes:
    """What is signed: a body may be large, and is read once."""
    return canonical.digest("secure document", kind.encode(), body)


def _digest(author: str, name: bytes) -> bytes:
    return canonical.digest("secure statement", author.encode(), name)


def _label(kind: str) -> str:
    return f"secure {kind}"
