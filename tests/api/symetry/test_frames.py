"""Frames become columns and schemas: held to what their values say one by one."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedpeer.api import strict
from fedpeer.api.symetry import attributes
from fedpeer.api.symetry.envelope import DialectError
from fedpeer.api.symetry.maps import Frame
from fedpeer.core.errors import RequestError

NUMBERS = st.decimals(-(10**13), 10**13, allow_nan=False, places=8).map(str) | st.sampled_from(
    [
        "0",
        "-1",
        "1e12",
        "-1000000000000",
        "1000000000000.0000001",
        "100000000",
        "100000001",
        "0.1",
        "0.10000000000000001",
    ]
)
OTHERS = st.sampled_from(["", "NA", "x", "inf", "nan", "true", None, True, False])
CELLS = NUMBERS | OTHERS | st.integers(-(2**60), 2**60) | st.floats(-1e13, 1e13)
LIMIT = 10**12


def frame(values: list[Any], kind: str = "C") -> Frame:
    told = {"attributeNames": ["a"], "attributeTypes": [kind], "data": [[value] for value in values]}
    return strict.decode(json.dumps(told).encode(), Frame)


def numbers(values: list[Any]) -> list[Decimal]:
    told = [str(v) for v in values if isinstance(v, int | float | str) and not isinstance(v, bool)]
    return [Decimal(text) for text in told if text not in ("", "NA", "x", "inf", "nan", "true")]


@given(st.lists(CELLS, min_size=1, max_size=8) | st.lists(NUMBERS, min_size=1, max_size=8))
def test_a_schema_is_wide_enough_for_the_numbers_that_it_is_made_of(values: list[Any]) -> None:
    (feature,) = attributes.proposed(frame(values), histogram=False).features
    much = any(abs(float(number)) > 1e8 for number in numbers(values))
    assert feature.max == (LIMIT if much else 10**9)


@given(st.lists(CELLS, min_size=1, max_size=8) | st.lists(NUMBERS, min_size=1, max_size=8))
def test_bins_begin_a_span_before_the_exactly_least_and_end_one_after_the_greatest(values: list[Any]) -> None:
    found = [number for number in numbers(values) if abs(number) <= LIMIT]
    step = Decimal("0.000001")
    if not found:
        with pytest.raises(DialectError, match="has no number"):
            attributes.proposed(frame(values), histogram=True)
        return
    span = max(max(found) - min(found), step)
    low, high = ((end / step).to_integral_value() * step for end in (min(found) - span, max(found) + span))
    if max(abs(low), abs(high)) > LIMIT:
        with pytest.raises(DialectError, match="beyond"):
            attributes.proposed(frame(values), histogram=True)
        return
    (feature,) = attributes.proposed(frame(values), histogram=True).features
    assert (feature.min, feature.max) == (low, high)


@given(st.lists(st.sampled_from(["Red", " red", "BLUE", "green ", "", None, True, 1, "1"]), min_size=1, max_size=8))
def test_values_are_the_levels_that_they_mean(values: list[Any]) -> None:
    meant = [None if v in ("", None) else str(v).strip().lower() for v in values]
    if len({*meant} - {None}) < 2:
        with pytest.raises(DialectError, match="all its values must be there"):
            attributes.proposed(frame(values, "T"), histogram=False)
        return
    schema = attributes.proposed(frame(values, "T"), histogram=False)
    assert schema.features[0].levels == tuple(sorted({*meant} - {None}))
    assert attributes.fitted(frame(values, "T"), schema)["a"].to_pylist() == meant
    strange = frame([*values, "purple"], "T")
    with pytest.raises(DialectError, match="'purple' is no value of 'a'"):
        attributes.fitted(strange, schema)
    assert attributes.given(strange, schema)["a"].to_pylist() == [*meant, None]


@pytest.mark.parametrize("cell", ["NaN", "{}", "[]", '{"a": 1, "a": 1}', "01", '"\\ud800"', "1e999"])
def test_what_is_no_value_is_refused(cell: str) -> None:
    text = '{"attributeNames": ["a"], "attributeTypes": ["C"], "data": [["1"], [CELL]]}'.replace("CELL", cell)
    with pytest.raises(RequestError):
        _ = strict.decode(text.encode(), Frame).columns


def test_rows_of_other_lengths_are_named() -> None:
    told = {"attributeNames": ["a", "b"], "attributeTypes": ["C", "C"], "data": [["1", "2"], ["3"]]}
    with pytest.raises(DialectError, match="row 2 has 1 values; there are 2 attributes"):
        _ = strict.decode(json.dumps(told).encode(), Frame).columns
