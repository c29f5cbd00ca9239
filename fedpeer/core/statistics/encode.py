"""From Arrow columns to rows of integers, and a reason for every value that has none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fedpeer.core.errors import TableError
from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.faults import Fault, Faults
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.numerals import MISSING, NUMBER, decimal
from fedpeer.core.statistics.scale import Scale, decimals

Row = npt.NDArray[Any]  # of float64 integers, or of int64 where those do not reach
Writer = Callable[[int, int, Row], Faults | None]  # (start, stop, out): None when every value counts

_INFINITE = frozenset({"inf", "infinity"})
_TRUTH = {"false": Decimal(0), "true": Decimal(1)}


class Measured:
    """Encodes one continuous feature: numbers, decimals, truth values and texts that hold numbers."""

    def __init__(self, feature: Feature, column: Column, *, clip: bool, chunk: int) -> None:
        self._name, self._column, self._outside = feature.name, column, Fault.CLIPPED if clip else Fault.OUT_OF_RANGE
        self._scale = Scale.of(feature, column)
        self._y = np.empty(chunk)

    def open(self, array: pa.Array) -> Writer:
        """Return what writes q for a slice of this array."""
        target = readable(self._name, array.type)
        whole = target == array.type and target != pa.large_string()
        return self._native(array) if whole else self._sliced(array, target)

    def _sliced(self, array: pa.Array, target: pa.DataType) -> Writer:
        """A writer that converts slice by slice, so that memory stays bounded by the chunk."""
        coded = array.dictionary.cast(target) if pa.types.is_dictionary(array.type) else None

        def write(start: int, stop: int, out: Row) -> Faults | None:
            part = array.slice(start, stop - start)
            part = part.cast(target) if coded is None else coded.take(part.indices)
            return self._text(part, out) if target == pa.large_string() else self._native(part)(0, len(part), out)

        return write

    def _native(self, array: pa.Array) -> Writer:
        values = native(array)
        reach, y = self._scale.reach(values.dtype), self._y
        low, high, margin = reach.low, reach.high, reach.margin
        factor, shift, whole = self._scale.factor, self._scale.shift, array.null_count == 0
        least, most = np.minimum.reduce, np.maximum.reduce

        def write(start: int, stop: int, out: Row) -> Faults | None:
            x, d = values[start:stop], y[: stop - start]
            full = margin > 0 and (whole or array.slice(start, stop - start).null_count == 0)
            # A NaN makes the minimum NaN, which fails the comparison: one test settles range, NaN and infinity.
            if full and low <= least(x) and most(x) <= high:
                np.rint(np.multiply(x, factor, out=d), out=out)
                np.subtract(d, out, out=d)
                if most(d) < margin and -margin < least(d):
                    if shift:
                        np.subtract(out, shift, out=out)
                    return None
            codes = _codes(x, array.slice(start, stop - start))
            return self._careful(x, codes, out, lambda at: decimals(x[at]))

        return write

    def _text(self, array: pa.Array, out: Row) -> Faults | None:
        texts = pc.utf8_trim_whitespace(array)
        matched, x = _read(texts)
        codes = np.zeros(len(x), np.uint8)
        gone = texts.is_null().to_numpy(zero_copy_only=False)
        codes[gone] = Fault.MISSING
        for i in np.flatnonzero(~(matched.to_numpy(zero_copy_only=False) | gone)).tolist():
            codes[i], x[i] = _word(texts[i].as_py())

        def numbers(at: npt.NDArray[np.intp]) -> Iterable[Decimal]:
            return (_number(texts[i].as_py()) for i in at.tolist())

        return self._careful(x, codes, out, numbers, edges=True)

    def _careful(
        self, x: Row, codes: Faults, out: Row, numbers: Callable[[Any], Iterable[Decimal]], *, edges: bool = False
    ) -> Faults | None:
        """Encode with every doubt settled exactly; with `edges`, a limit's own float is a doubt too."""
        scale, reach, column = self._scale, self._scale.reach(x.dtype), self._column
        sure = codes == Fault.NONE
        low, high = _beyond(reach.low, reach.high) if edges else (reach.low, reach.high)
        below, above = sure & (x < low), sure & (x > high)
        codes[below | above] = self._outside
        sure &= ~(below | above)
        y = np.where(sure, x, 0).astype(np.float64) * scale.factor
        nearest = np.rint(y)
        doubt = sure & ~(np.abs(y - nearest) < reach.margin)
        out[:] = np.where(sure, nearest - scale.shift, 0)
        if edges:
            doubt |= sure & ((x <= reach.low) | (x >= reach.high))
        else:
            self._halve(x, y, doubt, out)
        out[below], out[above] = column.low, column.high
        at = np.flatnonzero(doubt)
        for i, number in zip(at.tolist(), numbers(at), strict=True):
            out[i], inside = scale.exact(number)
            codes[i] = Fault.NONE if inside else self._outside
        return codes if codes.any() else None

    def _halve(self, x: Row, y: Row, doubt: npt.NDArray[np.bool_], out: Row) -> None:
        """Settle the doubts that are exact half steps, all at once."""
        at = np.flatnonzero(doubt)
        at = at[self._scale.halves(x[at], y[at])]
        out[at] = np.rint(np.rint(2 * y[at]) / 2 - self._scale.shift)
        doubt[at] = False


