"""A first proposal of features for a table, for a person to review."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fedpeer.core.errors import SchemaError
from fedpeer.core.statistics.dates import Calendar, is_date
from fedpeer.core.statistics.encode import flat, readable
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.numerals import MISSING, NUMBER, day, iso, spelling
from fedpeer.core.statistics.scale import decimals
from fedpeer.core.statistics.table import batches

_MOST = 50  # different texts that are still taken for levels
_PLACES = 6  # decimal places that are still taken for decimal data
_SMALLEST = -40  # power of ten of a range
_FINEST = 15  # decimal digits from a limit to the resolution
_PIECE = 2**16  # rows looked at together
_TRUTH = frozenset({"true", "false"})
_DAYS = (-719_162, 2_932_896)  # from 0001-01-01 to 9999-12-31
_PATIENT = r"patient|subject|person"
_IDS = re.compile(rf"(^|[^a-z])(id|uid|uuid|mrn|ssn|pid)$|({_PATIENT})[^a-z]*(id|no|nr|number)$|^({_PATIENT})$")


def propose(table: Any) -> tuple[list[Feature], str | None]:
    """One feature a column, and the column of patient ids if one is called so.

    SchemaError names a column that cannot be a feature, TableError one that cannot be read.
    """
    seen: dict[str, Seen] = {}
    for batch in batches(table):
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            each = seen.setdefault(name, Seen(name))
            for start in range(0, len(column), _PIECE):
                each.look(column.slice(start, _PIECE))
    if not seen:
        raise SchemaError("the table has no rows to propose a schema from")
    patient = _patient([each.name for each in seen.values() if each.identifies])
    return [each.feature() for each in seen.values() if each.name != patient], patient


def _patient(ids: list[str]) -> str | None:
    """Which of the columns that are called like ids has those of patients."""
    likely = [name for name in ids if re.search(_PATIENT, name.casefold())] or ids
    if len(ids) > 1:
        names = ", ".join(map(repr, ids))
        hint = f"leave all but {likely[0]!r} out of the table, or write the schema by hand"
        raise SchemaError(f"columns {names} are called like ids, and no id is a feature", hint=hint)
    return ids[0] if ids else None


@dataclass(slots=True)
class Seen:
    """What one column was seen to hold."""

    name: str
    least: Decimal | None = None
    most: Decimal | None = None
    places: int = 0
    texts: set[str] = field(default_factory=set)  # the first different ones
    word: str | None = None  # one that is neither a number nor a truth value, nor a date
    other: bool = False  # whether there are truth values among texts
    days: tuple[int, int] | None = None  # the first and the last
    dated: str | None = None  # a text that is a date
    zero_one: bool = True

    @property
    def identifies(self) -> bool:
        """Whether it is called like an id, and does not hold 0 and 1 alone."""
        return _IDS.search(self.name.casefold()) is not None and (self.word is not None or not self.zero_one)

    @property
    def dates(self) -> tuple[int, int] | None:
        """The first and the last day, if it holds nothing but dates."""
        return None if self.word is not None or self.other or self.least is not None else self.days

    def look(self, array: pa.Array) -> None:
        """Take note of some values."""
        if is_date(array.type):
            days = Calendar(self.name).read(array.drop_null())[0]
            self._dates([int(end) for end in (days.min(), days.max())] if len(days) else [])
            return
        target = readable(self.name, array.type)
        values = flat(array, target).drop_null()
        self._numbers(self._read(values) if target == pa.large_string() else values.to_numpy(zero_copy_only=False))

    def feature(self, *, coarse: bool = False) -> Feature:
        """The proposal; a coarse one has limits that tell no more of the values than their number of digits."""
        if self.dates:
            first, last = (_centuries if coarse else _years)(*self.dates)
            return Feature(self.name, "date", min=first, max=last)
        self.word = self.word or self.dated
        if self.word is not None:
            return Feature(self.name, "category", levels=self._levels())
        if self.zero_one and (self.texts or self.least is not None):
            return Feature(self.name, "binary")
        return self.number(coarse=coarse)

    def number(self, *, coarse: bool = False) -> Feature:
        """The proposal of a continuous feature, even if there are only zeros and ones."""
        if self.least is None or self.most is None:
            raise SchemaError(f"column {self.name!r} holds no value", hint="leave the column out of the table")
        low, high, step = (_tens if coarse else _limits)(self.least, self.most, self.places)
        return Feature(self.name, "continuous", min=low, max=high, resolution=step)

    def _levels(self) -> list[str]:
        if not 2 <= len(self.texts) <= _MOST:
            many = f"more than {_MOST} different values" if len(self.texts) > _MOST else "only one value"
            raise SchemaError(
                f"column {self.name!r} is text, such as {self.word!r:.60}, and has {many}",
                hint="leave the column out of the table, or write the schema by hand",
            )
        return sorted(self.texts)

    def _read(self, texts: pa.Array) -> npt.NDArray[Any]:
        """The numbers among texts; the texts themselves are noted."""
        texts = pc.utf8_trim_whitespace(texts)
        number = pc.match_substring_regex(texts, f"^(?:{NUMBER})$")
        for word in pc.unique(texts.filter(pc.invert(number))).to_pylist():
            self._word(word)
        for text in pc.unique(texts).to_pylist():
            if len(self.texts) <= _MOST and text.lower() not in MISSING:
                self.texts.add(spelling(text))
        numbers: npt.NDArray[Any] = texts.filter(number).cast(pa.float64()).to_numpy(zero_copy_only=False)
        return numbers

    def _word(self, word: str) -> None:
        if word.lower() in MISSING:
            return
        found = day(word, cut=True)
        if found is not None:
            self.dated = word
            self._dates([found])
        elif spelling(word) in _TRUTH:
            self.other = True
        else:
            self.word = self.word or word

    def _dates(self, days: list[int]) -> None:
        known = [*days, *(self.days or ())]
        self.days = (min(known), max(known)) if known else None

    def _numbers(self, values: npt.NDArray[Any]) -> None:
        values = values[np.isfinite(values)] if values.dtype.kind == "f" else values
        if not len(values):
            return
        low, high = decimals(np.array([values.min(), values.max()], values.dtype))
        self.least = low if self.least is None else min(self.least, low)
        self.most = high if self.most is None else max(self.most, high)
        self.zero_one = self.zero_one and bool(np.all((values == 0) | (values == 1)))
        if values.dtype.kind == "f":
            self.places = max(self.places, _places(values))


def _places(values: npt.NDArray[Any]) -> int:
    """How many decimal places the numbers have, up to what is still taken for decimal data."""
    for places in range(_PLACES + 1):
        scaled = values.astype(np.float64) * 10.0**places
        blur = 4 * float(np.finfo(values.dtype).eps) * float(np.abs(scaled).max())
        if blur < 0.1 and np.all(np.abs(scaled - np.rint(scaled)) <= blur):
            return places
    return _PLACES + 1


def _years(first: int, last: int) -> tuple[str, str]:
    """Whole years half as far again as the days go."""
    reach = (last - first) // 2
    low, high = (iso(min(max(end, _DAYS[0]), _DAYS[1]))[:4] for end in (first - reach, last + reach))
    return f"{low}-01-01", f"{high}-12-31"


def _centuries(first: int, last: int) -> tuple[str, str]:
    """Two centuries that people live in, or else every year that can be written."""
    usual = ("1900-01-01", "2099-12-31")
    return usual if usual[0] <= iso(first) and iso(last) <= usual[1] else ("0001-01-01", "9999-12-31")


def _tens(least: Decimal, most: Decimal, places: int) -> tuple[Decimal, Decimal, Decimal]:
    """The next power of ten on each side where there are values (above zero for zeros), and the data's resolution."""
    digits = max(max(abs(least), abs(most)).adjusted(), _SMALLEST)
    top = Decimal(1).scaleb(digits + 1)
    finest = digits + 1 - _FINEST
    step = Decimal(1).scaleb(max(-places if places <= _PLACES else digits - _PLACES, finest))
    return -top if least < 0 else Decimal(0), Decimal(0) if least < 0 >= most else top, step


def _limits(least: Decimal, most: Decimal, places: int) -> tuple[Decimal, Decimal, Decimal]:
    """Round limits half as far again as the data go, never across zero, and the data's own resolution."""
    span = (most - least) or abs(most) or Decimal(1)
    unit = max(span.adjusted(), _SMALLEST)  # the power of ten of its first digit
    size = Fraction(Decimal(1).scaleb(unit))
    low = Decimal(math.floor(Fraction(least - span / 2) / size)).scaleb(unit)
    high = Decimal(math.ceil(Fraction(most + span / 2) / size)).scaleb(unit)
    low, high = max(low, Decimal(0)) if least >= 0 else low, min(high, Decimal(0)) if most <= 0 else high
    finest = max(abs(low), abs(high)).adjusted() - _FINEST
    return low, high, Decimal(1).scaleb(max(-places if places <= _PLACES else unit - _PLACES, finest))
