"""A report as one HTML page: no scripts, nothing from elsewhere, for eyes, screen readers, paper and dark rooms."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence

from fedpeer.core.models.forms.plan import plain
from fedpeer.core.models.reports.account import Account, Cell, Grid
from fedpeer.core.models.reports.marks import LEGEND, stars
from fedpeer.core.models.reports.text import cell, heads, real_or_text

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
:root { color-scheme: light dark; --ink: #1a1d21; --soft: #5d6672; --line: #d9dee5; --paper: #ffffff; --tint: #f5f7fa;
  --mark: #1f5fa8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7eaee; --soft: #9aa5b3; --line: #323a45; --paper: #14181d;
  --tint: #1b2027; --mark: #7ab3f0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI",
  Roboto, "Noto Sans", sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
header { border-bottom: 2px solid var(--ink); padding-bottom: 1rem; margin-bottom: 1.5rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem; font-weight: 650; }
h1::first-letter { text-transform: uppercase; }
h2 { font-size: 1.05rem; margin: 2.2rem 0 .6rem; font-weight: 650; }
h2::first-letter { text-transform: uppercase; }
.formula { margin: 0; color: var(--soft); font: .95rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace;
  overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: 0 2.5rem; margin: 0; }
dl div { display: flex; justify-content: space-between; gap: 1rem; padding: .3rem 0;
  border-bottom: 1px solid var(--line); }
dt { color: var(--soft); white-space: nowrap; }
dd { margin: 0; text-align: right; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }
.wide:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .75rem; text-align: right; white-space: nowrap; }
th:first-child { text-align: left; }
thead th { border-bottom: 1px solid var(--ink); color: var(--soft); font-weight: 550; background: var(--tint); }
tbody th { font-weight: 550; }
tbody tr + tr th, tbody tr + tr td { border-top: 1px solid var(--line); }
td.stars { text-align: left; padding-left: 0; color: var(--mark); font-weight: 700; }
td.text { text-align: left; white-space: normal; }
td.span { padding-top: 0; padding-bottom: 0; width: 9rem; }
svg { display: block; width: 9rem; height: 1.5rem; }
.zero { stroke: var(--soft); stroke-dasharray: 2 2; }
.reach { stroke: var(--mark); stroke-width: 2; }
.point { fill: var(--mark); }
summary { color: var(--soft); cursor: pointer; margin-bottom: .4rem; }
.note, .legend { color: var(--soft); font-size: .88rem; margin: .5rem 0 0; }
footer { margin-top: 2.5rem; padding-top: .8rem; border-top: 2px solid var(--ink); font-size: .88rem; }
footer h2 { margin: .2rem 0 .4rem; font-size: 1rem; }
footer dl { grid-template-columns: 1fr; }
footer div { justify-content: flex-start; }
footer dt { width: 7rem; flex: none; }
footer dd { text-align: left; }
@media print { :root { color-scheme: light; --ink: #000; --soft: #444; --line: #bbb; --paper: #fff; --tint: #fff;
  --mark: #000; } body { font-size: 10pt; } main { max-width: none; padding: 0; }
  .wide { overflow: visible; border: 0; } tr { break-inside: avoid; } h2 { break-after: avoid; }
  @page { margin: 18mm; } }
"""
_FOLDED = "path"  # a table that is long, and seldom read
_REACH = 12.0  # standard errors that fit on the axis of the intervals, at most


