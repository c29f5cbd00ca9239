"""The coordinator's part: it gathers ciphertexts that it cannot read, and adds them once.

1. It takes one pledge of each contributor, with the ciphertext that it names, under the round's one key. Another one is
   refused, and so is any that comes after the sum was made: under one key there is one sum.
2. It adds when all have come, or when it has waited long enough and enough have come. With too few it goes on waiting,
   until the next round takes this one's place.
3. Ciphertexts that cannot be added are left out, and their authors named; the rest are added without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fedpeer.core.canonical import decode
from fedpeer.core.errors import MismatchError
from fedpeer.core.federation.circles import Versions
from fedpeer.core.federation.sealed.contributor import Own
from fedpeer.core.federation.sealed.documents import (
    Added,
    Heard,
    Key,
    Pledge,
    Word,
    after,
    check_load,
    load_digest,
    read,
    sign,
)
from fedpeer.core.federation.sealed.work import Add
from fedpeer.core.identity import PeerId
from fedpeer.core.machine import Machine
from fedpeer.core.privacy.cipher import Ciphertext

COORDINATOR = Machine(
    "the coordinator",
    "gathering",
    {
        ("gathering", "enough"): "adding",
        ("adding", "misfit"): "gathering",
        ("adding", "sum"): "added",
        ("adding", "failure"): "ended",
        ("added", "end"): "told",
    },
)


@dataclass(frozen=True)
class Gathered:
    """A contributor's pledge, and its ciphertext."""

    pledge: Heard[Pledge]
    ciphertext: bytes = field(repr=False)


@dataclass(frozen=True)
class Gathering:
    """What has come so far; `out` are those whose ciphertexts could not be added."""

    own: Own
    key: Heard[Key]
    public: bytes = field(repr=False)
    since: float
    wait_s: float
    gathered: Mapping[PeerId, Gathered] = field(default_factory=dict)
    out: frozenset[PeerId] = frozenset()


@dataclass(frozen=True)
class Adding:
    """Waits for the sum of these."""

    gathering: Gathering
    chosen: tuple[PeerId, ...]

    @property
    def own(self) -> Own:
        """Who takes part, and in what."""
        return self.gathering.own

    @property
    def key(self) -> Heard[Key]:
        """The round's key."""
        return self.gathering.key


@dataclass(frozen=True)
class Summed:
    """Has said the sum, and holds no contributor's ciphertext any more; `said` is said again to who lacks it."""

    own: Own
    key: Heard[Key]
    said: Word = field(repr=False)


def gather(own: Own, word: Word, now: float, wait_s: float) -> Gathering:
    """Hear the round's key, and begin; RemoteError unless it is the beneficiary's."""
    key = read(word.document, own.terms, Key)
    return Gathering(own, key, check_load(word.load, key.document.public), now, wait_s)


def take(state: Gathering, word: Word) -> Gathering:
    """Take a contributor's part. The signature is checked before anything is read of what it signs."""
    heard = after(read(word.document, state.own.terms, Pledge), state.key)
    known = state.gathered.get(heard.author)
    if known is not None and known.pledge.digest != heard.digest:
        raise MismatchError(f"{heard.author} has pledged two different things to one sum")
    if known is not None or heard.author in state.out:
        return state
    ciphertext = check_load(word.load, heard.document.ciphertext)
    if decode(ciphertext, Ciphertext).addends != 1:
        raise MismatchError(f"{heard.author} has pledged the sum of several")
    return replace(state, gathered={**state.gathered, heard.author: Gathered(heard, ciphertext)})


def advance(state: Gathering, now: float) -> tuple[Adding, Add] | None:
    """Have what has come added, if that is all, or enough of it after the wait."""
    terms = state.own.terms
    chosen = tuple(peer for peer in terms.contributors if peer in state.gathered)
    ripe = now - state.since >= state.wait_s or len(chosen) + len(state.out) == len(terms.contributors)
    if not ripe or len(chosen) < terms.enough:
        return None
    return Adding(state, chosen), Add(state.public, tuple(state.gathered[peer].ciphertext for peer in chosen))


def versions(state: Adding) -> Versions:
    """Whose sum is being made, of which versions of their vectors."""
    return {peer: state.gathering.gathered[peer].pledge.document.version for peer in state.chosen}


def leave_out(state: Adding, places: tuple[int, ...]) -> tuple[Gathering, tuple[PeerId, ...]]:
    """Go on without those whose ciphertexts could not be added; also who that is."""
    unfit = tuple(state.chosen[place] for place in places)
    before = state.gathering
    gathered = {peer: each for peer, each in before.gathered.items() if peer not in unfit}
    return replace(before, gathered=gathered, out=before.out.union(unfit)), unfit


def pass_on(state: Adding, ciphertext: bytes) -> Summed:
    """Say the sum, for the beneficiary, with the pledges of those whose sum it is."""
    before = state.gathering
    own, pledges = before.own, tuple(before.gathered[peer].pledge.data for peer in state.chosen)
    document = Added(own.terms.id, before.key.digest, load_digest(ciphertext), pledges)
    return Summed(own, before.key, Word(sign(document, own.identity), ciphertext))
