"""Options of models that are numbers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from fedpeer.core.errors import ModelError


def number(name: str, value: Any) -> Fraction:
    """What a number stands for as it is written: 0.1 is one tenth. ModelError for anything else."""
    try:
        return Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise ModelError(f"{name} is {value!r:.40}, which is not a number") from None


def above(name: str, value: Any) -> Fraction:
    """A number above zero; ModelError."""
    found = number(name, value)
    if found <= 0:
        raise ModelError(f"{name} is {value!r}; it must be above zero")
    return found


def whole(name: str, value: Any, most: int) -> int:
    """A whole number from 1 to `most`; ModelError."""
    found = number(name, value)
    if found.denominator != 1 or not 1 <= found <= most:
        raise ModelError(f"{name} is {value!r}; it must be a whole number from 1 to {most}")
    return int(found)


def flag(name: str, value: Any) -> bool:
    """A yes or no: a bool, or how one is written; ModelError."""
    found = {"true": True, "yes": True, "false": False, "no": False}.get(str(value).lower())
    if found is None:
        raise ModelError(f"{name} is {value!r:.40}; it must be true or false")
    return found
