"""Fields, side by side in large integers or cut into digits, so that adding what is packed adds every field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fedpeer.core.errors import MismatchError, OverflowRefusedError
from fedpeer.core.privacy.cipher import Terms


def pack(terms: Terms, fields: list[int], capacity: int) -> list[int]:
    """Return integers of at most `capacity` bits with the fields side by side, the first lowest."""
    each, packed = iter(fields), []
    for group in _groups(terms, capacity):
        number = at = 0
        for width in group:
            number |= next(each) << at
            at += width
        packed.append(number)
    return packed


def unpack(terms: Terms, packed: Iterable[int], capacity: int) -> Iterator[int]:
    """Yield the fields of a sum of packed integers; MismatchError if one is larger than its fields are."""
    for number, group in zip(packed, _groups(terms, capacity), strict=True):
        for width in group:
            yield number & ((1 << width) - 1)
            number >>= width
        if number:
            raise MismatchError("no contributors could make the opened sum: it is larger than its fields")


def integers(terms: Terms, capacity: int) -> int:
    """How many integers `pack` returns; OverflowRefusedError if a field is wider than one of them."""
    return sum(1 for _ in _groups(terms, capacity))


def split(terms: Terms, fields: list[int], bits: int) -> list[int]:
    """Return the digits of every field, the lowest first: the count is one digit, an entry as many as it takes."""
    digits = [fields[0]]
    for field, count in zip(fields[1:], _digits(terms, bits), strict=True):
        digits += [(field >> bits * k) & ((1 << bits) - 1) for k in range(count)]
    return digits


def join(terms: Terms, digits: list[int], bits: int) -> Iterator[int]:
    """Yield the fields that sums of digits stand for; the digits are not reduced."""
    yield digits[0]
    at = 1
    for count in _digits(terms, bits):
        yield sum(digit << bits * k for k, digit in enumerate(digits[at : at + count]))
        at += count


def length(terms: Terms, bits: int) -> int:
    """How many digits `split` returns."""
    return 1 + sum(_digits(terms, bits))


def _digits(terms: Terms, bits: int) -> Iterator[int]:
    for block in terms.layout:
        yield from [-(-64 * block.limbs // bits)] * block.entries


def _groups(terms: Terms, capacity: int) -> Iterator[list[int]]:
    group: list[int] = []
    free = capacity
    for width in terms.widths():
        if width > capacity:
            raise OverflowRefusedError(f"a field of {width} bits is wider than the {capacity} of one plaintext")
        if width > free:
            yield group
            group, free = [], capacity
        group.append(width)
        free -= width
    yield group
