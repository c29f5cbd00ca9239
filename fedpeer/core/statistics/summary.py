"""The summary of rows under a schema: exact integers that add up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fedpeer.core import canonical
from fedpeer.core.errors import MalformedError, MismatchError, OverflowRefusedError, SchemaError
from fedpeer.core.statistics.layout import layout, split
from fedpeer.core.statistics.noised import Variances, empty, together
from fedpeer.core.statistics.overlap import uneven
from fedpeer.core.statistics.plausible import implausible
from fedpeer.core.statistics.residues import Block, Residues, integer, integers
from fedpeer.core.statistics.schema import Schema

Matrix = npt.NDArray[np.object_]  # of Python integers

_FORM = 1


class _Written(canonical.Value, frozen=True):
    form: int
    schema: bytes
    blocks: tuple[Block, ...]
    residues: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """n, Σq, Σqq′ and Σq²b of the rows seen, and what else the schema asks for; a group under `+`.

    `noise` is the variance of the noise in each block: nothing where sums are exact. It is never part of the bytes.
    """

    schema: Schema
    residues: Residues
    noise: Variances = ()
    rows: int = field(init=False)
    _digest: list[str] = field(init=False, default_factory=list, repr=False)

    def __post_init__(self) -> None:
        rows = integer(self.residues.part("rows")[0])
        if abs(rows) > self.schema.row_bound and not self.noise:
            raise OverflowRefusedError(
                f"{rows} rows are more than the schema's row bound of {self.schema.row_bound}",
                hint="agree on a schema with a larger row_bound",
            )
        object.__setattr__(self, "rows", rows)

    @classmethod
    def zero(cls, schema: Schema) -> Summary:
        """The summary of no rows."""
        return cls(schema, Residues.zero(layout(schema)))

    @classmethod
    def from_bytes(cls, data: bytes, schema: Schema, noise: Variances = ()) -> Summary:
        """Read a peer's bytes: MalformedError if they are none, MismatchError if another schema's or impossible.

        What carries noise may look impossible: what it can be is for whoever knows how much noise there may be.
        """
        written = canonical.decode(data, _Written)
        if written.form != _FORM:
            hint = "a later fedpeer wrote it: update this one" if written.form > _FORM else None
            raise MalformedError(f"form {written.form} of a summary is not known here", hint=hint)
        if written.schema.hex() != schema.digest:
            raise MismatchError("the summary was counted under another schema")
        if written.blocks != layout(schema):
            raise MismatchError("the summary has other blocks than its schema asks for")
        residues = Residues.from_bytes(written.blocks, written.residues)
        if noise and not empty(residues):
            return cls(schema, residues, noise)
        fault = implausible(schema, residues)
        if fault:
            raise MismatchError(f"no rows could give this summary: {fault}")
        return cls(schema, residues)

    @staticmethod
    def schema_of(data: bytes) -> str:
        """The digest of the schema that these bytes say they were counted under; MalformedError if they are none."""
        return canonical.decode(data, _Written).schema.hex()

    @staticmethod
    def digest_of(data: bytes) -> bytes:
        """SHA-256 over the canonical bytes of a summary."""
        return canonical.digest("summary", data)

    def to_bytes(self) -> bytes:
        """The canonical bytes: form, schema digest, block table, residues."""
        schema = bytes.fromhex(self.schema.digest)
        return canonical.encode(_Written(_FORM, schema, self.residues.layout, self.residues.to_bytes()))

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical bytes, in hexadecimal; computed when first asked for."""
        if not self._digest:
            self._digest.append(self.digest_of(self.to_bytes()).hex())
        return self._digest[0]

    def __add__(self, other: Summary) -> Summary:
        self._check(other)
        return Summary(self.schema, self.residues + other.residues, together(self.noise, other.noise))

    def __sub__(self, other: Summary) -> Summary:
        self._check(other)
        return Summary(self.schema, self.residues - other.residues, together(self.noise, other.noise, -1))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Summary):
            return NotImplemented
        same = self.noise == other.noise and self.schema.digest == other.schema.digest
        return same and self.residues == other.residues

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Summary(rows={self.rows}, columns={len(self.schema.columns)}, digest={self.digest[:12]}…)"

    def count(self, a: str | int, b: str | int | None = None) -> int:
        """Rows where a column or category is present, or where two are: all rows, under the rule `listwise`."""
        i, j = sorted((self._place(a), self._place(a if b is None else b)))
        if not self.schema.pairwise:
            return self.rows
        return integer(self.residues.part("counts")[i * (2 * len(self.schema.presence) - i - 1) // 2 + j])

    def sum(self, column: str | int, given: str | int | None = None) -> int:
        """Σq of a column, or of its rows where another column or category is present, in encoded integers."""
        at, there = self.schema.index(column), self._place(column if given is None else given)
        if self.schema.pairwise:
            at = at * len(self.schema.presence) + there
        return integer(self.residues.part("sums")[at])

    def square(self, column: str | int, given: str | int | None = None) -> int:
        """Σq² of a column, or of its rows where another column or category is present, in encoded integers."""
        at, there = self.schema.index(column), self._place(column if given is None else given)
        if self.schema.columns[at].indicator:
            return self.sum(column, given)
        if not self.schema.pairwise or given is None:
            return self.product(column, column)
        place = split(self.schema)[0].index(at) * len(self.schema.presence) + there
        return integer(self.residues.part("spreads")[place])

    def product(self, a: str | int, b: str | int) -> int:
        """Σqₐq_b of two columns, in encoded integers."""
        i, j = sorted((self.schema.index(a), self.schema.index(b)))
        return integer(self.residues.part("products")[i * (2 * len(self.schema.columns) - i - 1) // 2 + j])

    def square_given(self, x: str | int, b: str | int) -> int:
        """Σqₓ²b of a continuous column over the rows where a 0/1 column is 1; SchemaError for other kinds."""
        measured, indicators = split(self.schema)
        i, j = self.schema.index(x), self.schema.index(b)
        if i not in measured or j not in indicators:
            raise SchemaError(f"squares are kept of continuous columns given 0/1 columns, not of {x!r} given {b!r}")
        at = measured.index(i) * len(indicators) + indicators.index(j)
        return integer(self.residues.part("squares")[at])

    def has(self, block: str) -> bool:
        """Whether the schema asks for this further block: `powers`, `histogram` or `conditional_histogram`."""
        return block in self.schema.blocks

    def power(self, column: str | int, power: Literal[3, 4]) -> int:
        """Σq³ or Σq⁴ of a continuous column, in encoded integers; SchemaError where they are not counted."""
        at = self._further("powers", column)
        return integer(self.residues.part({3: "third", 4: "fourth"}[power])[at])

    def histogram(self, column: str | int) -> list[int]:
        """Rows in each bin of a continuous column, whose `edges` they lie between; SchemaError if not counted."""
        at, bins = self._further("histogram", column), self.schema.bins
        return integers(self.residues.part("histogram")[at * bins : (at + 1) * bins])

    def histogram_given(self, x: str | int, b: str | int, truth: bool = True) -> list[int]:
        """Rows in each bin of a continuous column where a 0/1 column is 1 (or, with truth=False, is 0); SchemaError."""
        at, bins = self._further("conditional_histogram", x), self.schema.bins
        _, indicators = split(self.schema)
        condition = self.schema.index(b)
        if condition not in indicators:
            name = self.schema.columns[condition].name
            raise SchemaError(f"{name!r} is not a 0/1 column: nothing can be conditional on it")
        start = (at * len(indicators) + indicators.index(condition)) * bins
        inside = integers(self.residues.part("conditional_histogram")[start : start + bins])
        if truth:
            return inside
        if self.count(x, b) < self.count(x):
            raise SchemaError(f"some rows have {x!r} and lack {b!r}: it is not known in which bins of {x!r} they are")
        return [every - one for every, one in zip(self.histogram(x), inside, strict=True)]

    def among(self, names: Iterable[str | int]) -> Summary:
        """The same sums, with `rows` those that have these columns; SchemaError unless the same rows have each of them.

        What reads no other columns than these finds in it what it would find in a summary of these rows alone.
        """
        at = sorted({self._place(name) for name in names})
        if not self.schema.pairwise or not at:
            return self
        counts = self.counts()[np.ix_(at, at)]
        if (counts != counts[0, 0]).any():
            raise uneven([list(self.schema.presence)[i] for i in at], counts)
        found = Summary(self.schema, self.residues, self.noise)
        object.__setattr__(found, "rows", int(counts[0, 0]))
        return found

    def sums(self) -> list[int]:
        """Σq of every column."""
        part = self.residues.part("sums")
        if self.schema.pairwise:
            presence = self.schema.presence
            part = part[[i * len(presence) + presence[c.feature] for i, c in enumerate(self.schema.columns)]]
        return integers(part)

    def counts(self) -> Matrix:
        """Rows where both of two features are present: a symmetric array of Python integers, in order of features."""
        m = len(self.schema.presence)
        full = np.full((m, m), self.rows, dtype=object)
        if self.schema.pairwise:
            upper = np.triu_indices(m)
            full[upper] = integers(self.residues.part("counts"))
            full.T[upper] = full[upper]
        return full

    def sums_given(self) -> Matrix:
        """Σq of every column over the rows where each feature is present: a (columns) × (features) array."""
        p, m = len(self.schema.columns), len(self.schema.presence)
        flat = np.array(integers(self.residues.part("sums")), dtype=object)
        return flat.reshape(p, m) if self.schema.pairwise else np.repeat(flat[:, None], m, axis=1)

    def spreads(self) -> Matrix:
        """Σq² of each continuous column where each feature is present: a (continuous columns) × (features) array."""
        m, (measured, _) = len(self.schema.presence), split(self.schema)
        if not self.schema.pairwise:
            own = np.array([self.product(i, i) for i in measured], dtype=object)
            return np.repeat(own[:, None], m, axis=1)
        return np.array(integers(self.residues.part("spreads")), dtype=object).reshape(len(measured), m)

    def products(self) -> Matrix:
        """Σqq′ of every pair of columns: a symmetric p × p array of Python integers."""
        p = len(self.schema.columns)
        full = np.empty((p, p), dtype=object)
        upper = np.triu_indices(p)
        full[upper] = integers(self.residues.part("products"))
        full.T[upper] = full[upper]
        return full

    def squares(self) -> Matrix:
        """Σq²b: a (continuous columns) × (0/1 columns) array of Python integers, in the order of the schema."""
        measured, indicators = split(self.schema)
        flat = np.array(integers(self.residues.part("squares")), dtype=object)
        return flat.reshape(len(measured), len(indicators))

    def powers(self) -> Matrix:
        """Σq³ and Σq⁴: a (continuous columns) × 2 array of Python integers, or × 0 if not counted."""
        count, names = len(split(self.schema)[0]), ("third", "fourth") if self.has("powers") else ()
        flat = [value for name in names for value in integers(self.residues.part(name))]
        return np.array(flat, dtype=object).reshape(len(names), count).T

    def histograms(self) -> Matrix:
        """Rows in each bin: a (continuous columns) × (bins) array of Python integers, or × 0 if not counted."""
        flat = integers(self.residues.part("histogram")) if self.has("histogram") else []
        return np.array(flat, dtype=object).reshape(len(split(self.schema)[0]), self.schema.bins)

    def histograms_given(self) -> Matrix:
        """Rows in each bin: (continuous columns) × (0/1 columns) × (bins) Python integers, or × 0 if not counted."""
        measured, indicators = split(self.schema)
        counted = self.has("conditional_histogram")
        flat = integers(self.residues.part("conditional_histogram")) if counted else []
        return np.array(flat, dtype=object).reshape(len(measured), len(indicators), self.schema.bins * counted)

    def _place(self, name: str | int) -> int:
        """The place of a column's feature, or of a category, among the features."""
        found = self.schema.presence.get(name) if isinstance(name, str) else None
        if found is None:
            found = self.schema.presence[self.schema.columns[self.schema.index(name)].feature]
        return found

    def _further(self, block: str, column: str | int) -> int:
        """The place of a continuous column among its kind."""
        if not self.has(block):
            wanted = f"histogram, {block}" if block == "conditional_histogram" else block
            raise SchemaError(
                f"the schema does not count the block {block}", hint=f"agree on one with blocks: [{wanted}]"
            )
        at = self.schema.index(column)
        measured, _ = split(self.schema)
        if at not in measured:
            raise SchemaError(f"the block {block} is of continuous columns, not of {self.schema.columns[at].name!r}")
        return measured.index(at)

    def _check(self, other: Any) -> None:
        if not isinstance(other, Summary):
            raise TypeError(f"a summary and a {type(other).__name__} do not add up")
        if self.schema.digest != other.schema.digest:
            said = "; ".join(self.schema.difference(other.schema)[:3])
            raise SchemaError(f"summaries of two schemas do not add up: {said}")
