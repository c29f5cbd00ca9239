"""Every subset of features at once: determinants of all principal submatrices of a matrix of correlations.

Each feature doubles what there is: without it, and with its columns swept out (Goodnight, The American Statistician 33,
1979). What is left of the other columns is a Schur complement, and the pivots multiply up to the determinant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fedpeer.core.errors import ModelError
from fedpeer.core.models.inputs import Floats
from fedpeer.core.models.steps import foremost
from fedpeer.core.statistics.columns import Column

MOST = 17  # features of which every subset is tried

_WIDEST = 100  # columns that they may have

DIGITS = 1e-13  # of the variance of a column: what others leave of it is no more than rounding


def places(columns: Sequence[Column]) -> dict[str, list[int]]:
    """Which of the columns are of which feature."""
    found: dict[str, list[int]] = {}
    for i, column in enumerate(columns):
        found.setdefault(column.feature, []).append(i)
    return found


def check_size(blocks: Sequence[Sequence[int]], otherwise: str) -> None:
    """ModelError for features with more subsets than are tried; `otherwise` is the kind to use instead."""
    if len(blocks) > MOST or sum(map(len, blocks)) > _WIDEST:
        raise ModelError(
            f"{len(blocks)} features have too many subsets to try: at most {MOST} features, of {_WIDEST} columns",
            hint=f"name fewer features, or use {otherwise}",
        )


def determinants(matrix: Floats, blocks: Sequence[Sequence[int]]) -> tuple[Floats, Floats]:
    """Return ln det of each subset, and what it leaves of the variance of a column that is in no feature, the last.

    The matrix is of p × p correlations, `blocks` are the columns of each feature. Subset k has feature i if bit i of k
    is set. NaN for subsets whose columns determine each other; of a matrix without a last column the second answer is
    of ones.
    """
    order = sorted(range(len(blocks)), key=lambda i: -len(blocks[i]))  # wide ones first: then there is less to keep
    used = [place for i in order for place in blocks[i]]
    rest = [place for place in range(len(matrix)) if place not in set(used)][-1:]
    left, logs = matrix[np.ix_([*used, *rest], [*used, *rest])][None], np.zeros(1)
    numbers = np.zeros(1, np.int64)
    for i in order:
        inside, more = _swept(left, logs, len(blocks[i]))
        left = np.concatenate([left[:, len(blocks[i]) :, len(blocks[i]) :], inside])
        logs, numbers = np.concatenate([logs, more]), np.concatenate([numbers, numbers + (1 << i)])
    found, over = np.empty_like(logs), np.ones_like(logs)
    found[numbers] = logs
    if rest:
        over[numbers] = left[:, 0, 0]
    return found, over


def subset(names: Sequence[str], number: int) -> list[str]:
    """The names whose bits are set in the number of a subset."""
    return [name for i, name in enumerate(names) if number >> i & 1]


def summed(amounts: Sequence[float]) -> Any:
    """What the amounts of its features add up to, of each subset."""
    found = np.zeros(1, np.asarray(amounts).dtype)
    for amount in amounts:
        found = np.concatenate([found, found + amount])
    return found


def each_size(values: Floats, unit: float) -> list[int]:
    """The subset with the lowest value of each size, none first; sizes without a finite one are left out."""
    sizes = summed([1] * (len(values).bit_length() - 1))
    some = sorted(set(sizes[np.isfinite(values)].tolist()))
    return [foremost(np.where(sizes == size, values, np.inf), unit) for size in some]


def _swept(left: Floats, logs: Floats, width: int) -> tuple[Floats, Floats]:
    """Sweep the first columns out of each matrix."""
    for _ in range(width):
        pivot = np.where(left[:, 0, 0] > DIGITS, left[:, 0, 0], np.nan)
        logs = logs + np.log(pivot)
        left = left[:, 1:, 1:] - left[:, 1:, :1] * left[:, :1, 1:] / pivot[:, None, None]
    return left, logs
