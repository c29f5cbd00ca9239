"""The metrics of SymetryML's exploration, under its names and keys, by the formulas that its published numbers follow.

Variances are population variances (÷ n), but for t and F tests, which no published number fixes and whose textbook
form has unbiased ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

import flint

from fedpeer.core.errors import RequestError
from fedpeer.core.statistics import axes, compare, density, scores, tables
from fedpeer.core.statistics.anova import Parted
from fedpeer.core.statistics.explore import covariance, given, mean, variance
from fedpeer.core.statistics.grid import Grid
from fedpeer.core.statistics.moments import Moments
from fedpeer.core.statistics.quantiles import quantile
from fedpeer.core.statistics.question import Answer, Question, undefined
from fedpeer.core.statistics.rounding import Number, certified, rational, root, rounded
from fedpeer.core.statistics.samples import Sample, groups, one, two
from fedpeer.core.statistics.tails import student_quantile

_NINETY_FIVE = Fraction(19, 20)


def _uni(question: Question) -> Answer:
    """Count, mean, variance and deviation; stderr is σ / √n, meanMarginErrorC95 that times Student's t."""
    sample = one(question)
    told: Answer = {
        "count": sample.count,
        "mean": rounded(sample.mean),
        "variance": rounded(sample.variance),
        "stddev": root(sample.variance),
        "stderr": root(sample.variance / sample.count),
        "meanMarginErrorC95": _margin(sample.variance, sample.count),
    }
    return undefined(told | _skewness(question) | _middle(question), _few("meanMarginErrorC95", told))


def _skewness(question: Question) -> Answer:
    """The published n² / ((n − 1)(n − 2)) · m₃ / σ³, where third powers are counted."""
    moments = Moments.of(question.summary, question.features[0])
    if moments is None or moments.count < 3:
        return {}
    n = moments.count
    return {"skewness": moments.skewness(Fraction(n**2, (n - 1) * (n - 2)))}


def _middle(question: Question) -> Answer:
    """The least, the largest and the middle value, to the width of a bin, where histograms are counted."""
    name = question.features[0]
    if not question.column(name).indicator and not question.summary.has("histogram"):
        return {}
    grid, places = Grid.of(question.summary, name), {"min": 0, "median": 1, "max": 2}
    return {key: rounded(quantile(grid, Fraction(k, 2)).value) for key, k in places.items()}


def _bi(question: Question) -> Answer:
    """Covariance and correlation; the first feature weighted by the second, which for a 0/1 one is: where that holds.

    The conditional variance needs Σx²b², which a summary holds for 0/1 columns b only.
    """
    x, b = question.expect(2, 2)
    summary, weight = question.summary, question.column(b)
    n, shared = summary.count(x, b), covariance(summary, x, b)
    spread = variance(summary, x, b) * variance(summary, b, x)
    size = root(shared**2 / spread) if spread else None
    count = n * mean(summary, b, x)
    total = n * (shared + mean(summary, x, b) * mean(summary, b, x))
    told: Answer = {
        "covar": rounded(shared),
        "linCorr": size if size is None or shared >= 0 else -size,
        "condCount": rounded(count),
        "condSum": rounded(total),
        "condMean": rounded(total / count) if count else None,
    }
    told |= dict.fromkeys(("condVariance", "condStddev", "biCi95Down", "biCi95Up"))
    reasons = {} if spread else {"linCorr": "one of the two does not vary"}
    if not weight.indicator:
        return undefined(told, reasons | {"condVariance": f"{b!r} is not a 0/1 column: Σx²b² is not in a summary"})
    part = given(summary, x, b)
    if part.mean is None or part.variance is None:
        return undefined(told, reasons | {"condMean": f"{b!r} holds nowhere"})
    told |= {"condVariance": rounded(part.variance), "condStddev": root(part.variance)}
    told |= _bounds(part.mean, part.variance, part.count)
    return undefined(told, reasons | _few("biCi95Down", told))


def _ztest(question: Question) -> Answer:
    """The z of two means, with population variances."""
    a, b = two(question)
    square = a.variance / a.count + b.variance / b.count
    told = scores.scored(question, a.mean - b.mean, square)
    return _sides("z", a, b, a.variance, b.variance) | _picked(told, z="z", zp="p")


def _ztestp(question: Question) -> Answer:
    """The z of two proportions, pooled."""
    return _picked(compare.proportion_test(question), z="z", zp="p")


def _ztestmu(question: Question) -> Answer:
    """The z of a mean against a known one, with the population variance."""
    sample, known = one(question), _known(question, "sml_explore_ztest_known_mu")
    return _picked(scores.scored(question, sample.mean - known, sample.variance / sample.count), z="z", zp="p")


def _ttest(question: Question) -> Answer:
    """Student's t of two means, and Welch's (the keys that end in u)."""
    a, b = two(question)
    _two_rows(a, b)
    equal, unequal = scores.pooled(question, a, b), scores.welch(question, a, b)
    told = _sides("t", a, b, a.unbiased, b.unbiased) | _picked(equal, t="t", tdf="df", tp="p")
    return told | _picked(unequal, tu="t", tdfu="df", tpu="p")


def _ttestmu(question: Question) -> Answer:
    """Student's t of a mean against a known one."""
    sample, known = one(question), _known(question, "sml_explore_ttest_known_mu")
    _two_rows(sample)
    square = sample.unbiased / sample.count
    return _picked(scores.student(question, sample.mean - known, square, sample.count - 1), t="t", tp="p")


def _ftest(question: Question) -> Answer:
    """F of two variances, with the p of both tails."""
    a, b = two(question)
    _two_rows(a, b)
    told = _sides("f", a, b, a.unbiased, b.unbiased)
    return told | _picked(scores.ratio(a, b), fdf1="df1", fdf2="df2", f="f", fp="p")


