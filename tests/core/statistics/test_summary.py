"""Summaries form a group, are what a person would count by hand, and do not depend on how rows were cut or ordered."""

from __future__ import annotations

import functools
import operator
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core.errors import OverflowRefusedError, SchemaError
from fedpeer.core.statistics.collect import collect, tally
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.residues import integers
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from tests.support import oracle

LIMITS = {
    "narrow": ("-50", "150", "0.1"),
    "two limbs": ("0", "100000", "0.0001"),
    "three limbs": ("-1000", "1000000", "0.0000001"),
    "four limbs": ("-1", "1", "0.0000000000000000005"),
}
LEVELS = ["low", "mid", "high"]
SCHEMA = Schema(
    [
        Feature("sick", "binary"),
        *(
            Feature(name, "continuous", min=low, max=high, resolution=step)
            for name, (low, high, step) in LIMITS.items()
        ),
        Feature("grade", "category", levels=LEVELS),
        Feature("age", "continuous", min=0, max=110, resolution=1),
    ],
    blocks=["powers", "histogram", "conditional_histogram"],
    bins=7,
)
AGE = ("0", "110", "1")


@st.composite
def decimals_in(draw, low: str, high: str, step: str) -> str:
    """A decimal text in range: often on the grid, at a half-way point or at a limit, otherwise anywhere."""
    span = (Fraction(high) - Fraction(low)) / Fraction(step)
    halves = draw(st.integers(0, int(span) * 2))
    number = Fraction(low) + halves * Fraction(step) / 2
    return draw(
        st.sampled_from([low, high, f"{float(number):.25g}", exact_text(number)]).filter(
            lambda text: Fraction(low) <= Fraction(text) <= Fraction(high)
        )
    )


def exact_text(number: Fraction) -> str:
    places = 0
    while (number * 10**places).denominator != 1:
        places += 1
    digits = str(abs(int(number * 10**places))).rjust(places + 1, "0")
    sign = "-" if number < 0 else ""
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)


@st.composite
def rows_of(draw, most: int = 12) -> list[dict[str, str]]:
    row = st.fixed_dictionaries(
        {
            "sick": st.sampled_from(["0", "1"]),
            **{name: decimals_in(*limits) for name, limits in LIMITS.items()},
            "grade": st.sampled_from(LEVELS),
            "age": decimals_in("0", "110", "1"),
        }
    )
    return draw(st.lists(row, max_size=most))


def table(rows: list[dict[str, str]]) -> dict[str, list[str]]:
    return {feature.name: [row[feature.name] for row in rows] for feature in SCHEMA.features}


def by_hand(rows: list[dict[str, str]]) -> dict[str, list[int]]:
    coded = []
    for row in rows:
        line = [int(row["sick"])]
        line += [oracle.encoded(row[name], *limits) for name, limits in LIMITS.items()]
        line += [int(row["grade"] == level) for level in LEVELS]
        coded.append([*line, oracle.encoded(row["age"], *AGE)])
    measured = dict(zip([1, 2, 3, 4, 8], [*LIMITS.values(), AGE], strict=True))
    usual, shape = oracle.moments(coded, [*measured], [0, 5, 6, 7]), oracle.shape(coded, measured, 7)
    return usual | shape | oracle.crossed(coded, measured, 7, [0, 5, 6, 7])


def counted(summary: Summary) -> dict[str, list[int]]:
    return {block.name: integers(summary.residues.part(block.name)) for block in summary.residues.layout}


@pytest.mark.long
@given(rows_of())
@settings(max_examples=60, deadline=None)
def test_a_summary_is_what_one_counts_by_hand(rows):
    assert counted(collect(SCHEMA, table(rows))) == by_hand(rows)


@pytest.mark.long
@given(rows_of(), rows_of(), rows_of(4))
@settings(max_examples=40, deadline=None)
def test_summaries_form_a_commutative_group(first, second, third):
    a, b, c = (collect(SCHEMA, table(rows)) for rows in (first, second, third))
    zero = Summary.zero(SCHEMA)
    assert collect(SCHEMA, table(first + second)) == a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert (a + b) - b == a == a + zero
    assert a - a == zero
    assert (a == b) is (a.digest == b.digest) is (a.to_bytes() == b.to_bytes())


