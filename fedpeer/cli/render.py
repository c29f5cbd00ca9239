"""How answers look to people: tables, pairs, times relative to now, numbers."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fedpeer.node.timeline import printable

_PIPE_WIDTH = 200
_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


def console(*, error: bool = False) -> Console:
    """A console on stdout (or stderr) that neither wraps nor colours what is read by a program."""
    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() else _PIPE_WIDTH
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def say(text: str = "", style: str = "") -> None:
    """Print one paragraph."""
    console().print(_plain(text, style), soft_wrap=True)


def _plain(text: str, style: str = "") -> Text:
    # Names, reasons and rules come from other members: their terminal codes are shown, not obeyed.
    return Text("\n".join(map(printable, text.split("\n"))), style=style)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str = "nothing yet") -> None:
    """Print rows under headings; a heading that begins with `>` has its column flush right."""
    drawn = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for name in columns:
        right = name.startswith(">")
        drawn.add_column(
            _plain(name.removeprefix(">")), justify="right" if right else "left", no_wrap=right, overflow="fold"
        )
    for row in rows:
        drawn.add_row(*(cell if isinstance(cell, Text) else _plain(str(cell)) for cell in row))
    if drawn.row_count:
        console().print(drawn)
    else:
        say(empty, "dim")


def pairs(told: Iterable[tuple[str, Any]]) -> None:
    """Print labels with their values; an empty value leaves its line out."""
    drawn = Table(box=None, pad_edge=False, show_edge=False, show_header=False)
    drawn.add_column(style="dim", no_wrap=True)
    drawn.add_column(overflow="fold")
    for label, value in told:
        if value not in ("", None):
            drawn.add_row(label, value if isinstance(value, Text) else _plain(str(value)))
    console().print(drawn)


def clock() -> float:
    """Now, to tell times relative to it."""
    return time.time()  # noqa: TID251 (for display only: nothing is decided by it)


def moment(at: float) -> str:
    """A time as people say it: `5 min ago`, `in 3 h`, `never`."""
    if not at:
        return "never"
    away = at - clock()
    for size, unit in _UNITS:
        if abs(away) >= size:
            return f"in {away / size:.0f} {unit}" if away > 0 else f"{-away / size:.0f} {unit} ago"
    return "now"


def count(number: int, noun: str = "") -> str:
    """A whole number with its thousands apart, and its noun in the right number."""
    plural = noun if number == 1 or not noun or noun.endswith("s") else f"{noun}s"
    return f"{number:,} {plural}".strip()


def real(value: Any, digits: int = 5) -> str:
    """A number to so many significant digits, whole and huge ones legibly; a dash for none."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}g}"


def short(digest: str) -> str:
    """Enough of a digest to compare by eye."""
    return digest[:12] or "–"


def mark(passed: bool, yes: str = "yes", no: str = "no") -> Text:
    """A yes in green or a no in red."""
    return Text(yes, style="green") if passed else Text(no, style="bold red")
