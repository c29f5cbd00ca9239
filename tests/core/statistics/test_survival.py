"""Survival from at-risk counts is what statsmodels finds in the rows, and what fractions give by hand."""

from __future__ import annotations

from fractions import Fraction
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.datasets import heart
from statsmodels.duration.survfunc import SurvfuncRight, survdiff

from fedpeer.core.errors import MismatchError, RequestError, SchemaError
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.layout import layout
from fedpeer.core.statistics.metrics import measure
from fedpeer.core.statistics.residues import Residues, integers
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

CLOSE = {"rel": 1e-12, "abs": 1e-14}
BLOCKS = ("histogram", "conditional_histogram")


def schema(levels: list[str], most: int, bins: int, declared: list[str] | None = None) -> Schema:
    """Times in whole days from 0, an event, groups as a category, and the products of event and level."""
    products = [Feature(f"died_{g}", "product", of=["died", f"group${g}"]) for g in declared or levels]
    return Schema(
        [
            Feature("days", min=0, max=most, resolution=1),
            Feature("died", "binary"),
            Feature("group", "category", levels=levels),
            *products,
        ],
        blocks=BLOCKS,
        bins=bins,
    )


def hearts() -> tuple[pd.DataFrame, int, int]:
    """Stanford heart transplants, followed up for 999 days: every bin one day. Two groups, by age."""
    data = heart.load_pandas().data
    days = data.survival.to_numpy().astype(int)
    died, old = data.censors.to_numpy().astype(int), data.age.to_numpy() >= 45
    frame = pd.DataFrame({"days": np.minimum(days, 999), "died": died * (days <= 999)})
    return frame.assign(group=np.where(old, "old", "young")), 999, 1000


def marrows() -> tuple[pd.DataFrame, int, int]:
    """Bone-marrow transplants, three groups: bins of three days."""
    path = files("statsmodels") / "duration" / "tests" / "results" / "bmt.csv"
    data = pd.read_csv(str(path)).query("Group != 'ALL'")
    frame = {"days": data["T"].astype(int), "died": data["Status"].astype(int), "group": data["Group"]}
    return pd.DataFrame(frame), 2999, 1000


def simulated() -> tuple[pd.DataFrame, int, int]:
    """Times of which many are equal, four groups: every bin one day."""
    rng = np.random.default_rng(5)
    group = rng.choice(["a", "b", "c", "d"], 400)
    rate = np.select([group == g for g in "abc"], [30, 40, 50], 35)
    frame = {"days": np.minimum(rng.exponential(rate).astype(int), 99), "died": rng.integers(0, 2, 400), "group": group}
    return pd.DataFrame(frame), 99, 100


SETS = pytest.mark.parametrize("data", [hearts, marrows, simulated])


