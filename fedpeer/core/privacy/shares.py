"""Shamir's secret sharing (1979) of 32 bytes: any t of the shares give the secret, fewer say nothing about it.

1. The secret is the value at 0 of a polynomial of degree t - 1 over the integers modulo a prime above 2**256, whose
   other coefficients are uniform; a share is its value at its holder's place, a whole number from 1.
2. Places come from the roster, never from the wire. A share is only as good as whoever hands it in: what is put
   together must be checked against something that its dealer published before.
"""

from __future__ import annotations

import hashlib
import math
import operator
from collections.abc import Mapping, Sequence
from functools import lru_cache

import flint

from fedpeer.core.errors import MalformedError

SIZE = 33  # bytes of a share
SECRET = 32  # bytes of a secret

_PRIME = 2**256 + 297  # the smallest prime above 2**256
_FIELD = flint.fmpz_mod_ctx(_PRIME)
_POLYNOMIALS = flint.fmpz_mod_poly_ctx(_FIELD)
_WIDE = 64  # bytes of a coefficient before it is reduced: what the reduction favours is below 2**-255


def split(secret: bytes, places: Sequence[int], threshold: int, entropy: bytes) -> list[bytes]:
    """Return the share of each place, in their order; `entropy` is 32 unpredictable bytes used for nothing else."""
    if len(secret) != SECRET or len(entropy) < SECRET:
        raise ValueError("a secret and its entropy are 32 bytes each")
    if not 1 <= threshold <= len(places) or len(set(places)) != len(places) or min(places) < 1:
        raise ValueError("shares need different places from 1 on, at least as many as the threshold")
    stream = hashlib.shake_256(b"fedpeer/shares" + entropy).digest(_WIDE * (threshold - 1))
    wide = (stream[i : i + _WIDE] for i in range(0, len(stream), _WIDE))
    coefficients: list[int | flint.fmpz | flint.fmpz_mod] = [int.from_bytes(part, "big") for part in (secret, *wide)]
    values = _POLYNOMIALS(coefficients).multipoint_evaluate(list(places))
    return [int(value).to_bytes(SIZE, "big") for value in values]


def combine(shares: Mapping[int, bytes]) -> bytes:
    """Return the secret whose shares at these places are given, all of them; MalformedError if there is none."""
    total: int = sum(map(operator.mul, map(_read, shares.values()), _at_zero(tuple(shares))))
    secret = total % _PRIME
    if secret >= 2**256:
        raise MalformedError("these shares are not of one secret")
    return secret.to_bytes(SECRET, "big")


@lru_cache(1)
def _at_zero(places: tuple[int, ...]) -> tuple[int, ...]:
    """The weights of values at these places in the value at 0 (Lagrange); most dealers have the same holders."""
    whole = _FIELD(math.prod(places))
    below = (place * math.prod([other - place for other in places if other != place]) for place in places)
    return tuple(int(whole / _FIELD(each)) for each in below)


def _read(share: bytes) -> int:
    value = int.from_bytes(share, "big")
    if len(share) != SIZE or value >= _PRIME:
        raise MalformedError("a share of a secret is 33 bytes and below the field's prime")
    return value
