"""Every picture by name: what it is a picture of, and which metric has to be asked for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fedpeer.core.errors import RequestError, UnknownError
from fedpeer.core.statistics.forms import suggestion
from fedpeer.plots import comparisons, distributions, regressions, relations
from fedpeer.plots.canvas import Figure, drawn


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing of an answer: of a metric about rows, of a fitted model, or of an evaluation of one.

    With `each`, of what the metric answers about each part of the total and its rest.
    """

    draw: Callable[[Mapping[str, Any]], Figure]
    metric: str = ""
    each: bool = False


PLOTS: Final[Mapping[str, Plot]] = {
    "density": Plot(distributions.density, "density"),
    "conditional_density": Plot(distributions.conditional_density, "conditional_density"),
    "box": Plot(distributions.box, "box"),
    "correlation": Plot(relations.correlation, "correlation"),
    "scree": Plot(relations.scree, "components"),
    "loadings": Plot(relations.loadings, "components"),
    "inflation": Plot(relations.inflation, "vif"),
    "drift": Plot(comparisons.drift, "drift"),
    "drift_by_member": Plot(comparisons.drift_by_member, "drift", each=True),
    "survival": Plot(comparisons.survival, "kaplan_meier"),
    "coefficients": Plot(regressions.coefficients),
    "diagnostics": Plot(regressions.diagnostics),
    "path": Plot(regressions.path),
    "roc": Plot(comparisons.roc),
}


def plot(name: str) -> Plot:
    """The plot of this name; UnknownError, with the nearest name, when there is none."""
    if name not in PLOTS:
        raise UnknownError(f"no plot {name[:40]!r}{suggestion(name, PLOTS)}", hint=f"there are {', '.join(PLOTS)}")
    return PLOTS[name]


def picture(name: str, answer: Mapping[str, Any], form: str = "svg") -> bytes:
    """Return a plot of an answer as the bytes of an SVG or PNG file.

    UnknownError for no such plot, RequestError for what is not its answer.
    """
    chosen = plot(name)
    try:
        return drawn(lambda: chosen.draw(answer), form)
    except (KeyError, TypeError, AttributeError):
        wanted = f"the metric {chosen.metric}" if chosen.metric else "a model or its evaluation"
        raise RequestError(f"the plot {name} draws what {wanted} answers, and this is something else") from None
