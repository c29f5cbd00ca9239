"""What every SumCipher must do, on each of them and on the reference that hides nothing."""

import contextlib
import functools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedpeer.core.canonical import decode, encode
from fedpeer.core.errors import MalformedError, MismatchError, OverflowRefusedError, RemoteError
from fedpeer.core.privacy.cipher import Ciphertext
from fedpeer.core.statistics.residues import Block, Residues
from tests.support.ciphers import NearCkks, PlainCipher, SmallPaillier

LAYOUT = (Block("rows", 1, 1), Block("sums", 5, 2), Block("none", 0, 1), Block("fourth", 3, 4))
MOST = 5
KINDS = {"plain": PlainCipher, "paillier": SmallPaillier, "ckks": NearCkks}
SEEDS = (bytes(range(32)), bytes(range(1, 33)))


@functools.cache
def prepared(kind):
    """A cipher, a secret key and its public key, made once: making keys is slow."""
    cipher = KINDS[kind](LAYOUT, MOST)
    secret = cipher.generate(SEEDS[0])
    return cipher, secret, cipher.public(secret)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def made(kind):
    return prepared(kind)


def residues(count):
    """An entry's every value, the ends of its range more often than others."""
    blocks = []
    for block in LAYOUT:
        ends = [0, 1, -1, 2 ** (64 * block.limbs - 1) - 1, -(2 ** (64 * block.limbs - 1))]
        entry = st.sampled_from(ends) | st.integers(ends[-1], ends[-2])
        blocks.append(st.lists(entry, min_size=block.entries, max_size=block.entries))
    return st.lists(st.tuples(*blocks).map(lambda v: Residues.of(LAYOUT, v)), min_size=count[0], max_size=count[1])


def numbered(k):
    return Residues.of(LAYOUT, [[k * 100 + i for i in range(block.entries)] for block in LAYOUT])


QUICK = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(vectors=residues((1, MOST)), seed=st.binary(min_size=32, max_size=32))
def test_the_opened_sum_is_the_sum_of_residues(made, vectors, seed):
    cipher, secret, public = made
    sealed = [cipher.encrypt(public, vector, bytes([k]) + seed[1:]) for k, vector in enumerate(vectors)]
    opened = cipher.decrypt(secret, cipher.add(public, sealed), len(vectors))
    assert opened == sum(vectors, Residues.zero(LAYOUT))
    assert opened.to_bytes() == sum(vectors, Residues.zero(LAYOUT)).to_bytes()


def test_sums_of_sums_are_sums(made):
    cipher, secret, public = made
    a, b, c = (cipher.encrypt(public, numbered(k), bytes([k] * 32)) for k in (1, 2, 3))
    total = numbered(1) + numbered(2) + numbered(3)
    assert cipher.decrypt(secret, cipher.add(public, [cipher.add(public, [a, b]), c]), 3) == total
    assert cipher.decrypt(secret, cipher.add(public, [c, cipher.add(public, [b, a])]), 3) == total
    assert cipher.decrypt(secret, a, 1) == numbered(1)


def test_the_largest_sum_that_is_allowed_is_right_and_a_larger_one_is_refused(made):
    cipher, secret, public = made
    largest = Residues.of(LAYOUT, [[-1] * block.entries for block in LAYOUT])
    sealed = cipher.encrypt(public, largest, SEEDS[1])
    full = cipher.add(public, [sealed] * MOST)
    assert cipher.decrypt(secret, full, MOST) == sum([largest] * MOST, Residues.zero(LAYOUT))
    for ciphertexts in ([sealed] * (MOST + 1), [full, sealed], []):
        with pytest.raises(OverflowRefusedError):
            cipher.add(public, ciphertexts)


def test_a_sum_of_another_number_is_not_opened(made):
    cipher, secret, public = made
    pair = cipher.add(public, [cipher.encrypt(public, numbered(k), SEEDS[k]) for k in (0, 1)])
    for addends in (0, 1, 3, MOST + 1):
        with pytest.raises(MismatchError):
            cipher.decrypt(secret, pair, addends)


