"""Paillier: against the textbook, with hostile keys and ciphertexts, and through its three roles."""

from __future__ import annotations

import ast
import math
import re
from pathlib import Path

import pytest

from fedpeer.adapters.cipher_paillier import PaillierCipher
from fedpeer.core.canonical import decode, encode
from fedpeer.core.errors import ConfigError, MalformedError, MismatchError
from fedpeer.core.models.fit import fit
from fedpeer.core.privacy.cipher import Ciphertext
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.layout import layout
from fedpeer.core.statistics.residues import Block, Residues, integers
from fedpeer.core.statistics.summary import Summary
from tests.support.ciphers import SmallPaillier
from tests.support.real import diabetes

LAYOUT = (Block("sums", 7, 1), Block("products", 9, 2))
BITS = 512
SEED = bytes(range(32))
VECTORS = [Residues.of(LAYOUT, [[(-1) ** k * 10**k * i for i in range(b.entries)] for b in LAYOUT]) for k in (1, 2, 3)]


@pytest.fixture(scope="module")
def cipher():
    return SmallPaillier(LAYOUT, 3)


@pytest.fixture(scope="module")
def secret(cipher):
    return cipher.generate(SEED)


@pytest.fixture(scope="module")
def public(cipher, secret):
    return cipher.public(secret)


@pytest.fixture(scope="module")
def sealed(cipher, public):
    return cipher.encrypt(public, VECTORS[0], SEED)


def number(field: bytes) -> int:
    return int.from_bytes(field, "big")


def primes(secret: bytes) -> tuple[int, int]:
    from fedpeer.adapters.cipher_paillier import _Secret

    found = decode(secret, _Secret)
    return number(found.p), number(found.q)


