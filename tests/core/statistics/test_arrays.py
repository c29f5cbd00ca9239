"""Columns straight from bytes are those that a JSON reader gives, or none."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fedpeer.core.statistics.arrays import array_of, lattice
from fedpeer.core.statistics.collect import tally
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema

PLAIN = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\'), max_size=6) | st.sampled_from(
    ["],[", "[", "]]", ",", " ", '","'.replace('"', "'"), "é", "\u2028"]
)
NUMBERS = st.from_regex(r"[+-]?(\d{1,12}\.?\d{0,12}|\.\d{1,9})([eE][+-]?\d{1,2})?", fullmatch=True) | st.sampled_from(
    [" 1 ", "NA", "", "inf", "true", "0.5", "0.05", "-100", "100.0000000000000000001", "1e2", "x", "0.15", "1_0", "٣"]
)
STRUCTURE = st.lists(st.sampled_from([*'[],"a1 \n\\:{}', '"],["', '","', "null", "é"]), max_size=14).map("".join)
SCHEMA = Schema([Feature("x", "continuous", min=-100, max=100, resolution="0.1"), Feature("y", "binary")])


@st.composite
def rows(draw: st.DrawFn, values: st.SearchStrategy[str] = PLAIN) -> list[list[str]]:
    width = draw(st.integers(1, 4))
    return draw(st.lists(st.lists(values, min_size=width, max_size=width), min_size=1, max_size=6))


@given(rows(), st.sampled_from([(",", ":"), (", ", ": "), (" ,  ", ":")]), st.booleans())
def test_rows_of_texts_are_read_as_any_reader_reads_them(
    told: list[list[str]], separators: tuple[str, str], escaped: bool
) -> None:
    text = json.dumps(told, separators=separators, ensure_ascii=escaped).encode()
    columns = lattice(text, len(told[0]))
    if columns is None:
        assert b"\\" in text
    else:
        assert [column.to_pylist() for column in columns] == [list(column) for column in zip(*told, strict=True)]


@given(STRUCTURE.map(str.encode) | st.binary(max_size=12), st.integers(0, 3))
@example(b'[["a",[],"b"]]', 1)
@example(b'[["a"],["b"]', 1)
@example(b'[["a""b"]]', 2)
@example(b'[["a","b"],["c","d"],]', 2)
@example(b'[["a","b","c"],["d"]]', 2)
@example(b'[["a",1,"b"]]', 2)
@example(b'[["\xff"]]', 1)
@example(b'[["\xed\xa0\x80"]]', 1)
@example(b'[["a\nb"]]', 1)
def test_nothing_else_is_taken_for_rows_of_texts(text: bytes, width: int) -> None:
    columns = lattice(text, width)
    if columns is not None:
        told = json.loads(text)
        assert all(len(row) == width and all(isinstance(value, str) for value in row) for row in told)
        assert [column.to_pylist() for column in columns] == [list(column) for column in zip(*told, strict=True)]


@pytest.mark.long
@given(st.lists(NUMBERS, min_size=1, max_size=12))
def test_numbers_are_the_same_integers_by_both_ways(texts: list[str]) -> None:
    columns = lattice(json.dumps([[text, "1"] for text in texts], ensure_ascii=False).encode(), 2)
    assert columns is not None
    direct, made = dict(zip("xy", columns, strict=True)), {"x": array_of(texts), "y": array_of([1] * len(texts))}
    ours, theirs = tally(SCHEMA, direct), tally(SCHEMA, made)
    assert (ours.summary.digest, ours.rejected, ours.read) == (theirs.summary.digest, theirs.rejected, theirs.read)


@pytest.mark.parametrize("text", [b"", b"[]", b"[[]]", b"{}", b'"a"', b'["a"]', b'[[["a"]]]', b'[["a"]] x'])
def test_what_has_no_rows_has_no_columns(text: bytes) -> None:
    assert lattice(text, 1) is None
