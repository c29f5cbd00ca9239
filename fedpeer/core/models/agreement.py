"""One number for how well predictions agree with the truth, by which models can be put in order."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from fedpeer.core.models.evaluate import Evaluation
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.rounding import root

Score = float | None

_NUMBERS: Final = {"rmse": -1, "mae": -1, "r2": 1}
_MEANS: Final = ("accuracy", "kappa", "mcc", "macro_recall", "macro_precision", "macro_f1", "weighted_f1")
_SHARES: Final = (
    "auc",
    "accuracy",
    "balanced_accuracy",
    "f1",
    "kappa",
    "mcc",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "weighted_f1",
)
_CLASSES: Final = dict.fromkeys(_MEANS, 1)
_TWO: Final = dict.fromkeys(_SHARES, 1) | {"brier": -1}
_OWN: Final = {"kappa", "mcc", "weighted_f1"}


def measures(target: Feature) -> Mapping[str, int]:
    """The measures for a target, the usual one first: 1 if more is better, −1 if less is."""
    if target.measured or target.derived:
        return _NUMBERS
    if len(target.levels) > 2:
        return _CLASSES
    return _TWO | (_NUMBERS if target.kind == "binary" else {})


def scored(told: Evaluation, measure: str) -> Score:
    """The number of an evaluation; None where it is not defined."""
    if measure in _OWN:
        return _agreement(told, measure)
    parts = (told.regression, told.ranking)
    found = next((getattr(part, measure, None) for part in parts if hasattr(part, measure)), None)
    found = found or (told.classes.measures.get(measure) if told.classes else None)
    return found.value if found is not None else None


def _agreement(told: Evaluation, measure: str) -> Score:
    """Cohen's (1960) κ, Gorodkin's (2004) R_K, for two classes Matthews' φ, or F1 weighted by the rows of a class."""
    if told.classes is None:
        return None
    labels, table = told.classes.labels, told.classes.confusion
    true = [sum(table[a][b] for b in labels) for a in labels]
    said = [sum(table[a][b] for a in labels) for b in labels]
    hits, n = sum(table[a][a] for a in labels), sum(true)
    both = sum(t * s for t, s in zip(true, said, strict=True))
    if measure == "kappa":
        return float(Fraction(hits * n - both, n * n - both)) if n * n != both else None
    if measure == "mcc":
        spread = (n * n - sum(s * s for s in said)) * (n * n - sum(t * t for t in true))
        size = root(Fraction((hits * n - both) ** 2, spread)) if spread else None
        return size if size is None or hits * n >= both else -size
    shares = (Fraction(t * 2 * table[a][a], t + s) for a, t, s in zip(labels, true, said, strict=True) if t + s)
    return float(sum(shares, Fraction(0)) / n)
