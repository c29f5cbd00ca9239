"""The rule `pairwise`: summaries of rows with gaps are what a person would count by hand, and add up as others do."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core.errors import MismatchError, SchemaError
from fedpeer.core.statistics.collect import collect, tally
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.layout import layout
from fedpeer.core.statistics.residues import Residues, integers
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from tests.support import oracle
from tests.support.flips import assert_a_flipped_bit_is_seen

LIMITS = {"x": ("-50", "150", "0.1"), "y": ("0", "100000", "0.0001"), "z": ("-1", "1", "0.0000000000000000005")}
LEVELS = ["low", "mid", "high"]
FEATURES = [
    Feature("sick", "binary"),
    *(Feature(name, min=low, max=high, resolution=step) for name, (low, high, step) in LIMITS.items()),
    Feature("grade", "category", levels=LEVELS),
]
BLOCKS = ["powers", "histogram", "conditional_histogram"]
SCHEMA = Schema(FEATURES, missing="pairwise", blocks=BLOCKS, bins=5)
BELONG = [0, 1, 2, 3, 4, 4, 4]
MEASURED, INDICATORS = [1, 2, 3], [0, 4, 5, 6]
Row = dict[str, str | None]


def value(name: str) -> st.SearchStrategy[str]:
    low, high, _ = LIMITS[name]
    texts = st.integers(0, 10**6).map(lambda k: str(float(low) + (float(high) - float(low)) * k / 10**6))
    return st.sampled_from([low, high, "0"]) | texts.filter(lambda t: float(low) <= float(t) <= float(high))


def row_of(some: Callable[[st.SearchStrategy[str]], st.SearchStrategy[str | None]]) -> st.SearchStrategy[Row]:
    flags = {"sick": some(st.sampled_from(["0", "1"])), "grade": some(st.sampled_from(LEVELS))}
    return st.fixed_dictionaries({**flags, **{name: some(value(name)) for name in LIMITS}})


ROW, FULL = row_of(lambda inner: st.none() | inner), row_of(lambda inner: inner)
ROWS = st.lists(ROW, max_size=12)


def table(rows: list[Row]) -> dict[str, pa.Array]:
    return {feature.name: pa.array([row[feature.name] for row in rows], pa.string()) for feature in FEATURES}


def coded(rows: list[Row]) -> oracle.Sparse:
    """Rows of q with gaps; those without any value say nothing."""
    found: oracle.Sparse = []
    for row in rows:
        if any(value is not None for value in row.values()):
            line: list[int | None] = [None if row["sick"] is None else int(row["sick"])]
            line += [None if row[n] is None else oracle.encoded(str(row[n]), *limits) for n, limits in LIMITS.items()]
            found.append(line + [None if row["grade"] is None else int(row["grade"] == level) for level in LEVELS])
    return found


def by_hand(rows: list[Row]) -> dict[str, list[int]]:
    sparse, found = coded(rows), {"third": [], "fourth": [], "histogram": [], "conditional_histogram": []}
    for i, limits in zip(MEASURED, LIMITS.values(), strict=True):
        there = [row for row in sparse if row[i] is not None]
        found["third"] += [sum(row[i] ** 3 for row in there)]
        found["fourth"] += [sum(row[i] ** 4 for row in there)]
        found["histogram"] += oracle.histogram([row[i] for row in there], limits, 5)
        for j in INDICATORS:
            found["conditional_histogram"] += oracle.histogram([row[i] for row in there if row[j]], limits, 5)
    return oracle.pairs(sparse, BELONG, MEASURED, INDICATORS) | found


def counted(summary: Summary) -> dict[str, list[int]]:
    return {block.name: integers(summary.residues.part(block.name)) for block in summary.residues.layout}


@pytest.mark.long
@given(ROWS)
@settings(max_examples=50, deadline=None)
def test_a_summary_is_what_one_counts_by_hand(rows):
    assert counted(collect(SCHEMA, table(rows))) == by_hand(rows)


@pytest.mark.long
@given(ROWS, ROWS, ROWS)
@settings(max_examples=20, deadline=None)
def test_summaries_form_a_commutative_group(first, second, third):
    a, b, c = (collect(SCHEMA, table(rows)) for rows in (first, second, third))
    zero = Summary.zero(SCHEMA)
    assert collect(SCHEMA, table(first + second)) == a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert (a + b) - b == a == a + zero
    assert a - a == zero
    assert (a == b) is (a.digest == b.digest) is (a.to_bytes() == b.to_bytes())


@pytest.mark.long
@given(st.lists(ROW, max_size=20), st.integers(1, 20), st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_any_split_in_any_order_has_one_digest(rows, peers, chance):
    shuffled = chance.sample(rows, len(rows))
    total = functools.reduce(operator.add, [collect(SCHEMA, table(shuffled[i::peers])) for i in range(peers)])
    assert total.digest == collect(SCHEMA, table(rows)).digest


@pytest.mark.long
@given(ROWS)
@settings(max_examples=25, deadline=None)
def test_readers_agree_with_rows(rows):
    sparse, summary = coded(rows), collect(SCHEMA, table(rows))
    names = [column.name for column in SCHEMA.columns]
    for i, a in enumerate(names):
        own = [row[i] for row in sparse if row[i] is not None]
        assert (summary.count(a), summary.sum(a), summary.square(a)) == (len(own), sum(own), sum(q * q for q in own))
        for j, b in enumerate(names):
            both = [(row[i], row[j]) for row in sparse if row[i] is not None and row[j] is not None]
            assert summary.count(a, b) == summary.count(j, i) == len(both)
            assert summary.sum(a, b) == sum(q for q, _ in both)
            assert summary.square(a, given=b) == sum(q * q for q, _ in both)
            assert summary.product(a, b) == sum(q * r for q, r in both)
    assert summary.count("grade", "sick") == summary.count("grade$mid", "sick")
    assert summary.sums() == [summary.sum(name) for name in names]
    features = list(SCHEMA.presence)
    assert summary.counts().tolist() == [[summary.count(a, b) for b in features] for a in features]
    assert summary.sums_given().tolist() == [[summary.sum(a, b) for b in features] for a in names]
    assert summary.spreads().tolist() == [[summary.square(a, b) for b in features] for a in LIMITS]
    with pytest.raises(SchemaError, match="did you mean 'sick'"):
        summary.count("sik")


@pytest.mark.long
@given(st.lists(FULL, max_size=8))
@settings(max_examples=25, deadline=None)
def test_without_gaps_readers_give_what_they_give_under_the_other_rule(rows):
    listwise, pairwise = (collect(Schema(FEATURES, missing=rule), table(rows)) for rule in ("listwise", "pairwise"))
    for reader in ("rows", "sums", "products", "squares", "counts", "sums_given", "spreads"):
        one, other = (getattr(summary, reader) for summary in (listwise, pairwise))
        assert np.array_equal(one() if callable(one) else one, other() if callable(other) else other)
    assert listwise.count("x", "grade") == pairwise.count("x", "grade") == listwise.rows
    assert listwise.sum("x", "grade") == pairwise.sum("x", "grade")
    assert listwise.square("x", "grade") == pairwise.square("x", "grade")


@pytest.mark.long
@pytest.mark.parametrize("at_once", [False, True], ids=["in pairs", "at once"])
def test_many_chunks_equal_one_row_at_a_time(at_once, monkeypatch):
    monkeypatch.setattr("fedpeer.core.statistics.gram._STACKED", 99 if at_once else 0)
    monkeypatch.setattr("fedpeer.core.statistics.gram._CHUNK", 2**9)
    monkeypatch.setattr("fedpeer.core.statistics.gram._SPILL", 2)
    rng, n = np.random.default_rng(3), 1_300
    drawn = {
        "sick": rng.integers(0, 2, n).astype(str),
        **{name: [low, high, "0.5"][k] for k, (name, (low, high, _)) in enumerate(LIMITS.items())},
        "grade": rng.choice(LEVELS, n),
    }
    rows = [
        {k: None if rng.random() < 0.2 else (v if isinstance(v, str) else str(v[i])) for k, v in drawn.items()}
        for i in range(n)
    ]
    whole = collect(SCHEMA, table(rows))
    assert counted(whole) == by_hand(rows)
    pieces = (pa.table(table(rows[at : at + 97])) for at in range(0, n, 97))
    assert functools.reduce(operator.add, [collect(SCHEMA, piece) for piece in pieces]) == whole


@pytest.mark.parametrize("rule", ["reject", "clip", "missing"])
def test_every_row_and_every_value_is_accounted_for(rule):
    schema = Schema(
        [Feature("x", min=0, max=10, resolution=1), Feature("b", "binary")], missing="pairwise", invalid=rule
    )
    rows = {"x": [1, None, None, 11, 12, float("inf"), 4], "b": ["1", "0", None, "1", None, "0", "maybe"]}
    account = tally(schema, {"x": pa.array(rows["x"], pa.float64()), "b": rows["b"]})
    kept = {
        "reject": ([1, None], [1, 0], {"x": {"missing": 1}}),
        "clip": ([1, None, 10, 10], [1, 0, 1, None], {"x": {"missing": 1}, "b": {"missing": 1}}),
        "missing": (
            [1, None, None, None, 4],
            [1, 0, 1, 0, None],
            {"x": {"missing": 1, "out of range": 1, "not finite": 1}, "b": {"unknown level": 1}},
        ),
    }[rule]
    rejected = {
        "reject": {
            "x": {"missing": 1, "out of range": 2, "not finite": 1},
            "b": {"missing": 1, "unknown level": 1},
        },
        "clip": {"x": {"missing": 1, "not finite": 1}, "b": {"missing": 1, "unknown level": 1}},
        "missing": {"x": {"missing": 1, "out of range": 1}, "b": {"missing": 2}},
    }[rule]
    assert account.missing == kept[2]
    assert account.rejected == rejected
    assert account.report()["missing"] == kept[2]
    assert account.clipped == ({"x": 2} if rule == "clip" else {})
    assert account.counted == len(kept[0])
    clean = tally(schema, {"x": pa.array(kept[0], pa.float64()), "b": pa.array(kept[1])})
    assert clean.summary == account.summary
    for name in ("x", "b"):
        assert sum(account.missing.get(name, {}).values()) == account.counted - account.summary.count(name)


def test_a_row_without_any_value_says_nothing_and_is_left_out():
    schema = Schema([Feature("a", "binary"), Feature("b", "binary")], missing="pairwise")
    account = tally(schema, {"a": pa.array([None, 1, None]), "b": pa.array([None, None, 0])})
    assert (account.read, account.counted) == (3, 2)
    assert account.rejected == {"a": {"missing": 1}, "b": {"missing": 1}}
    assert account.missing == {"a": {"missing": 1}, "b": {"missing": 1}}
    alone = Schema([Feature("a", "binary")], missing="pairwise")
    assert tally(alone, {"a": pa.array([None, 1, None])}).report() == {
        "read": 3, "counted": 1, "left_out": 2, "rejected": {"a": {"missing": 2}}, "clipped": {}, "missing": {},
    }  # fmt: skip


def test_a_product_is_missing_where_one_of_its_factors_is():
    features = [
        Feature("x", min=0, max=10, resolution=1),
        Feature("y", min=0, max=10, resolution=1),
        Feature("b", "binary"),
        Feature("xy", "product", of=["x", "y"]),
        Feature("bx", "product", of=["b", "x"]),
    ]
    rows = [(1, 2, 1), (3, None, 0), (None, 5, 1), (7, 8, None), (9, 10, 0), (None, None, 1)]
    columns = {name: pa.array(values, pa.int64()) for name, values in zip("xyb", zip(*rows, strict=True), strict=True)}
    summary = collect(Schema(features, missing="pairwise"), columns)
    xy = [x * y for x, y, _ in rows if None not in (x, y)]
    column = summary.schema.columns[3]
    assert summary.count("xy") == summary.count("x", "y") == len(xy) == 3
    assert column.value(Fraction(summary.sum("xy"), 3)) == Fraction(sum(xy), 3)
    assert summary.count("bx") == 3
    assert summary.count("bx", "xy") == 2
    assert summary.count("b", "xy") == 2


@pytest.mark.long
@given(ROWS)
@settings(max_examples=25, deadline=None)
def test_what_rows_did_give_is_never_refused(rows):
    summary = collect(SCHEMA, table(rows))
    again = Summary.from_bytes(summary.to_bytes(), SCHEMA)
    assert again == summary
    assert again.to_bytes() == summary.to_bytes()


@given(st.lists(st.tuples(*[st.none() | st.integers(-2, 2)] * 2, *[st.none() | st.integers(0, 1)] * 2), max_size=9))
@settings(max_examples=25, deadline=None)
def test_small_rows_are_never_refused(rows):
    summary = collect(SMALL, small(rows))
    assert Summary.from_bytes(summary.to_bytes(), SMALL) == summary


SMALL = Schema(
    [*(Feature(name, min=-2, max=2, resolution=1) for name in "xy"), *(Feature(name, "binary") for name in "ab")],
    missing="pairwise",
)


def small(rows: list[tuple[int | None, ...]]) -> dict[str, pa.Array]:
    return {name: pa.array([row[i] for row in rows], pa.int64()) for i, name in enumerate("xyab")}


GAPS = [(2, 1, 1, 0), (1, None, 1, 1), (None, -1, 0, None), (0, 2, None, 1), (-2, 1, 0, 0), (1, 1, 1, None)] * 2


def claimed(block: str, at: int, by: int) -> bytes:
    summary = collect(SMALL, small(GAPS))
    values = {each.name: integers(summary.residues.part(each.name)) for each in summary.residues.layout}
    values[block][at] += by
    return Summary(SMALL, Residues.of(layout(SMALL), list(values.values()))).to_bytes()


# Triangles of counts and of products: xx xy xa xb, yy ya yb, aa ab, bb; rows x, y, a, b of sums: given x, y, a, b.
@pytest.mark.parametrize(
    ("block", "at", "by", "said"),
    [
        ("rows", 0, -20, "rows"),
        ("rows", 0, 30, "rows that have nothing|fewer rows"),
        ("counts", 0, 3, "x with x: more rows"),
        ("counts", 0, -3, "x with y: more rows|x with x"),
        ("counts", 1, -100, "more rows"),
        ("counts", 1, 3, "x with y: more rows|y with x"),
        ("counts", 1, -4, "x with y: fewer rows"),
        ("sums", 1, 100, "x with y: a sum beyond the range"),
        ("sums", 1, 1, "x with y: .*odd|x with y: a sum"),
        ("sums", 9, 9, "a with y: a sum beyond"),
        ("sums", 9, -5, "a with y: a sum"),
        ("spreads", 0, 2, "x with x: squares that are not"),
        ("spreads", 1, 40, "x with y: a sum of squares beyond"),
        ("spreads", 1, -10, "x with y: a negative variance|x with y: a sum"),
        ("spreads", 1, 1, "odd"),
        ("products", 1, 1000, "x with y: a covariance greater"),
        ("products", 8, 6, "a with b: (more or fewer|a covariance)"),
        ("squares", 0, 100, "x given a: a sum of squares beyond"),
        ("squares", 0, 1, "x given a: .*odd"),
        ("products", 7, 2, "a with .*: squares that are not"),
    ],
)
def test_what_no_rows_could_give_is_refused(block, at, by, said):
    with pytest.raises(MismatchError, match=said):
        Summary.from_bytes(claimed(block, at, by), SMALL)


def test_products_of_rows_that_no_row_is_are_refused():
    rows = [(1, None, 1, None), (None, 1, None, 1)]
    summary = collect(SMALL, small(rows))
    assert summary.count("x", "y") == 0
    values = {each.name: integers(summary.residues.part(each.name)) for each in summary.residues.layout}
    values["products"][1] = 1
    data = Summary(SMALL, Residues.of(layout(SMALL), list(values.values()))).to_bytes()
    with pytest.raises(MismatchError, match="x with y: a product of no rows"):
        Summary.from_bytes(data, SMALL)


def test_levels_must_share_out_the_rows_that_have_the_category():
    schema = Schema([Feature("c", "category", levels=["u", "v"]), Feature("b", "binary")], missing="pairwise")
    summary = collect(schema, {"c": ["u", "v", None, "u"], "b": [1, 0, 1, 0]})
    values = {each.name: integers(summary.residues.part(each.name)) for each in summary.residues.layout}
    for block, at in (("sums", 0), ("sums", 1), ("products", 0)):
        values[block][at] -= 1
    data = Summary(schema, Residues.of(layout(schema), list(values.values()))).to_bytes()
    with pytest.raises(MismatchError, match="c: levels that do not share out the rows"):
        Summary.from_bytes(data, schema)


@given(st.integers(0, 8 * len(collect(SMALL, small(GAPS)).to_bytes()) - 1))
@settings(max_examples=25, deadline=None)
def test_a_flipped_bit_is_refused_or_gives_another_summary(bit):
    assert_a_flipped_bit_is_seen(collect(SMALL, small(GAPS)), bit)


def test_a_summary_stored_in_the_first_form_is_still_read():
    folder = Path(__file__).parents[2] / "vectors" / "summary"
    schema = Schema.from_yaml((folder / "form-1-pairwise.yaml").read_bytes())
    data = (folder / "form-1-pairwise.bin").read_bytes()
    summary = Summary.from_bytes(data, schema)
    assert summary.to_bytes() == data
    assert summary.digest == "12684d6d7f3544a5efffbd6e4b02a544f94c83f2f071eb9d052ee25e15c48e5b"
    assert len(data) == 1871
    # narrow, deep, sick and grade of four rows, in q; the half-way 0.1234567890123455 is rounded to the even one.
    rows = [
        (-1000, None, 0, "high"),
        (-377, 246913578024691, 1, None),
        (None, -(2 * 10**15), 1, "low"),
        (999, 10**15, None, "mid"),
    ]
    q = [[*row[:3], *(None if row[3] is None else int(row[3] == level) for level in LEVELS)] for row in rows]
    found = counted(summary)
    expected = oracle.pairs(q, [0, 1, 2, 3, 3, 3], [0, 1], [2, 3, 4, 5])
    assert {name: found[name] for name in expected} == expected
    assert summary.histogram("narrow") == [1, 1, 0, 1]
    assert summary.histogram_given("narrow", "sick") == [0, 1, 0, 0]
    assert summary.power("narrow", 3) == -(1000**3) - 377**3 + 999**3


def test_the_rule_travels_with_the_schema_and_a_difference_is_said_in_words():
    again = Schema.from_yaml(SCHEMA.to_yaml())
    assert (again, again.digest, again.pairwise) == (SCHEMA, SCHEMA.digest, True)
    other = Schema(FEATURES, blocks=BLOCKS, bins=5)
    assert other.digest != SCHEMA.digest
    assert other.difference(SCHEMA) == ["the rule for missing values: yours is listwise, the federation's is pairwise"]
    with pytest.raises(SchemaError, match="rule for missing values"):
        Summary.zero(other) + Summary.zero(SCHEMA)
