"""A product is what one gets by multiplying what is counted of its factors, by hand."""

from __future__ import annotations

from fractions import Fraction
from math import prod

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fedpeer.core.errors import MismatchError, OverflowRefusedError, SchemaError
from fedpeer.core.statistics.collect import collect, tally
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from tests.support import oracle

AGE = Feature("age", min=0, max=110, resolution=1, unit="years")
DOSE = Feature("dose", min="-1.5", max="3", resolution="0.1")
SICK = Feature("sick", "binary")
SITE = Feature("site", "category", levels=["north", "south", "east"])
WIDE = Feature("wide", min=-(2**40), max=2**40, resolution=1)
GIVEN = [AGE, DOSE, SICK, SITE, WIDE]
LIMITS = {"age": ("0", "110", "1"), "dose": ("-1.5", "3", "0.1"), "wide": (str(-(2**40)), str(2**40), "1")}

_ROW = st.tuples(
    st.integers(0, 110),
    st.integers(-150, 300).map(lambda hundredths: f"{hundredths / 100:.2f}"),
    st.integers(0, 1),
    st.sampled_from(SITE.levels),
    st.integers(-(2**40), 2**40),
)
_FACTORS = st.lists(st.sampled_from(["age", "dose", "wide", "sick", "site$south"]), min_size=2, max_size=4)


def table(rows: list[tuple]) -> dict[str, list]:
    columns = zip(*rows, strict=True) if rows else [()] * len(GIVEN)
    return {feature.name: list(values) for feature, values in zip(GIVEN, columns, strict=True)}


def counted(name: str, row: tuple) -> Fraction:
    """The number that is counted of a factor in a row: the value itself, or the multiple of the step beside it."""
    values = dict(zip(("age", "dose", "sick", "site", "wide"), row, strict=True))
    if name.startswith("site$"):
        return Fraction(values["site"] == name.removeprefix("site$"))
    if name == "sick":
        return Fraction(values["sick"])
    limits = LIMITS[name]
    return oracle.origin(*limits) + oracle.encoded(str(values[name]), *limits) * Fraction(limits[2])


def written(number: Fraction) -> str:
    """A decimal fraction of at most 8 places as text."""
    digits = number * 10**8
    assert digits.denominator == 1
    return f"{int(digits)}e-8"


def by_hand(schema: Schema, name: str) -> Schema:
    """The same schema with the product as a measured feature."""
    column = schema.columns[schema.index(name)]
    if column.indicator:
        plain = Feature(name, "binary")
    else:
        low, high = (written(column.value(q)) for q in (column.low, column.high))
        plain = Feature(name, min=low, max=high, resolution=written(column.step))
    features = [plain if feature.name == name else feature for feature in schema.features]
    rules = {"invalid": schema.invalid, "missing": schema.missing, "blocks": schema.blocks, "bins": schema.bins or None}
    return Schema(features, **rules)


@pytest.mark.long
@settings(deadline=None)
@given(st.lists(_ROW, max_size=12), _FACTORS, st.integers(0, len(GIVEN)))
def test_a_product_counts_as_if_its_column_were_in_the_table(rows, factors, place):
    assume(sum(factor == "sick" for factor in factors) < 2 and sum(factor == "site$south" for factor in factors) < 2)
    features = [*GIVEN[:place], Feature("p", "product", of=factors), *GIVEN[place:]]
    try:
        schema = Schema(features)
    except OverflowRefusedError:
        assert factors.count("wide") > 1 or len(factors) > 2
        return
    products = [written(prod(counted(factor, row) for factor in factors)) for row in rows]
    if schema.columns[schema.index("p")].indicator:
        products = [int(float(value)) for value in products]
    plain = by_hand(schema, "p")
    assert [(c.origin, c.step, c.low, c.high) for c in schema.columns] == [
        (c.origin, c.step, c.low, c.high) for c in plain.columns
    ]
    assert collect(schema, table(rows)).residues == collect(plain, table(rows) | {"p": products}).residues


@pytest.mark.long
@settings(deadline=None)
@given(
    st.lists(_ROW, min_size=1, max_size=12),
    st.sampled_from(["0.1", "0.2", "0.7", "7", "32"]),
    st.sampled_from([["age", "dose"], ["dose", "sick"], ["dose", "wide"], ["age", "dose", "wide"], ["dose"] * 4]),
)
def test_a_coarser_product_is_rounded_once_half_to_even(rows, step, factors):
    coarse = Feature("p", "product", of=factors, resolution=step)
    try:
        schema = Schema([*GIVEN, coarse])
    except SchemaError as error:
        assert "coarser than its whole range" in str(error)  # noqa: PT017 - both outcomes are looked at
        return
    column = schema.columns[schema.index("p")]
    assert column.step == Fraction(step)
    q = [oracle.half_even((prod(counted(f, row) for f in factors) - column.origin) / column.step) for row in rows]
    assert collect(schema, table(rows)).sum("p") == sum(q)
    assert collect(schema, table(rows)).product("p", "p") == sum(each * each for each in q)


