"""The schemas of a federation, one after the other: what was counted under any is read, known again, and told apart."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core.errors import MalformedError, MismatchError, SchemaError
from fedpeer.core.statistics.additions import Additions
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.extension import embed, extended
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.lineage import Lineage
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

FIRST = Schema(
    [Feature("x", min=-9, max=9, resolution=1), Feature("stage", "category", levels=["I", "II"])], missing="pairwise"
)
ADDED = [
    {"levels": {"stage": ["III"]}},
    {"features": [{"name": "dose", "kind": "continuous", "min": 0, "max": 9, "resolution": 1}]},
]
STRANGER = extended(FIRST, Additions.from_dict({"levels": {"stage": ["IV"]}}))


def lived() -> Lineage:
    """A federation whose schema has grown twice: by a level, then by a number."""
    lineage = Lineage((FIRST,))
    for added in ADDED:
        lineage = lineage.grown(Additions.from_dict(added))
    return lineage


LIVED = lived()
OLDEST, MIDDLE, NEWEST = LIVED.schemas


def rows(stages: int, *, dose: bool) -> st.SearchStrategy[list[dict[str, int | str | None]]]:
    """Rows that hold the first so many stages, and a dose or none."""
    stage, doses = st.sampled_from(["I", "II", "III"][:stages]), st.integers(0, 9) if dose else st.none()
    some = {"x": st.none() | st.integers(-9, 9), "stage": stage, "dose": doses}
    return st.lists(st.fixed_dictionaries(some), min_size=1, max_size=6)


def summary(schema: Schema, told: list[dict[str, int | str | None]]) -> Summary:
    return collect(schema, {name: [row[name] for row in told] for name in map(str, schema.needed)})


@settings(max_examples=30)
@given(rows(2, dose=False), st.sampled_from(LIVED.schemas))
def test_what_was_counted_under_any_is_read_as_of_the_newest(told, schema):
    read = LIVED.read(summary(schema, told).to_bytes())
    assert read == summary(NEWEST, told)
    assert read.to_bytes() == summary(NEWEST, told).to_bytes()


@settings(max_examples=30)
@given(rows(2, dose=False), st.sampled_from(LIVED.schemas))
def test_the_same_rows_are_lean_the_same_under_every_schema(told, schema):
    lineage = Lineage(LIVED.schemas[: LIVED.schemas.index(schema) + 1])
    assert lineage.lean(summary(schema, told)) == summary(OLDEST, told)


@settings(max_examples=30)
@given(rows(3, dose=True))
def test_lean_is_the_oldest_that_has_all_of_it(told):
    has_dose, has_third = any(r["dose"] is not None for r in told), any(r["stage"] == "III" for r in told)
    oldest = NEWEST if has_dose else MIDDLE if has_third else OLDEST
    assert LIVED.lean(summary(NEWEST, told)) == summary(oldest, told)


@settings(max_examples=30)
@given(rows(2, dose=True))
def test_forms_are_what_can_have_been_counted_of_the_same_table_when_the_schema_was_younger(told):
    lacking = [{**row, "dose": None} for row in told]
    older = [summary(schema, lacking) for schema in (MIDDLE, OLDEST)]
    assert LIVED.forms(summary(NEWEST, told)) == [summary(NEWEST, told), *(embed(s, NEWEST) for s in older)]
    assert LIVED.forms(older[0]) == [embed(s, NEWEST) for s in (older[0], *older)]
    assert LIVED.views(summary(NEWEST, told)) == {summary(NEWEST, told).digest, *(s.digest for s in older)}


def test_a_schema_that_the_federation_never_had_is_none_of_it():
    strange = summary(STRANGER, [{"x": 1, "stage": "IV"}])
    for lineage in (LIVED, Lineage((FIRST,))):
        with pytest.raises(MismatchError):
            lineage.read(strange.to_bytes())
    with pytest.raises(MismatchError, match="never had"):
        LIVED.find(STRANGER.digest)
    with pytest.raises(SchemaError):
        LIVED.embed(strange)
    with pytest.raises(MalformedError):
        LIVED.read(b"\xc1")
    with pytest.raises(SchemaError):
        LIVED.grown(Additions.from_dict({"levels": {"x": ["I"]}}))


def test_each_is_found_and_who_agreed_to_none_has_agreed_to_the_oldest():
    for schema in LIVED.schemas:
        assert LIVED.find(schema.digest) is schema
        assert LIVED.agreed(schema.digest) is schema
    assert LIVED.newest is NEWEST
    assert LIVED.agreed("") is LIVED.agreed(STRANGER.digest) is OLDEST
