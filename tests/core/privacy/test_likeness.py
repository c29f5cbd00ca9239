"""The tests of what is shared next against what was shared last, beside SciPy's, and in the release rules."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest
from scipy import stats

from fedpeer.core.privacy.floor import Policy
from fedpeer.core.privacy.likeness import SMIRNOV, Compared, compared
from fedpeer.core.privacy.protect import Shareable, Withheld, protect
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from tests.support.released import sendable

FEATURES = [Feature("x", min=0, max=63, resolution=1), Feature("flag", "binary")]
SCHEMA = Schema(FEATURES, blocks=["histogram"], bins=64)  # a bin a value, so that SciPy sees the same
LEVELS = [(5, 0.2), (10, 0.2), (11, 0.1), (25, 0.1), (26, 0.05), (400, 0.05)]


def _summary(x: Any, schema: Schema = SCHEMA, flags: Any = None) -> Summary:
    return collect(schema, {"x": list(x), "flag": [i % 2 for i in range(len(x))] if flags is None else list(flags)})


def _test(new: Any, last: Any, test: Any, schema: Schema = SCHEMA) -> Compared:
    return next(iter(compared(_summary(new, schema), _summary(last, schema), test)))


def _samples(seed: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    n, m = rng.integers(20, 300, 2)
    shift = rng.choice([0, 1, 4])
    return rng.binomial(60, 0.5, n), np.minimum(rng.binomial(60, 0.5, m) + shift, 63)


@pytest.mark.parametrize("seed", range(12))
def test_welch_is_scipys_with_population_variances(seed: int) -> None:
    new, last = _samples(seed)
    a, b = (x.mean() for x in (new, last)), (x.std() for x in (new, last))
    (m1, m2), (s1, s2) = a, b
    expected = stats.ttest_ind_from_stats(m1, s1, len(new), m2, s2, len(last), equal_var=False).pvalue
    found = _test(new, last, "welch")
    assert found.statistic is not None
    assert float(1 - found.statistic) == pytest.approx(expected, rel=1e-9)
    assert found.passed is bool(expected >= 0.05)


def test_welch_where_one_side_does_not_vary_is_the_test_of_one_sample() -> None:
    varied = np.random.default_rng(1).binomial(60, 0.5, 40)
    t = (varied.mean() - 31) / (varied.std() / sqrt(40))
    for new, last in ((varied, [31] * 50), ([31] * 50, varied)):
        found = _test(new, last, "welch")
        assert found.statistic is not None
        assert float(1 - found.statistic) == pytest.approx(2 * stats.t.sf(abs(t), 40), rel=1e-9)
    assert _test([31] * 20, [31] * 50, "welch").passed
    assert not _test([31] * 20, [32] * 50, "welch").passed


@pytest.mark.parametrize("seed", range(12))
def test_smirnov_is_scipys_d_against_the_references_limit(seed: int) -> None:
    new, last = _samples(seed)
    d = stats.ks_2samp(new, last).statistic
    limit = 1.358 * sqrt((len(new) + len(last)) / (len(new) * len(last)))
    found = _test(new, last, "ks")
    assert found.statistic is not None
    assert sqrt(found.statistic) == pytest.approx(d, rel=1e-12)
    assert sqrt(found.limit) == pytest.approx(limit, rel=1e-12)
    assert found.passed is bool(d < limit)


def test_the_factor_of_smirnov_is_that_of_its_level() -> None:
    assert float(SMIRNOV) == pytest.approx(sqrt(-0.5 * np.log(0.05 / 2)), abs=5e-4)


@pytest.mark.parametrize("seed", range(12))
def test_the_integral_is_scipys_distance_over_the_ranges_and_has_no_sign(seed: int) -> None:
    new, last = _samples(seed)
    area = stats.wasserstein_distance(new, last)
    expected = area / sqrt(np.ptp(new) * np.ptp(last))
    for one, other in ((new, last), (last, new)):
        found = _test(one, other, "integral")
        assert found.statistic is not None
        assert sqrt(found.statistic) == pytest.approx(expected, rel=1e-12)
        assert found.passed is bool(expected < sqrt(found.limit))


@pytest.mark.parametrize(("rows", "limit"), LEVELS)
def test_the_limit_of_the_integral_falls_with_the_rows(rows: int, limit: float) -> None:
    found = _test([i % 64 for i in range(rows)], range(50), "integral")
    assert sqrt(found.limit) == pytest.approx(limit)


def test_the_integral_of_constants_is_that_they_are_equal() -> None:
    assert _test([7] * 30, [7] * 40, "integral").passed
    assert not _test([7] * 30, [8] * 40, "integral").passed
    assert not _test([7] * 30, range(40), "integral").passed


def _released(new: Summary, last: Summary | None, policy: Policy) -> Shareable | Withheld:
    admitted = sendable(new)
    return protect(admitted, policy, last)


@pytest.mark.parametrize("test", ["welch", "ks", "integral"])
def test_a_group_unlike_the_rest_stays_only_where_the_charter_asks(test: Any) -> None:
    rng = np.random.default_rng(4)
    first, alike, unlike = (rng.binomial(60, p, n) for p, n in ((0.5, 200), (0.5, 40), (0.9, 40)))
    asked, plain = Policy("relaxed", tests=(test,)), Policy("relaxed")
    last, near, far = (_summary(x) for x in (first, [*first, *alike], [*first, *unlike]))
    assert isinstance(_released(near, last, asked), Shareable)
    assert isinstance(_released(far, last, plain), Shareable)
    assert isinstance(_released(far, None, asked), Shareable)
    withheld = _released(far, last, asked)
    assert isinstance(withheld, Withheld)
    assert (withheld.rule, withheld.feature) == (f"{test}: as the last release", "x")
    assert float(withheld.measured) > 0
    assert "is more than chance" in withheld.text


@pytest.mark.parametrize("test", ["ks", "integral"])
def test_without_histograms_what_needs_them_is_not_passed(test: Any) -> None:
    plain = Schema(FEATURES)
    last, new = _summary(range(60), plain), _summary([*range(60), *range(20)], plain)
    withheld = _released(new, last, Policy("relaxed", tests=(test,)))
    assert isinstance(withheld, Withheld)
    assert "needs histograms" in withheld.text
    assert isinstance(_released(new, last, Policy("relaxed", tests=("welch",))), Shareable)


def test_flags_are_compared_by_their_means_and_columns_that_both_do_not_have_are_not() -> None:
    last = _summary([31] * 60, flags=[i % 2 for i in range(60)])
    new = _summary([31] * 90, flags=[i % 2 for i in range(60)] + [1] * 30)
    told = {found.feature: found.passed for found in compared(new, last, "welch")}
    assert told == {"x": True, "flag": False}
    assert [found.feature for found in compared(new, last, "ks")] == ["x"]
    other = collect(Schema([FEATURES[0]]), {"x": [31] * 60})
    assert [found.feature for found in compared(new, other, "welch")] == ["x"]
    assert list(compared(new, Summary.zero(SCHEMA), "welch")) == []


def test_fewer_bins_are_compared_where_schemas_count_different_numbers() -> None:
    coarse = Schema(FEATURES, blocks=["histogram"], bins=16)
    rng = np.random.default_rng(3)
    new, last = rng.binomial(60, 0.5, 90), rng.binomial(60, 0.6, 80)
    (found,) = compared(_summary(new), _summary(last, coarse), "ks")
    (same,) = compared(_summary(new, coarse), _summary(last, coarse), "ks")
    assert found.statistic == same.statistic
