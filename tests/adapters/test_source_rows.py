"""Rows as JSON gives them, and as it should not."""

import pytest

from fedpeer.adapters.source_rows import RowsSource
from fedpeer.core.errors import SourceError


def read(rows, columns=None):
    (batch,) = RowsSource(rows).batches(columns)
    return {name: (str(batch.schema.field(name).type), batch.column(name).to_pylist()) for name in batch.schema.names}


def test_a_key_that_is_missing_is_a_missing_value():
    assert read([{"a": 1}, {"b": True}]) == {"a": ("int64", [1, None]), "b": ("bool", [None, True])}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, None, 2], ("int64", [1, None, 2])),
        ([1, 2.5], ("double", [1.0, 2.5])),
        ([2**53 + 1, 2], ("string", ["9007199254740993", "2"])),
        ([2**70, 0.1], ("string", [str(2**70), "0.1"])),
        ([True, 2], ("string", ["true", "2"])),
        ([1, "NA", 0.1, None, False], ("string", ["1", "NA", "0.1", None, "false"])),
        (["0.10", "x"], ("string", ["0.10", "x"])),
        ([None, None], ("bool", [None, None])),
    ],
)
def test_numbers_stay_numbers_where_nothing_is_lost(values, expected):
    assert read({"x": values})["x"] == expected


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([], "there are none"),
        ({}, "there are none"),
        ("text", "posted rows are a text"),
        (5, "posted rows are a int"),
        ([1], "row 1 is a int, not an object"),
        ([{"a": 1}, [2]], "row 2 is a list, not an object"),
        ({"a": 1}, "column 'a' is a int, not a list"),
        ({"a": "text"}, "column 'a' is a text, not a list"),
        ({"a": [1], "b": [1, 2]}, "column 'a' has 1 values and column 'b' 2"),
        ([{"a": 1}, {"a": [1]}], "row 2, column 'a' is a list"),
        ({"a": [{"b": 1}]}, "row 1, column 'a' is an object"),
        ({"a": ["\ud800"]}, "column 'a' has a text that is not Unicode"),
    ],
)
def test_what_is_no_table_is_told(rows, problem):
    with pytest.raises(SourceError) as caught:
        list(RowsSource(rows).batches())
    assert problem in str(caught.value)
