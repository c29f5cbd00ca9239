"""Linear discriminant analysis from exact sums by class, in the forms that are in use.

With W = Σ over classes of Σ(x − x̄_k)(x − x̄_k)′, which a summary holds exactly, a class scores
ln π_k + (x − x̄)′Σ̂⁻¹u_k − u_k′Σ̂⁻¹u_k/2 with u_k = x̄_k − x̄ (Hastie, Tibshirani, Friedman, Elements of Statistical
Learning, 4.3); Σ̂ is W/n ("likelihood") or W/(n − K) ("unbiased"). The form "symetry" is for two classes:
Σ̂ = W/(n − 1), no priors, the threshold midway.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import flint
import numpy as np

from fedpeer.core.errors import ModelError
from fedpeer.core.models.classifier import Classifier, Group
from fedpeer.core.models.design import listed
from fedpeer.core.models.exact import Matrix, System, relations, settle
from fedpeer.core.models.groups import Groups
from fedpeer.core.statistics.rounding import Number, rational, rounded
from fedpeer.core.statistics.summary import Summary

_FORMS = ("likelihood", "unbiased", "symetry")


def lda(
    summary: Summary,
    target: str,
    features: Sequence[str] | None,
    *,
    priors: Any = "data",
    form: str = "likelihood",
    singular: str = "refuse",
) -> Classifier:
    """Separate the classes of `target` by linear scores; ModelError where the classes' covariance is singular."""
    if singular not in {"refuse", "drop"}:
        raise ModelError(f"singular is {singular!r}; it must be 'refuse' or 'drop'")
    if form not in _FORMS:
        raise ModelError(f"form is {form!r}; it must be one of {', '.join(_FORMS)}")
    groups = Groups.of(summary, target, features)
    shares = groups.priors(priors)
    if form == "symetry" and (len(groups.counts) != 2 or priors != "data"):
        raise ModelError("the form 'symetry' is for two classes, and has no priors")
    if singular == "refuse":
        _check_rows(groups)  # before the columns: too few rows make any columns dependent
    groups, dropped = _independent(groups, drop=singular == "drop")
    _check_rows(groups)
    lost = len(groups.counts) if form == "unbiased" else 0
    classes, centre = _midway(groups, shares) if form == "symetry" else _textbook(groups, shares, summary.rows - lost)
    return Classifier(
        kind="lda",
        target=target,
        classes=classes,
        centre=centre,
        probabilities=form != "symetry",
        dropped=dropped,
        empty=groups.empty,
        options={"form": form, "priors": priors if isinstance(priors, str) else "given"},
        n=summary.rows,
        schema=groups.described(),
        summary=summary.digest,
    )


def _check_rows(groups: Groups) -> None:
    rows, needed = groups.summary.rows, len(groups.columns) + len(groups.counts)
    if rows < needed:
        raise ModelError(
            f"{rows} rows are too few for {len(groups.columns)} columns and {len(groups.counts)} classes: "
            f"at least {needed}",
            hint="name fewer features, or wait for more data",
        )


def _independent(groups: Groups, *, drop: bool) -> tuple[Groups, list[str]]:
    within, _ = groups.within()
    found = relations(within)
    if not found:
        return groups, []
    names = [groups.columns[j].name for j in found]
    if not drop:
        first, others = next(iter(found.items()))
        told = f"determined exactly by {listed([groups.columns[i].name for i in others])}" if others else "constant"
        raise ModelError(
            f"singular within the classes: {listed(names)}; {groups.columns[first].name!r} is {told} within each class",
            hint='leave these features out, or fit with singular="drop"',
        )
    keep = [j for j in range(len(groups.columns)) if j not in found]
    if not keep:
        raise ModelError("no column varies within the classes: each class is a single point")
    return groups.only(keep), names


def _textbook(groups: Groups, shares: list[Fraction], divisor: int) -> tuple[list[Group], dict[str, float]]:
    n, total = groups.summary.rows, groups.sums.sum(axis=0)
    counts = np.array(groups.counts, dtype=object)[:, None]
    apart = n * groups.sums - counts * total  # n·n_k·(q̄_k − q̄)
    within, factor = groups.within()
    system, free, p = System(within), factor * divisor, len(groups.columns)
    steps = [rational(column.step) for column in groups.columns]

    def compute(exactly: bool) -> list[Number]:
        solved = [system.solved(row, exactly=exactly) for row in apart]
        values: list[Number] = []
        for k, count in enumerate(groups.counts):
            weights = [x * flint.fmpq(free, n * count) for x in solved[k]]
            half = sum((w * int(u) for w, u in zip(weights, apart[k], strict=True)), start=flint.fmpq(0))
            values += [flint.arb(rational(shares[k])).log() - half / (2 * n * count)]
            values += [w / step for w, step in zip(weights, steps, strict=True)]
        return values

    floats = [value or 0.0 for value in settle(compute)]
    centre = [column.value(Fraction(int(value), n)) for column, value in zip(groups.columns, total, strict=True)]
    parts = [floats[k * (p + 1) : (k + 1) * (p + 1)] for k in range(len(counts))]
    return _classes(groups, shares, parts), _named(groups, map(rounded, centre))


def _midway(groups: Groups, shares: list[Fraction]) -> tuple[list[Group], dict[str, float]]:
    (n0, n1), (low, high) = groups.counts, groups.means()
    within, factor = groups.within()
    apart: Matrix = n0 * groups.sums[1] - n1 * groups.sums[0]  # n₀·n₁·(q̄₁ − q̄₀)
    system, scale = System(within), flint.fmpq(factor * (groups.summary.rows - 1), n0 * n1)

    def compute(exactly: bool) -> list[Number]:
        solved = system.solved(list(apart), exactly=exactly)
        return [x * scale / rational(column.step) for x, column in zip(solved, groups.columns, strict=True)]

    weights = [value or 0.0 for value in settle(compute)]
    centre = [rounded((a + b) / 2) for a, b in zip(low, high, strict=True)]
    parts = [[0.0, *(0.0 for _ in weights)], [0.0, *weights]]
    return _classes(groups, shares, parts), _named(groups, centre)


def _classes(groups: Groups, shares: list[Fraction], parts: Sequence[Sequence[float]]) -> list[Group]:
    rows = zip(groups.labels, groups.counts, shares, groups.means(), parts, strict=True)
    return [
        Group(
            label=label,
            count=count,
            prior=rounded(share),
            constant=part[0],
            means=_named(groups, map(rounded, means)),
            weights=_named(groups, part[1:]),
        )
        for label, count, share, means, part in rows
    ]


def _named(groups: Groups, values: Any) -> dict[str, float]:
    return dict(zip((column.name for column in groups.columns), values, strict=True))
