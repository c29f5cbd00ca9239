"""Lengths that say little: content is padded to one of few sizes before it is sealed.

Sizes are those of Padmé (Nikitin et al., PURBs, 2019): at most 12 % larger, and of a length n only O(log log n) bits
are left to see. The true length travels inside.
"""

from __future__ import annotations

from fedpeer.core.errors import MalformedError

_PREFIX = 4
_SMALLEST = 256


def pad(content: bytes) -> bytes:
    """The length in four bytes, the content, and zeros up to the next size."""
    return (len(content).to_bytes(_PREFIX, "big") + content).ljust(_size(len(content) + _PREFIX), b"\0")


def unpad(padded: bytes) -> bytes:
    """The content; MalformedError unless `pad` could have written this."""
    end = _PREFIX + int.from_bytes(padded[:_PREFIX], "big")
    if len(padded) < _PREFIX or len(padded) != _size(end) or padded.count(0, end) != len(padded) - end:
        raise MalformedError("sealed content that is not padded as it should be")
    return padded[_PREFIX:end]


def _size(length: int) -> int:
    """The smallest size not below `length`: only as many of its leading bits may be set as its exponent has bits."""
    if length <= _SMALLEST:
        return _SMALLEST
    exponent = length.bit_length() - 1
    free = (1 << (exponent - exponent.bit_length())) - 1
    return (length + free) & ~free
