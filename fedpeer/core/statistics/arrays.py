"""Cells that were sent, as Arrow columns: values as JSON gives them, or rows of texts straight from their bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_EXACT_INT = 2**53
_QUOTE, _FIRST = ord('"'), 0x20  # JSON's texts have no byte below
_HEAD, _TAIL = re.compile(rb" *\[ *\[ *"), re.compile(rb" *\] *\] *")
# What may stand between two texts: within a row, and where one row ends.
_WITHIN, _AFTER = re.compile(rb'" *, *"'), re.compile(rb'" *\] *, *\[ *"')


def array_of(values: Sequence[Any]) -> pa.Array:
    """Return numbers as numbers where that loses nothing, and any mixture as the texts that JSON would have."""
    kinds = {*map(type, values)} - {type(None)}
    if kinds <= {bool}:
        return pa.array(values, pa.bool_())
    if kinds <= {int, float} and all(type(v) is not int or abs(v) <= _EXACT_INT for v in values):
        return pa.array(values, pa.float64() if float in kinds else pa.int64())
    if kinds == {str}:
        return pa.array(values, pa.string())
    return pa.array([None if value is None else _text(value) for value in values], pa.string())


def lattice(text: bytes, width: int) -> list[pa.Array] | None:
    """Return the columns of a JSON list of rows of so many texts; None for anything else, however little it differs.

    Nothing is copied or made but the columns: quotes are looked up at once, and what lies between two is one value or
    what separates two, which must be what JSON has there.
    """
    data = np.frombuffer(text, np.uint8)
    if width < 1 or not len(data) or data.min() < _FIRST or b"\\" in text or not _unicode(text):
        return None
    quotes = np.flatnonzero(data == _QUOTE)
    cells = len(quotes) // 2
    if not cells or len(quotes) % 2 or cells % width:
        return None
    if not _HEAD.fullmatch(text[: quotes[0]]) or not _TAIL.fullmatch(text[quotes[-1] + 1 :]):
        return None
    quotes[::2] += 1
    both = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), 2 * cells - 1, [None, pa.py_buffer(quotes.astype(np.int64, copy=False)), pa.py_buffer(text)]
    )
    if not all(_parted(both, place, width) for place in range(width)):
        return None
    return [_taken(both, 2 * place, width).cast(pa.large_string()) for place in range(width)]


def _parted(both: pa.Array, place: int, width: int) -> bool:
    """Whether a column's values are followed by what ends a value, or in the last column a row."""
    form = _AFTER if place == width - 1 else _WITHIN
    return all(form.fullmatch(gap) for gap in pc.unique(_taken(both, 2 * place + 1, width)).to_pylist())


def _taken(both: pa.Array, first: int, width: int) -> pa.Array:
    return both.take(pa.array(np.arange(first, len(both), 2 * width)))


def _unicode(text: bytes) -> bool:
    try:
        return text.isascii() or bool(text.decode())
    except UnicodeDecodeError:
        return False


def _text(value: bool | float | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)
