"""Every value becomes the integer that its definition gives, by whatever path it comes."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fedpeer.core.errors import TableError
from fedpeer.core.statistics.collect import collect, tally
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema
from tests.support import oracle

RANGES = [
    ("0", "110", "1"),
    ("0", "10", "0.1"),
    ("0.1", "0.3", "0.01"),
    ("-1.05", "2.15", "0.3"),
    ("36.15", "42.25", "0.05"),
    ("1000000", "1000001", "0.000001"),
    ("-1000", "1000", "0.0000000001"),
    ("-100000", "-99000", "7"),
    ("0", "0.000001", "0.000000000000001"),
]


def schema_of(limits: tuple[str, str, str], **rules) -> Schema:
    low, high, step = limits
    return Schema([Feature("x", min=low, max=high, resolution=step)], **rules)


def encoded(schema: Schema, values) -> int | None:
    """The integer that one value is counted as, None when its row is left out."""
    account = tally(schema, {"x": values})
    assert account.read == 1
    return account.summary.sum("x") if account.counted else None


@st.composite
def cases(draw) -> tuple[tuple[str, str, str], float]:
    low, high, step = limits = draw(st.sampled_from(RANGES))
    steps = (Fraction(high) - Fraction(low)) / Fraction(step)
    halves = draw(st.integers(-2, int(2 * steps) + 2))
    near = float(Fraction(low) + halves * Fraction(step) / 2)
    for _ in range(draw(st.integers(0, 2))):
        near = float(np.nextafter(near, draw(st.sampled_from([-np.inf, np.inf]))))
    anywhere = st.floats(float(low) - 1, float(high) + 1)
    return limits, draw(st.one_of(st.just(near), anywhere, st.sampled_from([float(low), float(high)])))


@pytest.mark.long
@given(cases())
@settings(max_examples=400, deadline=None)
@example((("0", "10", "0.1"), 0.15))
@example((("0", "10", "0.1"), 0.25))
@example((("0.1", "0.3", "0.01"), 0.1 + 0.2))
def test_a_float_is_encoded_by_its_shortest_decimal(case):
    limits, x = case
    schema = schema_of(limits)
    expected = oracle.encoded(repr(x), *limits)
    assert encoded(schema, np.array([x])) == expected
    assert encoded(schema, [repr(x)]) == expected
    assert encoded(schema, [Decimal(repr(x))]) == expected


@pytest.mark.long
@given(cases(), st.sampled_from([np.float32, np.float16]))
@settings(max_examples=200, deadline=None)
def test_short_floats_are_encoded_by_their_own_shortest_decimal(case, kind):
    limits, x = case
    with np.errstate(over="ignore", under="ignore"):
        value = kind(x)
    if np.isfinite(value):
        assert encoded(schema_of(limits), np.array([value])) == oracle.encoded(str(value), *limits)


@pytest.mark.long
@given(st.sampled_from([*RANGES, ("-9000000000000000000", "9000000000000000000", "4")]), st.data())
@settings(max_examples=200, deadline=None)
def test_integers_of_every_width_are_encoded_exactly(limits, data):
    kind = data.draw(st.sampled_from([np.int8, np.uint8, np.int16, np.uint16, np.int32, np.int64, np.uint64]))
    info = np.iinfo(kind)
    near = st.integers(int(Fraction(limits[0])) - 3, int(Fraction(limits[1])) + 3).filter(
        lambda v: info.min <= v <= info.max
    )
    low, high = int(Fraction(limits[0])) - 3, int(Fraction(limits[1])) + 3
    reachable = low <= int(info.max) and high >= int(info.min)
    value = data.draw(near if reachable else st.integers(int(info.min), int(info.max)))
    assert encoded(schema_of(limits), np.array([value], kind)) == oracle.encoded(str(value), *limits)


@pytest.mark.long
@given(st.sampled_from(RANGES), st.data())
@settings(max_examples=200, deadline=None)
def test_decimals_and_texts_are_encoded_to_their_last_digit(limits, data):
    low, high, step = limits
    halves = data.draw(st.integers(-1, int(2 * (Fraction(high) - Fraction(low)) / Fraction(step)) + 1))
    number = Decimal(low) + halves * Decimal(step) / 2
    number += data.draw(st.sampled_from([Decimal(0), Decimal("1E-22"), Decimal("-1E-22")]))
    expected = oracle.encoded(str(number), *limits)
    assert encoded(schema_of(limits), [str(number)]) == expected
    assert encoded(schema_of(limits), [f"  {number:e} "]) == expected
    assert encoded(schema_of(limits), pa.array([number])) == expected


@pytest.mark.long
@given(st.lists(st.integers(0, 2000), min_size=1, max_size=50), st.sampled_from(["0.1", "0.05", "0.2", "0.25"]))
@settings(max_examples=60, deadline=None)
def test_decimal_data_count_alike_by_every_path(hundredths, step):
    texts = [f"{v // 100}.{v % 100:02}" for v in hundredths]
    schema = schema_of(("0", "20", step))
    numbers = np.array([float(text) for text in texts])
    digest = collect(schema, {"x": texts}).digest
    exact = pa.array([Decimal(text) for text in texts])
    for values in (numbers, numbers.astype(np.float32), exact, pa.array(texts).dictionary_encode(), pa.array(numbers)):
        assert collect(schema, {"x": values}).digest == digest


def test_truth_values_are_zero_and_one_however_they_are_held():
    schema = schema_of(("0", "1", "0.5"))
    forms = [[True, False, None], ["true", "FALSE", None], [1, 0, None], pa.array([True, False, None])]
    assert collect(schema, {"x": forms[0]}).products().tolist() == [[2]]  # q is −1 and 1
    assert len({collect(schema, {"x": form}).digest for form in forms}) == 1


@pytest.mark.long
def test_half_way_points_at_length_are_settled_to_even():
    tenths = np.arange(0, 200_000) % 2001
    summary = collect(schema_of(("0", "200", "0.2")), {"x": tenths / 10})
    assert summary.sum("x") == sum(oracle.encoded(f"{v / 10}", "0", "200", "0.2") for v in tenths.tolist())


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "missing"),
        (np.nan, "missing"),
        (np.inf, "not finite"),
        (-np.inf, "not finite"),
        (1e300, "out of range"),
        (-0.001, "out of range"),
        ("", "missing"),
        (" N/A ", "missing"),
        ("1e999", "out of range"),
        ("-Infinity", "not finite"),
        ("12,5", "unparsable"),
        ("0x10", "unparsable"),
        ("1_000", "unparsable"),
        ("١", "unparsable"),
        (True, None),
        (False, None),
        ("true", None),
        ("False", None),
        (" +3.50e0 ", None),
    ],
)
def test_each_fault_of_a_number_is_counted_by_reason(value, reason):
    account = tally(schema_of(("0", "10", "1")), {"x": [value]})
    assert account.rejected == ({} if reason is None else {"x": {reason: 1}})
    assert account.counted == (reason is None)


BINARY = Schema([Feature("x", "binary")])
YES_NO = Schema([Feature("x", "binary", levels=["no", "yes"])])
GRADES = Schema([Feature("x", "category", levels=["1", "02", "high", "true", "NA"])])


@pytest.mark.parametrize(
    ("schema", "values", "expected"),
    [
        (BINARY, [0, 1, 1], [2]),
        (BINARY, [0.0, 1.0, np.nan], [1]),
        (BINARY, [True, False, None], [1]),
        (BINARY, ["true", "0", "1.0", "False", "maybe"], [2]),
        (BINARY, np.array([1, 0, 2], np.uint8), [1]),
        (YES_NO, ["no", "yes", " yes ", "Yes"], [2]),
        (YES_NO, pa.array(["no", "yes", None, "yes"]).dictionary_encode(), [2]),
        (GRADES, ["1", "2", "high", "TRUE", "NA", "", "nope"], [1, 1, 1, 1, 1]),
        (GRADES, np.array([1, 1, 2, 3]), [2, 1, 0, 0, 0]),
        (GRADES, np.array([1.0, 2.0, np.nan]), [1, 1, 0, 0, 0]),
        (GRADES, [True, False], [0, 0, 0, 1, 0]),
        (GRADES, [Decimal("1.00"), Decimal(2)], [1, 1, 0, 0, 0]),
        (GRADES, pa.nulls(2), [0, 0, 0, 0, 0]),
    ],
)
def test_levels_are_found_by_what_they_mean(schema, values, expected):
    assert collect(schema, {"x": values}).sums() == expected


def test_a_binary_feature_may_be_declared_the_other_way_round():
    turned = Schema([Feature("x", "binary", levels=[1, 0])])
    assert collect(turned, {"x": [True, False, False]}).sums() == [2]
    assert collect(turned, {"x": ["1", "0", "false"]}).sums() == [2]


def test_unknown_levels_and_missing_ones_are_told_apart():
    assert tally(BINARY, {"x": [2, 0.5, None, 1]}).rejected == {"x": {"missing": 1, "unknown level": 2}}
    assert tally(GRADES, {"x": ["nope", None]}).rejected == {"x": {"missing": 1, "unknown level": 1}}


def test_a_row_with_two_faults_is_left_out_once_and_both_are_counted():
    schema = Schema([Feature("x", min=0, max=9, resolution=1), Feature("b", "binary")])
    account = tally(schema, {"x": [None, 1, 99, 5], "b": [7, 1, 1, 0]})
    assert account.report() == {
        "read": 4,
        "counted": 2,
        "left_out": 2,
        "rejected": {"x": {"missing": 1, "out of range": 1}, "b": {"unknown level": 1}},
        "clipped": {},
    }
    assert account.summary.rows == 2
    assert account.summary.sum("b") == 1


def test_clipping_moves_to_the_limit_and_says_so():
    schema = schema_of(("0", "10.4", "1"), invalid="clip")
    for values in ([-3, 50, 5], [-3.0, 10.41, 5.0], ["-3", "10.40000000000000000001", "5"]):
        account = tally(schema, {"x": values})
        assert (account.counted, account.clipped, account.rejected) == (3, {"x": 2}, {})
        assert account.summary.sum("x") == -5 + 5 + 0
    assert tally(schema, {"x": [np.inf, np.nan]}).rejected == {"x": {"not finite": 1, "missing": 1}}


@given(
    st.lists(st.sampled_from([None, 0.0, 1.5, 11.0, np.inf, np.nan]), max_size=30),
    st.sampled_from(["reject", "clip", "missing"]),
)
@settings(max_examples=60, deadline=None)
def test_read_rows_are_counted_or_left_out(values, rule):
    account = tally(schema_of(("0", "10", "0.5"), invalid=rule), {"x": pa.array(values, pa.float64())})
    faults = sum(sum(reasons.values()) for reasons in account.rejected.values())
    assert account.read == len(values) == account.counted + faults
    assert account.report()["left_out"] == faults


@pytest.mark.parametrize("kind", [pa.timestamp("s"), pa.date32(), pa.binary(), pa.list_(pa.int8())])
@pytest.mark.parametrize("feature", [Feature("x", min=0, max=1, resolution=1), Feature("x", "binary")])
def test_a_type_that_is_no_measurement_is_refused(kind, feature):
    with pytest.raises(TableError, match="column 'x' holds"):
        collect(Schema([feature]), pa.table({"x": pa.nulls(1, kind)}))


def test_a_dictionary_that_is_as_long_as_its_indices_reach_is_read():
    levels = [f"level {i}" for i in range(128)]
    schema = Schema([Feature("c", "category", levels=levels)])
    coded = pa.DictionaryArray.from_arrays(pa.array([0, 127, None], pa.int8()), pa.array(levels))
    assert collect(schema, {"c": coded}) == collect(schema, {"c": ["level 0", "level 127"]})
