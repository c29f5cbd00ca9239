"""Strict reading: what two readers could take differently is refused, and nothing else is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedpeer.api import strict
from fedpeer.api.bodies import AddRows, Create, LogQuery, Wait
from fedpeer.core.errors import RequestError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


LONG = b" " * 20_000  # from so much on, brackets are found and keys compared another way


@given(VALUES, st.sampled_from([b"", LONG]))
def test_what_any_reader_reads_is_read_the_same(value: Any, pad: bytes) -> None:
    assert strict.decode(pad + json.dumps(value).encode(), object) == value


@given(VALUES, st.text(max_size=3), st.booleans())
def test_a_key_that_is_twice_in_a_long_body_is_found_anywhere(value: Any, name: str, escaped: bool) -> None:
    told, key = json.dumps(value, ensure_ascii=escaped), json.dumps(name)
    text = f'[{told}, {{"rows": [{told}, [1, "["], [{{{key}: {told}, {key}: [2]}}]]}}, {told}]'.encode()
    for body in (text, LONG + text):
        with pytest.raises(RequestError, match="a key is given twice"):
            strict.decode(body, object)


@pytest.mark.parametrize("pad", [b"", LONG])
@pytest.mark.parametrize("text", ["\\", '"', '\\"', '\\\\"', "[", ']"[', '"\\[[', "é[", "\\u005b"])
def test_no_text_hides_depth_or_makes_it(text: str, pad: bytes) -> None:
    told = json.dumps([text] * 40).encode()
    assert strict.decode(pad + told, list[str]) == [text] * 40
    with pytest.raises(RequestError, match="deeper than 32"):
        strict.decode(pad + b"[" + told + b"," + b"[" * strict.DEPTH + b"]" * strict.DEPTH + b"]", object)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": 1, "a": 2}',
        b'{"a": 1, "\\u0061": 2}',
        b'[{"x": {"b": 1, "c": 2, "b": 1}}]',
        b"NaN",
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e999]",
        b"[01]",
        b"[1,]",
        b"{} {}",
        b"{'a': 1}",
        b"\xef\xbb\xbf{}",
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\n"',
        b"",
        b"[1" + b"0" * 6000 + b"]",
        b"[" * 40 + b"]" * 40,
        b"[" * 1_000_000,
        b'{"a":' * 100_000,
    ],
)
@pytest.mark.parametrize("pad", [b"", LONG])
def test_what_readers_differ_on_is_refused(text: bytes, pad: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        strict.decode(pad + text, object)
    assert len(str(caught.value)) < 400


def test_brackets_in_texts_are_not_depth() -> None:
    text = json.dumps({"text": "[" * 100 + '\\"[[' + "]" * 3})
    assert strict.decode(text.encode(), dict[str, str]) == json.loads(text)


def test_depth_is_counted_to_the_last_level() -> None:
    deep = b"[" * strict.DEPTH + b"]" * strict.DEPTH
    for pad in (b"", LONG):
        assert strict.decode(pad + deep, object)
        with pytest.raises(RequestError, match="deeper than 32"):
            strict.decode(pad + b"[" + deep + b"]", object)


def test_the_message_names_the_place_but_not_the_value() -> None:
    with pytest.raises(RequestError, match=r"expected `str`, got `int` - at `\$.name`"):
        strict.decode(b'{"name": 123456}', Create)
    with pytest.raises(RequestError, match="unknown field `passphrase_typo`"):
        strict.decode(b'{"name": "a", "schema": {}, "contract": "", "passphrase_typo": "hidden words"}', Create)


def test_rows_come_in_two_forms() -> None:
    assert strict.decode(b'{"rows": [{"a": 1, "b": null}]}', AddRows).rows == [{"a": 1, "b": None}]
    assert strict.decode(b'{"rows": {"a": [1, "x", 2.5, true]}}', AddRows).rows == {"a": [1, "x", 2.5, True]}
    for wrong in (b'{"rows": [[1]]}', b'{"rows": {"a": 1}}', b'{"rows": [{"a": {}}]}', b'{"rows": "a"}'):
        with pytest.raises(RequestError):
            strict.decode(wrong, AddRows)


def test_a_query_is_typed() -> None:
    assert strict.convert([("wait", "2.5")], Wait).wait == 2.5
    assert strict.convert([("limit", "5"), ("kinds", "a,b")], LogQuery) == LogQuery(limit=5, kinds="a,b")
    for pairs in ([("wait", "nan")], [("wait", "inf")], [("wait", "1"), ("wait", "2")], [("wait", "601")], [("x", "")]):
        with pytest.raises(RequestError):
            strict.convert(pairs, Wait)
