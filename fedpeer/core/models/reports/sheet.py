"""A report as CSV (RFC 4180): one row a number, in full precision, for programs to read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from fedpeer.core.models.forms.plan import plain
from fedpeer.core.models.reports.account import TESTS, Account, Cell, Grid

HEADS = ("part", "name", "of", "value", *TESTS, "text")

_FORMULA = ("=", "+", "-", "@")


def sheet(told: Account) -> str:
    """Write the rows; a text that a spreadsheet would take for a formula begins with an apostrophe."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, HEADS, restval="", lineterminator="\r\n")
    writer.writeheader()
    for row in _rows(told):
        writer.writerow({key: _safe(value) for key, value in row.items()})
    return stream.getvalue()


def _rows(told: Account) -> Iterator[dict[str, Cell]]:
    for key, _, value in told.facts:
        yield _row("model", key, "", value)
    for grid in told.grids:
        yield from _tested(grid) if grid.tested else _unrolled(grid)
    for label, value in told.origin:
        yield {"part": "origin", "name": label, "text": value}


def _tested(grid: Grid) -> Iterator[dict[str, Cell]]:
    for name, cells in grid.rows:
        yield _row(grid.key, name, "", cells[0]) | dict(zip(grid.heads[1:], cells[1:], strict=True))


def _unrolled(grid: Grid) -> Iterator[dict[str, Cell]]:
    for name, cells in grid.rows:
        for head, value in zip(grid.heads, cells, strict=True):
            yield _row(grid.key, name, head, value)


def _row(part: str, name: str, of: str, value: Cell) -> dict[str, Cell]:
    return {"part": part, "name": name, "of": of, "text" if isinstance(value, str) else "value": value}


def _safe(value: Cell) -> str:
    if isinstance(value, str):
        return f"'{plain(value)}" if value.startswith(_FORMULA) else plain(value)
    return "" if value is None else repr(value)