def page(told: Account) -> str:
    """Write the page, which is well-formed XML too; every name and text in it is escaped."""
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8"/>',
        f'<meta http-equiv="Content-Security-Policy" content="{_escaped(_POLICY)}"/>',
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
        '<meta name="generator" content="fedpeer"/>',
        f"<title>{_escaped(told.title)}</title>",
        f"<style>{_STYLE}</style>",
        "</head>",
        "<body><main>",
        f"<header><h1>{_escaped(told.title)}</h1>",
        f'<p class="formula">{_escaped(told.formula)}</p></header>',
        "<section><h2>Model</h2>",
        *_pairs([(label, _fact(key, value)) for key, label, value in told.facts]),
        "</section>",
        *(line for grid in told.grids for line in _grid(grid, told.confidence)),
        *(f'<p class="note">{_escaped(note)}</p>' for note in told.notes),
        "<footer><h2>Origin</h2>",
        *_pairs([(label, _escaped(value)) for label, value in told.origin]),
        "</footer>",
        "</main></body>",
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def _pairs(pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    yield "<dl>"
    yield from (f"<div><dt>{_escaped(label)}</dt><dd>{value}</dd></div>" for label, value in pairs)
    yield "</dl>"


def _grid(grid: Grid, confidence: float) -> Iterator[str]:
    tested = grid.tested and "p" in grid.heads
    ident = f"grid-{grid.key}"
    yield f'<section><h2 id="{_escaped(ident)}">{_escaped(grid.title)}</h2>'
    if grid.key == _FOLDED:
        yield f"<details><summary>{len(grid.rows)} rows</summary>"
    yield f'<div class="wide" role="region" tabindex="0" aria-labelledby="{_escaped(ident)}"><table>'
    names = [_head(head) for head in heads(grid, confidence)]
    if tested:
        where = grid.heads.index("p") + 1
        names.insert(where, '<th scope="col"><span aria-label="significance"></span></th>')
        names.append('<th scope="col" aria-hidden="true">interval ÷ std err</th>')
    yield f'<thead><tr><th scope="col">{"name" if grid.tested else ""}</th>{"".join(names)}</tr></thead><tbody>'
    reach = _reach(grid) if tested else 0.0
    for name, values in grid.rows:
        cells = [_cell(head, value) for head, value in zip(grid.heads, values, strict=True)]
        if tested:
            told = dict(zip(grid.heads, values, strict=True))
            cells.insert(grid.heads.index("p") + 1, f'<td class="stars">{stars(_number(told["p"]))}</td>')
            cells.append(f'<td class="span" aria-hidden="true">{_interval(told, reach)}</td>')
        yield f'<tr><th scope="row"><bdi>{_escaped(name)}</bdi></th>{"".join(cells)}</tr>'
    yield "</tbody></table></div>" + ("</details>" if grid.key == _FOLDED else "")
    drawn = "the drawing has each interval in standard errors about 0; an arrow lies beyond it"
    yield f'<p class="legend">{_escaped(LEGEND)}<br/>{drawn}</p></section>' if tested else "</section>"


def _head(head: str) -> str:
    return f'<th scope="col"><bdi>{_escaped(head)}</bdi></th>'


def _cell(head: str, value: Cell) -> str:
    if isinstance(value, str):
        return f'<td class="text">{_escaped(value)}</td>'
    shown = _escaped(cell(head, value))
    return f"<td>{shown}</td>" if value is None else f'<td><data value="{value!r}">{shown}</data></td>'


def _fact(key: str, value: Cell) -> str:
    shown = _escaped(real_or_text(key, value))
    return shown if isinstance(value, str) or value is None else f'<data value="{value!r}">{shown}</data>'


def _reach(grid: Grid) -> float:
    """How many standard errors from zero the axis goes."""
    ends = [_ends(dict(zip(grid.heads, values, strict=True))) for _, values in grid.rows]
    return min(_REACH, max([4.0, *(abs(end) for pair in ends if pair for end in pair)]))


def _ends(told: dict[str, Cell]) -> tuple[float, float] | None:
    """The interval in standard errors."""
    low, high, error = (_number(told[key]) for key in ("ci_low", "ci_high", "std_error"))
    return (low / error, high / error) if low is not None and high is not None and error else None


def _interval(told: dict[str, Cell], reach: float) -> str:
    """A small drawing of an interval about its estimate, zero in the middle; an arrow where it leaves the axis."""
    ends = _ends(told)
    if ends is None:
        return ""
    low, high = (70 + 66 * max(-1.0, min(1.0, end / reach)) for end in ends)
    middle = sum(ends) / 2 / reach
    line = f'<line class="reach" x1="{low:.1f}" x2="{high:.1f}" y1="12" y2="12"/>'
    if abs(middle) > 1:
        side, tip = (132, 138) if middle > 0 else (8, 2)
        point = f'<path class="point" d="M{side} 7 L{tip} 12 L{side} 17 Z"/>'
    else:
        point = f'<circle class="point" cx="{70 + 66 * middle:.1f}" cy="12" r="3.5"/>'
    zero = '<line class="zero" x1="70" x2="70" y1="0" y2="24"/>'
    return f'<svg viewBox="0 0 140 24" aria-hidden="true">{zero}{line}{point}</svg>'


def _number(value: Cell) -> float | None:
    return value if isinstance(value, int | float) else None


def _escaped(text: str) -> str:
    return html.escape(plain(text), quote=True)