def test_a_product_needs_no_more_bits_than_it_has_where_it_is_coarse():
    features = [Feature("x", min=-(2**40), max=2**40, resolution=1)]
    with pytest.raises(OverflowRefusedError, match=r"'x2': the product of x, x needs more than 62 bits"):
        Schema([*features, Feature("x2", "product", of=["x", "x"])])
    schema = Schema([*features, Feature("x2", "product", of=["x", "x"], resolution=2**30)])
    x = [2**40, -(2**40) + 1, 2**15, 3 * 2**14 + 1, 0]
    column = schema.columns[1]
    q = [oracle.half_even((Fraction(each) ** 2 - column.origin) / 2**30) for each in x]
    summary = collect(schema, {"x": x})
    assert (summary.sum("x2"), summary.product("x2", "x2")) == (sum(q), sum(each * each for each in q))


def test_a_power_does_not_go_below_zero_if_it_cannot():
    schema = Schema(
        [DOSE, Feature("square", "product", of=["dose", "dose"]), Feature("cube", "product", of=["dose"] * 3)]
    )
    _, square, cube = schema.columns
    assert (square.value(square.low), square.value(square.high)) == (0, 9)
    assert (cube.value(cube.low), cube.value(cube.high)) == (Fraction("-3.375"), 27)


def test_a_product_of_zeros_and_ones_is_zero_or_one():
    schema = Schema([SICK, SITE, AGE, Feature("ill_south", "product", of=["sick", "site$south"])])
    column = schema.columns[schema.index("ill_south")]
    assert (column.kind, column.indicator, column.of) == ("binary", True, ("sick", "site$south"))
    rows = {"sick": [1, 1, 0, 1], "site": ["south", "north", "south", "south"], "age": [50, 60, 70, 57]}
    summary = collect(schema, rows)
    assert summary.sum("ill_south") == summary.product("sick", "site$south") == 2
    assert summary.square_given("age", "ill_south") == (50 - 55) ** 2 + (57 - 55) ** 2


def test_a_fault_of_a_factor_is_counted_once_and_under_its_own_name():
    schema = Schema([AGE, DOSE, Feature("p", "product", of=["age", "dose"])], invalid="clip")
    told = tally(schema, {"age": [1, None, 200, "x"], "dose": [1, 1, 1, 9], "p": ["no", "column", "of", "the schema"]})
    assert (told.read, told.counted) == (4, 2)
    assert told.rejected == {"age": {"missing": 1, "unparsable": 1}}
    assert told.clipped == {"age": 1, "dose": 1}
    p = told.summary.schema.columns[2]
    assert p.value(0) * 2 + told.summary.sum("p") * p.step == 1 + 110


@pytest.mark.parametrize("sizes", [[1] * 10, [10], [3, 7], [0, 9, 1]])
def test_how_rows_are_split_does_not_matter(sizes):
    schema = Schema([*GIVEN, Feature("p", "product", of=["age", "dose", "site$south"])], blocks=["powers"])
    whole = pa.table(table([(i * 7 % 111, f"{i / 10 - 1:.2f}", i % 2, SITE.levels[i % 3], i**9) for i in range(10)]))
    starts = [sum(sizes[:k]) for k in range(len(sizes))]
    parts = [collect(schema, whole.slice(start, size)) for start, size in zip(starts, sizes, strict=True)]
    assert sum(parts[1:], parts[0]).digest == collect(schema, whole).digest


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({}, "must be a list of its factors"),
        ({"of": "age"}, "must be a list of its factors"),
        ({"of": ["age", 3]}, "must be a list of its factors"),
        ({"of": ["age"]}, "1 factors; a product has 2 to 4"),
        ({"of": ["age"] * 5}, "5 factors"),
        ({"of": ["age", "age"], "min": 0}, "a product has no min: its range is that of its factors"),
        ({"of": ["age", "age"], "max": 0}, "a product has no max"),
        ({"of": ["age", "age"], "resolution": 0}, "not above zero"),
        ({"of": ["age", "age"], "resolution": "0.5"}, "finer than its factors are counted"),
        ({"of": ["age", "age"], "resolution": 20_000}, "coarser than its whole range"),
        ({"of": ["age", "age"], "levels": ["a", "b"]}, "a product feature has no levels"),
        ({"of": ["age", "aeg"]}, "'aeg' is neither a feature nor a level"),
        ({"of": ["age", "site"]}, r"'site' is a category; name one of its levels, such as 'site\$north'"),
        ({"of": ["age", "site$west"]}, "neither a feature nor a level"),
        ({"of": ["age", "p"]}, "'p' is a product itself"),
        ({"of": ["sick", "sick"]}, "'sick' is 0 or 1, and so it is its own square"),
        ({"of": ["site$south", "site$north"]}, "no row has two levels"),
        ({"of": ["sick", "site$south"], "resolution": 1}, "so it has no resolution"),
    ],
)
def test_a_product_that_cannot_be_is_refused(properties, said):
    with pytest.raises(SchemaError, match=said):
        Schema([*GIVEN, Feature("p", "product", **properties)])


