"""From Arrow columns to whole days since 1970-01-01: dates, timestamps without a time zone, and ISO texts.

A time of day is cut off. A moment in a time zone is another day elsewhere, so it is no date until somebody decides.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fedpeer.core.errors import TableError
from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.encode import Row, Writer, flat, readable
from fedpeer.core.statistics.faults import Fault, Faults
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.numerals import MISSING, day

Days = npt.NDArray[np.int64]

_FIRST = -719_162  # the day 0001-01-01
_CACHE = 2**16  # texts remembered
_PER_DAY = {"s": 86_400, "ms": 86_400 * 10**3, "us": 86_400 * 10**6, "ns": 86_400 * 10**9}


class Dated:
    """Encodes one feature of dates."""

    def __init__(self, feature: Feature, column: Column, *, clip: bool) -> None:
        self._reader, self._column = Calendar(feature.name), column
        self._outside = Fault.CLIPPED if clip else Fault.OUT_OF_RANGE
        self._low, self._high = (int(limit) for limit in feature.limits()[:2])

    def open(self, array: pa.Array) -> Writer:
        """Return what writes q for a slice of this array."""
        self._reader.check(array.type)

        def write(start: int, stop: int, out: Row) -> Faults | None:
            days, codes = self._reader.read(array.slice(start, stop - start))
            sure = codes == Fault.NONE
            codes[sure & ((days < self._low) | (days > self._high))] = self._outside
            out[:] = np.where(sure, np.clip(days, self._low, self._high) - int(self._column.origin), 0)
            return codes if codes.any() else None

        return write


class Calendar:
    """Reads the days of a column."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._known: dict[str, tuple[int, int]] = {}

    def check(self, kind: pa.DataType) -> None:
        """TableError for a type that holds no dates: one that has no texts either, or moments in a time zone."""
        if pa.types.is_dictionary(kind):
            return self.check(kind.value_type)
        if pa.types.is_timestamp(kind) and kind.tz is not None:
            raise TableError(
                f"column {self._name!r} holds moments in the time zone {kind.tz}, which are not dates yet",
                hint="convert them to the dates of the place that counts",
            )
        if not is_date(kind):
            readable(self._name, kind)
        return None

    def read(self, array: pa.Array) -> tuple[Days, Faults]:
        """The day of each value, and the reason where there is none."""
        kind = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
        if not is_date(kind):
            return self._texts(flat(array, pa.large_string()))
        return _dated(flat(array, kind))

    def _texts(self, array: pa.Array) -> tuple[Days, Faults]:
        try:  # mostly they are plain dates, which Arrow reads, but for the year 0
            days, codes = _dated(array.cast(pa.date32()))
            if not len(days) or days.min() >= _FIRST:
                return days, codes
        except pa.ArrowInvalid:
            pass
        coded = array.dictionary_encode()
        found = [*map(self._day, coded.dictionary.to_pylist()), (0, Fault.MISSING)]
        days, codes = (np.array(part) for part in zip(*found, strict=True))
        at = coded.indices.fill_null(len(found) - 1).to_numpy(zero_copy_only=False)
        return days[at].astype(np.int64), codes[at].astype(np.uint8)

    def _day(self, text: str) -> tuple[int, int]:
        if len(self._known) > _CACHE:
            self._known.clear()
        if text not in self._known:
            found = day(text, cut=True)
            lost = Fault.MISSING if text.strip().lower() in MISSING else Fault.UNPARSABLE
            self._known[text] = (0, lost) if found is None else (found, Fault.NONE)
        return self._known[text]


def _dated(array: pa.Array) -> tuple[Days, Faults]:
    days = _native(array)
    codes = np.zeros(len(days), np.uint8)
    codes[array.is_null().to_numpy(zero_copy_only=False)] = Fault.MISSING
    return days, codes


def is_date(kind: pa.DataType) -> bool:
    """Whether an Arrow type is one of dates, or of moments without a time zone."""
    return pa.types.is_date(kind) or (pa.types.is_timestamp(kind) and kind.tz is None)


def _native(array: pa.Array) -> Days:
    if pa.types.is_date32(array.type):
        return _integers(array.cast(pa.int32()))
    unit = "ms" if pa.types.is_date64(array.type) else array.type.unit
    return _integers(array.cast(pa.int64())) // _PER_DAY[unit]


def _integers(array: Any) -> Days:
    values: Days = pc.fill_null(array, 0).to_numpy(zero_copy_only=False).astype(np.int64)
    return values
