"""A sheet of axes in one look, and its bytes: the same answer gives the same file."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from typing import Any, Final, Literal

from fedpeer.core.errors import RequestError

Form = Literal["svg", "png"]
Axes = Any  # matplotlib.axes.Axes; the library has types, and is an extra
Figure = Any

FORMS: Final[tuple[Form, ...]] = ("svg", "png")
# Colours that differ also for those who see few (Okabe and Ito, 2008), the first for what is alone.
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#f0e442")
INK, FAINT = "#333333", "#d9d9d9"

_LOOK: Final = {
    "font.family": "DejaVu Sans",  # comes with the library, so that a sheet looks the same everywhere
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "svg.fonttype": "none",  # text stays text: it can be searched and read aloud
    "svg.hashsalt": "fedpeer",
}
_DOTS = 144  # an inch
_SOFTWARE = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
# The library's settings are the process's: two threads must not draw at once.
_turn = threading.Lock()


def drawn(draw: Callable[[], Figure], form: str) -> bytes:
    """Return the picture as the bytes of a file; RequestError for another form, and without the library."""
    if form not in FORMS:
        raise RequestError(f"no picture as {form[:20]!r}", hint=f"there are {' and '.join(FORMS)}")
    library = _library()
    with _turn, library.rc_context(_LOOK):
        figure, out = draw(), io.BytesIO()
        figure.savefig(out, format=form, dpi=_DOTS, metadata=_SOFTWARE[form])
    return out.getvalue()


def sheet(count: int = 1, *, columns: int = 1, size: tuple[float, float] = (5.6, 3.2)) -> tuple[Figure, list[Axes]]:
    """Return a figure with so many axes, of this size in inches each."""
    from matplotlib.figure import Figure as Drawn  # noqa: PLC0415  an extra, loaded when something is drawn

    across = min(count, columns)
    down = -(-count // across)
    figure = Drawn(figsize=(size[0] * across, size[1] * down))
    axes = figure.subplots(down, across, squeeze=False).ravel().tolist()
    for spare in axes[count:]:
        spare.set_axis_off()
    return figure, axes[:count]


def mapped(axes: Axes, values: list[list[float]], names: tuple[list[str], list[str]], **colours: Any) -> Any:
    """Draw a map of rows and columns with these names, nan left grey, and return it for a scale of its colours."""
    shown = axes.pcolormesh(values, edgecolors="white", linewidth=0.5, **colours)
    down, across = ([short(name, 18) for name in side] for side in names)
    axes.set_xticks([k + 0.5 for k in range(len(across))], across, rotation=90)
    axes.set_yticks([k + 0.5 for k in range(len(down))], down)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_facecolor(FAINT)
    return shown


def short(name: str, most: int = 28) -> str:
    """A name that fits beside an axis, with nothing in it that the library would read as a formula."""
    text = name if len(name) <= most else name[: most - 1] + "…"
    return text.replace("$", r"\$")


def _library() -> Any:
    try:
        import matplotlib as mpl  # noqa: PLC0415  an extra, loaded when something is drawn
    except ImportError:
        hint = "pip install 'fedpeer[plots]'"
        raise RequestError("pictures need matplotlib, which is not installed here", hint=hint) from None
    return mpl
