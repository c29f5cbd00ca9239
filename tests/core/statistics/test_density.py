"""Densities against numpy's histogram, and what their definitions promise."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedpeer.core.errors import RequestError
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.density import smoothed
from fedpeer.core.statistics.metrics import measure
from fedpeer.core.statistics.schema import Feature, Schema
from tests.support import real

TABLE, _ = real.cancer()
RADIUS = TABLE["mean_radius"]
SCHEMA = Schema([Feature("x", min=0, max=50, resolution="0.001")], blocks=["histogram"], bins=60)
SUMMARY = collect(SCHEMA, {"x": RADIUS})


@pytest.mark.parametrize("bins", [60, 30, 12, 1])
def test_it_is_numpys_density_between_the_same_edges(bins):
    told = measure(SUMMARY, "density", options={"bins": bins})["features"]["x"]
    counts, _ = np.histogram(RADIUS, bins=told["edges"])
    density, _ = np.histogram(RADIUS, bins=told["edges"], density=True)
    assert told["counts"] == counts.tolist()
    assert told["density"] == pytest.approx(density, rel=1e-12)
    assert (told["edges"][0], told["edges"][-1], len(told["edges"])) == (-0.0005, 50.0005, bins + 1)


def test_the_polygon_joins_the_middles_of_bins_and_ends_at_zero():
    told = measure(SUMMARY, "density")["features"]["x"]
    edges = np.array(told["edges"])
    assert told["polygon_x"][1:-1] == pytest.approx((edges[1:] + edges[:-1]) / 2)
    assert told["polygon_y"] == [0.0, *told["density"], 0.0]
    area = np.trapezoid(told["polygon_y"], told["polygon_x"])
    assert area == pytest.approx(1, abs=1e-4)  # bins are alike to one value in 833


def test_bins_that_can_hold_nothing_are_left_out():
    summary = collect(
        Schema([Feature("x", min=0, max=3, resolution=1)], blocks=["histogram"], bins=10), {"x": [0, 3, 3, 1]}
    )
    told = measure(summary, "density", ["x"])["features"]["x"]
    assert told["edges"] == [-0.5, 0.5, 1.5, 2.5, 3.5]
    assert told["counts"] == [1, 1, 0, 2]
    assert told["density"] == [0.25, 0.25, 0, 0.5]


@given(counts=st.lists(st.integers(0, 50), min_size=1, max_size=20), over=st.integers(1, 20))
def test_smoothing_is_the_average_of_shifted_histograms_and_keeps_all_rows(counts, over):
    """By hand: m histograms of bins m times as wide, each shifted by one more, on counts reflected at both ends."""
    over, size = min(over, len(counts)), len(counts)
    mirrored = counts[::-1] + counts + counts[::-1]
    expected = [
        Fraction(sum(sum(mirrored[at + shift : at + shift + over]) for shift in range(1 - over, 1)), over**2)
        for at in range(size, 2 * size)
    ]
    found = smoothed([Fraction(count) for count in counts], over)
    assert found == expected
    assert sum(found) == sum(counts)


def test_a_smooth_density_lies_between_its_neighbours():
    rough, smooth = (measure(SUMMARY, "density", options=o)["features"]["x"] for o in ({}, {"smooth": 5}))
    assert smooth["counts"] == rough["counts"]
    assert np.abs(np.diff(smooth["density"])).sum() < np.abs(np.diff(rough["density"])).sum()


@pytest.mark.parametrize(
    ("options", "message"),
    [({"bins": 7}, "7 bins cannot be made of 60"), ({"smooth": 61}, "61 shifted histograms are more than the 60 bins")],
)
def test_what_bins_cannot_give_is_refused(options, message):
    with pytest.raises(RequestError, match=message):
        measure(SUMMARY, "density", options=options)


def test_the_other_dialect_has_it_under_its_keys():
    (told,) = measure(SUMMARY, "densityEstimate", ["x"], options={"hist_bins": 12})["densityList"]
    native = measure(SUMMARY, "density", options={"bins": 12})["features"]["x"]
    assert told == {
        "attrName": "x", "min": native["edges"][0], "max": native["edges"][-1], "width": pytest.approx(50.001 / 12),
        "histogram": native["density"],
    }  # fmt: skip
