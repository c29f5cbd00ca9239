"""One-way analysis of variance from counts, means and variances of groups."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import flint

from fedpeer.core.errors import RequestError
from fedpeer.core.statistics.question import Answer, Question, undefined
from fedpeer.core.statistics.rounding import certified, rational, root, rounded
from fedpeer.core.statistics.samples import Sample, groups
from fedpeer.core.statistics.tails import beyond_f


@dataclass(frozen=True, slots=True)
class Parted:
    """Sums of squares between and within groups, and their degrees of freedom, exact."""

    between: Fraction
    within: Fraction
    df_between: int
    df_within: int

    @classmethod
    def of(cls, parts: list[Sample]) -> Parted:
        """Part the squares of two or more groups; RequestError for fewer."""
        if len(parts) < 2:
            raise RequestError(f"{len(parts)} groups have rows; an analysis of variance needs two")
        n = sum(part.count for part in parts)
        centre = sum((part.count * part.mean for part in parts), Fraction(0)) / n
        between = sum((part.count * (part.mean - centre) ** 2 for part in parts), Fraction(0))
        within = sum((part.count * part.variance for part in parts), Fraction(0))
        return cls(between, within, len(parts) - 1, n - len(parts))

    @property
    def f(self) -> Fraction | None:
        """Mean squares between over mean squares within; None where those are zero or not there."""
        if self.df_within < 1 or not self.within:
            return None
        return self.between / self.df_between / (self.within / self.df_within)

    @property
    def p(self) -> float | None:
        """P(F > f)."""
        f = self.f
        if f is None:
            return None
        return certified(lambda: [beyond_f(flint.arb(rational(f)), self.df_between, self.df_within)])[0]

    @property
    def reason(self) -> dict[str, str]:
        """Why there is no F, if there is none."""
        if self.f is not None:
            return {}
        return {"f": "too few rows" if self.df_within < 1 else "the values do not vary within the groups"}


def oneway(question: Question) -> Answer:
    """F, p and the table of a one-way analysis of variance, with η² and ω²."""
    parts = groups(question)
    parted = Parted.of(parts)
    total, f = parted.between + parted.within, parted.f
    mean_within = parted.within / parted.df_within if parted.df_within > 0 else None
    omega = None
    if mean_within is not None and total + mean_within:
        omega = (parted.between - parted.df_between * mean_within) / (total + mean_within)
    told: Answer = {
        "groups": [part.told() for part in parts],
        "f": _float(f),
        "p": parted.p,
        "between": _row(parted.between, parted.df_between),
        "within": _row(parted.within, parted.df_within),
        "total": {"squares": rounded(total), "df": parted.df_between + parted.df_within},
        "eta_squared": _float(parted.between / total) if total else None,
        "omega_squared": _float(omega),
        "residual_std": None if mean_within is None else root(mean_within),
    }
    return undefined(told, parted.reason)


def _row(squares: Fraction, df: int) -> Answer:
    return {"squares": rounded(squares), "df": df, "mean_square": rounded(squares / df) if df > 0 else None}


def _float(value: Fraction | None) -> float | None:
    return None if value is None else rounded(value)