def summarised(data: Any) -> tuple[Summary, pd.DataFrame]:
    """The summary, and the rows with the times that it stands for: the last of each bin."""
    frame, most, bins = data()
    summary = collect(schema(sorted(frame.group.unique()), most, bins), frame)
    width = (most + 1) // bins
    return summary, frame.assign(days=frame.days // width * width + width - 1)


@SETS
def test_survival_is_that_of_statsmodels(data):
    summary, rows = summarised(data)
    told = measure(summary, "kaplan_meier", ["days", "died"])
    assert told["exact"] is (data is not marrows)
    assert_same(told["groups"]["all"], rows)
    groups = measure(summary, "kaplan_meier", ["days", "died", "group"])["groups"]
    assert list(groups) == [f"group${g}" for g in sorted(rows.group.unique())]
    for name, part in groups.items():
        assert_same(part, rows[rows.group == name.removeprefix("group$")])


def assert_same(told: dict[str, Any], rows: pd.DataFrame) -> None:
    found = SurvfuncRight(rows.days, rows.died)
    table = [row for row in told["table"] if row["events"]]
    assert (told["count"], told["events"]) == (len(rows), rows.died.sum())
    assert sum(row["censored"] for row in told["table"]) == told["censored"] == len(rows) - rows.died.sum()
    assert [row["time"] for row in table] == found.surv_times.tolist()
    assert [row["at_risk"] for row in table] == found.n_risk.tolist()
    assert [row["events"] for row in table] == found.n_events.tolist()
    assert [row["survival"] for row in table] == pytest.approx(found.surv_prob, **CLOSE)
    left = [row for row in table if row["survival"]]
    assert [row["std_error"] for row in left] == pytest.approx(found.surv_prob_se[: len(left)], **CLOSE)
    assert [row["variance"] for row in left] == pytest.approx(found.surv_prob_se[: len(left)] ** 2, **CLOSE)
    if not (found.surv_prob == 0.5).any():  # there statsmodels goes on to the next time
        assert (told["median"] or np.nan) == pytest.approx(found.quantile(0.5), nan_ok=True)


@SETS
@pytest.mark.parametrize("interval", ["log-log", "log", "plain"])
def test_limits_are_those_of_their_formulas(data, interval):
    summary, rows = summarised(data)
    answer = measure(summary, "kaplan_meier", ["days", "died"], options={"interval": interval, "confidence": "0.9"})
    told, found, z = answer["groups"]["all"], SurvfuncRight(rows.days, rows.died), norm.ppf(0.95)
    s, error = found.surv_prob, found.surv_prob_se
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = {
            "log-log": (s ** np.exp(-z * error / (s * np.log(s))), s ** np.exp(z * error / (s * np.log(s)))),
            "log": (s * np.exp(-z * error / s), np.minimum(s * np.exp(z * error / s), 1)),
            "plain": (np.maximum(s - z * error, 0), np.minimum(s + z * error, 1)),
        }[interval]
    table = [row for row in told["table"] if row["events"] and row["survival"]]
    assert [row["ci_low"] for row in table] == pytest.approx(low[: len(table)], rel=1e-10)
    assert [row["ci_high"] for row in table] == pytest.approx(high[: len(table)], rel=1e-10)
    for key, limit in (("median_low", low), ("median_high", high)):
        reached = found.surv_times[: len(table)][limit[: len(table)] <= 0.5]
        assert told[key] == (reached[0] if len(reached) else None)


@pytest.mark.parametrize("data", [hearts, marrows])
def test_limits_of_the_median_are_those_of_statsmodels(data):
    summary, rows = summarised(data)
    told = measure(summary, "kaplan_meier", ["days", "died"])["groups"]["all"]
    low, high = SurvfuncRight(rows.days, rows.died).quantile_ci(0.5, method="cloglog")
    assert (told["median_low"], told["median_high"] or np.inf) == (low, high)


@SETS
def test_the_log_rank_test_is_that_of_statsmodels(data):
    summary, rows = summarised(data)
    for weights, theirs in (("log-rank", None), ("gehan", "gb")):
        told = measure(summary, "log_rank", ["days", "died", "group"], options={"weights": weights})
        chi2, p = survdiff(rows.days, rows.died, rows.group, weight_type=theirs)
        assert told["df"] == rows.group.nunique() - 1
        assert told["chi2"] == pytest.approx(chi2, rel=1e-9)
        assert told["p"] == pytest.approx(p, rel=1e-9)
        observed = rows.groupby("group").died.sum()
        assert [part["observed"] for part in told["groups"].values()] == observed.tolist()
        total = sum(part["expected"] for part in told["groups"].values())
        assert total == pytest.approx(rows.died.sum(), rel=1e-14)


def by_hand(rows: list[tuple[int, int]], horizon: int) -> tuple[list[tuple[int, Fraction, Fraction]], Fraction]:
    """The curve step by step, with Greenwood's sum, and its area up to the horizon day by day."""
    curve, survival, spread, area = [], Fraction(1), Fraction(0), Fraction(0)
    for day in range(max(t for t, _ in rows) + 1):
        area += survival if 0 < day <= horizon else 0
        at_risk, died = sum(t >= day for t, _ in rows), sum(t == day and d for t, d in rows)
        if any(t == day for t, _ in rows):
            survival *= 1 - Fraction(died, at_risk)
            spread += Fraction(died, at_risk * (at_risk - died)) if at_risk > died else 0
            curve.append((day, survival, spread))
    return curve, area + survival * max(0, horizon - curve[-1][0])


ROWS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 1)), min_size=1, max_size=30)


