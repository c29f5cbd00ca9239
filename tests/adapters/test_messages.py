"""Messages of a stream: whatever is in one, it is rows or a reason, and no word of it is in the reason."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedpeer.adapters.messages import LONGEST, Messages, UnreadableError, sampled
from fedpeer.core.statistics.schema import Feature, Schema

SCHEMA = Schema([Feature("x", min=0, max=10, resolution=1), Feature("s", "binary")], patient="who")
JSON = Messages.of(SCHEMA, {})
CSV = Messages.of(SCHEMA, {"format": "csv", "columns": ["who", "x", "s"]})
VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(st.characters(codec="utf-8"))
ANY = st.recursive(VALUES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


@given(
    rows=st.lists(st.fixed_dictionaries({"x": VALUES, "s": VALUES, "who": VALUES, "more": ANY}), min_size=1, max_size=5)
)
def test_rows_are_read_one_by_one_in_a_list_and_line_by_line(rows):
    expected = [[row["x"], row["s"], row["who"]] for row in rows]
    lines = "\n".join(map(json.dumps, rows)).encode()
    for body in (json.dumps(rows).encode(), lines, lines + b"\n"):
        assert repr(JSON.read(body)) == repr(expected)


@given(body=st.binary(max_size=300) | ANY.map(lambda value: json.dumps(value).encode()))
@pytest.mark.parametrize("messages", [JSON, CSV], ids=["json", "csv"])
def test_any_bytes_are_rows_or_a_reason(messages, body):
    try:
        rows = messages.read(body)
    except UnreadableError:
        return
    assert rows
    assert all(len(row) == 3 for row in rows)
    assert all(isinstance(value, str | int | float | None) for row in rows for value in row)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b" " * (LONGEST + 1), "longer than 1 MiB"),
        (b"[" * 100_000, "not JSON"),
        (b'{"x": 1} {"x": 2}', "not JSON"),
        (b"9" * 10_000, "not an object of values by column"),
        (b'{"x": {}}', "with a list or an object for a value"),
        (b'{"who": "\\udfff"}', "with a text that is not Unicode"),
        (b"  \n ", "without a row"),
    ],
)
def test_what_cannot_be_read_has_a_reason(body, reason):
    with pytest.raises(UnreadableError) as refused:
        JSON.read(body)
    assert str(refused.value) in (reason, "not JSON")


def test_a_key_that_is_called_otherwise_and_one_that_is_not_there():
    messages = Messages.of(SCHEMA, {"map": {"Größe": "x"}})
    assert messages.read('{"Gro\u0308\u00dfe": 3, "who": 7}'.encode()) == [[3, None, 7]]
    lines = Messages.of(SCHEMA, {"format": "csv", "columns": "a,b,s", "map": {"a": "x", "b": "who"}})
    assert lines.read(b"1,2,3") == [["1", "3", "2"]]


def test_no_more_messages_are_looked_at_than_there_are_rows_to_show():
    bodies = iter([b"not json", b'[{"x": 1}, {"x": 2}]', b'{"y": 3}'])
    assert sampled(bodies, {}, 2) == {"x": [1, 2]}
    assert next(bodies) == b'{"y": 3}'
