"""Steps from subset to subset of features, by whatever these are compared: the lowest value, the first of equals.

Subsets that are equal in exact arithmetic, such as those with one or the other of two aliased features, differ in
float64 by rounding, which need not be the same on every machine. So values that differ by no more count as equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from fedpeer.core.models.inputs import Floats

Names = tuple[str, ...]

DIRECTIONS: Final = ("both", "forward", "backward", "order")

_ROUNDING = 1e-11  # of a unit of what is compared: more than float64 loses, less than matters


def more(names: Sequence[str], now: Sequence[str]) -> list[Names]:
    """Every subset of the names with one more, each in the order of the names."""
    return [tuple(n for n in names if n in now or n == one) for one in names if one not in now]


def fewer(now: Sequence[str]) -> list[Names]:
    """Every subset with one less."""
    return [tuple(n for n in now if n != one) for one in now]


def prefixes(names: Sequence[str]) -> list[Names]:
    """No name, the first, the first two, and so on."""
    return [tuple(names[:size]) for size in range(len(names) + 1)]


def foremost(values: Sequence[float] | Floats, unit: float) -> int:
    """The place of the first value that is above the least by no more than rounding; NaN must not be among them."""
    found = np.asarray(values, np.float64)
    return int(np.argmax(found <= found.min() + _ROUNDING * unit))


def descent(value: Callable[[Names], float], names: Sequence[str], direction: str, unit: float) -> list[Names]:
    """The subsets on the way to one that no step lowers the value of: from all names if `backward`, else from none."""
    path = [tuple(names) if direction == "backward" else ()]
    while True:
        now = path[-1]
        moves = more(names, now) if direction != "backward" else []
        moves += fewer(now) if direction != "forward" else []
        values = [value(each) for each in moves]
        if not moves or not values[best := foremost(values, unit)] < value(now) - _ROUNDING * unit:
            return path
        path.append(moves[best])
