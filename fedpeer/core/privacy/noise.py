"""Noise of whole numbers: the discrete Gaussian, drawn exactly from given entropy.

P(x) is proportional to exp(−x² / 2σ²) over all integers x. The sampler is that of Canonne, Kamath and Steinke (2020):

1. A chance of n/d is settled by comparing the binary digits of n/d with random ones, 64 at a time, until they differ.
2. A chance of exp(−n/d), n ≤ d, is that the first failure in a row of chances n/d, n/2d, n/3d … has an odd place.
3. A discrete Laplace number is a uniform remainder and a geometric multiple of the scale, kept or dropped by 2.
4. A discrete Gaussian one is a Laplace number, kept or dropped by 2.

All of it is arithmetic of integers: nothing is rounded, so the distribution is this one and no other. How many random
words are used depends on the number that is drawn, and so does the time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from fedpeer.core.canonical import digest
from fedpeer.core.statistics.residues import Block, Residues

ENTROPY = 32  # bytes

_AT_ONCE = 1 << 11  # bytes of key stream


def noise(layout: tuple[Block, ...], variances: Sequence[Sequence[int]], entropy: bytes, *context: bytes) -> Residues:
    """Independent numbers for every entry of every block, each of its variance (σ²); 0 stands for no noise.

    `entropy` is 32 unpredictable bytes used for nothing else; `context` says what the noise is for.
    """
    if len(entropy) < ENTROPY:
        raise ValueError("noise is drawn from 32 unpredictable bytes")
    stream = words(digest("noise", entropy, *context))
    return Residues.of(layout, [[gaussian(stream, variance) for variance in each] for each in variances])


def words(key: bytes) -> Iterator[int]:
    """The key stream of AES-256 in counter mode as 64-bit numbers, without end; a key makes one stream only."""
    cipher = Cipher(AES(key), CTR(bytes(16))).encryptor()
    while True:
        yield from np.frombuffer(cipher.update(bytes(_AT_ONCE)), "<u8").tolist()


def gaussian(stream: Iterator[int], variance: int) -> int:
    """A discrete Gaussian number of parameter σ² = variance, 0 for 0."""
    if variance <= 0:
        if variance:
            raise ValueError("a variance is not negative")
        return 0
    scale = math.isqrt(variance) + 1
    while True:
        drawn = laplace(stream, scale)
        gap = abs(drawn) * scale - variance
        if _lasts(stream, gap * gap, 2 * variance * scale * scale):
            return drawn


def laplace(stream: Iterator[int], scale: int) -> int:
    """A discrete Laplace number: P(x) is proportional to exp(−|x| / scale)."""
    while True:
        rest = _below(stream, scale)
        if not _survives(stream, rest, scale):
            continue
        whole = 0
        while _survives(stream, 1, 1):
            whole += 1
        size, negative = rest + scale * whole, next(stream) & 1
        if size or not negative:  # otherwise 0 would come twice
            return -size if negative else size


def _lasts(stream: Iterator[int], numerator: int, denominator: int) -> bool:
    """True with the chance exp(−numerator / denominator)."""
    whole, rest = divmod(numerator, denominator)
    return all(_survives(stream, 1, 1) for _ in range(whole)) and _survives(stream, rest, denominator)


def _survives(stream: Iterator[int], numerator: int, denominator: int) -> bool:
    """The same, for numerator ≤ denominator."""
    place = 1
    while _chance(stream, numerator, denominator * place):
        place += 1
    return place % 2 == 1


def _chance(stream: Iterator[int], numerator: int, denominator: int) -> bool:
    """True with the chance numerator / denominator."""
    while True:
        digits, numerator = divmod(numerator << 64, denominator)
        word = next(stream)
        if word != digits:
            return word < digits


def _below(stream: Iterator[int], bound: int) -> int:
    """A uniform number from 0 to bound − 1."""
    bits = (bound - 1).bit_length()
    while True:
        drawn = 0
        for _ in range(-(-bits // 64)):
            drawn = drawn << 64 | next(stream)
        drawn >>= -bits % 64
        if drawn < bound:
            return drawn
