"""A schema grows, and what was counted before is what counting it again under the grown one would give, to the bit."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core import canonical
from fedpeer.core.errors import FedpeerError, SchemaError
from fedpeer.core.statistics import extension
from fedpeer.core.statistics.additions import Additions, Declaration, NewLevels
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.extension import between, beyond, embed, extended, extends, project
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.layout import layout
from fedpeer.core.statistics.plausible import implausible
from fedpeer.core.statistics.residues import Residues, integers
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from tests.support.flips import mangled

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
        {"name": "weight", "kind": "continuous", "min": "-1e6", "max": "1e6", "resolution": "1e-9", "unit": "kg"},
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


KEYS = [("pairwise", "missing", tuple(BLOCKS[-1])), ("listwise", "clip", tuple(BLOCKS[-1]))]
EVERY = [
    pytest.param(key, id="-".join([*key[:2], *key[2]]), marks=() if key in KEYS else pytest.mark.long) for key in OLD
]


@pytest.mark.parametrize("key", EVERY)
@given(ROWS)
@settings(max_examples=8, deadline=None)
def test_what_is_embedded_is_what_counting_again_gives(key, rows):
    old, new = OLD[key], grown(key)
    before, after = collect(old, table(rows, old)), collect(new, table(rows, new))
    assert embed(before, new) == after
    assert embed(before, new).to_bytes() == after.to_bytes()
    assert implausible(new, embed(before, new).residues) is None


def by_name(summary: Summary) -> dict[tuple[str, ...], int]:
    """Every entry of every block under the names of what it is of; `among` others, names are of features."""
    schema = summary.schema
    names = [column.name for column in schema.columns]
    measured = [column.name for column in schema.columns if not column.indicator]
    flags = [column.name for column in schema.columns if column.indicator]
    features = list(schema.presence)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i:]]
    both = [(g, h) for i, g in enumerate(features) for h in features[i:]]
    bins = [str(k) for k in range(schema.bins)]
    labels = {
        "rows": [()],
        "sums": list(product(names, features)) if schema.pairwise else [(name,) for name in names],
        "products": pairs,
        "squares": list(product(measured, flags)),
        "counts": both,
        "spreads": list(product(measured, features)),
        "third": [(name,) for name in measured],
        "fourth": [(name,) for name in measured],
        "histogram": list(product(measured, bins)),
        "conditional_histogram": list(product(measured, flags, bins)),
    }
    return {
        (block, *label): value
        for block, values in counted(summary).items()
        for label, value in zip(labels[block], values, strict=True)
    }


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key[0])
@given(ROWS)
@settings(max_examples=8, deadline=None)
def test_old_entries_are_found_under_their_names_and_new_ones_are_zero(key, rows):
    old, new = OLD[key], grown(key)
    before = by_name(collect(old, table(rows, old)))
    after = by_name(embed(collect(old, table(rows, old)), new))
    assert {name: after[name] for name in before} == before
    assert not any(value for name, value in after.items() if name not in before)
    assert len(after) > 2 * len(before) or not old.pairwise


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key[0])
@given(ROWS, ROWS)
@settings(max_examples=8, deadline=None)
def test_embedding_keeps_sums_and_differences(key, first, second):
    old, new = OLD[key], grown(key)
    a, b = (collect(old, table(rows, old)) for rows in (first, second))
    assert embed(a + b, new) == embed(a, new) + embed(b, new)
    assert embed(a - b, new) == embed(a, new) - embed(b, new)  # some of these entries are below zero
    assert embed(Summary.zero(old), new) == Summary.zero(new)
    assert embed(a, old) is a
    assert project(embed(a, new), old) == a
    assert project(embed(a, new) - embed(b, new), old) == a - b


@given(ROWS)
@settings(max_examples=8, deadline=None)
def test_growing_twice_is_growing_once(rows):
    key = KEYS[0]
    old, new = OLD[key], grown(key)
    steps = [
        {"levels": {"site": ["west"]}, "features": WHOLE["features"][:1]},
        {"levels": {"grade": ["top"]}},
        {"levels": {"site": ["far east"]}, "features": WHOLE["features"][1:4]},
    ]
    schemas = [old]
    for step in steps:
        schemas.append(extended(schemas[-1], Additions.from_dict(step)))
    summary = collect(old, table(rows, old))
    by_steps = summary
    for schema in schemas:
        by_steps = embed(by_steps, schema)
    assert by_steps == embed(summary, schemas[-1])
    assert all(extends(a, b) is (i <= j) for i, a in enumerate(schemas) for j, b in enumerate(schemas))
    assert not extends(schemas[-1], new)  # which has products of features that are old ones by now


def test_a_new_level_is_not_lacked_by_the_rows_from_before():
    old, new = OLD[KEYS[0]], grown(KEYS[0])
    rows: Rows = [{name: values[0] for name, values in VALUES.items()}] * 3
    lacked = collect(new, table([row | {"site": None, "grade": None} for row in rows], new))
    there = embed(collect(old, table(rows, old)), new)
    assert there != lacked
    assert (there.count("site"), there.sum("site$west"), there.count("weight")) == (3, 0, 0)


TRIANGLE, CROSSED = extension._triangle, extension._crossed


def unsigned(part, there, width):
    out = np.zeros((there.size, width), np.uint64)
    out[there, : part.shape[1]] = part
    return out


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("_triangle", lambda there: np.sort(TRIANGLE(there))),
        ("_crossed", lambda rows, columns: CROSSED(rows[::-1], columns)),
        ("_spread", unsigned),
    ],
    ids=["new columns first", "another order", "no sign"],
)
def test_a_fault_in_embedding_would_be_seen(name, fault, monkeypatch):
    old, new = OLD[KEYS[0]], grown(KEYS[0])
    rows: Rows = [{name: values[k % len(values)] for name, values in VALUES.items()} for k in range(5)]
    before, after = collect(old, table(rows, old)), collect(new, table(rows, new))
    assert embed(before, new) == after
    monkeypatch.setattr(extension, name, fault)
    assert embed(before, new) != after


def test_rows_that_came_later_are_projected_to_the_columns_of_before():
    old, new = OLD[KEYS[0]], grown(KEYS[0])
    row = {name: values[0] for name, values in VALUES.items()}
    later = collect(new, table([row | {"weight": "1.5"}, row | {"site": "west"}], new))
    found = project(later, old)
    assert (found.rows, found.count("site"), found.sum("site$north")) == (2, 2, 1)
    assert found.sums() == [value for name, value in zip(new.columns, later.sums(), strict=True) if name in old.columns]
    with pytest.raises(SchemaError, match="not one that the other grew into"):
        project(collect(old, table([row], old)), new)


def test_blocks_become_as_wide_as_a_new_column_needs():
    old = Schema([Feature("x", min=-5, max=5, resolution=1)], missing="pairwise", blocks=["powers"])
    wide = {"name": "wide", "kind": "continuous", "min": -(2**61), "max": 2**61, "resolution": 1}
    new = extended(old, Additions.from_dict({"features": [wide]}))
    limbs = [[block.limbs for block in layout(schema)] for schema in (old, new)]
    assert limbs == [[1, 1, 1, 1, 1, 1, 1, 1], [1, 2, 3, 3, 1, 3, 4, 5]]
    found = counted(embed(collect(old, {"x": [-5, -4, 3]}), new))
    assert found["sums"] == [-6, 0, 0, 0]
    assert found["products"] == [50, 0, 0]
    assert (found["third"], found["fourth"]) == ([-125 - 64 + 27, 0], [625 + 256 + 81, 0])


def test_noise_is_told_as_before():
    old, new = OLD[KEYS[1]], grown(KEYS[1])
    exact = collect(old, table([], old))
    noised = Summary(old, exact.residues, tuple(range(1, len(layout(old)) + 1)))
    assert embed(noised, new).noise == noised.noise
    assert len(layout(new)) == len(layout(old))


def test_a_hostile_summary_is_as_implausible_as_it_was():
    old, new = OLD[KEYS[0]], grown(KEYS[0])
    rows: Rows = [{name: values[0] for name, values in VALUES.items()}] * 3
    values = counted(collect(old, table(rows, old)))
    values["products"][0] += 1
    hostile = Residues.of(layout(old), list(values.values()))
    assert implausible(old, hostile)
    assert implausible(new, embed(Summary(old, hostile), new).residues)


@pytest.mark.long
def test_two_thousand_columns_are_embedded_as_by_hand():
    features = [Feature(f"x{i}", min=0, max=10 + i, resolution=1) for i in range(1900)]
    features[700:700] = [Feature(f"c{i}", "category", levels=list("abcde")) for i in range(20)]
    old = Schema(features)
    new = extended(old, Additions.from_dict({"levels": {"c3": ["f"], "c17": ["g", "h"]}}))
    rng = np.random.default_rng(5)
    values = [rng.integers(-(2**60), 2**60, block.entries) for block in layout(old)]
    values[0][:] = 7
    before = Summary(old, Residues.of(layout(old), [part.tolist() for part in values]))
    after = embed(before, new)
    p, names = len(new.columns), {column.name for column in old.columns}
    kept = [i for i, column in enumerate(new.columns) if column.name in names]
    expected = np.zeros((p, p), np.int64)
    at = np.triu_indices(len(kept))
    expected[np.array(kept)[at[0]], np.array(kept)[at[1]]] = values[2]
    assert integers(after.residues.part("products")) == expected[np.triu_indices(p)].tolist()


PAIRWISE, LISTWISE = OLD["pairwise", "reject", ()], OLD["listwise", "reject", ()]
MANY = Schema([Feature("c", "category", levels=[str(i) for i in range(999)])])
PATIENTS = Schema([Feature("b", "binary")], patient="who", missing="pairwise")
FULL = Schema(
    [
        *(Feature(f"x{i}", min=0, max=1, resolution="0.1") for i in range(100)),
        Feature("c", "category", levels=["a", "b"]),
    ],
    blocks=["histogram", "conditional_histogram"],
    bins=1000,
)
X = {"name": "n", "kind": "continuous", "min": 0, "max": 1, "resolution": "0.1"}


@pytest.mark.parametrize(
    ("schema", "form", "said"),
    [
        (PAIRWISE, {}, "nothing is added"),
        (PAIRWISE, {"features": [], "levels": {}}, "nothing is added"),
        (PAIRWISE, {"features": [X | {"name": "dose"}]}, "has a feature 'dose' already"),
        (PAIRWISE, {"features": [X, X]}, "'n' is there twice"),
        (PAIRWISE, {"levels": {"site": ["west", "north "]}}, "blanks at an end"),
        (PAIRWISE, {"levels": {"site": ["west", "north"]}}, "has the level 'north' already"),
        (
            Schema([Feature("c", "category", levels=["1", "2"])]),
            {"levels": {"c": ["01"]}},
            "has the level '01' already",
        ),
        (PAIRWISE, {"levels": {"site": ["3", "3.0"]}}, "mean the same"),
        (PAIRWISE, {"levels": {"site": []}}, "no new levels are listed"),
        (PAIRWISE, {"levels": {"site": "west"}}, "levels must be a list"),
        (PAIRWISE, {"levels": {"site": [["west"]]}}, "neither text nor a number"),
        (PAIRWISE, {"levels": ["site"]}, "`levels` is a mapping"),
        (PAIRWISE, {"levels": {"sit": ["west"]}}, "no feature 'sit' in the schema; did you mean 'site'"),
        (PAIRWISE, {"levels": {"sick": ["maybe"]}}, "feature 'sick' is binary"),
        (PAIRWISE, {"levels": {"dose": ["much"]}}, "feature 'dose' is continuous"),
        (PAIRWISE, {"levels": {"site": ["N/A"]}}, "'N/A' has meant a missing value so far"),
        (LISTWISE, {"features": [X]}, "as 'n', where `missing` is listwise: all rows from before lack it"),
        (PAIRWISE, {"features": [{"name": "p", "kind": "product", "of": ["sick", "dose"]}]}, "no factor of it is new"),
        (
            PAIRWISE,
            {"levels": {"site": ["west"]}, "features": [{"name": "p", "kind": "product", "of": ["sick", "site$west"]}]},
            "no factor of it is new",
        ),
        (PAIRWISE, {"features": [X, {"name": "p", "kind": "product", "of": ["n", "nn"]}]}, "neither a feature nor"),
        (MANY, {"levels": {"c": ["a", "b"]}}, "1001 levels; a category has 2 to 1000"),
        (PATIENTS, {"features": [X | {"name": "who"}]}, "is the column of patient ids"),
        (PATIENTS, {"patient": "n"}, "an addition has an unknown key 'patient'"),
        (PAIRWISE, {"feature": [X]}, "unknown key 'feature'; did you mean 'features'"),
        (PAIRWISE, [X], "additions are a mapping"),
        (PAIRWISE, {"features": X}, "no list of `features`"),
        (FULL, {"levels": {"c": [str(i) for i in range(3, 503)]}}, "bins given 0/1 columns"),
        (
            Schema([Feature("b", "binary")], missing="pairwise"),
            {"features": [{"name": f"c{k}", "kind": "category", "levels": list(range(1000))} for k in range(10)]},
            "10001 columns",
        ),
    ],
)
def test_what_cannot_be_added_is_said(schema, form, said):
    with pytest.raises(SchemaError, match=said):
        extended(schema, Additions.from_dict(form))


def test_what_comes_from_others_is_checked_as_what_is_read():
    for features, levels, said in [
        ((Declaration("n", "continuous", "0", "1.0", "0.1"),), (), "not declared as a schema would write it"),
        ((Declaration("n\x1b[2J", "binary"),), (), "control characters"),
        ((Declaration("n", "binary", min="0"),), (), "has no min"),
        ((), (NewLevels("site", ("\x1b[2J",)),), "control characters"),
        ((), (NewLevels("site", ()),), "not empty"),
        ((), (NewLevels("site", ("a",)), NewLevels("site", ("b",))), "in one list"),
    ]:
        with pytest.raises(SchemaError, match=said):
            extended(PAIRWISE, Additions(features, levels))


def test_what_is_there_already_need_not_be_added():
    new, said = grown(KEYS[0]), additions_to(PAIRWISE)
    assert beyond(PAIRWISE, said) == said
    assert beyond(OLD[KEYS[0]], said) == said
    nothing = beyond(new, said)
    assert not nothing
    assert nothing.told == ""
    more = Additions.from_dict({"levels": {"site": ["west", "east"]}, "features": [*WHOLE["features"][:1], X]})
    assert beyond(new, more) == Additions.from_dict({"levels": {"site": ["east"]}, "features": [X]})
    assert more.told == "site$west, site$east, weight, n"
    assert between(PAIRWISE, extended(PAIRWISE, said)) == said
    assert not between(PAIRWISE, PAIRWISE)
    with pytest.raises(SchemaError, match="not one that the other grew into"):
        between(new, OLD[KEYS[0]])
    numbers = Schema([Feature("c", "category", levels=["1", "2"])])
    assert not beyond(numbers, Additions(levels=(NewLevels("c", ("1.0", "02")),)))
    for form, known in [
        ({"features": [X | {"name": "weight"}]}, "has a feature 'weight' already"),
        ({"levels": {"weight": ["a"]}}, "weight' is continuous"),
        ({"levels": {"wight": ["a"]}}, "did you mean 'weight'"),
    ]:
        with pytest.raises(SchemaError, match=known):
            beyond(new, Additions.from_dict(form))


def test_new_features_are_optional_so_that_tables_without_them_are_still_counted():
    old, new = OLD[KEYS[0]], grown(KEYS[0])
    assert [feature.name for feature in new.features if feature.optional] == ["weight", "ward", "born", "smoker"]
    rows: Rows = [{name: values[0] for name, values in VALUES.items()}] * 2
    assert (
        collect(new, table(rows, old)) == collect(new, table(rows, new)) == embed(collect(old, table(rows, old)), new)
    )


@pytest.mark.parametrize(
    "other",
    [
        Schema(FEATURES),
        Schema(FEATURES[:-1], missing="pairwise"),
        Schema(FEATURES[::-1], missing="pairwise"),
        Schema([Feature("new", "binary"), *FEATURES], missing="pairwise"),
        Schema([*FEATURES[:1], Feature("dose", min="-5", max=9, resolution="0.5"), *FEATURES[2:]], missing="pairwise"),
        Schema(
            [*FEATURES[:4], Feature("site", "category", levels=["west", "north", "south"]), *FEATURES[5:]],
            missing="pairwise",
        ),
        Schema([*FEATURES, Feature("fine2", "product", of=["fine", "sick"])], missing="pairwise"),
        Schema(FEATURES, missing="pairwise", row_bound=5),
        Schema(FEATURES, missing="pairwise", blocks=["powers"]),
        Schema(FEATURES, missing="pairwise", patient="who"),
    ],
)
def test_nothing_is_embedded_into_a_schema_that_is_another(other):
    assert not extends(PAIRWISE, other)
    with pytest.raises(SchemaError, match=r"grew into|is new|no row may"):
        embed(Summary.zero(PAIRWISE), other)


def test_written_forms_come_back_as_the_same_additions():
    said = additions_to(PAIRWISE)
    assert Additions.from_yaml(said.to_yaml()) == Additions.from_json(said.to_json()) == said
    assert canonical.decode(canonical.encode(said), Additions) == said
    assert Additions.from_dict(said.to_dict()) == said
    assert [each.feature() for each in said.features] == list(extended(PAIRWISE, said).features[len(FEATURES) :])
    assert Additions.from_yaml("levels: {stage: [no, 1.0]}") == Additions(levels=(NewLevels("stage", ("no", "1.0")),))
    assert not Additions.from_yaml("{}")


FORMS = {Additions.from_yaml: additions_to(PAIRWISE).to_yaml(), Additions.from_json: additions_to(PAIRWISE).to_json()}


@pytest.mark.long
@pytest.mark.parametrize("read", FORMS, ids=["yaml", "json"])
@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_mangled_forms_are_refused_or_are_additions(read, data):
    try:
        said = read(mangled(FORMS[read], data))
    except FedpeerError:
        return
    assert Additions.from_json(said.to_json()) == said
    try:
        new = extended(PAIRWISE, said)
    except FedpeerError:
        return
    assert extends(PAIRWISE, new)
    assert embed(Summary.zero(PAIRWISE), new) == Summary.zero(new)


@pytest.mark.parametrize("read", FORMS, ids=["yaml", "json"])
@given(data=st.one_of(st.binary(max_size=100), st.text(max_size=100)))
@settings(max_examples=100, deadline=None)
def test_random_bytes_and_texts_raise_nothing_but_our_errors(read, data):
    try:
        assert not read(data)
    except FedpeerError:
        return
