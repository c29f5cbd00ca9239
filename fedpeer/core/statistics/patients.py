"""Who rows are of: patients counted exactly, by tokens that only the node with the key can make.

1. A token is the keyed BLAKE2b (RFC 7693) of an id's one spelling, 16 bytes. Without the key no id can be tried against
   it. Two of a million patients have the same token with a chance below 2^-88, and would count as one: the safe side.
2. What is kept of some rows is how many each patient has, as a table sorted by token: tables add up and subtract
   exactly, so rows come and go, and no id is needed for that.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fedpeer.core import canonical
from fedpeer.core.canonical import Value
from fedpeer.core.errors import MalformedError
from fedpeer.core.statistics.encode import readable
from fedpeer.core.statistics.levels import spelled
from fedpeer.core.statistics.numerals import MISSING, spelling

Tokens = npt.NDArray[np.uint64]  # of shape (…, 2): the two halves of each
Counts = npt.NDArray[np.int64]

_SIZE = 16
_PERSON = b"fedpeer patient"
_MOST = 2**62  # rows: as many as a schema allows
_NOBODY, _SOMEBODY = bytes(8 + _SIZE), (1).to_bytes(8, "big")
_DIGITS = 100  # of a number that has one spelling
_TRUTH = frozenset({"true", "false"})
_CACHE = 2**16  # ids whose tokens are remembered while a table is read


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Patients:
    """How many rows each patient has, those with none left out; in a difference it may be fewer than none."""

    tokens: Tokens
    counts: Counts

    @classmethod
    def none(cls) -> Patients:
        """Nobody."""
        return cls(np.zeros((0, 2), np.uint64), np.zeros(0, np.int64))

    @classmethod
    def of(cls, tokens: Tokens) -> Patients:
        """The patients of rows with these tokens, in whatever order."""
        return _sorted(tokens, np.ones(len(tokens), np.int64))

    @classmethod
    def together(cls, parts: Iterable[Patients]) -> Patients:
        """The patients of all rows of several."""
        told = list(parts)
        if not told:
            return cls.none()
        return _sorted(np.concatenate([p.tokens for p in told]), np.concatenate([p.counts for p in told]))

    @property
    def distinct(self) -> int:
        """How many patients there are; of a difference, how many whose number of rows differs."""
        return len(self.counts)

    @property
    def rows(self) -> int:
        """How many rows they have."""
        return sum(self.counts.tolist())

    @property
    def most(self) -> int:
        """The most rows that one of them has."""
        return int(self.counts.max(initial=0))

    @property
    def whole(self) -> bool:
        """Whether they can be the patients of rows, and not only a difference."""
        return not np.any(self.counts < 0)

    def __sub__(self, other: Patients) -> Patients:
        return Patients.together([self, Patients(other.tokens, -other.counts)])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Patients):
            return NotImplemented
        return np.array_equal(self.tokens, other.tokens) and np.array_equal(self.counts, other.counts)

    def __hash__(self) -> int:
        return hash(self.to_bytes())

    def __repr__(self) -> str:
        return f"Patients({self.distinct})"

    def to_bytes(self) -> bytes:
        """Return the bytes to keep: whoever has them and the key can try ids."""
        counts = zlib.compress(self.counts.astype("<i8").tobytes(), 1)
        return canonical.encode(_Written(self.tokens.astype(">u8").tobytes(), counts))

    @classmethod
    def from_bytes(cls, data: bytes) -> Patients:
        """Read what `to_bytes` wrote; MalformedError for anything else."""
        written = canonical.decode(data, _Written)
        size, rest = divmod(len(written.tokens), _SIZE)
        reader = zlib.decompressobj()
        try:
            flat = reader.decompress(written.counts, 8 * size + 1)
        except zlib.error as error:
            raise MalformedError(f"not the rows of patients: {error}") from None
        if rest or len(flat) != 8 * size or not reader.eof or reader.unused_data:
            raise MalformedError("not as many numbers of rows as patients")
        tokens = np.frombuffer(written.tokens, ">u8").astype(np.uint64).reshape(size, 2)
        counts = np.frombuffer(flat, "<i8").astype(np.int64)
        if np.any(counts == 0) or np.any((counts > _MOST) | (counts < -_MOST)) or not _ascending(tokens):
            raise MalformedError("patients that are not in order, or without rows")
        return cls(tokens, counts)


class _Written(Value, frozen=True):
    tokens: bytes
    counts: bytes


class Identified:
    """Reads one column of ids: whether each is there and, with a key, its token."""

    def __init__(self, name: str, key: bytes) -> None:
        self._name, self._known = name, dict[str, bytes]()
        self._keyed = hashlib.blake2b(digest_size=_SIZE, key=key, person=_PERSON) if key else None

    def open(self, array: pa.Array) -> Callable[[int, int], tuple[npt.NDArray[np.bool_], Tokens]]:
        """Return what tells of a slice of this array where an id is, and the tokens (zeros where none is)."""
        readable(self._name, array.type)
        coarse = pa.types.is_decimal(array.type)  # Arrow cannot tell short ones apart
        coded = self._read(array.dictionary) if pa.types.is_dictionary(array.type) else None

        def read(start: int, stop: int) -> tuple[npt.NDArray[np.bool_], Tokens]:
            part = array.slice(start, stop - start)
            if coded is None:
                part = (part.cast(pa.large_string()) if coarse else part).dictionary_encode()
            tokens = self._read(part.dictionary) if coded is None else coded
            at = part.indices.cast(pa.int64()).fill_null(len(tokens) - 1).to_numpy(zero_copy_only=False)
            found = tokens[at]
            return found[:, 0] == 1, found[:, 1:]

        return read

    def _read(self, values: pa.Array) -> Tokens:
        """For each value whether it is an id, and its token; the last entry is for null."""
        if len(self._known) > _CACHE:
            self._known.clear()
        known = self._known
        told = [known.get(value) or self._token(value) for value in spelled(values)]
        return np.frombuffer(b"".join([*told, _NOBODY]), ">u8").astype(np.uint64).reshape(-1, 3)

    def _token(self, value: str) -> bytes:
        text, token = _spelling(value), _NOBODY
        if text.lower() not in MISSING:
            token = _SOMEBODY + (_hashed(self._keyed, text) if self._keyed else bytes(_SIZE))
        self._known[value] = token
        return token


def grown(parts: tuple[Patients, ...], more: Patients) -> tuple[Patients, ...]:
    """Parts with some more patients: few, each at least twice the next, so that most stay the same objects."""
    told = [*parts, more]
    while len(told) > 1 and told[-2].distinct < 2 * told[-1].distinct:
        told[-2:] = [Patients.together(told[-2:])]
    return tuple(told)


def _hashed(keyed: hashlib.blake2b, text: str) -> bytes:
    state = keyed.copy()
    state.update(text.encode("utf-8", "surrogatepass"))
    return state.digest()


def _spelling(value: str) -> str:
    """The text under which an id is known: as that of a level, and sooner for the usual ones."""
    text = value.strip()
    usual = text.isascii() and ((text.isdigit() and text[0] != "0" and len(text) < _DIGITS) or text[:1].isalpha())
    return text if usual and text.lower() not in _TRUTH else spelling(text)


def _sorted(tokens: Tokens, counts: Counts) -> Patients:
    """The sum for each token, in their order, without those whose sum is zero."""
    order = np.lexsort((tokens[:, 1], tokens[:, 0]))
    tokens, counts = tokens[order], counts[order]
    first = np.ones(len(tokens), bool)
    first[1:] = np.any(tokens[1:] != tokens[:-1], axis=1)
    starts = np.flatnonzero(first)
    sums = np.add.reduceat(counts, starts) if len(starts) else counts
    kept = sums != 0
    return Patients(tokens[starts][kept], sums[kept])


def _ascending(tokens: Tokens) -> bool:
    before, after = tokens[:-1], tokens[1:]
    return bool(np.all((before[:, 0] < after[:, 0]) | ((before[:, 0] == after[:, 0]) & (before[:, 1] < after[:, 1]))))
