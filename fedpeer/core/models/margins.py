"""Classification by least squares: a ridge regression of ±1 for each class, which is also the linear LS-SVM.

For a class k, y = 1 for its rows and −1 for the others; Σ(y − ŷ)² + lam·Σβ² is minimised, the intercept free. The
class of the highest ŷ wins. A least-squares support vector machine (Suykens, Vandewalle 1999) with a linear kernel
minimises ‖β‖²/2 + c/2·Σe² and is the same with lam = 1/c.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm
from typing import Any

import msgspec
import numpy as np

from fedpeer.core.models.classifier import Classifier, Group
from fedpeer.core.models.exact import System, settle
from fedpeer.core.models.groups import Groups
from fedpeer.core.models.numbers import above
from fedpeer.core.statistics.explore import centred, mean
from fedpeer.core.statistics.rounding import Number, rational, rounded
from fedpeer.core.statistics.summary import Summary


def ridge_classifier(summary: Summary, target: str, features: Sequence[str] | None, *, lam: Any = 1) -> Classifier:
    """Regress ±1 for each class on the raw columns with the penalty lam·Σβ²; the highest prediction wins."""
    penalty, groups = above("lam", lam), Groups.of(summary, target, features)
    weights = iter(_weights(groups, penalty))
    rows = zip(groups.labels, groups.counts, groups.means(), strict=True)
    names = [column.name for column in groups.columns]
    classes = [
        Group(
            label=label,
            count=count,
            prior=rounded(Fraction(count, summary.rows)),
            constant=rounded(Fraction(2 * count, summary.rows) - 1),
            means=dict(zip(names, map(rounded, means), strict=True)),
            weights={name: next(weights) for name in names},
        )
        for label, count, means in rows
    ]
    return Classifier(
        kind="ridge_classifier",
        target=target,
        classes=classes,
        centre={name: rounded(mean(summary, name)) for name in names},
        probabilities=False,
        dropped=[],
        empty=groups.empty,
        options={"lam": str(lam)},
        n=summary.rows,
        schema=groups.described(),
        summary=summary.digest,
    )


def ls_svm(summary: Summary, target: str, features: Sequence[str] | None, *, c: Any = 1) -> Classifier:
    """Minimise ‖β‖²/2 + c/2·Σe² for each class against the others, the intercept free; the highest prediction wins."""
    model = ridge_classifier(summary, target, features, lam=1 / above("c", c))
    return msgspec.structs.replace(model, kind="ls_svm", options={"c": str(c)})


def _weights(groups: Groups, penalty: Fraction) -> list[float]:
    """The coefficients, class by class: (S + Λ) b = 2(n·Σq1_k − n_k·Σq) in encoded units, with Λ = n·lam/s²."""
    n, places = groups.summary.rows, [groups.summary.schema.index(column.name) for column in groups.columns]
    added = [n * penalty / column.step**2 for column in groups.columns]
    factor = lcm(*(value.denominator for value in added))
    matrix = centred(groups.summary, places) * factor
    matrix[np.diag_indices_from(matrix)] += np.array([int(value * factor) for value in added], dtype=object)
    counts = np.array(groups.counts, dtype=object)[:, None]
    apart = 2 * factor * (n * groups.sums - counts * groups.sums.sum(axis=0))
    system, steps = System(matrix), [rational(column.step) for column in groups.columns]

    def compute(exactly: bool) -> list[Number]:
        solved = [system.solved(row, exactly=exactly) for row in apart]
        return [b / step for column in solved for b, step in zip(column, steps, strict=True)]

    return [value or 0.0 for value in settle(compute)]
