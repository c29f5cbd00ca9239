"""From Arrow columns to 0/1 rows: which level of a binary feature or a category each value is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fedpeer.core.statistics.encode import Row, Writer, native, readable
from fedpeer.core.statistics.faults import Fault, Faults
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.numerals import MISSING, spelling

_PAIRS = (("0", "false"), ("1", "true"))
_CACHE = 2**16  # spellings remembered


class Leveled:
    """Encodes one binary feature (one row of q) or one category (one row a level)."""

    def __init__(self, feature: Feature) -> None:
        self._name, self._binary = feature.name, feature.kind == "binary"
        self._plain = self._binary and not feature.levels
        self._index = {spelling(level): i for i, level in enumerate(feature.levels or ("0", "1"))}
        if self._binary:
            self._index |= {b: self._index[a] for a, b in _both(_PAIRS) if a in self._index and b not in self._index}
        self._known: dict[Any, int] = {}

    def open(self, array: pa.Array) -> Writer:
        """Return what writes the 0/1 rows for a slice of this array."""
        readable(self._name, array.type)
        if pa.types.is_dictionary(array.type):
            return self._coded(array)
        if self._plain and (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
            return self._native(array)
        return self._spelled(array)

    def _native(self, array: pa.Array) -> Writer:
        values, spelled = native(array), self._spelled(array)

        def write(start: int, stop: int, out: Row) -> Faults | None:
            x = values[start:stop]
            if array.slice(start, stop - start).null_count == 0 and np.all((x == 0) | (x == 1)):
                np.copyto(out[0], x)
                return None
            return spelled(start, stop, out)

        return write

    def _coded(self, array: pa.Array) -> Writer:
        levels = self._levels(array.dictionary)
        return lambda start, stop, out: self._write(array.slice(start, stop - start).indices, levels, out)

    def _spelled(self, array: pa.Array) -> Writer:
        coarse = pa.types.is_decimal(array.type)  # Arrow cannot tell short ones apart

        def write(start: int, stop: int, out: Row) -> Faults | None:
            part = array.slice(start, stop - start)
            part = (part.cast(pa.large_string()) if coarse else part).dictionary_encode()
            return self._write(part.indices, self._levels(part.dictionary), out)

        return write

    def _write(self, indices: pa.Array, levels: npt.NDArray[np.int64], out: Row) -> Faults | None:
        level = levels[indices.cast(pa.int64()).fill_null(len(levels) - 1).to_numpy(zero_copy_only=False)]
        fine = level >= 0
        if self._binary:
            out[0] = np.where(fine, level, 0)
        else:
            out[:] = 0
            out[level[fine], np.flatnonzero(fine)] = 1
        return None if fine.all() else np.where(fine, 0, -level).astype(np.uint8)

    def _levels(self, values: pa.Array) -> npt.NDArray[np.int64]:
        """The level of each value, or minus its reason; the last entry is for null."""
        if len(self._known) > _CACHE:
            self._known.clear()
        return np.array([*map(self._level, spelled(values)), -Fault.MISSING])

    def _level(self, value: Any) -> int:
        if value not in self._known:
            text = spelling(value)
            lost = -Fault.MISSING if text.lower() in MISSING else -Fault.UNKNOWN_LEVEL
            self._known[value] = self._index.get(text, lost)
        return self._known[value]


def _both(pairs: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    return [*pairs, *((b, a) for a, b in pairs)]


def spelled(values: pa.Array) -> list[str]:
    """Each value as a text, in which it can be told from every other."""
    if pa.types.is_floating(values.type):  # by numpy, which prints a short float as short as it is
        return [str(value) for value in values.to_numpy(zero_copy_only=False)]
    return [str(value) for value in values.to_pylist()]
