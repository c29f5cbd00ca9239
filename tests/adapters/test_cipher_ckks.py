"""CKKS: how far off it is and why that does not matter, hostile bytes, and the process that reads them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import tenseal

from fedpeer.adapters.cipher_ckks import LEAN, USUAL, CkksCipher
from fedpeer.adapters.ckks_task import Task, _ciphertext, _context
from fedpeer.adapters.disposable import dispose
from fedpeer.core.canonical import decode, encode
from fedpeer.core.errors import ConfigError, MalformedError, OverflowRefusedError, RemoteError
from fedpeer.core.models.fit import fit
from fedpeer.core.privacy.cipher import Ciphertext
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.layout import layout
from fedpeer.core.statistics.residues import Block, Residues
from fedpeer.core.statistics.summary import Summary
from tests.support.ciphers import NearCkks
from tests.support.real import diabetes

LAYOUT = (Block("sums", 7, 1), Block("products", 900, 2))
SEED = bytes(32)
WORST = Residues.of(LAYOUT, [[-1] * block.entries for block in LAYOUT])
ZERO = Residues.zero(LAYOUT)
GIB = 2**30


def with_parts(sealed: bytes, *parts: bytes) -> bytes:
    read = decode(sealed, Ciphertext)
    return encode(Ciphertext(read.terms, read.key, read.addends, parts))


def context_of(key: bytes) -> bytes:
    from fedpeer.adapters.cipher_ckks import _Key

    return decode(key, _Key).context


def wrapped(context: bytes, *, secret: bool = False) -> bytes:
    from fedpeer.adapters.cipher_ckks import _Key

    return encode(_Key(secret, context))


@pytest.fixture(scope="module")
def cipher():
    return NearCkks(LAYOUT, 3)


@pytest.fixture(scope="module")
def secret(cipher):
    return cipher.generate(SEED)


@pytest.fixture(scope="module")
def public(cipher, secret):
    return cipher.public(secret)


@pytest.mark.parametrize(
    ("parameters", "addends"),
    [
        (LEAN, 3),
        (USUAL, 3),
        *(pytest.param(p, k, marks=pytest.mark.long) for p in (LEAN, USUAL) for k in (1, 60, 1000)),
    ],
)
def test_errors_stay_far_below_what_is_proved_of_them(parameters, addends):
    cipher = NearCkks(LAYOUT, addends, parameters=parameters)
    secret = cipher.generate(SEED)
    public = cipher.public(secret)
    sealed = cipher.encrypt(public, WORST, SEED)
    count = min(addends, 60)
    total = cipher.add(public, [sealed] + [cipher.encrypt(public, WORST, SEED)] * (count - 1))
    *_, scale, _ = cipher.terms.parameters
    task = Task("decrypt", parameters[0], parameters[1:], scale, context_of(secret))
    context = _context(task, secret=True)
    values = [v for part in decode(total, Ciphertext).parts for v in _ciphertext(task, context, part).decrypt()]
    error, proved = max(abs(v - round(v)) for v in values), addends * parameters[0] * (parameters[0] + 4) / 2 / 2**scale
    assert 0 < error < proved <= 1 / 8
    assert cipher.decrypt(secret, total, count) == sum([WORST] * count, ZERO)


def test_other_parameters_are_refused():
    for parameters in ((2048, 54), (8192, 60, 40, 60), (4096, 60, 49, 1), ()):
        with pytest.raises(ConfigError, match="ckks"):
            CkksCipher(LAYOUT, 3, parameters=parameters)


def test_more_addends_than_digits_can_hold_are_refused(monkeypatch):
    monkeypatch.setattr(CkksCipher, "offered", ((4096, 40, 40),))
    with pytest.raises(OverflowRefusedError, match="addends"):
        CkksCipher(LAYOUT, 1000, parameters=(4096, 40, 40))


def test_what_is_opened_says_nothing_of_key_or_randomness():
    rng = random.Random(1)
    vectors = [Residues.of(LAYOUT, [[rng.getrandbits(60) for _ in range(b.entries)] for b in LAYOUT]) for _ in range(3)]
    seen = set()
    for _ in range(4):
        cipher = NearCkks(LAYOUT, 3)
        secret = cipher.generate(SEED)
        sealed = [cipher.encrypt(cipher.public(secret), vector, SEED) for vector in vectors]
        seen.add((secret, sealed[0], cipher.decrypt(secret, cipher.add(cipher.public(secret), sealed), 3).to_bytes()))
    assert [len({each[k] for each in seen}) for k in range(3)] == [4, 4, 1]


def test_the_callers_noise_is_on_what_leaves(secret, public):
    noise = Residues.of(LAYOUT, [[k - 3 for k in range(block.entries)] for block in LAYOUT])
    noisy = NearCkks(LAYOUT, 3, noise=lambda asked: noise if asked == LAYOUT else ZERO)
    assert noisy.decrypt(secret, noisy.encrypt(public, WORST, SEED), 1) == WORST + noise


def test_keys_of_other_parameters_or_with_the_secret_in_them_are_refused(cipher, secret, public):
    def key(degree, bits, *, private=False):
        made = tenseal.context(tenseal.SCHEME_TYPE.CKKS, degree, coeff_mod_bit_sizes=bits)
        return wrapped(made.serialize(save_secret_key=private, save_galois_keys=False, save_relin_keys=False))

    for bad, why in (
        (key(8192, [60, 40, 40, 60]), "parameters"),
        (key(4096, [50, 49]), "parameters"),
        (key(4096, [60, 49], private=True), "half of a key"),
        (wrapped(context_of(secret)), "half of a key"),
        (wrapped(b""), "TenSEAL"),
        (wrapped(context_of(public)[:5000]), "TenSEAL"),
    ):
        with pytest.raises(MalformedError, match=why):
            cipher.encrypt(bad, WORST, SEED)
    assert cipher.encrypt(key(4096, [60, 49]), WORST, SEED)


def test_ciphertexts_of_another_form_are_refused(cipher, secret, public):
    context = tenseal.context_from(context_of(public))
    sealed = cipher.encrypt(public, WORST, SEED)
    parts, scale = decode(sealed, Ciphertext).parts, cipher.terms.parameters[-2]
    other = tenseal.context(tenseal.SCHEME_TYPE.CKKS, 8192, coeff_mod_bit_sizes=[60, 40, 40, 60])

    def made(values, bits=scale, inside=context):
        return tenseal.ckks_vector(inside, values, scale=2.0**bits).serialize()

    for bad, why in (
        (made([1.0] * 2048, bits=scale - 1), "scale"),
        (made([1.0] * 2047), "form"),
        (made([1.0] * 2048, inside=other), "TenSEAL|form|parts"),
        (b"", "TenSEAL"),
        (parts[0][:-1], "TenSEAL"),
    ):
        for attempt in (
            lambda forged: cipher.add(public, [forged, sealed]),
            lambda forged: cipher.decrypt(secret, forged, 1),
        ):
            with pytest.raises(MalformedError, match=why):
                attempt(with_parts(sealed, bad, *parts[1:]))
    for some in (parts[:-1], (*parts, parts[0]), ()):
        with pytest.raises(MalformedError, match="parts"):
            cipher.add(public, [with_parts(sealed, *some)])


def test_what_is_no_sum_of_whole_digits_is_not_opened(cipher, secret, public):
    context, scale = tenseal.context_from(context_of(public)), cipher.terms.parameters[-2]
    sealed = cipher.encrypt(public, ZERO, SEED)
    first, *rest = decode(sealed, Ciphertext).parts

    def forged(values):
        padded = [*values, *[0.0] * (2048 - len(values))]
        return with_parts(sealed, tenseal.ckks_vector(context, padded, scale=2.0**scale).serialize(), *rest)

    assert cipher.decrypt(secret, forged([1.0]), 1) == ZERO
    for values, why in (([1.0, 0.5], "whole"), ([1.0, -1.0], "whole"), ([1.0, 2.0**29], "larger"), ([2.0], "of 2")):
        with pytest.raises(RemoteError, match=why):
            cipher.decrypt(secret, forged(values), 1)


@pytest.mark.long
def test_three_roles_fit_what_the_pooled_rows_give_in_processes_of_their_own():
    table, pooled = diabetes()
    cipher = CkksCipher(layout(pooled.schema), 3)
    secret = cipher.generate(SEED)
    public = cipher.public(secret)
    parts = [collect(pooled.schema, {name: values[k::3] for name, values in table.items()}) for k in range(3)]
    total = cipher.add(public, [cipher.encrypt(public, part.residues, SEED) for part in parts])
    opened = Summary(pooled.schema, cipher.decrypt(secret, total, 3))
    assert opened.to_bytes() == pooled.to_bytes()
    assert encode(fit(opened, "ols", "y").to_dict()) == encode(fit(pooled, "ols", "y").to_dict())


@pytest.mark.long
def test_hostile_bytes_end_at_most_the_process_that_reads_them():
    cipher, rng = CkksCipher(LAYOUT, 3), random.Random(2)
    secret = cipher.generate(SEED)
    public = cipher.public(secret)
    sealed = cipher.encrypt(public, WORST, SEED)
    parts, outcomes = decode(sealed, Ciphertext).parts, []
    for attempt in range(24):
        good = bytearray(parts[0] if attempt % 2 else context_of(public))
        for _ in range(rng.choice([1, 3, 40])):
            # Most of SEAL's lengths and flags are in the first bytes.
            good[rng.randrange(rng.choice([40, 200, len(good)]))] = rng.randrange(256)
        try:
            if attempt % 2:
                cipher.add(public, [with_parts(sealed, bytes(good), *parts[1:]), sealed])
            else:
                cipher.encrypt(wrapped(bytes(good)), WORST, SEED)
            outcomes.append("read")
        except MalformedError:
            outcomes.append("refused")
    assert outcomes.count("refused") >= 6


@pytest.mark.parametrize(("wish", "why"), [("memory", "status 1"), ("time", "status -"), ("die", "status -6")])
def test_a_process_gets_no_more_than_its_limits(wish, why):
    with pytest.raises(MalformedError, match=why):
        dispose("tests.support.hog", wish.encode(), memory=GIB, seconds=1)


def test_a_process_that_keeps_to_its_limits_is_heard():
    assert dispose("tests.support.hog", b"little", memory=GIB, seconds=5) == b"little"


def test_the_page_says_how_large_it_is():
    page = (Path(__file__).parents[2] / "docs/protocol/sum-ciphers.md").read_text("utf-8")
    cipher = CkksCipher((Block("products", 5151, 2),), 3)
    assert cipher.terms.parameters == (4096, 60, 49, 28, 28)
    assert f"| {cipher.size:,} |" in page
    sealed = cipher.encrypt(cipher.public(cipher.generate(SEED)), Residues.zero(cipher.terms.layout), SEED)
    assert 0.98 * cipher.size < len(sealed) <= cipher.size
