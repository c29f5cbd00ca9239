"""What a cipher has to compute for a round. It is slow, so a machine asks for it, and is told what came of it.

Nothing here is computed: whoever runs a peer does that, with the port SumCipher, and posts the answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from fedpeer.core.statistics.residues import Residues


@dataclass(frozen=True, slots=True)
class Generate:
    """A fresh key, of 32 secret bytes; answered with `Keys`."""

    seed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Encrypt:
    """A vector's ciphertext, blinded by 32 secret bytes; answered with bytes."""

    public: bytes
    vector: Residues = field(repr=False)
    seed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Add:
    """The sum of ciphertexts; answered with bytes, or with `Unfit` if some of them cannot be added."""

    public: bytes
    ciphertexts: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Open:
    """What a sum's ciphertext hides; answered with residues."""

    secret: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)
    addends: int


@dataclass(frozen=True, slots=True)
class Keys:
    """Both halves of a fresh key."""

    secret: bytes = field(repr=False)
    public: bytes


@dataclass(frozen=True, slots=True)
class Unfit:
    """The places of the ciphertexts that cannot be added to any."""

    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """It could not be computed, and why: the words of a fault, which say nothing secret."""

    reason: str


Task: TypeAlias = Generate | Encrypt | Add | Open
Answer: TypeAlias = Keys | bytes | Unfit | Residues | Failed
