"""Paillier's cipher (1999) over packed integers: exact sums of vectors that only the holder of the key can read.

A ciphertext of m is (1 + m·n)·rⁿ modulo n²; multiplying ciphertexts adds what is in them. Randomness comes from a seed
by HKDF and AES-256 in counter mode, with the key and the vector in the label: the same seed under another vector blinds
otherwise, so a seed that is used twice shows at most that a vector is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any, ClassVar

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from fedpeer.core.canonical import Value, decode, digest, encode
from fedpeer.core.errors import ConfigError, MalformedError, MismatchError
from fedpeer.core.privacy import masks, packing
from fedpeer.core.privacy.cipher import LEAST_BITS, Ciphertext, Terms, agreed, counted, fields, opened, read
from fedpeer.core.statistics.residues import Block, Residues

_SPARE = 16  # bytes drawn beyond a modulus, so that the remainder is uniform but for 2**-128
_SIEVE = 20_000  # candidates for primes have no factor below

_Draw = Callable[[int], bytes]


class _Public(Value, frozen=True):
    n: bytes


class _Secret(Value, frozen=True):
    p: bytes
    q: bytes

    def __repr__(self) -> str:
        return "_Secret()"


class PaillierCipher:
    """The port SumCipher by Paillier; ConfigError for a modulus of fewer than 3,072 bits or without gmpy2."""

    least_modulus: ClassVar[int] = LEAST_BITS

    def __init__(self, layout: tuple[Block, ...], addends: int, *, bits: int = LEAST_BITS) -> None:
        if bits < self.least_modulus or bits % 16:
            raise ConfigError(
                f"a modulus of {bits} bits is not offered", hint=f"take {self.least_modulus} or more, a multiple of 16"
            )
        self._gmp = _library()
        self._bits = bits
        self._terms = agreed(Terms("paillier", (bits,), layout, addends))
        self._parts = packing.integers(self._terms, bits - 1)

    @property
    def terms(self) -> Terms:
        """What all who take part must have in common."""
        return self._terms

    @property
    def size(self) -> int:
        """Bytes of a ciphertext."""
        parts = (bytes(self._bits // 4),) * self._parts
        return len(encode(Ciphertext(bytes(32), bytes(32), self._terms.addends, parts)))

    def generate(self, seed: bytes) -> bytes:
        """Return the secret key of 32 secret bytes."""
        each = self._primes(_stream(seed, "paillier primes", self._terms.digest))
        p = next(each)
        q = next(prime for prime in each if prime != p)
        return encode(_Secret(*(_bytes(prime, self._bits // 16) for prime in sorted((p, q)))))

    def public(self, secret: bytes) -> bytes:
        """Return the public key, the modulus, of a secret key."""
        p, q = self._secret(secret)
        return self._written(p * q)

    def encrypt(self, public: bytes, vector: Residues, seed: bytes) -> bytes:
        """Return a ciphertext, blinded by what 32 secret bytes give."""
        n, gmp = self._modulus(public), self._gmp
        square, draw = n * n, _stream(seed, "paillier blinding", digest("paillier", public), vector.to_bytes())
        made = []
        for number in packing.pack(self._terms, fields(self._terms, vector), self._bits - 1):
            blind = gmp.mpz(int.from_bytes(draw(self._bits // 8 + _SPARE), "big")) % n
            made.append((1 + number * n) * gmp.powmod_sec(blind, n, square) % square)
        return self._sealed(public, 1, made)

    def add(self, public: bytes, ciphertexts: Sequence[bytes]) -> bytes:
        """Return the ciphertext of the sum."""
        n = self._modulus(public)
        heard = [read(data, self._terms, _fingerprint(public)) for data in ciphertexts]
        total, made = counted(heard, self._terms), [self._gmp.mpz(1)] * self._parts
        for each in heard:
            made = [a * b % (n * n) for a, b in zip(made, self._numbers(each, n), strict=True)]
        return self._sealed(public, total, made)

    def decrypt(self, secret: bytes, ciphertext: bytes, addends: int) -> Residues:
        """Return the sum, exactly."""
        p, q = self._secret(secret)
        heard = read(ciphertext, self._terms, _fingerprint(self._written(p * q)))
        if heard.addends != addends:
            raise MismatchError(f"the ciphertext says it is the sum of {heard.addends}, not of {addends}")
        packed = self._decrypted(self._numbers(heard, p * q), p, q)
        return opened(self._terms, packing.unpack(self._terms, packed, self._bits - 1), addends)

    def _decrypted(self, numbers: list[Any], p: Any, q: Any) -> Iterator[int]:
        """Solve modulo each prime (Paillier 1999, section 7), and put together (Garner)."""
        gmp = self._gmp
        across = gmp.invert(p, q)
        for number in numbers:
            a, b = self._half(number, p, q), self._half(number, q, p)
            yield int(a + p * ((b - a) * across % q))

    def _half(self, number: Any, prime: Any, other: Any) -> Any:
        """What was encrypted, modulo one prime: with g = 1 + n the constant of the method is −1/other."""
        raised = self._gmp.powmod_sec(number % (prime * prime), prime - 1, prime * prime)
        return (raised - 1) // prime * self._gmp.invert(-other, prime) % prime

    def _numbers(self, heard: Ciphertext, n: Any) -> list[Any]:
        """The numbers of a ciphertext: MalformedError unless they are units modulo n², all of them and in one form."""
        if len(heard.parts) != self._parts or any(len(part) != self._bits // 4 for part in heard.parts):
            raise MalformedError(f"a ciphertext here has {self._parts} parts of {self._bits // 4} bytes")
        numbers, shared = [self._gmp.mpz(int.from_bytes(part, "big")) for part in heard.parts], self._gmp.mpz(1)
        for number in numbers:
            shared = shared * number % n
        if max(numbers) >= n * n or self._gmp.gcd(shared, n) != 1:
            raise MalformedError("a part of the ciphertext is no unit of the key's ring")
        return numbers

    def _sealed(self, public: bytes, addends: int, numbers: list[Any]) -> bytes:
        found = tuple(_bytes(number, self._bits // 4) for number in numbers)
        return encode(Ciphertext(self._terms.digest, _fingerprint(public), addends, found))

    def _modulus(self, public: bytes) -> Any:
        """Read a public key: MalformedError for one that can be seen to be no product of two large primes."""
        written, gmp = decode(public, _Public), self._gmp
        n = gmp.mpz(int.from_bytes(written.n, "big"))
        if len(written.n) != self._bits // 8 or n.bit_length() != self._bits:
            raise MalformedError(f"the key is not of {self._bits} bits")
        if gmp.gcd(n, gmp.primorial(_SIEVE)) != 1 or gmp.is_power(n) or gmp.is_strong_prp(n, 2):
            raise MalformedError("the key is no product of two large primes")
        return n

    def _secret(self, secret: bytes) -> tuple[Any, Any]:
        written, gmp = decode(secret, _Secret), self._gmp
        p, q = (gmp.mpz(int.from_bytes(prime, "big")) for prime in (written.p, written.q))
        halves = len(written.p) == len(written.q) == self._bits // 16
        if not halves or p >= q or any(not gmp.is_strong_prp(prime, 2) for prime in (p, q)):
            raise MalformedError("the secret key is not two primes, the smaller first")
        self._modulus(self._written(p * q))
        return p, q

    def _written(self, n: Any) -> bytes:
        if n.bit_length() != self._bits:
            raise MalformedError(f"the key is not of {self._bits} bits")
        return encode(_Public(_bytes(n, self._bits // 8)))

    def _primes(self, draw: _Draw) -> Iterator[Any]:
        """Primes of half the bits with the two highest set, so that the product of two has all bits."""
        gmp, half = self._gmp, self._bits // 2
        sieve, high = gmp.primorial(_SIEVE), gmp.mpz(3) << half - 2
        while True:
            candidate = gmp.mpz(int.from_bytes(draw(half // 8), "big")) | high | 1
            if gmp.gcd(candidate, sieve) == 1 and gmp.is_prime(candidate, 40):
                yield candidate


def _stream(seed: bytes, purpose: str, *context: bytes) -> _Draw:
    """The key stream that a seed gives for one purpose in one context."""
    stream = Cipher(AES(masks.key(seed, purpose, *context)), CTR(bytes(16))).encryptor()
    return lambda size: stream.update(bytes(size))


def _fingerprint(public: bytes) -> bytes:
    return digest("paillier key", public)


def _bytes(number: Any, size: int) -> bytes:
    return int(number).to_bytes(size, "big")


def _library() -> Any:
    try:
        return import_module("gmpy2")
    except ImportError:
        raise ConfigError("paillier needs gmpy2, which is not installed", hint="pip install 'fedpeer[he]'") from None
