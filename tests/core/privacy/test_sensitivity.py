"""The reach of a row is what trying every row finds, and never less."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core.privacy.sensitivity import Reach, added, replaced, scaled
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.layout import layout
from fedpeer.core.statistics.noised import scales
from fedpeer.core.statistics.residues import integers
from fedpeer.core.statistics.schema import Schema

BLOCKS = ["powers", "histogram", "conditional_histogram"]
FEATURES = [
    Feature("x", min="0", max="2", resolution="1"),
    Feature("z", min="0", max="3", resolution="1"),  # q from −2 to 1: further down than up
    Feature("b", "binary"),
    Feature("c", "category", levels=["u", "v"]),
]
EXACT = {"rows", "sums", "squares", "third", "fourth", "histogram", "conditional_histogram"}  # when rows are replaced


def values(feature: Feature) -> list[str]:
    if feature.kind == "category":
        return list(feature.levels)
    return ["0", "1"] if feature.kind == "binary" else [str(k) for k in range(int(feature.min), int(feature.max) + 1)]


def vectors(schema: Schema) -> dict[str, np.ndarray]:
    """What each possible row adds to each block, as the summary counts it: an array of rows × entries."""
    gap = [None] if schema.pairwise else []
    every = list(itertools.product(*(values(feature) + gap for feature in schema.inputs)))
    names = [feature.name for feature in schema.inputs]
    counted = [
        collect(schema, {name: pa.array([value], pa.string()) for name, value in zip(names, row, strict=True)})
        for row in every
        if any(value is not None for value in row)
    ]
    names = [block.name for block in layout(schema)]
    return {name: np.array([integers(s.residues.part(name)) for s in counted], dtype=np.int64) for name in names}


def norms(moved: np.ndarray) -> tuple[int, int, int]:
    if not moved.size:
        return 0, 0, 0
    sizes = np.abs(moved)
    return int(sizes.sum(axis=-1).max()), int((sizes**2).sum(axis=-1).max()), int(sizes.max())


def of(reach: Reach) -> tuple[int, int, int]:
    return reach.total, reach.square, reach.largest


def differences(rows: np.ndarray) -> np.ndarray:
    return (rows[:, None, :] - rows[None, :, :]).reshape(len(rows) ** 2, rows.shape[1])


@pytest.mark.long
@pytest.mark.parametrize("missing", ["listwise", "pairwise"])
def test_no_row_moves_a_block_further_and_one_moves_each_as_far(missing):
    schema = Schema(FEATURES, missing=missing, blocks=BLOCKS, bins=2)
    found = vectors(schema)
    assert {reach.block: of(reach) for reach in added(schema)} == {name: norms(rows) for name, rows in found.items()}


@pytest.mark.long
@pytest.mark.parametrize("missing", ["listwise", "pairwise"])
def test_one_row_moves_all_blocks_furthest_at_once(missing):
    schema = Schema(FEATURES, missing=missing, blocks=BLOCKS, bins=2)
    found = vectors(schema)
    squares = sum((rows**2).sum(axis=1) for rows in found.values() if rows.size)
    assert squares.max() == sum(reach.square for reach in added(schema))


@pytest.mark.long
@pytest.mark.parametrize("missing", ["listwise", "pairwise"])
def test_no_exchange_of_two_rows_moves_a_block_further(missing):
    schema = Schema(FEATURES, missing=missing, blocks=BLOCKS, bins=2)
    found = vectors(schema)
    for reach in replaced(schema):
        measured = norms(differences(found[reach.block]))
        assert all(one <= most for one, most in zip(measured, of(reach), strict=True)), reach
        if reach.block in EXACT and missing == "listwise":
            assert measured == of(reach)


KINDS = st.one_of(
    st.tuples(st.integers(-3, 2), st.integers(1, 3)).map(
        lambda r: {"min": str(r[0]), "max": str(r[0] + r[1]), "resolution": "1"}
    ),
    st.just({"kind": "binary"}),
    st.integers(2, 3).map(lambda k: {"kind": "category", "levels": ["u", "v", "w"][:k]}),
)


@pytest.mark.long
@given(st.lists(KINDS, min_size=1, max_size=2), st.sampled_from(["listwise", "pairwise"]), st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_reaches_of_small_schemas_are_those_of_every_row(kinds, missing, rows):
    features = [Feature(f"f{i}", **kind) for i, kind in enumerate(kinds)]
    schema = Schema(features, missing=missing, blocks=BLOCKS, bins=3)
    found = vectors(schema)
    for one, several, other in zip(added(schema), added(schema, rows), replaced(schema), strict=True):
        total, square, largest = norms(found[one.block])
        assert of(one) == (total, square, largest)
        assert of(several) == (rows * total, rows**2 * square, rows * largest)
        exchanged = norms(differences(found[one.block]))
        assert all(a <= b for a, b in zip(exchanged, of(other), strict=True)), other
    for reach, units in zip(scaled(schema, rows), scales(schema), strict=True):
        assert len(units) == reach.entries
        moved = [[Fraction(int(x), unit) for x, unit in zip(row, units, strict=True)] for row in found[reach.block]]
        assert rows**2 * max(sum(x * x for x in row) for row in moved) == reach.square
        assert all(abs(x) <= 1 for row in moved for x in row)


def test_the_rows_of_a_person_who_has_several_add_up_to_no_more():
    schema = Schema(FEATURES[1:3])
    for reach, rows in zip(added(schema, 3), vectors(schema).values(), strict=True):
        three = np.array([a + b + c for a, b, c in itertools.combinations_with_replacement(rows, 3)])
        assert norms(three) == of(reach)


def test_products_that_are_features_reach_no_further_than_is_said():
    features = [*FEATURES[:3], Feature("xz", "product", of=["x", "z"])]
    schema = Schema(features, blocks=["powers"])
    found = vectors(schema)
    for reach in added(schema):
        assert all(a <= b for a, b in zip(norms(found[reach.block]), of(reach), strict=True))
    for reach, units in zip(scaled(schema), scales(schema), strict=True):
        assert ((found[reach.block] / np.array(units)) ** 2).sum(axis=1).max(initial=0) <= reach.square + 1e-9


def test_wide_columns_are_counted_without_rounding():
    schema = Schema([Feature("x", min="0", max="1", resolution="0.000000000000000001")])
    bound = schema.columns[0].bound
    assert bound > 2**58
    assert [reach.square for reach in added(schema)] == [1, bound**2, bound**4, 0]
    assert [reach.block for reach in added(schema)] == [block.name for block in layout(schema)]


def test_nobody_has_no_rows():
    with pytest.raises(ValueError, match="at least one row"):
        added(Schema(FEATURES), 0)
