"""Fields side by side, and fields in digits: adding what is packed adds the fields, whatever they hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedpeer.core.errors import MismatchError, OverflowRefusedError
from fedpeer.core.privacy import packing
from fedpeer.core.privacy.cipher import Terms, fields, opened
from fedpeer.core.statistics.residues import Block, Residues

blocks = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4)), min_size=1, max_size=4)


@st.composite
def sums(draw):
    """Terms, and as many vectors as they allow or fewer."""
    layout = tuple(Block(f"b{k}", entries, limbs) for k, (entries, limbs) in enumerate(draw(blocks)))
    terms = Terms("test", (), layout, draw(st.integers(1, 9)))
    entry = {b: st.integers(-(2 ** (64 * b.limbs - 1)), 2 ** (64 * b.limbs - 1) - 1) | st.just(-1) for b in layout}
    vector = st.tuples(*(st.lists(entry[b], min_size=b.entries, max_size=b.entries) for b in layout))
    found = draw(st.lists(vector, min_size=1, max_size=terms.addends))
    return terms, [Residues.of(layout, values) for values in found]


def added(columns):
    return [sum(each) for each in zip(*columns, strict=True)]


@pytest.mark.long
@given(sums(), st.integers(260, 700))
def test_integers_of_any_size_add_up_to_the_sum_of_residues(drawn, capacity):
    terms, vectors = drawn
    packed = [packing.pack(terms, fields(terms, vector), capacity) for vector in vectors]
    total = added(packed)
    assert len(total) == packing.integers(terms, capacity)
    assert max(total) < 2**capacity
    found = opened(terms, packing.unpack(terms, total, capacity), len(vectors))
    assert found == sum(vectors, Residues.zero(terms.layout))


@pytest.mark.long
@given(sums(), st.integers(1, 70))
def test_digits_of_any_size_add_up_to_the_sum_of_residues(drawn, bits):
    terms, vectors = drawn
    digits = [packing.split(terms, fields(terms, vector), bits) for vector in vectors]
    assert all(len(each) == packing.length(terms, bits) and max(each) < 2**bits for each in digits)
    found = opened(terms, packing.join(terms, added(digits), bits), len(vectors))
    assert found == sum(vectors, Residues.zero(terms.layout))


def test_what_does_not_fit_is_refused():
    terms = Terms("test", (), (Block("b", 2, 2),), 3)
    assert list(terms.widths()) == [2, 130, 130]
    with pytest.raises(OverflowRefusedError, match="130 bits"):
        packing.integers(terms, 129)
    assert packing.integers(terms, 130) == 3
    assert packing.integers(terms, 262) == 1
    with pytest.raises(MismatchError, match="larger than its fields"):
        list(packing.unpack(terms, [2**262], 262))
    for sums, why in (([2, 0, 0], "is of 2"), ([1, 0, 2**128], "block b"), ([1, -1, 0], "block b")):
        with pytest.raises(MismatchError, match=why):
            opened(terms, sums, 1)
