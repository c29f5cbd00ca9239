"""Vectors of wide integers, as blocks of 64-bit limbs: what is counted, added, masked and sent.

An entry of a block with L limbs is an integer modulo 2**(64·L), read in two's complement. Addition of such vectors is a
group, exactly; it is the caller's business that a true sum fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fedpeer.core.canonical import Value
from fedpeer.core.errors import MalformedError

Limbs = npt.NDArray[np.uint64]  # entries × limbs, least significant limb first

_WORD = np.dtype("<u8")
_MOST = 2**31  # entries in one block


class Block(Value, frozen=True):
    """One row of the block table: what is in it, how many integers, how wide."""

    name: str
    entries: int
    limbs: int


@dataclass(frozen=True, slots=True, eq=False)
class Residues:
    """Blocks of wide integers; `+`, `-` and `==` are exact, and the arrays are never written to again."""

    layout: tuple[Block, ...]
    parts: tuple[Limbs, ...]

    def __repr__(self) -> str:
        return f"Residues({sum(block.entries for block in self.layout)} entries)"

    @classmethod
    def zero(cls, layout: tuple[Block, ...]) -> Residues:
        """The neutral element of this layout."""
        return cls(layout, tuple(np.zeros((b.entries, b.limbs), np.uint64) for b in layout))

    @classmethod
    def of(cls, layout: tuple[Block, ...], values: Sequence[Iterable[int]]) -> Residues:
        """Python integers, one iterable a block, as residues."""
        return cls(layout, tuple(_limbs(list(v), b.limbs) for b, v in zip(layout, values, strict=True)))

    @classmethod
    def from_bytes(cls, layout: tuple[Block, ...], data: bytes) -> Residues:
        """Read what `to_bytes` writes; MalformedError when the length is not the layout's."""
        sizes = [8 * b.entries * b.limbs for b in layout]
        if any(b.entries < 0 or b.entries > _MOST or b.limbs < 1 for b in layout) or sum(sizes) != len(data):
            raise MalformedError(f"{len(data)} bytes of residues where the block table says {sum(sizes)}")
        parts, at = [], 0
        for block, size in zip(layout, sizes, strict=True):
            words = np.frombuffer(data, _WORD, size // 8, at).astype(np.uint64)
            parts.append(words.reshape(block.entries, block.limbs))
            at += size
        return cls(layout, tuple(parts))

    def to_bytes(self) -> bytes:
        """All limbs in the order of the layout, little-endian: the same bytes on every machine."""
        return b"".join(part.astype(_WORD, copy=False).tobytes() for part in self.parts)

    def part(self, name: str) -> Limbs:
        """The limbs of the block with this name."""
        return next(p for b, p in zip(self.layout, self.parts, strict=True) if b.name == name)

    def __add__(self, other: Residues) -> Residues:
        return self._combined(other, add)

    def __sub__(self, other: Residues) -> Residues:
        return self._combined(other, subtract)

    def __neg__(self) -> Residues:
        return Residues.zero(self.layout) - self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Residues):
            return NotImplemented
        return self.layout == other.layout and all(map(np.array_equal, self.parts, other.parts))

    def __hash__(self) -> int:
        return hash(self.to_bytes())

    def _combined(self, other: Residues, op: Callable[[Limbs, Limbs], Limbs]) -> Residues:
        if self.layout != other.layout:
            raise ValueError("residues of different layouts do not add up")
        return Residues(self.layout, tuple(map(op, self.parts, other.parts)))


def add(a: Limbs, b: Limbs) -> Limbs:
    """Return a + b, entry by entry, modulo 2**(64·limbs)."""
    total = a + b
    if a.shape[1] > 1:
        over = total < a
        for k in range(1, a.shape[1]):
            total[:, k] += over[:, k - 1]
            over[:, k] |= total[:, k] < over[:, k - 1]
    return total


def subtract(a: Limbs, b: Limbs) -> Limbs:
    """Return a − b, entry by entry, modulo 2**(64·limbs)."""
    total = a - b
    if a.shape[1] > 1:
        under = a < b
        for k in range(1, a.shape[1]):
            under[:, k] |= total[:, k] < under[:, k - 1]
            total[:, k] -= under[:, k - 1]
    return total


def widen(values: npt.NDArray[np.int64], limbs: int, shift: int = 0) -> Limbs:
    """Return values · 2**shift as residues; `values` are signed and flattened in C order."""
    flat = np.ascontiguousarray(values, np.int64).reshape(-1)
    word, bit = divmod(shift, 64)
    out = np.zeros((flat.size, limbs), np.uint64)
    if word < limbs:
        out[:, word] = flat.view(np.uint64) << np.uint64(bit)
    sign = (flat >> np.int64(63)).view(np.uint64)
    if word + 1 < limbs:
        out[:, word + 1] = (flat >> np.int64(64 - bit)).view(np.uint64) if bit else sign
    out[:, word + 2 :] = sign[:, None]
    return out


def integer(limbs: Limbs) -> int:
    """Return one entry (a row of limbs) as a Python integer."""
    return int.from_bytes(limbs.astype(_WORD, copy=False).tobytes(), "little", signed=True)


def integers(limbs: Limbs) -> list[int]:
    """Return every entry as a Python integer."""
    total = limbs[:, -1].astype(np.uint64).view(np.int64).astype(object)
    for k in range(limbs.shape[1] - 2, -1, -1):
        total = (total << 64) + limbs[:, k].astype(object)
    return list(total)


def floats(limbs: Limbs) -> npt.NDArray[np.float64]:
    """Return every entry as a float, within a few units in the last place."""
    negative = (limbs[:, -1] >> np.uint64(63)).astype(bool)
    size = np.where(negative[:, None], subtract(np.zeros_like(limbs), limbs), limbs).astype(np.float64)
    whole = size @ (2.0 ** (64 * np.arange(limbs.shape[1])))
    return np.where(negative, -whole, whole)


def _limbs(values: list[int], limbs: int) -> Limbs:
    mask = (1 << (64 * limbs)) - 1
    data = b"".join((v & mask).to_bytes(8 * limbs, "little") for v in values)
    return np.frombuffer(data, _WORD).astype(np.uint64).reshape(len(values), limbs)
