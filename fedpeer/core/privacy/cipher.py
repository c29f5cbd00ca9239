"""What ciphers for sums have in common: the terms of a sum, a ciphertext's canonical form, and fields.

1. An entry of L limbs is taken modulo 2**(64·L), so it is not negative, and its field holds the sum of as
   many of them as the terms allow. The sum of fields, modulo 2**(64·L) again, is the sum of residues, bit for bit.
2. Before the entries stands a field in which every contributor writes 1: what is opened says how many it is the sum of.
3. A ciphertext names its terms and its key by digest, so no two that do not belong together are ever multiplied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from fedpeer.core.canonical import Value, decode, digest, encode
from fedpeer.core.errors import MismatchError, OverflowRefusedError
from fedpeer.core.statistics.residues import Block, Residues, integers

MOST = 1000  # addends of one sum
LEAST_BITS = 3072  # of Paillier's modulus: they stand for 128 of a symmetric key (NIST SP 800-57, part 1, table 2)
MOST_BITS = 8192

# CKKS's degree, and the bits of its primes: what sums need, and what other programs have.
CKKS: Mapping[str, tuple[int, ...]] = {"lean": (4096, 60, 49), "usual": (8192, 60, 40, 40, 60)}


class Terms(Value, frozen=True):
    """What all who take part in a sum know before: the scheme and its parameters, the layout, the most addends."""

    scheme: str
    parameters: tuple[int, ...]
    layout: tuple[Block, ...]
    addends: int

    @property
    def digest(self) -> bytes:
        """What stands for them in a ciphertext."""
        return digest("cipher terms", encode(self))

    @property
    def room(self) -> int:
        """Bits that a field has beyond its entry, so that no sum of allowed size leaves it."""
        return self.addends.bit_length()

    def widths(self) -> Iterator[int]:
        """Bits of each field: of the one that counts addends, then of every entry."""
        yield self.room
        for block in self.layout:
            yield from [64 * block.limbs + self.room] * block.entries


class Ciphertext(Value, frozen=True):
    """A vector, or the sum of several, under one key: digests of terms and key, how many it says it is, and parts."""

    terms: bytes
    key: bytes
    addends: int
    parts: tuple[bytes, ...]


def agreed(terms: Terms) -> Terms:
    """Return the terms; OverflowRefusedError if they allow more addends than is proved safe, or none."""
    if not 1 <= terms.addends <= MOST:
        raise OverflowRefusedError(
            f"a cipher's sum has 1 to {MOST} addends, not {terms.addends}",
            hint="split the federation, or use `secure`",
        )
    return terms


def read(data: bytes, terms: Terms, key: bytes) -> Ciphertext:
    """Read a ciphertext: MalformedError if it is none, MismatchError if it is of other terms or under another key."""
    found = decode(data, Ciphertext)
    if found.terms != terms.digest:
        raise MismatchError("the ciphertext was made on other terms")
    if found.key != key:
        raise MismatchError("the ciphertext was made under another key")
    if not 1 <= found.addends <= terms.addends:
        raise MismatchError(f"the ciphertext says it is the sum of {found.addends}, allowed are 1 to {terms.addends}")
    return found


def counted(ciphertexts: Sequence[Ciphertext], terms: Terms) -> int:
    """How many addends these have together; OverflowRefusedError if that is more than the terms prove safe."""
    total = sum(each.addends for each in ciphertexts)
    if not 1 <= total <= terms.addends:
        raise OverflowRefusedError(f"a sum of {total} where the terms prove 1 to {terms.addends} safe")
    return total


def fields(terms: Terms, vector: Residues) -> list[int]:
    """What one contributor's fields hold: 1, and then its entries, none of them negative."""
    if vector.layout != terms.layout:
        raise ValueError("the vector has another layout than the terms")
    return [1, *(v & _mask(b) for b, part in zip(vector.layout, vector.parts, strict=True) for v in integers(part))]


def opened(terms: Terms, sums: Iterable[int], addends: int) -> Residues:
    """Read the sums of fields: MismatchError if they are of another number of contributors, or of none at all."""
    count, *entries = sums  # all of them: the last one's packing is checked after it
    each = iter(entries)
    if count != addends:
        raise MismatchError(f"the opened sum is of {count} contributors, not of {addends}")
    values = [list(islice(each, block.entries)) for block in terms.layout]
    for block, found in zip(terms.layout, values, strict=True):
        if found and not 0 <= min(found) <= max(found) <= addends * _mask(block):
            raise MismatchError(f"no {addends} contributors could make the block {block.name} of the opened sum")
    return Residues.of(terms.layout, values)


def _mask(block: Block) -> int:
    return (1 << 64 * block.limbs) - 1
