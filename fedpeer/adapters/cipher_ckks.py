"""CKKS (Cheon and others 2017, by TenSEAL) for exact sums: entries are cut into digits that rounding cannot miss.

For k addends of degree N, a coefficient of a fresh ciphertext is off by at most (N + 4)/2: the halves of rounding that
the secret's N ternary coefficients gather when SEAL divides by its last prime P, half a unit of encoding, and
21·(2N + 1)/P, which is below one. A slot gathers N coefficients. So a sum of k is off by at most k·N·(N + 4)/2, and at
a scale of eight times that, by an eighth. Transforms in float64 add less than 2**-6 to numbers below 2**33 (Higham,
*Accuracy and stability*, theorem 24.2). Together that is below a quarter, and rounding is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import ClassVar

from fedpeer.adapters.ckks_task import Answer, Task
from fedpeer.adapters.disposable import dispose
from fedpeer.core.canonical import Value, decode, digest, encode
from fedpeer.core.errors import ConfigError, MalformedError, MismatchError, OverflowRefusedError
from fedpeer.core.privacy import packing
from fedpeer.core.privacy.cipher import CKKS, Ciphertext, Terms, agreed, counted, fields, opened, read
from fedpeer.core.statistics.residues import Block, Residues

LEAN, USUAL = CKKS["lean"], CKKS["usual"]

_FLOATS = 33  # bits of a slot's sum that float64's transforms carry
_MEMORY = 2**31
_SECONDS = 60


class _Key(Value, frozen=True):
    secret: bool
    context: bytes

    def __repr__(self) -> str:
        return f"_Key(secret={self.secret})"


class CkksCipher:
    """The port SumCipher by CKKS; `noise` gives, for a layout, what is added to an opened sum before it leaves.

    ConfigError without TenSEAL, or for other parameters (degree, then bits of primes) than LEAN and USUAL;
    OverflowRefusedError if they cannot carry as many addends. Seeds are not used: SEAL draws its own randomness.
    """

    offered: ClassVar[tuple[tuple[int, ...], ...]] = (LEAN, USUAL)

    def __init__(
        self,
        layout: tuple[Block, ...],
        addends: int,
        *,
        parameters: tuple[int, ...] = LEAN,
        noise: Callable[[tuple[Block, ...]], Residues] = Residues.zero,
    ) -> None:
        if parameters not in self.offered:
            raise ConfigError(f"ckks is not offered with {parameters}", hint="take the lean or the usual parameters")
        if find_spec("tenseal") is None:
            raise ConfigError("ckks needs tenseal, which is not installed", hint="pip install 'fedpeer[he]'")
        bare = agreed(Terms("ckks", parameters, layout, addends))
        self._degree, self._moduli, self._noise = parameters[0], parameters[1:], noise
        self._scale, self._bits = _plan(parameters, bare)
        self._terms = Terms("ckks", (*parameters, self._scale, self._bits), layout, addends)
        self._parts = -(-packing.length(self._terms, self._bits) // (self._degree // 2))

    @property
    def terms(self) -> Terms:
        """What all who take part must have in common: parameters, then bits of the scale and of a digit."""
        return self._terms

    @property
    def size(self) -> int:
        """Bytes of a ciphertext, at most: SEAL's own form has some 200 beyond two polynomials over its primes."""
        return 256 + self._parts * self._most

    def generate(self, seed: bytes) -> bytes:  # noqa: ARG002 the library cannot be given any
        """Return a fresh secret key; each serves one sum."""
        return encode(_Key(True, self._run("generate").key))

    def public(self, secret: bytes) -> bytes:
        """Return the public key: a context without its secret, relinearisation or rotation keys."""
        return encode(_Key(False, self._run("public", _context(secret, secret=True)).key))

    def encrypt(self, public: bytes, vector: Residues, seed: bytes) -> bytes:  # noqa: ARG002 likewise
        """Return a ciphertext of a vector's digits."""
        digits = packing.split(self._terms, fields(self._terms, vector), self._bits)
        made = self._run("encrypt", _context(public, secret=False), values=tuple(digits))
        return self._sealed(_fingerprint(public), 1, made.parts)

    def add(self, public: bytes, ciphertexts: Sequence[bytes]) -> bytes:
        """Return the ciphertext of the sum."""
        context, name = _context(public, secret=False), _fingerprint(public)
        heard = [self._read(data, name) for data in ciphertexts]
        total = counted(heard, self._terms)
        return self._sealed(name, total, self._run("add", context, parts=tuple(each.parts for each in heard)).parts)

    def decrypt(self, secret: bytes, ciphertext: bytes, addends: int) -> Residues:
        """Return the sum, exactly, with the caller's noise on it."""
        heard = self._read(ciphertext, _fingerprint(self.public(secret)))
        if heard.addends != addends:
            raise MismatchError(f"the ciphertext says it is the sum of {heard.addends}, not of {addends}")
        found = self._run("decrypt", _context(secret, secret=True), parts=(heard.parts,)).values
        digits, rest = _cut(found, packing.length(self._terms, self._bits))
        if any(rest) or max(digits) > addends * ((1 << self._bits) - 1):
            raise MismatchError("no contributors could make the opened sum: it is larger than its digits")
        total = opened(self._terms, packing.join(self._terms, list(digits), self._bits), addends)
        return total + self._noise(self._terms.layout)

    @property
    def _most(self) -> int:
        return 16 * self._degree * max(1, len(self._moduli) - 1) + 512

    def _read(self, data: bytes, name: bytes) -> Ciphertext:
        heard = read(data, self._terms, name)
        if len(heard.parts) != self._parts or any(len(part) > self._most for part in heard.parts):
            raise MalformedError(f"a ciphertext here has {self._parts} parts of at most {self._most} bytes")
        return heard

    def _sealed(self, name: bytes, addends: int, parts: tuple[bytes, ...]) -> bytes:
        return encode(Ciphertext(self._terms.digest, name, addends, parts))

    def _run(
        self,
        verb: str,
        key: bytes = b"",
        *,
        values: tuple[int, ...] = (),
        parts: tuple[tuple[bytes, ...], ...] = (),
    ) -> Answer:
        answer = self._done(Task(verb, self._degree, self._moduli, self._scale, key, values, parts))
        if answer.fault:
            raise MalformedError(f"no key or ciphertext of ckks: {answer.fault}")
        return answer

    def _done(self, task: Task) -> Answer:
        return decode(dispose("fedpeer.adapters.ckks_task", encode(task), memory=_MEMORY, seconds=_SECONDS), Answer)


def _plan(parameters: tuple[int, ...], terms: Terms) -> tuple[int, int]:
    """Bits of the scale, so that a sum is off by an eighth at most, and of a digit, so that all its sums fit."""
    degree, data = parameters[0], sum(parameters[1:-1])
    scale = (8 * terms.addends * degree * (degree + 4) // 2).bit_length()
    bits = min(data - 2 - scale, _FLOATS) - terms.room
    if bits < 1:
        raise OverflowRefusedError(f"ckks at degree {degree} cannot carry {terms.addends} addends")
    return scale, bits


def _context(key: bytes, *, secret: bool) -> bytes:
    found = decode(key, _Key)
    if found.secret is not secret:
        raise MalformedError(f"not a {'secret' if secret else 'public'} key of ckks")
    return found.context


def _fingerprint(public: bytes) -> bytes:
    return digest("ckks key", public)


def _cut(values: tuple[int, ...], length: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return values[:length], values[length:]