@pytest.mark.long
@given(ROWS, st.integers(0, 12))
@settings(max_examples=100, deadline=None)
def test_every_number_is_the_float_nearest_to_the_fraction(rows, horizon):
    table = {"days": [t for t, _ in rows], "died": [d for _, d in rows], "group": ["a"] * len(rows)}
    summary = collect(schema(["a", "b"], 9, 10), table)
    told = measure(summary, "kaplan_meier", ["days", "died"], options={"horizon": horizon})["groups"]["all"]
    curve, area = by_hand(rows, horizon)
    assert [(row["time"], row["survival"]) for row in told["table"]] == [(t, float(s)) for t, s, _ in curve]
    assert [row["variance"] for row in told["table"]] == [float(s * s * v) if s else None for _, s, v in curve]
    assert told["mean"] == float(area)
    assert told["median"] == next((t for t, s, _ in curve if s <= Fraction(1, 2)), None)
    if told["table"][-1]["survival"] == 0:
        assert told["undefined"]["std_error"] == "nobody is left"


@pytest.mark.long
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 1), st.sampled_from("abc")), min_size=2, max_size=30))
@settings(max_examples=100, deadline=None)
def test_the_log_rank_test_is_what_fractions_give(rows):
    table = {"days": [t for t, *_ in rows], "died": [d for _, d, _ in rows], "group": [g for *_, g in rows]}
    told = measure(collect(schema(["a", "b", "c"], 9, 10), table), "log_rank", ["days", "died", "group"])
    expected, apart, spread = dict.fromkeys("abc", Fraction(0)), np.zeros(3), np.zeros((3, 3))
    for day in range(10):
        left, dead = [row for row in rows if row[0] >= day], [row for row in rows if row[0] == day and row[1]]
        r, d = len(left), len(dead)
        at_risk = np.array([sum(g == name for *_, g in left) for name in "abc"])
        for i, name in enumerate("abc"):
            expected[name] += Fraction(d * int(at_risk[i]), r) if r else 0
        if r > 1:
            spread += d * (r - d) / (r * r * (r - 1)) * (r * np.diag(at_risk) - np.outer(at_risk, at_risk))
        apart += [sum(row[2] == name for row in dead) for name in "abc"]
    apart -= [float(e) for e in expected.values()]
    assert [part["expected"] for part in told["groups"].values()] == [float(e) for e in expected.values()]
    assert told["df"] == np.linalg.matrix_rank(spread, tol=1e-9)
    if told["df"]:
        assert told["chi2"] == pytest.approx(apart @ np.linalg.pinv(spread, rcond=1e-9) @ apart, rel=1e-9, abs=1e-12)
    else:
        assert told["undefined"]["chi2"] == "no event while two groups were at risk"


def test_the_area_and_its_error_are_those_of_a_small_example_by_hand():
    """Days 1, 2+, 3, 4+: S is 3/4 from 1 on and 3/8 from 3 on."""
    table = {"days": [1, 2, 3, 4], "died": [1, 0, 1, 0], "group": ["a"] * 4}
    told = measure(collect(schema(["a", "b"], 9, 10), table), "kaplan_meier", ["days", "died"])["groups"]["all"]
    assert told["mean"] == 1 + 2 * 3 / 4 + 3 / 8
    assert told["mean_std_error"] == pytest.approx((1.875**2 / 12 + 0.375**2 / 2) ** 0.5, rel=1e-15)
    assert (told["median"], told["median_high"]) == (3, None)
    assert told["undefined"] == {"median_high": "its upper limit stays above one half"}


