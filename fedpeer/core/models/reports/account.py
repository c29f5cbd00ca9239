"""What a report says, before it is a text, a page or a sheet: facts, tables and notes, with numbers in full."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from fedpeer.core.models.chain import Chain
from fedpeer.core.models.classifier import Classifier
from fedpeer.core.models.components import Components
from fedpeer.core.models.covariance import Covariance
from fedpeer.core.models.extremes import Extremes
from fedpeer.core.models.forms.origin import Origin
from fedpeer.core.models.hidden import Hidden
from fedpeer.core.models.model import INTERCEPT, Model
from fedpeer.core.models.outliers import Outliers
from fedpeer.core.models.reports.marks import NAMES
from fedpeer.core.models.result import Result

Cell = str | int | float | None

TESTS = ("std_error", "t", "p", "ci_low", "ci_high")  # of a coefficient, where a kind has them

_TITLES = {
    "ols": "ordinary least squares",
    "ridge": "ridge regression",
    "lasso": "lasso regression",
    "elastic_net": "elastic net regression",
    "pcr": "principal component regression",
    "pls": "partial least squares regression",
    "stepwise": "stepwise least squares",
    "best_subset": "least squares on the best subset",
    "lda": "linear discriminant analysis",
    "lda_stepwise": "stepwise linear discriminant analysis",
    "lda_subset": "linear discriminant analysis on the best subset",
    "lda_reduced": "linear discriminant analysis, reduced",
    "gaussian_nb": "Gaussian naive Bayes",
    "bernoulli_nb": "Bernoulli naive Bayes",
    "ridge_classifier": "ridge classifier",
    "ls_svm": "least-squares support vector machine",
    "markov": "Markov chain",
    "hmm": "hidden Markov model",
    "pca": "principal components",
    "oas": "shrunk covariance (OAS)",
    "graphical_lasso": "graphical lasso",
    "hbos": "histogram-based outlier scores",
    "ecod": "outlier scores from empirical tails (ECOD)",
    "evt": "extreme values",
}


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of numbers: a name and a cell for each head in every row. `tested` is that of coefficients."""

    key: str
    title: str
    heads: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    tested: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """Everything that a report says, in order."""

    title: str
    formula: str
    facts: Sequence[tuple[str, str, Cell]]  # key, label, value
    grids: Sequence[Grid]
    origin: Sequence[tuple[str, str]]
    confidence: float = 0.95
    notes: Sequence[str] = field(default_factory=list)


def account(result: Result, origin: Origin) -> Account:
    """Collect the numbers of a model of any kind."""
    grids, facts = list(_grids(result)), [*_described(result), *_measured(result)]
    target = getattr(result, "target", None)
    options: Mapping[str, str] = getattr(result, "options", {})
    names = "0 + " * (options.get("intercept") == "false") + (" + ".join(result.columns) or "1")
    title = _TITLES.get(result.kind, result.kind.replace("_", " "))
    return Account(
        title=title[:1].upper() + title[1:] + (f" of {target}" if target else ""),
        formula=f"{target} ~ {names}" if target else names,
        facts=facts,
        grids=grids,
        origin=origin.lines(result),
        confidence=getattr(result, "confidence", 0.95),
        notes=list(_notes(result)),
    )


def _described(result: Result) -> Iterator[tuple[str, str, Cell]]:
    """What was fitted: options, rows, what was left out."""
    yield "kind", "kind", result.kind
    options: Mapping[str, str] = getattr(result, "options", {})
    yield from ((f"option {name}", name.replace("_", " "), value) for name, value in options.items())
    yield "n", "rows", result.n
    yield "columns", "columns", len(result.columns)
    for name, label in (("dropped", "left out"), ("empty", "without rows")):
        left: Sequence[str] = getattr(result, name, ())
        if left:
            yield name, label, ", ".join(left)
    if result.completion is not None:
        yield "missing", "missing inputs", "conditional mean" if result.completion.covariance else "mean"


def _measured(result: Result) -> Iterator[tuple[str, str, Cell]]:
    if isinstance(result, Model):
        yield "df", "degrees of freedom", int(result.df) if result.df == int(result.df) else result.df
        told = NAMES | {"f": f"F ({len(result.columns)}, {result.df:g})"}
        yield from (
            (name, label, value) for name, label in told.items() if (value := getattr(result, name)) is not None
        )
    elif isinstance(result, Covariance):
        if result.shrinkage is not None:
            yield "shrinkage", "shrinkage", result.shrinkage
    elif not isinstance(result, Classifier | Components | Extremes):
        own = {k: v for k, v in result.to_dict().items() if isinstance(v, int | float) and k != "n"}
        yield from ((name, name.replace("_", " "), value) for name, value in own.items())