def _beyond(low: Any, high: Any) -> tuple[Any, Any]:
    return np.nextafter(low, -np.inf), np.nextafter(high, np.inf)


def flat(array: pa.Array, target: pa.DataType) -> pa.Array:
    """The values as this type, and not as numbers of a dictionary's."""
    if pa.types.is_dictionary(array.type):
        return array.dictionary.cast(target).take(array.indices)
    return array.cast(target)


def native(array: pa.Array) -> npt.NDArray[Any]:
    """The values of a numeric array as they lie in memory; those under a null are arbitrary."""
    dtype = np.dtype(array.type.to_pandas_dtype())
    if array.buffers()[1] is None:
        return np.zeros(len(array), dtype)
    return np.frombuffer(array.buffers()[1], dtype, len(array), array.offset * dtype.itemsize)


def floats(array: pa.Array) -> npt.NDArray[np.float64]:
    """Return a column of numbers, truth values or texts as the nearest floats; NaN for what is no number."""
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        return _read(pc.utf8_trim_whitespace(array))[1]
    return np.asarray(array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))


def _read(texts: pa.Array) -> tuple[pa.Array, npt.NDArray[np.float64]]:
    """Which texts are decimal numbers, and the floats nearest to those."""
    matched = pc.fill_null(pc.match_substring_regex(texts, f"^(?:{NUMBER})$"), fill_value=False)
    return matched, pc.if_else(matched, texts, None).cast(pa.float64()).to_numpy(zero_copy_only=False).copy()


def _codes(x: Row, array: pa.Array) -> Faults:
    codes = np.zeros(len(x), np.uint8)
    if x.dtype.kind == "f":
        codes[np.isinf(x)] = Fault.NOT_FINITE
        codes[np.isnan(x)] = Fault.MISSING
    if array.null_count:
        codes[array.is_null().to_numpy(zero_copy_only=False)] = Fault.MISSING
    return codes


def readable(name: str, kind: pa.DataType) -> pa.DataType:
    """The type that a column is read as, a number type or text; TableError when it holds neither."""
    types = pa.types
    if types.is_dictionary(kind):
        return readable(name, kind.value_type)
    if types.is_boolean(kind):
        return pa.uint8()
    if types.is_null(kind):
        return pa.float64()
    if types.is_integer(kind) or types.is_floating(kind):
        return kind
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind) or types.is_decimal(kind):
        return pa.large_string()
    raise TableError(f"column {name!r} holds {kind}, which is neither number, truth value nor text")


def _word(text: str) -> tuple[int, float]:
    """The reason that a text is no number, or the number that a truth value is."""
    word = text.strip().lower()
    if word in _TRUTH:
        return Fault.NONE, float(_TRUTH[word])
    if word in MISSING:
        return Fault.MISSING, np.nan
    return (Fault.NOT_FINITE if word.lstrip("+-") in _INFINITE else Fault.UNPARSABLE), np.nan


def _number(text: str) -> Decimal:
    word = text.strip().lower()
    return _TRUTH[word] if word in _TRUTH else decimal(text)
