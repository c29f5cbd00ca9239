"""Sums that carry noise: how variances add up, and what is there twice read from where the noise is least.

Noise is told by one variance a block. Sums add up, and so do the variances of independent noise; taking out a part that
was added takes out its noise as well. So variances are a group like the sums themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from fedpeer.core.statistics.layout import split
from fedpeer.core.statistics.residues import Residues, integers
from fedpeer.core.statistics.schema import Schema

Variances = tuple[int, ...]  # one a block, in the order of the layout; none where sums are exact


def together(a: Variances, b: Variances, sign: int = 1) -> Variances:
    """The noise of the sum of two, or (sign −1) of the rest when the second is taken out of the first."""
    if not (a or b):
        return ()
    size = max(len(a), len(b))
    both = zip(a or (0,) * size, b or (0,) * size, strict=True)
    found = tuple(one + sign * other for one, other in both)
    return found if any(found) else ()


def settled(schema: Schema, residues: Residues, variances: Sequence[int]) -> Residues:
    """The same sums where what is there twice is read once, and what cannot be is none; linear in the sums.

    A 0/1 column is its own square, and no row has two levels of a category. With gaps, the square of a continuous
    column is also there twice. Exact sums of rows stay as they are.
    """
    of = {block.name: variance for block, variance in zip(residues.layout, variances, strict=True)}
    held = {block.name: integers(part) for block, part in zip(residues.layout, residues.parts, strict=True)}
    own = _own(len(schema.columns))
    for place, twin in _twins(schema, own):
        first, second = (place, twin) if of[place[0]] <= of[twin[0]] else (twin, place)
        held[second[0]][second[1]] = held[first[0]][first[1]]
    for at in excluded(schema):
        held["products"][at] = 0
    return Residues.of(residues.layout, list(held.values()))


def excluded(schema: Schema) -> list[int]:
    """The places in `products` of two levels of one category."""
    own, found = _own(len(schema.columns)), []
    for _, group in groupby(range(len(schema.columns)), key=lambda i: schema.columns[i].feature):
        levels = list(group)
        found += [own[i] + j - i for i in levels for j in levels if i < j]
    return found


_Place = tuple[str, int]


def _own(p: int) -> list[int]:
    """Where each column meets itself in the upper triangle."""
    return [i * (2 * p - i + 1) // 2 for i in range(p)]


def _twins(schema: Schema, own: Sequence[int]) -> list[tuple[_Place, _Place]]:
    """The entries that are there twice: in sums or spreads, and in products."""
    m, measured = len(schema.presence), split(schema)[0]
    found: list[tuple[_Place, _Place]] = []
    for i, column in enumerate(schema.columns):
        there = schema.presence[column.feature]
        if column.indicator:
            found.append((("sums", i * m + there if schema.pairwise else i), ("products", own[i])))
        elif schema.pairwise:
            found.append((("spreads", measured.index(i) * m + there), ("products", own[i])))
    return found


def empty(residues: Residues) -> bool:
    """Whether every sum is 0."""
    return not any(np.any(part) for part in residues.parts)
