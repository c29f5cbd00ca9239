"""What checks of a summary are made of: arrays of Python integers, and the first place where one does not hold."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.object_]  # Python integers
Checks = list[tuple[Any, str]]  # what must hold, an array or one truth; and what is wrong where it does not

# Far more than all roundings of a float comparison together, relative to the terms that were rounded.
_SLACK = 1e-12


def bounded(left: Any, right: Any, spreads: Any, exact: Callable[[int], bool], *, sure: Any) -> npt.NDArray[np.bool_]:
    """Where (left − right)² ≤ spreads: floats decide what is clear, integers what is neither clear nor sure."""
    most = np.abs(left - right) + _SLACK * (np.abs(left) + np.abs(right))
    holds = np.asarray(most * most <= spreads * (1 - _SLACK), bool)
    holds[sure] = True
    for k in np.flatnonzero(~holds).tolist():
        holds[k] = exact(k)
    return holds


def within(n: Any, s: Any, squares: Any, low: Any, high: Any) -> Any:
    """Σ(q−low)(high−q) ≥ 0: no value lies beyond the limits (Bhatia and Davis)."""
    return (low + high) * s - squares - n * low * high >= 0


@cache
def triangle(p: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The two columns of each entry of the upper triangle, row by row."""
    return np.triu_indices(p)


def unmet(checks: Checks, name: Callable[[int], str]) -> str | None:
    """What is wrong in the first place where a check does not hold, or None."""
    for holds, wrong in checks:
        if not np.all(holds):
            return f"{name(int(np.argmin(holds)))}: {wrong}"
    return None


def ints(values: list[Any]) -> Ints:
    """An array of Python integers."""
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out
