"""Powers and histograms: exact at every width and every edge, refused when no rows could have given them."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fedpeer.core.errors import MalformedError, MismatchError, SchemaError
from fedpeer.core.statistics.collect import collect, tally
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.layout import layout
from fedpeer.core.statistics.residues import Block, Residues, integers
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from tests.support.flips import assert_a_flipped_bit_is_seen

BOTH = ("powers", "histogram")
ALL = (*BOTH, "conditional_histogram")
VECTORS = Path(__file__).parents[2] / "vectors" / "summary"
SCHEMA = Schema(
    [
        Feature("x", min=0, max=100, resolution="0.5"),
        Feature("y", min=-1, max=1, resolution="0.0000000001"),
        Feature("b", "binary"),
        Feature("c", "category", levels=["u", "v", "w"]),
    ],
    blocks=ALL,
    bins=5,
)
RNG = np.random.default_rng(1)
TABLE = {
    "x": RNG.integers(0, 201, 300) / 2,
    "y": np.round(RNG.uniform(-1, 1, 300), 10),
    "b": RNG.integers(0, 2, 300),
    "c": RNG.choice(["u", "v", "w"], 300),
}
SUMMARY = collect(SCHEMA, TABLE)
BYTES = SUMMARY.to_bytes()


def whole(reach: int, bins: int = 64, **rules) -> Schema:
    """One column of whole numbers whose q's are the numbers themselves."""
    return Schema([Feature("x", min=-reach, max=reach, resolution=1)], blocks=BOTH, bins=bins, **rules)