def test_only_products_are_of_others():
    with pytest.raises(SchemaError, match="only a product is `of` others"):
        Feature("x", min=0, max=1, resolution=1, of=["age", "dose"])


def test_its_written_forms_come_back():
    schema = Schema([Feature("p", "product", of=["dose", "age"], resolution=2, unit="mg years"), *GIVEN])
    for again in (Schema.from_yaml(schema.to_yaml()), Schema.from_json(schema.to_json())):
        assert (again, again.digest, again.columns) == (schema, schema.digest, schema.columns)
    assert schema.to_dict()["features"][0] == {
        "name": "p", "kind": "product", "resolution": "2", "of": ["age", "dose"], "unit": "mg years",
    }  # fmt: skip
    other = Schema([Feature("p", "product", of=["age", "dose"], resolution=2, unit="mg years"), *GIVEN])
    assert other.digest == schema.digest


def test_how_two_products_differ_is_said():
    one = Schema([*GIVEN, Feature("p", "product", of=["age", "dose"])])
    other = Schema([*GIVEN, Feature("p", "product", of=["age", "site$south"], resolution=2)])
    assert one.difference(other) == [
        "feature p: your resolution is that of its factors, the federation's is 2",
        "feature p: your list of factors is age, dose, the federation's is age, site$south",
    ]


# Products of every kind: exact and coarse, of two and of three, with and without 0/1 factors.
PRODUCTS = [
    Feature("age_dose", "product", of=["age", "dose"]),
    Feature("rough", "product", of=["age", "dose"], resolution=5),
    Feature("age2", "product", of=["age", "age"]),
    Feature("sick_dose", "product", of=["sick", "dose"]),
    Feature("sick_south", "product", of=["sick", "site$south"]),
    Feature("three", "product", of=["age", "dose", "site$east"]),
]
ROWS = [(i * 37 % 111, f"{i % 40 / 10 - 1:.1f}", i % 2, SITE.levels[i % 3], i) for i in range(60)]
RULES = pytest.mark.parametrize(
    "rules",
    [{}, {"missing": "pairwise"}, {"blocks": ["powers", "histogram"], "bins": 16}],
    ids=["", "pairwise", "bins"],
)


@RULES
def test_sums_of_rows_are_those_of_a_product(rules):
    schema = Schema([*GIVEN, *PRODUCTS], **rules)
    for rows in (ROWS, [(None, *row[1:]) for row in ROWS[:20]] + ROWS[20:], []):
        summary = collect(schema, table(rows))
        assert Summary.from_bytes(summary.to_bytes(), schema) == summary


@RULES
@pytest.mark.parametrize("product", PRODUCTS, ids=[feature.name for feature in PRODUCTS])
def test_sums_that_no_product_has_are_refused(rules, product):
    """They agree with each other, for there are rows that have them; but one value is not the product."""
    schema = Schema([*GIVEN, product], **rules)
    plain, column = by_hand(schema, product.name), schema.columns[-1]
    high = column.value(column.high)
    values = [prod(counted(factor, row) for factor in product.of) for row in ROWS]
    values = [high] * len(ROWS) if product.resolution else [values[0] + 1, *values[1:]]
    forged = collect(plain, table(ROWS) | {product.name: [written(value) for value in values]})
    assert Summary.from_bytes(forged.to_bytes(), plain) == forged
    with pytest.raises(MismatchError, match=f"{product.name}: sums that a product of {product.of[0]}"):
        Summary.from_bytes(Summary(schema, forged.residues).to_bytes(), schema)
