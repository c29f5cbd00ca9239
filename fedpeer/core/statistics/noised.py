"""Sums that carry noise: how variances add up, and what is there twice read from where the noise is least.

Noise is told by one variance a block, in units of the most that one row gives to an entry. Sums add up, and so do the
variances of independent noise; taking out a part that was added takes out its noise as well. So variances are a group
like the sums themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby

import numpy as np

from fedpeer.core.statistics.layout import layout, split
from fedpeer.core.statistics.residues import Limbs, Residues
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


@lru_cache(maxsize=32)
def scales(schema: Schema) -> tuple[tuple[int, ...], ...]:
    """The most that one row gives to each entry of each block: the unit of its noise."""
    bounds = [1 if column.indicator else max(1, column.bound) for column in schema.columns]
    m, (measured, indicators) = len(schema.presence), split(schema)
    own = [bounds[i] for i in measured]
    of = {
        "sums": [b for b in bounds for _ in range(m if schema.pairwise else 1)],
        "products": [a * b for i, a in enumerate(bounds) for b in bounds[i:]],
        "squares": [b**2 for b in own for _ in indicators],
        "spreads": [b**2 for b in own for _ in range(m)],
        "third": [b**3 for b in own],
        "fourth": [b**4 for b in own],
    }
    return tuple(tuple(of.get(block.name) or [1] * block.entries) for block in layout(schema))


def settled(schema: Schema, residues: Residues, variances: Sequence[int]) -> Residues:
    """The same sums where what is there twice is read once, and what cannot be is none; linear in the sums.

    A 0/1 column is its own square, and no row has two levels of a category. With gaps, the square of a continuous
    column is also there twice. Exact sums of rows stay as they are.
    """
    names = [block.name for block in residues.layout]
    of = dict(zip(names, variances, strict=True))
    parts = dict(zip(names, (part.copy() for part in residues.parts), strict=True))
    for block, places, squares in _twins(schema):
        one, other = (block, places), ("products", squares)
        (source, at), (target, to) = (one, other) if of[block] <= of["products"] else (other, one)
        parts[target][to] = _widened(parts[source][at], parts[target].shape[1])
    parts["products"][excluded(schema)] = 0
    return Residues(residues.layout, tuple(parts.values()))


def excluded(schema: Schema) -> list[int]:
    """The places in `products` of two levels of one category."""
    own, found = _own(len(schema.columns)), []
    for _, group in groupby(range(len(schema.columns)), key=lambda i: schema.columns[i].feature):
        levels = list(group)
        found += [own[i] + j - i for i in levels for j in levels if i < j]
    return found


def empty(residues: Residues) -> bool:
    """Whether every sum is 0."""
    return not any(np.any(part) for part in residues.parts)


def _own(p: int) -> list[int]:
    """Where each column meets itself in the upper triangle."""
    return [i * (2 * p - i + 1) // 2 for i in range(p)]


def _twins(schema: Schema) -> list[tuple[str, list[int], list[int]]]:
    """The entries that are there twice: in sums or spreads, and in products."""
    own, m, (measured, indicators) = _own(len(schema.columns)), len(schema.presence), split(schema)
    there = [schema.presence[column.feature] for column in schema.columns]
    if not schema.pairwise:
        return [("sums", indicators, [own[i] for i in indicators])]
    return [
        ("sums", [i * m + there[i] for i in indicators], [own[i] for i in indicators]),
        ("spreads", [k * m + there[i] for k, i in enumerate(measured)], [own[i] for i in measured]),
    ]


def _widened(limbs: Limbs, width: int) -> Limbs:
    """The same numbers in wider or, if they fit, in narrower integers."""
    out = np.empty((len(limbs), width), np.uint64)
    kept = min(width, limbs.shape[1])
    out[:, :kept] = limbs[:, :kept]
    out[:, kept:] = (limbs[:, -1:].view(np.int64) >> np.int64(63)).view(np.uint64)
    return out
