"""The bytes of a summary: canonical, strict, and refused when no rows could have given them."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core.errors import MalformedError, MismatchError
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.layout import layout
from fedpeer.core.statistics.residues import Block, Residues, add, integers, subtract, widen
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from tests.support.flips import assert_a_flipped_bit_is_seen

SCHEMA = Schema(
    [
        Feature("x", min=0, max=100, resolution="0.5"),
        Feature("y", min=-1, max=1, resolution="0.0000000001"),
        Feature("b", "binary"),
        Feature("c", "category", levels=["u", "v", "w"]),
    ]
)
OTHER = Schema([Feature("b", "binary")])
RNG = np.random.default_rng(1)
TABLE = {
    "x": RNG.integers(0, 201, 300) / 2,
    "y": np.round(RNG.uniform(-1, 1, 300), 10),
    "b": RNG.integers(0, 2, 300),
    "c": RNG.choice(["u", "v", "w"], 300),
}
SUMMARY = collect(SCHEMA, TABLE)
BYTES = SUMMARY.to_bytes()


def blocks() -> dict[str, list[int]]:
    return {block.name: integers(SUMMARY.residues.part(block.name)) for block in layout(SCHEMA)}


def written(**changes: list[int]) -> bytes:
    values = blocks() | changes
    return Summary(SCHEMA, Residues.of(layout(SCHEMA), list(values.values()))).to_bytes()


def test_bytes_come_back_as_the_same_summary():
    again = Summary.from_bytes(BYTES, SCHEMA)
    assert again == SUMMARY
    assert again.to_bytes() == BYTES
    assert again.digest == SUMMARY.digest
    assert hash(again) == hash(SUMMARY)
    assert Summary.from_bytes(Summary.zero(SCHEMA).to_bytes(), SCHEMA) == Summary.zero(SCHEMA)


def test_the_bytes_say_which_blocks_follow_and_how_wide_they_are():
    form = msgspec.msgpack.decode(BYTES)
    assert form["form"] == 1
    assert form["schema"].hex() == SCHEMA.digest
    assert [block["name"] for block in form["blocks"]] == ["rows", "sums", "products", "squares"]
    assert [block["entries"] for block in form["blocks"]] == [1, 6, 21, 8]
    size = sum(8 * block["entries"] * block["limbs"] for block in form["blocks"])
    assert len(form["residues"]) == size
    assert form["residues"][:8] == (300).to_bytes(8, "little")


def test_an_added_row_changes_digest_and_bytes():
    more = SUMMARY + collect(SCHEMA, {"x": [1], "y": [0], "b": [0], "c": ["u"]})
    assert more.digest != SUMMARY.digest
    assert len(more.to_bytes()) == len(BYTES)


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_random_bytes_are_malformed(data):
    with pytest.raises(MalformedError):
        Summary.from_bytes(data, SCHEMA)


@pytest.mark.long
@given(st.integers(0, len(BYTES) - 1))
@settings(max_examples=200, deadline=None)
def test_truncated_bytes_are_malformed(length):
    with pytest.raises(MalformedError):
        Summary.from_bytes(BYTES[:length], SCHEMA)


@pytest.mark.long
@given(st.integers(0, 8 * len(BYTES) - 1))
@settings(max_examples=1000, deadline=None)
def test_a_flipped_bit_is_refused_or_gives_another_summary(bit):
    assert_a_flipped_bit_is_seen(SUMMARY, bit)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": bytes(32)}, "another schema"),
        ({"form": 2}, "form 2"),
        ({"blocks": (Block("rows", 1, 1),)}, "other blocks"),
        ({"residues": b""}, "bytes of residues"),
    ],
)
def test_other_forms_schemas_and_blocks_are_refused(change, said):
    form = msgspec.msgpack.decode(BYTES)
    data = msgspec.msgpack.encode(form | change)
    with pytest.raises((MalformedError, MismatchError), match=said):
        Summary.from_bytes(data, SCHEMA)
    with pytest.raises(MismatchError):
        Summary.from_bytes(BYTES, OTHER)


def changed(name: str, at: int, by: int) -> dict[str, list[int]]:
    values = list(blocks()[name])
    values[at] += by
    return {name: values}


# Columns are x, y, b, c$u, c$v, c$w; the triangle's rows start at 0, 6, 11, 15, 18, 20; squares: x, y given the last 4.
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rows": [-1]}, "-1 rows"),
        ({"rows": [2**40]}, "rows"),
        (changed("sums", 0, 10**9), "x: a sum beyond the range"),
        (changed("sums", 2, -1000), "b: a sum beyond the range"),
        (changed("products", 0, 10**9), "x: a sum of squares beyond the range"),
        (changed("products", 0, -blocks()["products"][0]), "x: a negative variance"),
        (changed("products", 0, 1), "x: .* odd"),
        (changed("products", 11, -2), "b: squares of zeros and ones"),
        (changed("products", 1, 10**16), "x with y: a covariance"),
        (changed("products", 12, 250), "b with c"),
        (changed("products", 12, 1), "c: levels"),
        (changed("products", 16, 1), "c\\$u with c\\$v|c: levels"),
        (changed("squares", 0, 10**9), "x given b"),
        (changed("squares", 0, -blocks()["squares"][0]), "x given b"),
        (changed("squares", 1, 1), "c: levels"),
        (changed("sums", 3, 1), "odd|squares of zeros"),
    ],
)
def test_what_no_rows_could_give_is_refused(change, said):
    with pytest.raises(MismatchError, match=said):
        Summary.from_bytes(written(**change), SCHEMA)


@given(st.integers(1, 8), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_what_rows_did_give_is_never_refused(rows, chance):
    ends = {
        "x": [chance.choice([0, 100, 50]) for _ in range(rows)],
        "y": [chance.choice([-1, 1, 0]) for _ in range(rows)],
        "b": [chance.choice([0, 1]) for _ in range(rows)],
        "c": [chance.choice("uvw") for _ in range(rows)],
    }
    summary = collect(SCHEMA, ends)
    assert Summary.from_bytes(summary.to_bytes(), SCHEMA) == summary


WIDTHS = st.sampled_from([1, 2, 3, 4])


@pytest.mark.long
@given(WIDTHS, st.data())
@settings(max_examples=200, deadline=None)
def test_residues_add_like_integers_modulo_their_width(limbs, data):
    whole = st.integers(-(2 ** (64 * limbs - 1)), 2 ** (64 * limbs - 1) - 1)
    pairs = data.draw(st.lists(st.tuples(whole, whole), min_size=1, max_size=5))
    table = (Block("t", len(pairs), limbs),)
    a, b = (Residues.of(table, [list(side)]) for side in zip(*pairs, strict=True))

    def wrapped(value: int) -> int:
        half = 2 ** (64 * limbs - 1)
        return (value + half) % (2 * half) - half

    assert integers(a.parts[0]) == [x for x, _ in pairs]
    assert integers(add(a.parts[0], b.parts[0])) == [wrapped(x + y) for x, y in pairs]
    assert integers(subtract(a.parts[0], b.parts[0])) == [wrapped(x - y) for x, y in pairs]
    assert integers((-a).parts[0]) == [wrapped(-x) for x, _ in pairs]
    assert Residues.from_bytes(table, a.to_bytes()) == a


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1), st.integers(0, 130))
def test_widened_integers_are_shifted_and_keep_their_sign(values, shift):
    wide = widen(np.array(values, np.int64), 4, shift)
    assert integers(wide) == [value << shift for value in values]


def test_residues_of_two_layouts_do_not_add_up():
    with pytest.raises(ValueError, match="different layouts"):
        Residues.zero(layout(SCHEMA)) + Residues.zero(layout(OTHER))
