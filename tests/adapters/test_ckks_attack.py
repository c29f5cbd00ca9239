"""Computing CKKS's secret key from what its holder releases (Li and Micciancio 2021): from raw decryptions, and ours.

A decryption m′ satisfies m′ = c₀ + c₁·s modulo q, and the ciphertext is known to who adds. The library gives the real
parts of its slots, which is m′ + σ(m′) for σ: X → 1/X. Two of them under one key are two linear equations in s, σ(s).
A released sum of whole numbers leaves the error out, and with it the equations.
"""

from __future__ import annotations

import struct

import gmpy2
import numpy as np
import pyarrow as pa
import pytest
import tenseal

from fedpeer.adapters.cipher_ckks import LEAN, _Key
from fedpeer.core.canonical import decode
from fedpeer.core.federation.sealed.coordinator import Summed
from fedpeer.core.privacy import packing
from fedpeer.core.privacy.cipher import Ciphertext, fields
from fedpeer.core.statistics.residues import Block, Residues
from tests.support import sealed
from tests.support.ciphers import NearCkks
from tests.support.rounds import LAYOUT as ROUND
from tests.support.sealed import Simulated

LAYOUT = (Block("sums", 400, 2),)
DEGREE = LEAN[0]
SLOTS = DEGREE // 2
PRIME = next(k for k in range((2**60 - 1) // (2 * DEGREE) * 2 * DEGREE + 1, 0, -2 * DEGREE) if gmpy2.is_prime(k))


def words(thing, path, count):
    """The last words of what SEAL saves: its numbers modulo the first prime, and modulo the others."""
    thing.save(str(path))
    data = path.read_bytes()
    assert data[:2] == b"\x5e\xa1"
    body = pa.CompressedInputStream(pa.BufferReader(data[16:]), "zstd").read() if data[5] == 2 else data[16:]
    return struct.unpack(f"<{count}Q", body[-8 * count :])


def smallest_root():
    found = next(r for a in range(2, 99) if pow(r := pow(a, (PRIME - 1) // (2 * DEGREE), PRIME), DEGREE, PRIME) != 1)
    square, root, roots = found * found % PRIME, found, []
    for _ in range(DEGREE):
        roots.append(root)
        root = root * square % PRIME
    return min(roots)


ROOT = smallest_root()
REVERSED = [int(f"{k:012b}"[::-1], 2) for k in range(DEGREE)]


def transform(values, root):
    """The values of a polynomial at the powers of a root of order DEGREE, modulo PRIME."""
    if len(values) == 1:
        return values
    even, odd = (transform(values[k::2], root * root % PRIME) for k in (0, 1))
    out, power = [0] * len(values), 1
    for k, (a, b) in enumerate(zip(even, odd, strict=True)):
        out[k], out[k + len(even)] = (a + power * b) % PRIME, (a - power * b) % PRIME
        power = power * root % PRIME
    return out


def evaluated(coefficients):
    """SEAL's form: at odd powers of the root, in bit-reversed order."""
    twisted = [c * pow(ROOT, k, PRIME) % PRIME for k, c in enumerate(coefficients)]
    found = transform(twisted, ROOT * ROOT % PRIME)
    return [found[REVERSED[k]] for k in range(DEGREE)]


def coefficients(values):
    """The inverse of `evaluated`, between −PRIME/2 and PRIME/2."""
    ordered = [0] * DEGREE
    for k, value in enumerate(values):
        ordered[REVERSED[k]] = value
    found = transform(ordered, pow(ROOT, -2, PRIME))
    back = [c * pow(DEGREE, -1, PRIME) * pow(ROOT, -k, PRIME) % PRIME for k, c in enumerate(found)]
    return [c - PRIME if c > PRIME // 2 else c for c in back]


def encoded(slots, scale):
    """The polynomial whose values at the slots' roots are these, times the scale: real coefficients."""
    odd, power = np.zeros(DEGREE, complex), 1
    for value in slots:
        odd[(power - 1) // 2] = value
        odd[DEGREE - 1 - (power - 1) // 2] = np.conj(value)
        power = power * 3 % (2 * DEGREE)
    found = np.fft.fft(odd) / DEGREE * np.exp(-1j * np.pi * np.arange(DEGREE) / DEGREE)
    return found.real * 2.0**scale


def attack(one, two):
    """The secret for which two ciphertexts' decryptions have these real parts, as polynomials."""
    rows = []
    for polynomial, first, second in (one, two):
        plain = evaluated([round(2 * c) for c in polynomial])
        # In this order of the roots, σ turns the values round.
        known = [(m - a - b) % PRIME for m, a, b in zip(plain, first, first[::-1], strict=True)]
        rows.append((known, second, second[::-1]))
    (m, a, b), (n, c, d) = rows
    return coefficients(
        [
            (m * d - n * b) * int(gmpy2.invert(a * d - b * c, PRIME)) % PRIME
            for m, a, b, n, c, d in zip(m, a, b, n, c, d, strict=True)
        ]
    )


@pytest.mark.long
def test_the_key_is_computed_from_raw_decryptions_and_not_from_what_is_released(tmp_path):
    vectors = [Residues.of(LAYOUT, [[k * i + 7 for i in range(400)]]) for k in (1, 2, 3)]
    cipher = NearCkks(LAYOUT, 3)
    secret = cipher.generate(bytes(32))
    public = cipher.public(secret)
    *_, scale, bits = cipher.terms.parameters
    context = tenseal.context_from(decode(secret, _Key).context)
    key = coefficients(words(context.secret_key().data, tmp_path / "key", 2 * DEGREE)[:DEGREE])
    assert set(key) == {-1, 0, 1}

    # What the attacker has: two sums' ciphertexts, and of each decryption either all digits or what is released.
    raw, ours = [], []
    for some in (vectors, vectors[:2]):
        total = cipher.add(public, [cipher.encrypt(public, vector, bytes(32)) for vector in some])
        hidden = tenseal.ckks_vector_from(context, decode(total, Ciphertext).parts[0])
        numbers = words(hidden.ciphertext()[0], tmp_path / "sum", 2 * DEGREE)
        released = cipher.decrypt(secret, total, len(some))
        assert released == sum(some, Residues.zero(LAYOUT))
        counted = [len(some), *fields(cipher.terms, released)[1:]]
        whole = [*packing.split(cipher.terms, counted, bits), *[0] * SLOTS][:SLOTS]
        assert [round(value) for value in hidden.decrypt()] == whole
        for kind, slots in ((raw, hidden.decrypt()), (ours, whole)):
            kind.append((encoded(slots, scale), numbers[:DEGREE], numbers[DEGREE:]))

    def recovered(released):
        return sum(a == b for a, b in zip(attack(*released), key, strict=True))

    assert recovered(raw) == DEGREE
    assert recovered(ours) <= 5


class _Watched(NearCkks):
    """Keeps the keys that it makes; with `again`, it makes one only."""

    def __init__(self, *, again: bool) -> None:
        super().__init__(ROUND, 4)
        self.keys: list[bytes] = []
        self._again = again

    def generate(self, seed: bytes) -> bytes:
        self.keys.append(self.keys[0] if self._again and self.keys else super().generate(seed))
        return self.keys[-1]


@pytest.mark.long
def test_the_key_of_a_round_is_not_computed_from_what_two_rounds_release(tmp_path):
    """By the coordinator, who has the sums' ciphertexts; by one key for both and raw decryptions it would be."""
    for careless in (True, False):
        cipher = _Watched(again=careless)
        *_, scale, bits = cipher.terms.parameters
        heard = []
        for attempt in range(2):
            simulated = Simulated(sealed.terms(4, attempt, scheme="ckks"), attempt, cipher=cipher)
            simulated.begin()
            simulated.run()
            assert simulated.opened == [simulated.plain()]
            summed = simulated.states[simulated.terms.coordinator]
            assert isinstance(summed, Summed)
            context = tenseal.context_from(decode(cipher.keys[-1], _Key).context)
            hidden = tenseal.ckks_vector_from(context, decode(summed.said.load, Ciphertext).parts[0])
            numbers = words(hidden.ciphertext()[0], tmp_path / "sum", 2 * DEGREE)
            released = simulated.concluded[1].total
            counted = [4, *fields(cipher.terms, released)[1:]]
            whole = [*packing.split(cipher.terms, counted, bits), *[0] * SLOTS][:SLOTS]
            slots = hidden.decrypt() if careless else whole
            heard.append((encoded(slots, scale), numbers[:DEGREE], numbers[DEGREE:]))
        found = attack(*heard)
        for secret in cipher.keys:
            saved = tenseal.context_from(decode(secret, _Key).context).secret_key().data
            key = coefficients(words(saved, tmp_path / "key", 2 * DEGREE)[:DEGREE])
            right = sum(a == b for a, b in zip(found, key, strict=True))
            assert (right == DEGREE) if careless else (right <= 5)
