"""A schema grows, and what was counted before is what counting it again under the grown one would give, to the bit."""

from __future__ import annotations

from functools import cache
from itertools import product

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.extension import Additions, embed, extended
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.plausible import implausible
from fedpeer.core.statistics.residues import integers
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

FEATURES = [
    Feature("sick", "binary"),
    Feature("dose", min="-5", max="20", resolution="0.5"),
    Feature("grade", "category", levels=["low", "high"]),
    Feature("seen", "date", min="2020-01-01", max="2020-12-31"),
    Feature("site", "category", levels=["north", "south"]),
    Feature("fine", min=0, max="1e9", resolution="1e-3"),
    Feature("sick_high", "product", of=["sick", "grade$high"]),
    Feature("dose2", "product", of=["dose", "dose"]),
]
BLOCKS = [[], ["powers"], ["histogram"], ["powers", "histogram", "conditional_histogram"]]
OLD = {
    (missing, invalid, tuple(blocks)): Schema(
        FEATURES, missing=missing, invalid=invalid, blocks=blocks, bins=3 if "histogram" in blocks else None
    )
    for missing, invalid, blocks in product(["listwise", "pairwise"], ["reject", "clip", "missing"], BLOCKS)
}
LEVELS = {"levels": {"site": ["west", "far east"], "grade": ["top"]}}
WHOLE = {
    "features": [
        {"name": "weight", "kind": "continuous", "min": "-1e6", "max": "1e6", "resolution": "1e-6", "unit": "kg"},
        {"name": "ward", "kind": "category", "levels": ["a", "b", "c"]},
        {"name": "born", "kind": "date", "min": "1900-01-01", "max": "2030-01-01"},
        {"name": "smoker", "kind": "binary", "levels": ["no", "yes"]},
        {"name": "weight_top", "kind": "product", "of": ["weight", "grade$top"]},
        {"name": "b_sick", "kind": "product", "of": ["ward$b", "sick"]},
    ]
}
VALUES = {
    "sick": ["0", "1"],
    "dose": ["-5", "0", "7.5", "20"],
    "grade": ["low", "high"],
    "seen": ["2020-01-01", "2020-07-04", "2020-12-31"],
    "site": ["north", "south"],
    "fine": ["0", "0.001", "123456789.123", "1000000000"],
}
Rows = list[dict[str, str | None]]
ROWS = st.lists(st.fixed_dictionaries({k: st.none() | st.sampled_from(v) for k, v in VALUES.items()}), max_size=8)


def additions_to(schema: Schema) -> Additions:
    return Additions.from_dict(LEVELS | (WHOLE if schema.pairwise else {}))


@cache
def grown(key: tuple[str, str, tuple[str, ...]]) -> Schema:
    return extended(OLD[key], additions_to(OLD[key]))


def table(rows: Rows, schema: Schema) -> dict[str, pa.Array]:
    return {name: pa.array([row.get(name) for row in rows], pa.string()) for name in schema.needed}


def counted(summary: Summary) -> dict[str, list[int]]:
    return {block.name: integers(summary.residues.part(block.name)) for block in summary.residues.layout}


@pytest.mark.parametrize("key", OLD, ids=lambda key: "-".join([*key[:2], *key[2]]))
@given(ROWS)
@settings(max_examples=8, deadline=None)
def test_what_is_embedded_is_what_counting_again_gives(key, rows):
    old, new = OLD[key], grown(key)
    before, after = collect(old, table(rows, old)), collect(new, table(rows, new))
    assert embed(before, new) == after
    assert embed(before, new).to_bytes() == after.to_bytes()
    assert implausible(new, embed(before, new).residues) is None