@pytest.mark.long
@given(st.integers(1, 2**61), st.integers(2, 1000), st.data())
@example(2**20, 64, None)
@example(2**20 + 1, 64, None)
@example(2**32, 1000, None)
@example(2**39, 3, None)
@example(2**52 - 1, 1000, None)
@example(2**52, 999, None)
@example(2**61, 1000, None)
@settings(max_examples=150, deadline=None)
def test_every_edge_and_limit_is_counted_exactly(reach, bins, data):
    schema = whole(reach, bins)
    edges = schema.columns[0].edges(bins)
    values = [-reach, reach, 0, 2**19, -(2**19), 2**39, 2**39 - 2**19, *edges[:-1], *(e - 1 for e in edges[1:])]
    values += data.draw(st.lists(st.integers(-reach, reach), max_size=20)) if data else []
    values = [v for v in values if -reach <= v <= reach]
    summary = collect(schema, {"x": pa.array(values, pa.int64())})
    counts = [0] * bins
    for v in values:
        counts[(v + reach) * bins // (2 * reach + 1)] += 1
    assert summary.histogram("x") == counts
    assert summary.power("x", 3) == sum(v**3 for v in values)
    assert summary.power("x", 4) == sum(v**4 for v in values)
    assert Summary.from_bytes(summary.to_bytes(), schema) == summary


@pytest.mark.parametrize("reach", [2**20, 2**39 - 1, 2**59 - 1, 2**61])
def test_a_full_chunk_of_extremes_is_exact(reach):
    """Every partial sum is then as large as it can be."""
    n = 8192
    for value in (reach, -reach, reach - 2**19 + 1):
        summary = collect(whole(reach), {"x": np.full(n, value)})
        assert (summary.power("x", 3), summary.power("x", 4)) == (n * value**3, n * value**4)


@pytest.mark.long
@given(st.lists(st.sampled_from([None, 0.0, 1.5, 9.5, 11.0, np.inf]), max_size=40), st.sampled_from(["reject", "clip"]))
@settings(max_examples=60, deadline=None)
def test_rows_that_are_left_out_are_in_no_bin(values, rule):
    features = [
        Feature("x", min=0, max=10, resolution="0.5"),
        Feature("wide", min=0, max=10, resolution="0.00000001"),
        Feature("deep", min=0, max=10, resolution="0.000000000000000005"),
    ]
    account = tally(
        Schema(features, invalid=rule, blocks=BOTH, bins=3),
        {feature.name: pa.array(values, pa.float64()) for feature in features},
    )
    counted = [v for v in values if v is not None and np.isfinite(v) and (rule == "clip" or v <= 10)]
    low = [sum(v < 3 for v in counted), 0, sum(v > 8 for v in counted)]
    for feature in features:
        column = account.summary.schema.columns[account.summary.schema.index(feature.name)]
        q = [int((Fraction(min(v, 10.0)) - column.origin) / column.step) for v in counted]
        assert account.summary.histogram(feature.name) == low
        assert account.summary.power(feature.name, 3) == sum(v**3 for v in q)
    assert account.summary.rows == len(counted)


@pytest.mark.long
@given(
    st.lists(st.tuples(st.sampled_from([None, 0.0, 4.5, 9.5, 11.0]), st.integers(0, 2**14 - 1)), max_size=30),
    st.sampled_from(["reject", "clip"]),
    st.integers(2, 1000),
)
@settings(max_examples=60, deadline=None)
def test_rows_where_a_column_is_one_are_counted_by_bin_however_many_columns(rows, rule, bins):
    """With many bins few 0/1 columns are counted at once, with few bins many."""
    schema = Schema(
        [Feature("x", min=0, max=10, resolution="0.5"), *(Feature(f"b{k}", "binary") for k in range(14))],
        blocks=["histogram", "conditional_histogram"],
        bins=bins,
        invalid=rule,
    )
    table = {"x": pa.array([x for x, _ in rows], pa.float64())}
    table |= {f"b{k}": pa.array([word >> k & 1 for _, word in rows], pa.int8()) for k in range(14)}
    summary = collect(schema, table)
    counted = [(min(x, 10.0), word) for x, word in rows if x is not None and (rule == "clip" or x <= 10)]
    for k in range(14):
        for truth in (False, True):
            expected = [0] * bins
            for x, word in counted:
                expected[round(2 * x) * bins // 21] += (word >> k & 1) == truth
            assert summary.histogram_given("x", f"b{k}", truth) == expected
    assert Summary.from_bytes(summary.to_bytes(), schema) == summary


def test_readers_agree_with_each_other_and_say_what_is_not_counted():
    assert SUMMARY.has("powers")
    assert SUMMARY.has("histogram")
    assert SUMMARY.powers().tolist() == [[SUMMARY.power(x, 3), SUMMARY.power(x, 4)] for x in ("x", "y")]
    assert SUMMARY.histograms().tolist() == [SUMMARY.histogram(0), SUMMARY.histogram("y")]
    assert sum(SUMMARY.histogram("x")) == SUMMARY.rows
    assert SUMMARY.histograms_given().shape == (2, 4, 5)
    for i, x in enumerate(("x", "y")):
        for j, b in enumerate(("b", "c$u", "c$v", "c$w")):
            inside, outside = SUMMARY.histogram_given(x, b), SUMMARY.histogram_given(x, b, truth=False)
            assert inside == SUMMARY.histograms_given()[i, j].tolist()
            assert [one + other for one, other in zip(inside, outside, strict=True)] == SUMMARY.histogram(x)
            assert sum(inside) == SUMMARY.sum(b)
    with pytest.raises(SchemaError, match="'x' is not a 0/1 column"):
        SUMMARY.histogram_given("y", "x")
    for reader in (lambda: SUMMARY.power("b", 3), lambda: SUMMARY.histogram("b")):
        with pytest.raises(SchemaError, match="of continuous columns, not of 'b'"):
            reader()
    plain = Summary.zero(Schema(SCHEMA.features))
    assert not plain.has("powers")
    assert (plain.powers().shape, plain.histograms().shape) == ((2, 0), (2, 0))
    with pytest.raises(SchemaError, match="does not count the block powers"):
        plain.power("x", 3)
    with pytest.raises(SchemaError, match="does not count the block histogram"):
        plain.histogram("x")
    with pytest.raises(SchemaError, match="does not count the block conditional_histogram") as caught:
        plain.histogram_given("x", "b")
    assert caught.value.hint == "agree on one with blocks: [histogram, conditional_histogram]"
    assert plain.histograms_given().shape == (2, 4, 0)


def test_a_schema_without_continuous_features_may_ask_and_gets_none():
    schema = Schema([Feature("b", "binary")], blocks=BOTH)
    summary = collect(schema, {"b": [0, 1, 1]})
    assert Summary.from_bytes(summary.to_bytes(), schema) == summary
    assert (summary.powers().shape, summary.histograms().shape) == ((0, 2), (0, 64))


def blocks() -> dict[str, list[int]]:
    return {block.name: integers(SUMMARY.residues.part(block.name)) for block in layout(SCHEMA)}


def changed(name: str, at: int, by: int) -> dict[str, list[int]]:
    values = list(blocks()[name])
    values[at] += by
    return {name: values}


def exchanged(column: int, flag: int, rows: int) -> dict[str, list[int]]:
    """Rows with a flag claimed to be in the last bin of a column instead of its first."""
    values, at = list(blocks()["conditional_histogram"]), (column * 4 + flag) * 5
    values[at], values[at + 4] = values[at] - rows, values[at + 4] + rows
    return {"conditional_histogram": values}


def moved(rows: int) -> dict[str, list[int]]:
    """Rows moved from the first bin of x to its last."""
    values = list(blocks()["histogram"])
    values[0], values[4] = values[0] - rows, values[4] + rows
    return {"histogram": values}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed("third", 0, 1), "x: a sum of third powers that no whole"),
        (changed("third", 1, 3), "y: a sum of third powers that no whole"),
        (changed("fourth", 0, 6), "x: a sum of fourth powers that no whole"),
        (changed("third", 0, 6 * 10**12), "x: "),
        (changed("fourth", 0, -12 * (blocks()["fourth"][0] // 12)), "x: powers that vary less than none"),
        (changed("fourth", 0, -12 * (blocks()["fourth"][0] // 24)), "x: powers that vary less than none"),
        (changed("fourth", 0, 12 * 10**12), "x: sums of powers beyond the range"),
        (changed("fourth", 1, 12 * (blocks()["fourth"][1] // 12)), "y: sums of powers beyond the range"),
        (changed("histogram", 0, 1), "x: bins that do not share out the rows"),
        (changed("histogram", 5, -1), "y: bins that do not share out the rows"),
        (moved(blocks()["histogram"][0] + 1), "x: a bin of too few"),
        (moved(blocks()["histogram"][0]), "x: sums that no rows in these bins can have"),
        (changed("conditional_histogram", 0, 1000), "x given b: a bin of too few or too many rows"),
        (changed("conditional_histogram", 24, -1000), "y given b: a bin of too few or too many rows"),
        (changed("conditional_histogram", 1, -1), "x given b: bins that do not share out the rows"),
        (changed("conditional_histogram", 39, -1), "y given c\\$w: bins that do not share out the rows"),
        (exchanged(0, 0, 20), "x given b: sums that no rows in these bins can have"),
        (exchanged(0, 1, 1), "c: levels that do not share out the rows of a bin"),
    ],
)
def test_what_no_rows_could_give_is_refused(change, said):
    values = blocks() | change
    data = Summary(SCHEMA, Residues.of(layout(SCHEMA), list(values.values()))).to_bytes()
    with pytest.raises(MismatchError, match=said):
        Summary.from_bytes(data, SCHEMA)


def test_a_bin_that_no_value_falls_into_must_be_empty():
    schema = Schema([Feature("x", min=0, max=1, resolution=1)], blocks=["histogram"], bins=4)
    good = collect(schema, {"x": [0, 1, 1]})
    assert good.histogram("x") == [1, 0, 2, 0]
    values = [integers(part) for part in good.residues.parts]
    values[-1] = [1, 1, 1, 0]
    with pytest.raises(MismatchError, match="a bin of too few or too many rows"):
        Summary.from_bytes(Summary(schema, Residues.of(layout(schema), values)).to_bytes(), schema)


def test_no_rows_have_no_powers():
    zero = Summary.zero(SCHEMA)
    assert Summary.from_bytes(zero.to_bytes(), SCHEMA) == zero
    for name, value in (("third", 6), ("fourth", 12), ("histogram", 1), ("conditional_histogram", 1)):
        residues = [[0] * block.entries for block in layout(SCHEMA)]
        residues[[block.name for block in layout(SCHEMA)].index(name)][0] = value
        with pytest.raises(MismatchError):
            Summary.from_bytes(Summary(SCHEMA, Residues.of(layout(SCHEMA), residues)).to_bytes(), SCHEMA)


@pytest.mark.long
@given(st.lists(st.integers(-3, 3), max_size=9), st.integers(2, 9), st.sampled_from([["powers"], ["histogram"], BOTH]))
@settings(max_examples=150, deadline=None)
def test_what_rows_did_give_is_never_refused(values, bins, wanted):
    rules = {"bins": bins} if "histogram" in wanted else {}
    schema = Schema([Feature("x", min=-3, max=3, resolution=1)], blocks=wanted, **rules)
    summary = collect(schema, {"x": values})
    assert Summary.from_bytes(summary.to_bytes(), schema) == summary


@pytest.mark.long
def test_of_all_small_claims_those_that_rows_can_give_pass_and_most_others_do_not():
    """Three rows of −2 … 2: all claims of powers that whole numbers could have, against every table that there is."""
    schema = Schema([Feature("x", min=-2, max=2, resolution=1)], blocks=["powers"])
    tables = itertools.combinations_with_replacement(range(-2, 3), 3)
    true = {tuple(sum(v**k for v in rows) for k in (1, 2, 3, 4)) for rows in tables}
    claims = {
        (first, second, first + 6 * i, second + 12 * j)
        for first, second, *_ in true
        for i, j in itertools.product(range(-4, 5), range(5))
    }
    passed = set()
    for claim in claims:
        values = [[3], *([sums] for sums in claim[:2]), [], *([sums] for sums in claim[2:])]
        data = Summary(schema, Residues.of(layout(schema), values)).to_bytes()
        try:
            passed.add((Summary.from_bytes(data, schema), claim)[1])
        except MismatchError:
            continue
    assert true < claims
    assert true <= passed
    assert len(passed - true) < len(claims) / 50


@pytest.mark.long
@given(st.integers(0, 8 * len(BYTES) - 1))
@settings(max_examples=500, deadline=None)
def test_a_flipped_bit_is_refused_or_gives_another_summary(bit):
    assert_a_flipped_bit_is_seen(SUMMARY, bit)


STORED = pytest.mark.parametrize(
    ("name", "digest", "size"),
    [
        ("form-1", "f68cc23efeb1b75dfcca840fc8715bb70878d5b9ac93980506c92a3638a1a058", 751),
        ("form-1-further", "c03c085cb9c4d5e7cd07f3707ff457df913019703268ea1ec8f96a0335e20b87", 1016),
        ("form-1-conditional", "f77538a57dbc84c3e368e0b0bf16ca429832e16811defc3298f4b8b3fea19d44", 1147),
    ],
)


def stored(name: str) -> tuple[Schema, bytes]:
    return Schema.from_yaml((VECTORS / f"{name}.yaml").read_bytes()), (VECTORS / f"{name}.bin").read_bytes()


@STORED
def test_summaries_stored_in_the_first_form_are_still_read(name, digest, size):
    """Nodes keep such bytes for years: a later form must go on reading these, to the same numbers."""
    schema, data = stored(name)
    summary = Summary.from_bytes(data, schema)
    assert len(data) == size
    assert (summary.rows, summary.digest) == (5, digest)
    assert summary.sums() == [-678, -753086421975309, 3, 2, 2, 1]
    assert summary.to_bytes() == data
    if summary.has("powers"):
        q = [-1000, -377, 999, 200, -500]  # of −50, 12.3, 149.9, 70, 0.05; half-way from −500 to −499, −500 is even
        assert summary.sum("narrow") == sum(q)
        assert [summary.power("narrow", 3), summary.power("narrow", 4)] == [sum(v**k for v in q) for k in (3, 4)]
        assert summary.histogram("narrow") == [2, 1, 1, 1]
    if summary.has("conditional_histogram"):
        given = {"sick": [1, 1, 0, 1], "grade$low": [1, 0, 1, 0], "grade$mid": [1, 1, 0, 0], "grade$high": [0, 0, 0, 1]}
        assert {b: summary.histogram_given("narrow", b) for b in given} == given


@STORED
def test_a_summary_of_another_form_or_layout_is_told_from_a_broken_one(name, digest, size):
    schema, data = stored(name)
    form = msgspec.msgpack.decode(data)
    with pytest.raises(MalformedError, match="form 2 of a summary") as caught:
        Summary.from_bytes(msgspec.msgpack.encode(form | {"form": 2}), schema)
    assert caught.value.hint == "a later fedpeer wrote it: update this one"
    wider = [Block(b["name"], b["entries"], b["limbs"] + 1) for b in form["blocks"]]
    residues = bytes(sum(8 * b.entries * b.limbs for b in wider))
    with pytest.raises(MismatchError, match="other blocks than its schema asks for"):
        Summary.from_bytes(msgspec.msgpack.encode(form | {"blocks": wider, "residues": residues}), schema)


def test_a_summary_stored_before_its_schema_asked_for_more_is_not_taken_for_one_after():
    schemas = [stored(name) for name in ("form-1", "form-1-further", "form-1-conditional")]
    assert all(schema.features == schemas[0][0].features for schema, _ in schemas)
    for (one, _), (other, data) in itertools.permutations(schemas, 2):
        assert one.blocks != other.blocks
        with pytest.raises(MismatchError, match="another schema"):
            Summary.from_bytes(data, one)