def key(n: int, size: int = BITS // 8) -> bytes:
    from fedpeer.adapters.cipher_paillier import _Public

    return encode(_Public(n.to_bytes(size, "big")))


def with_parts(sealed: bytes, *parts: bytes, addends: int = 1) -> bytes:
    read = decode(sealed, Ciphertext)
    return encode(Ciphertext(read.terms, read.key, addends, parts))


def textbook(part: bytes, p: int, q: int) -> int:
    """Decryption by λ and μ as the definition has it, in Python's integers."""
    n, period = p * q, math.lcm(p - 1, q - 1)
    return (pow(number(part), period, n * n) - 1) // n * pow(period, -1, n) % n


def test_the_textbook_reads_the_same(cipher, public, secret):
    total = cipher.add(public, [cipher.encrypt(public, v, bytes([k] * 32)) for k, v in enumerate(VECTORS)])
    numbers = [textbook(part, *primes(secret)) for part in decode(total, Ciphertext).parts]
    widths, found = [2] + [66] * 7 + [130] * 9, []
    for packed in numbers:
        free = BITS - 1
        while widths and widths[0] <= free:
            width = widths.pop(0)
            found.append(packed % 2**width)
            packed, free = packed >> width, free - width
        assert packed == 0
    assert widths == []
    expected = [0] * 16
    for vector in VECTORS:
        values = [v % 2 ** (64 * b.limbs) for b in LAYOUT for v in integers(vector.part(b.name))]
        expected = [a + b for a, b in zip(expected, values, strict=True)]
    assert found == [3, *expected]


@pytest.mark.parametrize("bits", [512, 2048, 3064, 3071, 3080, 0, -3072])
def test_short_and_odd_moduli_are_refused(bits):
    with pytest.raises(ConfigError, match="modulus"):
        PaillierCipher(LAYOUT, 3, bits=bits)


def test_nothing_but_tests_has_a_shorter_modulus():
    package = Path(__file__).parents[2] / "fedpeer"
    named = [path.name for path in package.rglob("*.py") for _ in re.findall("least_modulus", path.read_text("utf-8"))]
    assert set(named) == {"cipher_paillier.py"}
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            bases = [ast.unparse(base) for base in node.bases] if isinstance(node, ast.ClassDef) else []
            assert not any("Paillier" in base for base in bases), path
    assert PaillierCipher.least_modulus == 3072
    assert SmallPaillier.least_modulus < 3072


def test_a_key_is_a_function_of_its_seed_and_of_the_terms(cipher, secret):
    assert cipher.generate(SEED) == secret
    assert cipher.generate(bytes(32)) != secret
    assert SmallPaillier(LAYOUT, 2).generate(SEED) != secret
    p, q = primes(secret)
    assert p < q
    assert (p * q).bit_length() == BITS
    assert all(pow(a, prime - 1, prime) == 1 for prime in (p, q) for a in (2, 3, 5, 7, 11, 13))


def test_every_ciphertext_is_blinded_otherwise(cipher, public, secret, sealed):
    n = math.prod(primes(secret))

    def blinds(ciphertext):
        parts = decode(ciphertext, Ciphertext).parts
        return {number(part) * pow(1 + textbook(part, *primes(secret)) * n, -1, n * n) % (n * n) for part in parts}

    ciphertexts = [
        sealed,
        cipher.encrypt(public, VECTORS[0], bytes(32)),
        cipher.encrypt(public, VECTORS[1], SEED),  # a seed that is used twice
        cipher.encrypt(public, VECTORS[0], SEED[1:] + b"\0"),
    ]
    parts = len(decode(sealed, Ciphertext).parts)
    assert len(set.union(*map(blinds, ciphertexts))) == 4 * parts
    assert cipher.encrypt(public, VECTORS[0], SEED) == sealed


def test_parts_that_are_no_units_are_refused(cipher, public, secret, sealed):
    p, q = primes(secret)
    n, good = p * q, decode(sealed, Ciphertext).parts
    for bad in (0, p, q * 5, n, n * (n - 1), n * n, n * n + 1, 2 ** (2 * BITS) - 1):
        for place in (0, len(good) - 1):
            parts = list(good)
            parts[place] = bad.to_bytes(BITS // 4, "big")
            with pytest.raises(MalformedError, match="unit"):
                cipher.add(public, [with_parts(sealed, *parts)])
            with pytest.raises(MalformedError, match="unit"):
                cipher.decrypt(secret, with_parts(sealed, *parts), 1)


def test_ciphertexts_have_one_form_only(cipher, public, sealed):
    good = decode(sealed, Ciphertext).parts
    for parts in (good[:-1], (*good, good[0]), (), (good[0][1:], *good[1:]), (b"\0" + good[0], *good[1:])):
        with pytest.raises(MalformedError, match="parts"):
            cipher.add(public, [with_parts(sealed, *parts)])


def test_public_keys_that_are_no_product_of_two_large_primes_are_refused(cipher, public, secret):
    p, q = primes(secret)
    prime = next(k for k in range(2**BITS - 1, 0, -2) if pow(2, k - 1, k) == 1)
    square = p * p
    for n in (prime, square, p * q - 1, 3 * (2**BITS // 3) | 1, p, 2**BITS - 2, 1, 0):
        with pytest.raises(MalformedError):
            cipher.encrypt(key(n), VECTORS[0], SEED)
    for bad in (key(p * q, BITS // 8 + 1), encode(p * q % 2**64), b"", public + b"\0"):
        with pytest.raises(MalformedError):
            cipher.encrypt(bad, VECTORS[0], SEED)
    assert cipher.encrypt(key(p * q), VECTORS[0], SEED)


def test_secret_keys_have_one_form_only(cipher, secret, sealed):
    from fedpeer.adapters.cipher_paillier import _Secret

    p, q = primes(secret)
    for pair in ((q, p), (p, p), (p, q + 2), (1, q), (p, 0)):
        with pytest.raises(MalformedError):
            cipher.decrypt(encode(_Secret(*(each.to_bytes(BITS // 16, "big") for each in pair))), sealed, 1)
    with pytest.raises(MalformedError):
        cipher.public(encode(_Secret(p.to_bytes(BITS // 16 + 1, "big"), q.to_bytes(BITS // 16, "big"))))


def test_a_sum_that_contributors_cannot_make_is_not_opened(cipher, public, secret, sealed):
    n, good = math.prod(primes(secret)), decode(sealed, Ciphertext).parts
    for place, extra in ((0, 2 ** (BITS - 2)), (0, 2**67), (len(good) - 1, 2 ** (BITS - 2))):
        parts = list(good)
        moved = number(parts[place]) * (1 + extra * n) % (n * n)
        parts[place] = moved.to_bytes(BITS // 4, "big")
        with pytest.raises(MismatchError, match="contributors"):
            cipher.decrypt(secret, with_parts(sealed, *parts), 1)


def test_three_roles_fit_what_the_pooled_rows_give():
    table, pooled = diabetes()
    schema, hospitals = pooled.schema, 3
    cipher = PaillierCipher(layout(schema), hospitals)

    # The beneficiary makes the key and publishes half of it.
    secret = cipher.generate(SEED)
    public = cipher.public(secret)

    # Each contributor has rows, and the public key.
    sealed = []
    for k in range(hospitals):
        own = collect(schema, {name: values[k::hospitals] for name, values in table.items()})
        sealed.append(cipher.encrypt(public, own.residues, bytes([k] * 32)))

    # The coordinator has ciphertexts, and no key.
    total = cipher.add(public, sealed)

    # The beneficiary has one ciphertext.
    opened = Summary(schema, cipher.decrypt(secret, total, hospitals))
    assert opened == pooled
    assert opened.to_bytes() == pooled.to_bytes()
    assert encode(fit(opened, "ols", "y").to_dict()) == encode(fit(pooled, "ols", "y").to_dict())


def test_the_page_says_how_large_it_is():
    page = (Path(__file__).parents[2] / "docs/protocol/sum-ciphers.md").read_text("utf-8")
    assert f"| {PaillierCipher((Block('products', 5151, 2),), 3).size:,} |" in page