@pytest.mark.long
@given(rows_of(20), st.integers(1, 20), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_any_split_in_any_order_has_one_digest(rows, peers, chance):
    shuffled = chance.sample(rows, len(rows))
    shares = [shuffled[i::peers] for i in range(peers)]
    total = functools.reduce(operator.add, [collect(SCHEMA, table(share)) for share in shares])
    assert total.digest == collect(SCHEMA, table(rows)).digest


@pytest.mark.long
@pytest.mark.parametrize(
    "blocks",
    [[], ["powers"], ["histogram"], ["histogram", "powers"], ["histogram", "conditional_histogram"]],
    ids=lambda blocks: "+".join(blocks) or "none",
)
@pytest.mark.parametrize("at_once", [False, True], ids=["in pairs", "at once"])
def test_many_chunks_equal_python_integers(blocks, at_once, monkeypatch):
    monkeypatch.setattr("fedpeer.core.statistics.gram._STACKED", 99 if at_once else 0)
    rng = np.random.default_rng(7)
    n = 20_011  # more than two chunks, and a rest
    columns = {
        "narrow": np.round(rng.uniform(-50, 150, n), 1),
        "wide": np.round(rng.uniform(0, 1e5, n), 4),
        "deep": rng.integers(-(2**61), 2**61, n),
        "flag": rng.integers(0, 2, n),
        "kind": rng.choice(["u", "v", "w"], n),
    }
    schema = Schema(
        [
            Feature("narrow", min=-50, max=150, resolution="0.1"),
            Feature("wide", min=0, max=100_000, resolution="0.0001"),
            Feature("deep", min=-(2**61), max=2**61, resolution=1),
            Feature("flag", "binary"),
            Feature("kind", "category", levels=["u", "v", "w"]),
        ],
        blocks=blocks,
    )
    q = [
        [round(v * 10) - 500 for v in columns["narrow"].tolist()],
        [round(v * 10_000) - 500_000_000 for v in columns["wide"].tolist()],
        columns["deep"].tolist(),
        columns["flag"].tolist(),
        *([int(v == level) for v in columns["kind"]] for level in "uvw"),
    ]
    rows = [list(row) for row in zip(*q, strict=True)]
    limits = {0: ("-50", "150", "0.1"), 1: ("0", "100000", "0.0001"), 2: (str(-(2**61)), str(2**61), "1")}
    further = oracle.shape(rows, limits, 64) | oracle.crossed(rows, limits, 64, [3, 4, 5, 6])
    kept = {"powers": ("third", "fourth"), "histogram": ("histogram",)}
    expected = oracle.moments(rows, [0, 1, 2], [3, 4, 5, 6])
    expected |= {name: further[name] for block in blocks for name in kept.get(block, (block,))}
    whole = collect(schema, columns)
    assert counted(whole) == expected
    pieces = pa.table(columns).to_batches(max_chunksize=777)
    assert collect(schema, pieces).digest == whole.digest
    assert collect(schema, (batch for batch in pa.table(columns).to_batches(max_chunksize=1))).digest == whole.digest


def test_accumulators_spill_before_they_could_overflow(monkeypatch):
    features = [Feature("x", min=0, max=2**21, resolution=1), Feature("b", "binary")]
    extreme = Schema(features, blocks=["powers", "histogram", "conditional_histogram"], bins=2)
    table_ = {"x": np.full(50_000, 2**21), "b": np.ones(50_000, np.int8)}
    expected = counted(collect(extreme, table_))
    monkeypatch.setattr("fedpeer.core.statistics.gram._SPILL", 1)
    assert counted(collect(extreme, table_)) == expected
    assert expected["products"] == [50_000 * 2**40, 50_000 * 2**20, 50_000]
    assert expected["squares"] == [50_000 * 2**40]
    assert (expected["third"], expected["fourth"]) == ([50_000 * 2**60], [50_000 * 2**80])
    assert expected["histogram"] == expected["conditional_histogram"] == [0, 50_000]


def test_readers_agree_with_the_blocks():
    rows = [{"sick": "1", **dict.fromkeys(LIMITS, "0.5"), "grade": "mid", "age": "80"}] * 3
    summary = collect(SCHEMA, table(rows))
    p = len(SCHEMA.columns)
    products, squares = summary.products(), summary.squares()
    assert summary.rows == 3
    assert [summary.sum(i) for i in range(p)] == summary.sums()
    assert all(summary.product(i, j) == products[i, j] == products[j, i] for i in range(p) for j in range(p))
    assert summary.square_given("age", "grade$mid") == 3 * 25**2 == squares[4, 2]
    assert summary.square_given("age", "grade$low") == 0
    with pytest.raises(SchemaError, match="continuous"):
        summary.square_given("sick", "age")
    with pytest.raises(SchemaError, match="did you mean 'grade\\$mid'"):
        summary.sum("grade$mit")


def test_the_row_bound_holds_while_counting_and_while_adding():
    small = Schema([Feature("b", "binary")], row_bound=3)
    three = collect(small, {"b": [1, 0, 1]})
    with pytest.raises(OverflowRefusedError, match="row bound of 3"):
        collect(small, {"b": [1, 0, 1, 1]})
    with pytest.raises(OverflowRefusedError, match="4 rows are more"):
        three + collect(small, {"b": [1]})


def test_summaries_of_two_schemas_do_not_add_up():
    other = Schema([Feature("b", "binary")], row_bound=3)
    with pytest.raises(SchemaError, match="row bound"):
        Summary.zero(other) + Summary.zero(Schema([Feature("b", "binary")]))
    assert Summary.zero(other) != Summary.zero(Schema([Feature("b", "binary")]))


def test_progress_hears_every_row():
    heard = []
    account = tally(Schema([Feature("b", "binary")]), {"b": np.ones(20_000)}, heard.append)
    assert heard[-1] == account.read == 20_000
    assert heard == sorted(heard)
    assert len(heard) > 1
