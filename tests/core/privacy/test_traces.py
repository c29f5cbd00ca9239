"""What is kept of a release says of every later one what the release itself would say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core.errors import MalformedError, MismatchError, RemoteError
from fedpeer.core.privacy.cells import Counted, smallest, thinnest
from fedpeer.core.privacy.disclosure import Release
from fedpeer.core.privacy.traces import Change, Past, check
from fedpeer.core.statistics.additions import Additions, NewLevels
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.lineage import Lineage
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

LEVELS = ["red", "green"]
FEATURES = [
    Feature("a", kind="binary"),
    Feature("x", min=-2, max=2, resolution=1),
    Feature("colour", kind="category", levels=LEVELS),
    Feature("twofold", min=6, max=8, resolution=2),
]
BLOCKS = ["powers", "histogram", "conditional_histogram"]
SCHEMAS = [
    Schema(FEATURES),
    Schema(FEATURES, blocks=BLOCKS, bins=2),
    Schema(FEATURES, missing="pairwise"),
    Schema(FEATURES, missing="pairwise", blocks=BLOCKS, bins=2),
    Schema(FEATURES[1:2]),
]
TYPES = [pa.int64(), pa.float64(), pa.string(), pa.int64()]
VALUES = (st.integers(0, 1), st.integers(-2, 2).map(float), st.sampled_from(LEVELS), st.sampled_from([6, 8]))
Row = tuple[Any, ...]
SECRET = b"s" * 32


def tables(schema: Schema) -> st.SearchStrategy[list[Row]]:
    gaps = schema.pairwise
    row = st.tuples(*((st.none() | each) if gaps else each for each in VALUES)).filter(any)
    copies = st.tuples(row, st.sampled_from([1, 1, 2, 9, 10, 30]))
    return st.lists(copies, max_size=5).map(lambda parts: [row for row, count in parts for _ in range(count)])


def past_of(schema: Schema, traces: Mapping[str, bytes] | None = None, *, secret: bytes = SECRET) -> Past:
    return Past(secret, traces or {}, Lineage((schema,)))


def summed(schema: Schema, table: list[Row]) -> Summary:
    names = [feature.name for feature in FEATURES]
    columns = {name: pa.array([row[i] for row in table], TYPES[i]) for i, name in enumerate(names)}
    return collect(schema, {name: columns[name] for name in names if name in {f.name for f in schema.features}})


@pytest.mark.long
@pytest.mark.parametrize("schema", SCHEMAS, ids=["plain", "blocks", "gaps", "gaps and blocks", "one number"])
@given(data=st.data(), floor=st.sampled_from([2, 10]))
@settings(max_examples=40, deadline=None)
def test_a_trace_says_of_a_change_what_the_release_itself_says(schema: Schema, data: st.DataObject, floor: int) -> None:
    kept, gone, come = (data.draw(tables(schema)) for _ in range(3))
    old, new = summed(schema, kept + gone), summed(schema, kept + come)
    exact = Change.between(Release.of(new), Release.of(old), "contribution 7")
    (told, *more) = list(past_of(schema, past_of(schema).kept(7, old)).changes(new, Release.of(new))) or [None]
    assert not more
    if not old.rows:
        assert told is None
        return
    assert told is not None
    assert (told.since, told.nothing, told.rows) == (exact.since, exact.nothing, exact.rows)
    assert (told.valued, told.gapped) == (exact.valued, exact.gapped)
    assert all((a == b).all() for a, b in zip(told.counted.blocks, exact.counted.blocks, strict=True))
    assert smallest(told.counted, floor) == smallest(exact.counted, floor)
    assert thinnest(told.counted, floor) == thinnest(exact.counted, floor)


LEVELS_ADDED = Additions(levels=(NewLevels("colour", ("blue",)),))
NUMBER = Feature("y", min=0, max=9, resolution=1)
FEATURES_ADDED = Additions.from_dict({"features": [{"name": "b", "kind": "binary"}, NUMBER.to_dict()]})


@pytest.mark.long
@pytest.mark.parametrize("schema", SCHEMAS[:-1], ids=["plain", "blocks", "gaps", "gaps and blocks"])
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_a_trace_from_before_the_schema_grew_says_it_too(schema: Schema, data: st.DataObject) -> None:
    """Of the columns that both have; what is new is in no older release, and is judged where it stands."""
    lineage = Lineage((schema,)).grown(LEVELS_ADDED)
    lineage = lineage.grown(FEATURES_ADDED) if schema.pairwise else lineage
    kept, gone, come = (data.draw(tables(schema)) for _ in range(3))
    blue = [(1, 1.0, "blue", 6)] * data.draw(st.integers(0, 12))
    old, new = summed(schema, kept + gone), summed(lineage.newest, kept + come + blue)
    past = Past(SECRET, past_of(schema).kept(7, old), lineage)
    check(past.traces, lineage)
    found = list(past.changes(new, Release.of(new)))
    assert len(found) == bool(old.rows)
    exact = Change.between(Release.of(new), Release.of(old), "contribution 7")
    for told in found:
        assert (told.rows, told.valued, told.gapped) == (exact.rows, exact.valued, exact.gapped)
        assert all((a == b).all() for a, b in zip(told.counted.blocks, exact.counted.blocks, strict=True))
        assert not told.nothing or not exact.rows


def test_marks_are_of_use_only_to_who_has_the_secret() -> None:
    """Equal numbers at two points have two marks; a point that is guessed wrong says that everything was exchanged."""
    table = [(1, 1.0, "red", 6)] * 30 + [(0, 2.0, "green", 8)] * 30
    summary = summed(SCHEMAS[0], table)
    release = Release.of(summary)
    mine, theirs = (past_of(SCHEMAS[0], secret=secret).kept(1, summary) for secret in (SECRET, b"t" * 32))
    (right,), (wrong,) = (list(past_of(SCHEMAS[0], kept).changes(summary, release)) for kept in (mine, theirs))
    assert right.valued is None
    assert wrong.valued == "a is 1"


def test_traces_are_named_by_serial_and_digest_and_given_newest_first() -> None:
    past, summaries = past_of(SCHEMAS[0]), [summed(SCHEMAS[0], [(1, 1.0, "red", 6)] * n) for n in (20, 40, 60)]
    for serial, summary in enumerate(summaries, 9):
        past = past_of(SCHEMAS[0], past.kept(serial, summary))
        assert past.kept(serial, summary) == past.traces
    found = [(change.since, change.rows) for change in past.changes(summaries[0], Release.of(summaries[0]))]
    assert found == [("contribution 11", -40), ("contribution 10", -20), ("contribution 9", 0)]
    again = past.kept(9, summaries[1])  # a restored backup may sign another contribution so numbered
    assert len(again) == len(past.traces) + 1


@pytest.mark.parametrize("schema", SCHEMAS, ids=["plain", "blocks", "gaps", "gaps and blocks", "one number"])
def test_stored_traces_that_are_damaged_or_of_another_schema_are_refused(schema: Schema) -> None:
    traces = past_of(schema).kept(3, summed(schema, [(1, 1.0, "red", 6)] * 20))
    check(traces, Lineage((schema,)))
    check({}, Lineage((schema,)))
    ((name, trace),) = traces.items()
    for what in (trace[:-1], b"", trace + b"\x00", trace.replace(b"x", b"y", 1)):
        with pytest.raises(RemoteError):
            check({name: what}, Lineage((schema,)))
    for called in ("3-" + name.split("-")[1], name.replace(name[-1], "x"), name.split("-")[0]):
        with pytest.raises((MalformedError, ValueError)):
            check({called: trace}, Lineage((schema,)))
    for other in SCHEMAS:
        if other != schema:
            with pytest.raises(MismatchError):
                check(traces, Lineage((other,)))


def test_what_is_kept_of_a_hundred_numbers_is_a_few_bytes() -> None:
    """Of numbers nothing is kept but how many rows there are; of flags, how often each two of them meet."""
    columns = {f"x{i}": [float(k % 5) for k in range(50)] for i in range(100)}
    numbers = Schema([Feature(name, min=0, max=9, resolution=1) for name in columns])
    flags = Schema([Feature(f"b{i}", "binary") for i in range(20)])
    rows = {f"b{i}": [(k >> (i % 6)) & 1 for k in range(64)] for i in range(20)}
    sizes = []
    for schema, table in ((numbers, columns), (flags, rows)):
        summary = collect(schema, table)
        (trace,) = past_of(schema).kept(1, summary).values()
        sizes.append((len(trace), len(summary.to_bytes())))
    assert sizes[0][0] < 150 < 40_000 < sizes[0][1]
    assert sizes[1][0] < 1_000 + 40 * 16
    assert Counted.of(Release.of(collect(flags, rows))).ones.tolist() == [32] * 20
