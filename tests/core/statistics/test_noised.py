"""Sums with noise: variances go with the sums, and what is there twice is read from where the noise is least."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core.errors import MismatchError, OverflowRefusedError
from fedpeer.core.privacy.noise import noise
from fedpeer.core.privacy.plan import allot
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.noised import settled, together
from fedpeer.core.statistics.residues import Residues
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

FEATURES = [
    Feature("x", min="0", max="10", resolution="1"),
    Feature("b", "binary"),
    Feature("c", "category", levels=["a", "b", "c"]),
]
LISTWISE = Schema(FEATURES)
PAIRWISE = Schema(FEATURES, missing="pairwise")
MANY = Schema([Feature("c", "category", levels=[str(k) for k in range(12)])])
CELLS = st.tuples(st.sampled_from(["0", "3", "10"]), st.sampled_from(["0", "1"]), st.sampled_from(["a", "b", "c"]))


def counted(schema: Schema, rows: list[tuple[str, str, str]], *, gaps: bool = False) -> Summary:
    columns = {name: [row[k] for row in rows] for k, name in enumerate("xbc")}
    if gaps:
        columns["x"] = ["" if k % 3 == 0 else value for k, value in enumerate(columns["x"])]
    return collect(schema, columns)


def drawn(schema: Schema, seed: int) -> tuple[Residues, tuple[int, ...]]:
    plan = allot(schema, Fraction(1, 100))
    return noise(plan.layout, plan.each, seed.to_bytes(32, "big")), plan.variances


@given(st.lists(CELLS, min_size=1, max_size=20), st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_noise_goes_with_the_sums_and_leaves_with_them(rows, seed):
    exact = counted(LISTWISE, rows)
    found, variances = drawn(LISTWISE, seed)
    noised = Summary(LISTWISE, exact.residues + found, variances)
    assert (exact + noised).noise == variances
    assert (noised + noised).noise == tuple(2 * v for v in variances)
    assert (exact + noised) - noised == exact
    assert (noised - noised).noise == ()
    assert exact.noise == ()


@pytest.mark.parametrize("schema", [LISTWISE, PAIRWISE], ids=["whole", "gaps"])
@given(rows=st.lists(CELLS, min_size=3, max_size=20), seed=st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_settling_leaves_exact_sums_alone_and_is_linear(schema, rows, seed):
    exact = counted(schema, rows, gaps=schema.pairwise).residues
    found, variances = drawn(schema, seed)
    assert settled(schema, exact, variances) == exact
    once = settled(schema, exact + found, variances)
    assert once == exact + settled(schema, found, variances)
    assert settled(schema, once, variances) == once


def test_what_is_there_twice_is_read_from_where_the_noise_is_least():
    found, variances = drawn(LISTWISE, 1)
    of = dict(zip((block.name for block in found.layout), variances, strict=True))
    assert of["sums"] < of["products"]
    plain, tidy = Summary(LISTWISE, found, variances), Summary(LISTWISE, settled(LISTWISE, found, variances), variances)
    assert tidy.sum("b") == tidy.product("b", "b") == plain.sum("b") != plain.product("b", "b")
    assert tidy.product("c$a", "c$b") == 0 != plain.product("c$a", "c$b")
    assert tidy.product("x", "x") == plain.product("x", "x")

    found, variances = drawn(MANY, 1)
    assert variances[1] > variances[2]  # one level a row: the products of a long category are the quieter block
    plain, tidy = Summary(MANY, found, variances), Summary(MANY, settled(MANY, found, variances), variances)
    assert tidy.sum("c$3") == tidy.product("c$3", "c$3") == plain.product("c$3", "c$3") != plain.sum("c$3")


def test_bytes_do_not_say_that_there_is_noise_and_are_read_as_the_reader_knows():
    found, variances = drawn(LISTWISE, 3)
    noised = Summary(LISTWISE, found, variances)
    assert Summary.from_bytes(noised.to_bytes(), LISTWISE, variances) == noised
    assert noised != Summary(LISTWISE, found)
    with pytest.raises(MismatchError, match="no rows could give this"):
        Summary.from_bytes(noised.to_bytes(), LISTWISE)
    nothing = Summary.zero(LISTWISE)
    assert Summary.from_bytes(nothing.to_bytes(), LISTWISE, variances) == nothing


def test_noise_may_lead_beyond_the_row_bound_and_rows_may_not():
    schema = Schema(FEATURES, row_bound=2)
    more = Residues.of(Summary.zero(schema).residues.layout, [[3], *([0] * b.entries for b in _rest(schema))])
    with pytest.raises(OverflowRefusedError):
        Summary(schema, more)
    assert Summary(schema, more, (4, 0, 0, 0)).rows == 3


def _rest(schema: Schema):
    return Summary.zero(schema).residues.layout[1:]


def test_variances_of_nothing_are_nothing():
    assert together((), ()) == ()
    assert together((1, 2), ()) == (1, 2)
    assert together((), (1, 2), -1) == (-1, -2)
    assert together((1, 2), (1, 2), -1) == ()
