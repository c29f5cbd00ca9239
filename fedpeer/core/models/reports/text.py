"""A report as plain text, laid out as users of R and statsmodels know it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from textwrap import wrap

from fedpeer.core.models.forms.plan import plain
from fedpeer.core.models.reports.account import Account, Cell, Grid
from fedpeer.core.models.reports.marks import LEGEND, real, small, stars

_WIDTH = 80
_SHOWN = 6  # columns of a table side by side
_STEPS = 12  # rows of a path


def text(told: Account) -> str:
    """Lay a report out in lines of about 80 characters; names may make a table wider."""
    lines = [told.title.center(_WIDTH).rstrip(), "=" * _WIDTH]
    lines += wrap(told.formula, _WIDTH, subsequent_indent="    ")
    lines += ["", *_facts([(label, real_or_text(key, value)) for key, label, value in told.facts])]
    for grid in told.grids:
        lines += ["", *_grid(grid, told.confidence)]
    lines += ["=" * _WIDTH, *(line for note in told.notes for line in wrap(note, _WIDTH))]
    lines += [
        line for pair in told.origin for line in wrap(f"{pair[0]:<12}{pair[1]}", _WIDTH, subsequent_indent=" " * 12)
    ]
    return "\n".join(plain(line).rstrip() for line in lines) + "\n"


def real_or_text(key: str, value: Cell) -> str:
    """A fact as it is shown."""
    if isinstance(value, str):
        return value
    return small(value) if key == "f_p" else real(value)


def heads(grid: Grid, confidence: float) -> list[str]:
    """The heads of a table as statsmodels has them, where it has them."""
    low = (1 - confidence) / 2
    names = {"coefficient": "coef", "std_error": "std err", "t": "t", "p": "P>|t|"}
    names |= {"ci_low": f"[{low:.6g}", "ci_high": f"{1 - low:.6g}]"}
    return [names.get(head, head) if grid.tested else head for head in grid.heads]


def cell(head: str, value: Cell) -> str:
    """A cell of a table as it is shown."""
    if isinstance(value, str):
        return value
    digits = {"std_error": 4, "t": 4, "ci_low": 5, "ci_high": 5}.get(head, 6)
    return small(value) if head == "p" else real(value, digits)


def _facts(pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Two columns, where both fit."""
    long = [pair for pair in pairs if len(pair[1]) > 18]
    short = [pair for pair in pairs if len(pair[1]) <= 18]
    half = (len(short) + 1) // 2
    for left, right in zip_longest(short[:half], short[half:], fillvalue=("", "")):
        yield f"{left[0]:<20}{left[1]:>18}    {right[0]:<20}{right[1]:>18}"
    for label, value in long:
        yield from wrap(f"{label:<20}{value}", _WIDTH, subsequent_indent=" " * 20)


def _grid(grid: Grid, confidence: float) -> Iterator[str]:
    titles, rows = heads(grid, confidence), list(grid.rows)
    more = len(rows) - _STEPS if grid.key == "path" else 0
    rows = rows[:_STEPS] if more > 0 else rows
    for start in range(0, len(titles), _SHOWN):
        place = slice(start, start + _SHOWN)
        table = [
            [name, *(cell(h, v) for h, v in zip(grid.heads[place], cells[place], strict=True))] for name, cells in rows
        ]
        marked = grid.tested and "p" in grid.heads
        marks = [stars(_number(cells[grid.heads.index("p")])) if marked else "" for _, cells in rows]
        yield from _table(grid.title if not grid.tested else "", ["", *titles[place]], table, marks)
    if more > 0:
        yield f"and {more} more, in the other forms of this report"
    if grid.tested and "p" in grid.heads:
        yield LEGEND


def _table(title: str, names: Sequence[str], rows: Sequence[Sequence[str]], marks: Sequence[str]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in (names, *rows)) for i in range(len(names))]
    size = max(_WIDTH, sum(widths) + 2 * len(widths) + 4)
    gap = max(2, min(5, (_WIDTH - 4 - sum(widths)) // max(1, len(widths) - 1)))
    if title:
        yield title
    yield "-" * size
    for place, (row, mark) in enumerate(zip((names, *rows), ("", *marks), strict=True)):
        cells = [f"{row[0]:<{widths[0]}}", *(f"{c:>{w}}" for c, w in zip(row[1:], widths[1:], strict=True))]
        yield (" " * gap).join(cells) + f" {mark}"
        if place in (0, len(rows)):
            yield "-" * size


def _number(value: Cell) -> float | None:
    return value if isinstance(value, int | float) else None
