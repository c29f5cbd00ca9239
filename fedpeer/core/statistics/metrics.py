"""Every metric by name: what it may be asked with, and the function that answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fedpeer.core.errors import RequestError, SchemaError
from fedpeer.core.statistics import anova, axes, balance, compare, density, drift, quantiles, spread, tables
from fedpeer.core.statistics.conditional import conditional_density, conditional_estimate, ks_test
from fedpeer.core.statistics.dialect import ANSWERS
from fedpeer.core.statistics.explore import explore
from fedpeer.core.statistics.forms import suggestion
from fedpeer.core.statistics.logrank import log_rank
from fedpeer.core.statistics.question import Answer, Question
from fedpeer.core.statistics.summary import Summary
from fedpeer.core.statistics.survival import kaplan_meier
from fedpeer.core.statistics.uncertain import OVERSHADOWED, unaccounted


@dataclass(frozen=True, slots=True)
class Metric:
    """A function of a question, the options it reads, and whether it can compare with a second summary.

    `together` says that it looks at several columns at once, which the same rows must have.
    """

    answer: Callable[[Question], Answer]
    options: tuple[str, ...] = ()
    compares: bool = False
    together: bool = False


def measure(
    summary: Summary,
    metric: str,
    features: Sequence[str] = (),
    *,
    options: Mapping[str, Any] | None = None,
    other: Summary | None = None,
) -> Answer:
    """Answer one metric of METRICS about a summary, as JSON-able values; `other` is a summary to compare with.

    A value that is not defined is None, and `undefined` says why. RequestError for what the metric does not take,
    SchemaError for features that are not there and for summaries without rows.
    """
    chosen, given = METRICS.get(metric), dict(options or {})
    if chosen is None:
        raise RequestError(
            f"no metric {metric[:60]!r}{suggestion(metric, METRICS)}", hint=f"there are {', '.join(METRICS)}"
        )
    unknown = [name for name in given if name not in chosen.options]
    if unknown:
        takes = f"it takes {', '.join(chosen.options)}" if chosen.options else "it takes none"
        raise RequestError(f"metric {metric} has no option {str(unknown[0])[:60]!r}; {takes}")
    if other is not None and not chosen.compares:
        raise RequestError(f"metric {metric} does not compare two sets of rows")
    if other is not None and other.schema.digest != summary.schema.digest:
        raise RequestError("only summaries under one schema can be compared")
    twice = next((name for i, name in enumerate(features) if name in features[:i]), None)
    if twice is not None:
        raise RequestError(f"the feature {twice!r} is named twice")
    if min(summary.rows, summary.rows if other is None else other.rows) < 1:
        raise SchemaError("there are no rows", hint="add data first")
    question = Question(summary, tuple(features), given, other)
    if chosen.together:
        columns = question.columns(len(summary.schema.columns))
        question = replace(question, summary=summary.among([column.name for column in columns]))
    if summary.noise or (other is not None and other.noise):
        return _under_noise(metric, chosen, question)
    return chosen.answer(question)


def _under_noise(metric: str, chosen: Metric, question: Question) -> Answer:
    """An answer of sums that no rows may have; SchemaError where their formulas have no value."""
    try:
        answer = chosen.answer(question)
    except (SchemaError, ArithmeticError, ValueError, IndexError) as fault:
        raise SchemaError(f"{OVERSHADOWED}, so {metric} has no value here: {fault}") from None
    found: Answer = _finite(answer)
    return {**unaccounted(question.summary), **found}


def _finite(value: Any) -> Any:
    """The same without numbers that are none."""
    if isinstance(value, Mapping):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _univariate(question: Question) -> Answer:
    (name,) = question.expect(1, 1)
    return explore(question.summary, confidence=question.confidence).univariate(name)


def _bivariate(question: Question) -> Answer:
    a, b = question.expect(2, 2)
    return explore(question.summary, confidence=question.confidence).bivariate(a, b)


_CONFIDENCE = ("confidence",)
_LEVELS = ("levels",)

METRICS: Mapping[str, Metric] = {
    # Standard definitions, docs/statistics.md
    "univariate": Metric(_univariate, _CONFIDENCE),
    "bivariate": Metric(_bivariate, _CONFIDENCE),
    "z_test": Metric(compare.z_test, (*_CONFIDENCE, *_LEVELS, "known"), compares=True),
    "proportion_test": Metric(compare.proportion_test, (*_CONFIDENCE, *_LEVELS, "known"), compares=True),
    "t_test": Metric(compare.t_test, (*_CONFIDENCE, *_LEVELS, "known", "paired"), compares=True),
    "f_test": Metric(compare.f_test, (*_LEVELS, "known"), compares=True),
    "oneway": Metric(anova.oneway, _LEVELS),
    "contingency": Metric(tables.contingency, ("rows", "columns")),
    "information_gain": Metric(tables.information_gain, ("rows", "columns")),
    "correlation": Metric(spread.correlation, _CONFIDENCE),
    "vif": Metric(spread.vif, together=True),
    "components": Metric(axes.components, ("matrix", "components", "explained"), together=True),
    "singular": Metric(axes.singular, ("scale", "components"), together=True),
    "selection": Metric(axes.selection, ("keep",), together=True),
    "difference": Metric(balance.difference, ("by",), compares=True),
    "drift": Metric(drift.drift, ("groups", "by"), compares=True),
    "quantiles": Metric(quantiles.quantiles, ("probabilities",)),
    "box": Metric(quantiles.box, ("reach",)),
    "density": Metric(density.density, ("bins", "smooth")),
    "conditional_density": Metric(conditional_density, (*_LEVELS, "bins", "smooth")),
    "ks_test": Metric(ks_test, _LEVELS),
    "kaplan_meier": Metric(kaplan_meier, (*_CONFIDENCE, *_LEVELS, "interval", "horizon")),
    "log_rank": Metric(log_rank, (*_LEVELS, "weights")),
    # The names and keys of SymetryML's exploration
    "uni": Metric(ANSWERS["uni"]),
    "bi": Metric(ANSWERS["bi"]),
    "ztest": Metric(ANSWERS["ztest"], _LEVELS, compares=True),
    "ztestp": Metric(ANSWERS["ztestp"], _LEVELS, compares=True),
    "ztestmu": Metric(ANSWERS["ztestmu"], ("known", "sml_explore_ztest_known_mu")),
    "ttest": Metric(ANSWERS["ttest"], _LEVELS, compares=True),
    "ttestmu": Metric(ANSWERS["ttestmu"], ("known", "sml_explore_ttest_known_mu")),
    "ftest": Metric(ANSWERS["ftest"], _LEVELS, compares=True),
    "ftestmu": Metric(ANSWERS["ftestmu"], ("known", "sml_explore_ftest_known_sigma")),
    "anova": Metric(ANSWERS["anova"], _LEVELS),
    "chi2": Metric(ANSWERS["chi2"], ("rows", "columns")),
    "gain": Metric(ANSWERS["gain"]),
    "explorepca": Metric(ANSWERS["explorepca"], ("pcaNumDimension",), together=True),
    "exploresvd": Metric(ANSWERS["exploresvd"], together=True),
    "exploresvdfs": Metric(ANSWERS["exploresvdfs"], ("keep",), together=True),
    "densityEstimate": Metric(ANSWERS["densityEstimate"], ("hist_bins",)),
    "conditionalDensityEstimate": Metric(conditional_estimate, ("hist_bins",)),
}