def _ftestmu(question: Question) -> Answer:
    """F of a variance against a known variance, with the p of both tails."""
    sample, known = one(question), _known(question, "sml_explore_ftest_known_sigma")
    return _picked(scores.known_variance(sample, known), f="f", fp="p")


def _anova(question: Question) -> Answer:
    """One-way analysis of variance; Ssgamma and Dfgamma are the totals."""
    parted = Parted.of(groups(question))
    squares, df = parted.between + parted.within, parted.df_between + parted.df_within
    f = parted.f
    told: Answer = {
        "SSb": rounded(parted.between),
        "SSw": rounded(parted.within),
        "Dfb": parted.df_between,
        "Dfw": parted.df_within,
        "MSb": rounded(parted.between / parted.df_between),
        "MSw": rounded(parted.within / parted.df_within) if parted.df_within > 0 else None,
        "F": None if f is None else rounded(f),
        "Ssgamma": rounded(squares),
        "Dfgamma": df,
        "P": parted.p,
    }
    return undefined(told, {"F": parted.reason["f"]} if parted.reason else {})


def _chi2(question: Question) -> Answer:
    """χ², and Tschuprow's T as coef: 0/1 columns (options rows, columns), or categories that share their levels."""
    listed = question.options.get("rows") or question.options.get("columns")
    table = tables.crossed(question) if listed else tables.homogeneity(question, question.expect(2, 1000))
    told: Answer = {"chiStat": None, "df": table.df, "pval": table.p, "coef": table.tschuprow}
    for row, cells in zip(table.rows, table.counts, strict=True):
        told |= {f"obs${row}:{column}": count for column, count in zip(table.columns, cells, strict=True)}
    if not table.df:
        return undefined(told, {"chiStat": "fewer than two rows or columns of the table have any counts"})
    return told | {"chiStat": rounded(table.chi2)}


def _gain(question: Question) -> Answer:
    """Information gain in bits of the first feature on the second."""
    return _picked(tables.information_gain(question), gain="gain")


def _explorepca(question: Question) -> Answer:
    """Principal components of the correlations: a row of pcaVectors a column of the data, a column a component."""
    told = axes.Axes.of(question, "standardised")
    shown = min(question.whole("pcaNumDimension", axes.SHOWN), axes.SHOWN, len(told.values))
    return {
        "pcaVectors": told.vectors[:, :shown].tolist(),
        "pcaValues": told.values[:shown],
        "pcaSumValues": told.trace,
    }


def _exploresvd(question: Question) -> Answer:
    """Singular values of the standardised rows, and a row of vectors a column of the data."""
    told = axes.singular(question)
    names = list(told["vectors"][0])
    return {
        "svdVectors": [[vector[name] for vector in told["vectors"]] for name in names],
        "svdValues": told["values"],
    }


def _exploresvdfs(question: Question) -> Answer:
    """The features that stand best for all, and the singular values that say how many are worth keeping."""
    return _picked(axes.selection(question), features="kept", svdValues="values")


def _margin(square: Fraction, n: int) -> float | None:
    """Student's t at 95 % times √(square / n)."""
    if n < 2:
        return None
    if not square:
        return 0.0
    reach = certified(lambda: [student_quantile(_NINETY_FIVE, n - 1) * flint.arb(rational(square / n)).sqrt()])
    return reach[0]


def _bounds(middle: Fraction, square: Fraction, n: int) -> Answer:
    """The mean less and plus its margin."""
    if n < 2:
        return {"biCi95Down": None, "biCi95Up": None}

    def ends() -> list[Number]:
        reach = student_quantile(_NINETY_FIVE, n - 1) * flint.arb(rational(square / n)).sqrt() if square else 0
        return [rational(middle) - reach, rational(middle) + reach]

    low, high = certified(ends)
    return {"biCi95Down": low, "biCi95Up": high}


def _sides(letter: str, a: Sample, b: Sample, first: Fraction, second: Fraction) -> Answer:
    told: Answer = {f"{letter}n1": a.count, f"{letter}n2": b.count}
    told |= {f"{letter}m1": rounded(a.mean), f"{letter}m2": rounded(b.mean)}
    return told | {f"{letter}s1": rounded(first), f"{letter}s2": rounded(second)}


def _picked(told: Answer, **keys: str) -> Answer:
    """The values under the dialect's keys, with the reasons of those that are missing."""
    reasons = told.get("undefined", {})
    picked = {name: told[key] for name, key in keys.items()}
    said = next(iter(reasons.values()), "")
    return undefined(picked, {name: said for name, value in picked.items() if value is None})


def _known(question: Question, name: str) -> Fraction:
    chosen = next((key for key in ("known", name) if key in question.options), None)
    if chosen is None:
        raise RequestError(f"the known value is missing: option known, or {name}")
    return question.number(chosen, Fraction(0))


def _two_rows(*samples: Sample) -> None:
    for sample in samples:
        if sample.count < 2:
            raise RequestError(f"{sample.name} is {sample.count} row: too few for a variance")


def _few(key: str, told: Answer) -> dict[str, str]:
    return {key: "a single row has no margin"} if told[key] is None else {}


ANSWERS: Mapping[str, Callable[[Question], Answer]] = {
    "uni": _uni,
    "bi": _bi,
    "ztest": _ztest,
    "ztestp": _ztestp,
    "ztestmu": _ztestmu,
    "ttest": _ttest,
    "ttestmu": _ttestmu,
    "ftest": _ftest,
    "ftestmu": _ftestmu,
    "anova": _anova,
    "chi2": _chi2,
    "gain": _gain,
    "explorepca": _explorepca,
    "exploresvd": _exploresvd,
    "exploresvdfs": _exploresvdfs,
    "densityEstimate": density.estimate,
}
