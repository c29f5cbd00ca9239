"""The data of NIST's sets are NIST's: exact arithmetic on them gives every certified value to all digits printed."""

import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from tests.support.elimination import inverse

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
import strd


def printed(value: Fraction, certified: str, *, rooted: bool = False) -> bool:
    """Whether an exact value (or the root of one), rounded to the digits of a certified one, is that."""
    told = Decimal(certified)
    half = Fraction(Decimal((0, (5,), told.as_tuple().exponent - 1)))
    low, high = Fraction(told) - half, Fraction(told) + half
    return low * abs(low) <= value <= high * abs(high) if rooted else low <= value <= high


SETS = [strd.norris(), strd.longley_set(), *strd.wampler(), *strd.no_intercept(), strd.pontius()]


@pytest.mark.parametrize("each", SETS, ids=lambda each: each.name)
def test_linear_sets_have_their_certified_values(each):
    y = each.columns[each.target]
    constant = "intercept" in each.certified
    columns = [[Fraction(1)] * len(y) if name == "intercept" else each.columns[name] for name in each.certified]
    gram = inverse([[sum(a * b for a, b in zip(u, v, strict=True)) for v in columns] for u in columns])
    right = [sum(a * b for a, b in zip(u, y, strict=True)) for u in columns]
    beta = [sum(a * b for a, b in zip(row, right, strict=True)) for row in gram]
    error = sum(v * v for v in y) - sum(a * b for a, b in zip(beta, right, strict=True))
    free = len(y) - len(columns)
    total = sum(v * v for v in y) - (Fraction(sum(y) ** 2, len(y)) if constant else 0)
    for i, (name, (estimate, spread)) in enumerate(each.certified.items()):
        assert printed(beta[i], estimate), name
        assert printed(error / free * gram[i][i], spread, rooted=True), name
    assert printed(error / free, each.spread, rooted=True)
    assert printed(1 - error / total, each.square)
    if each.ratio is None:
        assert error == 0
    else:
        assert printed((total - error) / (len(columns) - constant) / (error / free), each.ratio)


@pytest.mark.parametrize("each", strd.anova(), ids=lambda each: each.name)
def test_anova_sets_have_their_certified_values(each):
    groups = {}
    for level, value in zip(each.treatment, each.response, strict=True):
        groups.setdefault(level, []).append(value)
    n, whole = len(each.response), sum(each.response)
    between = sum(sum(g) ** 2 / len(g) for g in groups.values()) - whole**2 / n
    within = sum(v * v for v in each.response) - sum(sum(g) ** 2 / len(g) for g in groups.values())
    mean = within / (n - len(groups))
    assert printed(between, each.certified["between"])
    assert printed(within, each.certified["within"])
    assert printed(between / (len(groups) - 1) / mean, each.certified["F"])
    assert printed(between / (between + within), each.certified["R²"])
    assert printed(mean, each.certified["residual deviation"], rooted=True)


@pytest.mark.parametrize("each", strd.accuracy(), ids=lambda each: each.name)
def test_numerical_accuracy_sets_have_their_certified_values(each):
    mean = sum(each.values) / len(each.values)
    assert mean == Fraction(each.mean)
    spread = sum((v - mean) ** 2 for v in each.values) / (len(each.values) - 1)
    assert spread == Fraction(each.deviation) ** 2