def groups_of(features: list[Feature], table: dict[str, list[Any]], names: list[str], **options: Any) -> dict[str, Any]:
    base = [Feature("days", min=0, max=9, resolution=1), Feature("died", "binary")]
    summary = collect(Schema([*base, *features], blocks=BLOCKS, bins=10), table)
    return measure(summary, "kaplan_meier", ["days", "died", *names], options=options)["groups"]


TABLE = {
    "days": [1, 1, 2, 3, 4, 5, 6, 7],
    "died": [1, 0, 1, 1, 0, 1, 0, 1],
    "old": [1, 1, 0, 0, 1, 0, 0, 1],
    "site": ["n", "s", "e", "n", "s", "e", "n", "s"],
}
SITE = Feature("site", "category", levels=["n", "s", "e"])
OLD = Feature("old", "binary")


def product(group: str) -> Feature:
    return Feature(f"died_{group.rpartition('$')[2]}", "product", of=["died", group])


def test_a_flag_makes_two_groups_and_the_last_level_is_what_the_others_leave():
    every = groups_of([SITE, OLD, *map(product, ["site$n", "site$s", "site$e", "old"])], TABLE, ["site"])
    assert groups_of([SITE, OLD, *map(product, ["site$e", "site$n"])], TABLE, ["site"]) == every
    assert list(every) == ["site$n", "site$s", "site$e"]
    two = groups_of([SITE, OLD, product("old")], TABLE, ["old"])
    assert {name: (part["count"], part["events"]) for name, part in two.items()} == {
        "old is 1": (4, 2),
        "old is 0": (4, 3),
    }
    chosen = groups_of([SITE, OLD, *map(product, ["site$n", "site$s"])], TABLE, ["site"], levels="e,n")
    assert chosen == {name: every[name] | {"mean": chosen[name]["mean"]} | errors(chosen[name]) for name in chosen}
    assert list(chosen) == ["site$e", "site$n"]


def errors(told: dict[str, Any]) -> dict[str, Any]:
    """What depends on the horizon, and so on which groups there are."""
    return {"mean_std_error": told["mean_std_error"]}


@pytest.mark.parametrize(
    ("features", "names", "said", "hint"),
    [
        ([SITE, OLD], ["old"], "both 'died' and 'old' are 1", "{name: died_old, kind: product, of: [died, old]}"),
        ([SITE, OLD], ["site"], "both 'died' and 'site\\$n'", "{name: died_n, kind: product, of: [died, site$n]}"),
        ([SITE, OLD], ["days"], "named twice", None),
        ([SITE, OLD, product("old"), product("site$n")], ["old", "site$n"], "both 'old' and 'site\\$n': groups", None),
        ([SITE, OLD, Feature("x", min=0, max=1, resolution=1)], ["x"], "'x' makes no groups", None),
    ],
)
def test_groups_that_cannot_be_are_refused_and_told_what_to_declare(features, names, said, hint):
    with pytest.raises(RequestError, match=said) as caught:
        groups_of(features, TABLE | {"x": [0] * 8}, names)
    if hint:
        assert caught.value.hint == f"declare a feature {hint}"


def test_questions_that_cannot_be_answered_are_refused():
    summary = collect(schema(["a", "b"], 9, 10), {"days": [1, 2], "died": [1, 0], "group": ["a", "b"]})
    for features, options, said in [
        (["died", "days"], {}, "name a continuous time first"),
        (["days"], {}, "takes 2 to 1000 features"),
        (["days", "died"], {"interval": "wald"}, "must be log-log or log or plain"),
        (["days", "died"], {"horizon": -1}, "a horizon is a time from zero"),
        (["days", "died", "group"], {"levels": "c"}, "no level of 'group'"),
    ]:
        with pytest.raises(RequestError, match=said):
            measure(summary, "kaplan_meier", features, options=options)
    with pytest.raises(RequestError, match="nothing to be compared with"):
        measure(summary, "log_rank", ["days", "died"])
    below = Schema([Feature("days", min=-1, max=8, resolution=1), Feature("died", "binary")], blocks=BLOCKS, bins=10)
    with pytest.raises(RequestError, match="below zero"):
        measure(collect(below, {"days": [-1, 2], "died": [1, 0]}), "kaplan_meier", ["days", "died"])
    plain = Schema(below.features)
    with pytest.raises(SchemaError, match="does not count the block histogram"):
        measure(collect(plain, {"days": [1], "died": [1]}), "kaplan_meier", ["days", "died"])