def test_who_adds_cannot_say_another_number_than_it_added(kind, made):
    if kind == "plain":
        pytest.skip("the reference has nothing to hold the adder to")
    cipher, secret, public = made
    pair = cipher.add(public, [cipher.encrypt(public, numbered(k), SEEDS[k]) for k in (0, 1)])
    read = decode(pair, Ciphertext)
    for addends in (1, 3):
        forged = encode(Ciphertext(read.terms, read.key, addends, read.parts))
        with pytest.raises(MismatchError, match="is of 2 contributors"):
            cipher.decrypt(secret, forged, addends)


def test_ciphertexts_of_other_terms_and_other_keys_do_not_add_up(kind, made):
    cipher, secret, public = made
    sealed = cipher.encrypt(public, numbered(1), SEEDS[1])
    other = cipher.public(cipher.generate(SEEDS[1]))
    for stranger in (
        cipher.encrypt(other, numbered(1), SEEDS[1]),
        KINDS[kind](LAYOUT, MOST - 1).encrypt(public, numbered(1), SEEDS[1]),
    ):
        with pytest.raises(MismatchError):
            cipher.add(public, [sealed, stranger])
        with pytest.raises(MismatchError):
            cipher.decrypt(secret, stranger, 1)


def test_a_vector_of_another_layout_is_not_encrypted(made):
    cipher, _, public = made
    with pytest.raises(ValueError, match="layout"):
        cipher.encrypt(public, Residues.zero((Block("rows", 1, 1),)), SEEDS[0])


def test_sizes_are_bounded_before(made):
    cipher, _, public = made
    sealed = [cipher.encrypt(public, numbered(k), bytes([k] * 32)) for k in range(MOST)]
    assert all(len(each) <= cipher.size for each in (*sealed, cipher.add(public, sealed)))


@pytest.mark.parametrize("addends", [0, -1, 1001, 2**40])
def test_a_number_of_addends_that_is_not_proved_safe_is_refused(kind, addends):
    with pytest.raises(OverflowRefusedError):
        KINDS[kind](LAYOUT, addends)


def test_the_two_keys_are_not_taken_for_each_other(made):
    cipher, secret, public = made
    with pytest.raises(MalformedError):
        cipher.encrypt(secret, numbered(1), SEEDS[0])
    with pytest.raises(MalformedError):
        cipher.decrypt(public, cipher.encrypt(public, numbered(1), SEEDS[0]), 1)


@settings(parent=QUICK, max_examples=60)
@given(data=st.data())
def test_bytes_of_others_are_refused_or_are_a_ciphertext_and_nothing_else_happens(made, data):
    cipher, secret, public = made
    good = {"sum": cipher.encrypt(public, numbered(1), SEEDS[1]), "key": public}
    which = data.draw(st.sampled_from(sorted(good)))
    bad = data.draw(damaged(good[which]) | st.binary(max_size=200))
    for attempt in (
        (lambda: cipher.add(public, [bad, good["sum"]]), lambda: cipher.decrypt(secret, bad, 1))
        if which == "sum"
        else (lambda: cipher.encrypt(bad, numbered(1), SEEDS[1]), lambda: cipher.add(bad, [good["sum"]]))
    ):
        with contextlib.suppress(RemoteError, OverflowRefusedError):
            attempt()


def damaged(good):
    """Good bytes with one changed, some cut off, some put in, or some repeated."""
    at = st.integers(0, len(good) - 1)
    return st.one_of(
        st.tuples(at, st.integers(1, 255)).map(lambda t: good[: t[0]] + bytes([good[t[0]] ^ t[1]]) + good[t[0] + 1 :]),
        at.map(lambda cut: good[:cut]),
        st.tuples(at, st.binary(min_size=1, max_size=9)).map(lambda t: good[: t[0]] + t[1] + good[t[0] :]),
        st.tuples(at, at).map(lambda t: good[: max(t)] + good[min(t) :]),
    )