def _grids(result: Result) -> Iterator[Grid]:
    match result:
        case Model() as model:
            yield _coefficients(model)
            yield from _way(model.path)
        case Classifier() as model:
            yield from _classes(model)
            yield from _way(model.path)
        case Components() as model:
            yield from _components(model)
        case Covariance() as model:
            names = list(model.means)
            yield Grid("means", "means", ["mean"], [(name, [value]) for name, value in model.means.items()])
            for key in ("covariance", "precision"):
                yield Grid(key, key, names, list(zip(names, getattr(model, key), strict=True)))
        case Outliers() as model:
            rows = [(n, [len(t.edges) + 1, *map(max, t.scores)]) for n, t in model.tallies.items()]
            yield Grid("tallies", "highest score of a bin", ["bins", *model.ways], rows)
        case Hidden() as model:
            for key, table in (("transitions", model.transitions), ("emissions", model.emissions)):
                heads = list(next(iter(table.values())))
                yield Grid(key, key, heads, [(state, list(row.values())) for state, row in table.items()])
        case Extremes() as model:
            tails = [(f"{name} {side}", tail) for name, each in model.tails.items() for side, tail in each.items()]
            heads = ["start", "rows", "shape", "scale", "limit"]
            yield Grid("tails", "tails", heads, [(name, [getattr(t, head) for head in heads]) for name, t in tails])
        case _:
            yield from _others(result)


def _way(path: Sequence[Mapping[str, Any]]) -> Iterator[Grid]:
    if path:
        heads = list(dict.fromkeys(key for step in path for key in step))
        rows = [(str(i), [_flat(step.get(key)) for key in heads]) for i, step in enumerate(path, start=1)]
        yield Grid("path", "models on the way", heads, rows)


def _coefficients(model: Model) -> Grid:
    keys = ("coefficient", *TESTS) if any(row["t"] is not None for row in model.table) else ("coefficient",)
    rows: list[tuple[str, list[Cell]]] = []
    for row in model.table:
        cells: Mapping[str, Any] = row
        rows.append((row["name"], [cells[key] for key in keys]))
    return Grid("coefficients", "coefficients", keys, rows, tested=True)


def _classes(model: Classifier) -> Iterator[Grid]:
    heads = ["rows", "prior", "constant"]
    rows = [(group.label, [group.count, group.prior, group.constant]) for group in model.classes]
    yield Grid("classes", "classes", heads, rows)
    labels = [group.label for group in model.classes]
    for key, title in (("means", "means"), ("variances", "variances"), ("weights", "weights of the scores")):
        parts: list[dict[str, float]] = [getattr(group, key) for group in model.classes]
        if all(parts):
            yield Grid(key, title, labels, [(name, [part[name] for part in parts]) for name in model.columns])
    for k, group in enumerate(model.classes, start=1):
        lines = [[*line, *[None] * (len(model.columns) - len(line))] for line in group.whitening]
        if lines:
            title = f"inverse factor of the covariance in {group.label}"
            yield Grid(f"whitening {k}", title, model.columns, list(zip(model.columns, lines, strict=True)))


def _components(model: Components) -> Iterator[Grid]:
    names = [f"pc{i}" for i in range(1, len(model.components) + 1)]
    shares = zip(names, model.variances, model.ratios, accumulate(model.ratios), strict=True)
    yield Grid("components", "components", ["variance", "share", "together"], [(n, [*rest]) for n, *rest in shares])
    loads = list(zip(*model.components, strict=True))
    yield Grid("loadings", "loadings", names, [(name, line) for name, line in zip(model.means, loads, strict=False)])
    scales = [(name, [mean, model.scales[name]]) for name, mean in model.means.items()]
    yield Grid("scales", "means and scales", ["mean", "scale"], scales)


def _others(result: Result) -> Iterator[Grid]:
    """Of a kind that has no report of its own, every mapping of names to numbers."""
    for key, value in result.to_dict().items():
        if isinstance(value, dict) and value and all(isinstance(v, int | float) for v in value.values()):
            yield Grid(key, key.replace("_", " "), ["value"], [(name, [number]) for name, number in value.items()])


def _notes(result: Result) -> Iterator[str]:
    if isinstance(result, Model):
        if result.kind in {"stepwise", "best_subset"}:
            yield "p values and intervals are those of a model that was not chosen by looking at the data"
        elif all(row["t"] is None for row in result.table):
            perfect = result.kind == "ols"
            yield (
                "a perfect fit has no tests"
                if perfect
                else "estimates are biased by intent: there are no tests of them"
            )
        if any(name != INTERCEPT and "$" in name for name in result.coefficients):
            yield "feature$level is the difference of a level from the first level of its category"
    if isinstance(result, Chain):
        yield "weights are P(class | state before), which are the scores too"
    elif isinstance(result, Classifier) and not result.probabilities:
        yield "the scores are not probabilities"
    elif isinstance(result, Classifier):
        yield "a score is ln P(class and row), up to what is the same for all classes"


def _flat(value: Any) -> Cell:
    if value is None or isinstance(value, str | int | float):
        return value
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
