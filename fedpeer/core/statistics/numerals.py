"""Which exact number, and which text, a raw value stands for.

A decimal text stands for itself. A binary float stands for the shortest decimal that reads back as that float, which
what every program prints for it: 0.15 is fifteen hundredths whether it came from a CSV or Parquet file or from numpy.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "-nan", "null", "none", "<na>"})

NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?"  # read alike by Python's regular expressions and Arrow's

_NUMBER = re.compile(NUMBER, re.ASCII)
_TRUTH = frozenset({"true", "false"})
_DATE = re.compile(r"(\d{4}-\d\d-\d\d)([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d+)?)?)?", re.ASCII)
_EPOCH = date(1970, 1, 1).toordinal()


def decimal(value: Any) -> Decimal:
    """Return the exact decimal that a number or a decimal text stands for; ValueError if it is none, or not finite."""
    if isinstance(value, bool):
        return Decimal(int(value))
    text = value.strip() if isinstance(value, str) else str(value)
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a decimal number")
    return Decimal(text)


def plain(number: Decimal) -> str:
    """Return the one spelling of a decimal: no exponent, no plus, no leading or trailing zeros."""
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in {"-0", ""} else text


def spelling(value: Any) -> str:
    """Return the text under which a level is matched: `1`, `1.0` and `01` are one level, and so are true and True."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value.strip() if isinstance(value, str) else str(value)
    if text.lower() in _TRUTH:
        return text.lower()
    try:
        number = decimal(text)
    except ValueError:
        return text
    return plain(number) if abs(number.adjusted()) < 100 else text


def nearest(number: Fraction, origin: Fraction, step: Fraction) -> int:
    """Return round((number − origin) / step), half to even, exactly."""
    return round((number - origin) / step)


def day(text: str, *, cut: bool = False) -> int | None:
    """Return the days since 1970-01-01 of an ISO date, `2024-02-29`, or None; with `cut`, a time of day may follow."""
    found = _DATE.fullmatch(text.strip())
    if found is None or (found[2] and not cut):
        return None
    try:
        return date.fromisoformat(found[1]).toordinal() - _EPOCH
    except ValueError:
        return None


def iso(days: int) -> str:
    """Return the ISO date that so many days since 1970-01-01 are."""
    return date.fromordinal(_EPOCH + days).isoformat()