@pytest.mark.parametrize("claim", [{1: 2, 2: 0}, {1: 0, 2: 0, 3: 2}])
def test_more_events_than_rows_are_not_taken_for_a_curve_nor_from_a_peer(claim):
    """Two deaths of group b on day 2, claimed on day 1, or on day 3, when nobody's time ends."""
    rules = schema(["a", "b"], 9, 10)
    table = {"days": [1, 2, 2, 4, 3], "died": [1, 1, 1, 1, 0], "group": ["a", "b", "b", "b", "a"]}
    summary = collect(rules, table)
    values = [integers(part) for part in summary.residues.parts]
    for day, deaths in claim.items():
        values[-1][-10 + day] = deaths
    broken = Summary(rules, Residues.of(layout(rules), values))
    with pytest.raises(SchemaError, match="more events than rows"):
        measure(broken, "kaplan_meier", ["days", "died", "group"])
    with pytest.raises(MismatchError, match="died_b"):
        Summary.from_bytes(broken.to_bytes(), rules)


def test_the_rows_of_a_product_must_fit_its_factors_in_every_bin():
    """Sums and squares allow three rows of the product in the second bin; one of its factors has two there."""
    features = [Feature("t", min=0, max=3, resolution=1), Feature("d", "binary"), Feature("g", "binary")]
    rules = Schema([*features, Feature("dg", "product", of=["d", "g"])], blocks=BLOCKS, bins=2)
    rows = {"t": [1, 1, 0, 0, 2, 2, 3, 3], "d": [1, 1, 0, 0, 1, 1, 1, 0], "g": [1, 1, 0, 0, 1, 1, 0, 0]}
    summary = collect(rules, rows)
    assert summary.histogram_given("t", "dg") == [2, 2]
    assert Summary.from_bytes(summary.to_bytes(), rules) == summary
    values = [integers(part) for part in summary.residues.parts]
    values[-1][-2:] = [1, 3]
    with pytest.raises(MismatchError, match="dg: more or fewer rows in a bin"):
        Summary.from_bytes(Summary(rules, Residues.of(layout(rules), values)).to_bytes(), rules)


def test_a_summary_of_many_peers_gives_the_same_curve():
    frame, most, bins = hearts()
    rules = schema(["old", "young"], most, bins)
    parts = [collect(rules, frame.iloc[i::3]) for i in range(3)]
    features = ["days", "died", "group"]
    assert measure(parts[0] + parts[1] + parts[2], "log_rank", features) == measure(
        collect(rules, frame), "log_rank", features
    )


def test_rows_that_lack_how_they_ended_are_not_taken_for_censored():
    features = [Feature("days", min=0, max=9, resolution=1), Feature("died", "binary"), OLD, product("old")]
    pairwise = Schema(features, blocks=BLOCKS, bins=10, missing="pairwise")
    whole = {"days": [1, 2, 3, None], "died": [1, 0, 1, 0], "old": [0, 1, 1, None]}
    asked = ["days", "died", "old"]
    told = measure(collect(pairwise, whole), "kaplan_meier", asked)
    assert {name: (part["count"], part["events"]) for name, part in told["groups"].items()} == {
        "old is 1": (2, 1),
        "old is 0": (1, 1),
    }
    with pytest.raises(RequestError, match="some rows have a 'days' and no 'died'"):
        measure(collect(pairwise, whole | {"died": [1, None, 1, 0]}), "kaplan_meier", asked)
    with pytest.raises(RequestError, match="some rows have a 'days' and no 'old'"):
        measure(collect(pairwise, whole | {"old": [1, None, 1, 0]}), "kaplan_meier", asked)
