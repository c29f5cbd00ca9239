"""Standardised mean differences against their definition on the pooled rows."""

import numpy as np
import pytest

from fedpeer.core.errors import RequestError
from fedpeer.core.statistics.metrics import measure
from tests.support import real

CANCER, SUMMARY = real.cancer()
IRIS, IRIS_SUMMARY = real.iris()


def smd(a, b):
    return (a.mean() - b.mean()) / np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)


def test_the_rows_of_a_group_are_compared_with_the_others():
    told = measure(SUMMARY, "difference", ["mean_radius", "smoothness_error"], options={"by": "benign"})
    benign = CANCER["benign"] == 1
    for name in ("mean_radius", "smoothness_error"):
        a, b = CANCER[name][benign], CANCER[name][~benign]
        here = told["features"][name]
        assert here["smd"] == pytest.approx(smd(a, b), rel=1e-10)
        assert here["mean"] == pytest.approx([a.mean(), b.mean()], rel=1e-12)
        assert here["variance_ratio"] == pytest.approx(a.var(ddof=1) / b.var(ddof=1), rel=1e-11)
    assert told["counts"] == [benign.sum(), (~benign).sum()]
    assert told["largest"] == "mean_radius"


def test_two_peers_are_compared_in_every_feature():
    here, there = ({n: v[k::2] for n, v in IRIS.items()} for k in (0, 1))
    ours, theirs = real.summarised(here, resolution="0.1"), real.summarised(there, resolution="0.1")
    told = measure(ours, "difference", other=theirs)["features"]
    assert list(told) == list(IRIS)
    assert told["petal_length"]["smd"] == pytest.approx(smd(here["petal_length"], there["petal_length"]), rel=1e-10)


def test_a_binary_feature_has_the_variance_of_its_proportion():
    setosa = IRIS["Iris_setosa"] == 1
    told = measure(IRIS_SUMMARY, "difference", ["Iris_virginica"], options={"by": "petal_width_b2"})
    p, q = 0.5, 0.0
    assert told["features"]["Iris_virginica"]["smd"] == pytest.approx((p - q) / np.sqrt((p * (1 - p) + 0) / 2))
    assert setosa.sum() == told["counts"][1]


def test_a_category_has_the_distance_of_all_its_levels():
    rng = np.random.default_rng(8)
    arm = rng.integers(0, 2, 300)
    site = np.where(rng.uniform(size=300) < 0.3 + 0.2 * arm, "n", rng.choice(["e", "s"], 300))
    told = measure(real.summarised({"site": site, "arm": arm}, resolution="1"), "difference", options={"by": "arm"})
    p, q = (np.array([(site[arm == k] == level).mean() for level in ("n", "s")]) for k in (1, 0))
    spread = (np.diag(p) - np.outer(p, p) + np.diag(q) - np.outer(q, q)) / 2
    assert list(told["features"]) == ["site"]
    assert told["features"]["site"]["smd"] == pytest.approx(
        np.sqrt((p - q) @ np.linalg.solve(spread, p - q)), rel=1e-11
    )
    assert told["features"]["site"]["proportions"]["n"] == pytest.approx([p[0], q[0]])


def test_what_has_no_difference_says_why():
    table = {
        "flat": np.ones(4),
        "shift": np.array([1.0, 1.0, 2.0, 2.0]),
        "kind": np.array(["a", "a", "b", "b"]),
        "arm": np.array([0, 0, 1, 1]),
    }
    told = measure(real.summarised(table, resolution="0.1"), "difference", options={"by": "arm"})
    assert told["undefined"] == {
        "flat": "the feature does not vary on either side, nor between them",
        "shift": "the feature is constant on both sides, and differs",
        "kind": "the levels of one side and of the other exclude each other",
    }
    assert told["largest"] is None


def test_the_rows_to_compare_with_must_be_named_once():
    for options, other in (({}, None), ({"by": "benign"}, SUMMARY)):
        with pytest.raises(RequestError, match="say which rows are compared"):
            measure(SUMMARY, "difference", options=options, other=other)
