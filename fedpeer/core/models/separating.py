"""Which features a linear discriminant should have: step by step, the best of all subsets, or as few as will do.

Subsets are compared by Wilks' Λ = det W / det T, of products within the classes and in all. −n ln Λ is twice what the
features add to the normal likelihood, for (K − 1) parameters a column (Fujikoshi, J. Multivariate Analysis 17, 1985).
They are compared in float64, by correlations rounded once from exact integers; the one that is chosen is `lda`, exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from fedpeer.core.errors import ModelError
from fedpeer.core.models.classifier import Classifier
from fedpeer.core.models.discriminant import lda
from fedpeer.core.models.inputs import Floats
from fedpeer.core.models.numbers import number
from fedpeer.core.models.spread import Spread
from fedpeer.core.models.steps import DIRECTIONS, Names, descent, fewer, foremost, more, prefixes
from fedpeer.core.models.subsets import check_size, each_size, subset
from fedpeer.core.statistics.summary import Summary

_MANY = 10**6  # steps that a reduction may take


def lda_stepwise(
    summary: Summary,
    target: str,
    features: Sequence[str] | None,
    *,
    criterion: str = "bic",
    direction: str = "both",
    enter: Any = "0.05",
    leave: Any = "0.10",
    priors: Any = "data",
    form: str = "likelihood",
) -> Classifier:
    """Add or remove the feature that improves the criterion most, until none does; then separate by `lda`.

    The criterion `f` adds the feature whose partial F has the smallest p, up to `enter`, and removes those whose p is
    above `leave`. The direction `order` tries the first feature, the first two, and so on.
    """
    known = DIRECTIONS[:-1] if criterion == "f" else DIRECTIONS
    if direction not in known:
        raise ModelError(f"direction is {direction!r:.40}; it must be one of {', '.join(known)}")
    levels = (_level("enter", enter), _level("leave", leave))
    spread = Spread.of(summary, target, features, criterion, ("aic", "auc", "bic", "f"))
    options = {"criterion": criterion, "direction": direction}
    if criterion == "f":
        if direction == "both" and levels[0] > levels[1]:
            raise ModelError(f"enter is {enter} and leave is {leave}: what enters would leave again")
        path, options = _by_tests(spread, direction, levels), options | {"enter": str(enter), "leave": str(leave)}
        chosen = path[-1][0]
    else:
        path = [(some, spread.told(some)) for some in _tried(spread, direction)]
        chosen = path[foremost([spread.value(some) for some, _ in path], spread.rows)][0]
    return _refitted("lda_stepwise", spread, path, chosen, (options, priors, form))


def lda_subset(
    summary: Summary,
    target: str,
    features: Sequence[str] | None,
    *,
    criterion: str = "bic",
    priors: Any = "data",
    form: str = "likelihood",
) -> Classifier:
    """Compare all subsets of at most 17 features, and separate by those of the best; `path` has that of each size."""
    spread = Spread.of(summary, target, features, criterion, ("aic", "auc", "bic"))
    check_size(list(spread.places.values()), "lda_stepwise")
    values = spread.every()
    best = each_size(values, spread.rows)
    chosen = [tuple(subset(list(spread.places), k)) for k in best]
    path = [(each, spread.told(each)) for each in chosen]
    least = chosen[foremost(values[best], spread.rows)]
    return _refitted("lda_subset", spread, path, least, ({"criterion": criterion}, priors, form))


def lda_reduced(
    summary: Summary,
    target: str,
    features: Sequence[str] | None,
    *,
    delta: Any = "0.01",
    steps: Any = None,
    priors: Any = "data",
    form: str = "likelihood",
) -> Classifier:
    """Remove the feature that separates least, as long as all that is lost is at most `delta` of tr W⁻¹B.

    That trace is Σ n_k D²(x̄_k, x̄)/(n − K), with D the distance of Mahalanobis: how far apart the classes are.
    """
    share = number("delta", delta)
    if not 0 <= share < 1:
        raise ModelError(f"delta is {delta!r:.40}; it must be at least 0 and less than 1")
    limit = number("steps", _MANY if steps is None else steps)
    if limit.denominator != 1 or limit < 0:
        raise ModelError(f"steps is {steps!r:.40}; it must be a whole number")
    lda(summary, target, features)  # says by name what is singular
    spread = Spread.of(summary, target, features, "trace", ("trace",))
    path = _reductions(spread, float(share), int(limit))
    options = {"delta": str(delta)} | ({} if steps is None else {"steps": str(steps)})
    return _refitted("lda_reduced", spread, path, path[-1][0], (options, priors, form))


_Point = tuple[Names, dict[str, Any]]


def _tried(spread: Spread, direction: str) -> list[Names]:
    names = list(spread.places)
    if direction == "order":
        return [some for some in prefixes(names) if np.isfinite(spread.value(some))]
    _check_begin(spread, direction)
    return descent(spread.value, names, direction, spread.rows)


def _by_tests(spread: Spread, direction: str, levels: tuple[float, float]) -> list[_Point]:
    """Steps by partial F tests: out before in, and as often as there are no circles."""
    _check_begin(spread, direction)
    now: Names = tuple(spread.places) if direction == "backward" else ()
    path, seen = [(now, spread.told(now))], {now}
    while True:
        step = _out(spread, now, levels[1]) if direction != "forward" else None
        step = step or (_in(spread, now, levels[0]) if direction != "backward" else None)
        if step is None or step[0] in seen:
            return path
        now = step[0]
        seen.add(now)
        path.append((now, spread.told(now) | step[1]))


def _in(spread: Spread, now: Names, level: float) -> _Point | None:
    """The subset with one feature more whose test has the smallest p, if that is small enough."""
    tried = [some for some in more(list(spread.places), now) if np.isfinite(spread.value(some))]
    tests = [spread.test(now, some) for some in tried]
    if not tests or (least := min(p for _, p in tests)) > level:
        return None
    # where p is smaller than a float can tell, F does
    values = [p for _, p in tests] if least else [np.inf if p else -f for f, p in tests]
    at = foremost(values, abs(min(values)))
    (name,) = set(tried[at]) - set(now)
    return tried[at], {"entered": name, "f": tests[at][0], "p": tests[at][1]}


def _out(spread: Spread, now: Names, level: float) -> _Point | None:
    """The subset without the feature whose test has the largest p, if that is too large."""
    tests = [spread.test(some, now) for some in fewer(now)]
    if not tests or (most := max(p for _, p in tests)) <= level:
        return None
    at = foremost([-p for _, p in tests], most)
    return fewer(now)[at], {"left": now[at], "f": tests[at][0], "p": tests[at][1]}


def _reductions(spread: Spread, share: float, limit: int) -> list[_Point]:
    """Without j, tr W⁻¹B is less by the trace of A_j′P_jj⁻¹A_j, with P = W⁻¹ and A = P·M, MM′ = B."""
    now, columns = tuple(spread.places), list(range(len(spread.groups.columns)))
    _check_begin(spread, "backward")
    apart = spread.apart()
    precision: Floats = np.asarray(np.linalg.inv(spread.within), np.float64)
    whole = rest = float(np.sum(apart * (precision @ apart)))
    if not whole:
        raise _alike(spread)
    path: list[_Point] = [(now, spread.told(now) | {"trace": whole, "lost": 0.0})]
    while len(now) > 1 and len(path) <= limit:
        moved = precision @ apart[columns]
        losses = [_loss(precision, moved, spread.among(columns, name)) for name in now]
        at = foremost(losses, whole)
        rest -= losses[at]
        if whole - rest > share * whole:
            return path
        now, gone = fewer(now)[at], spread.among(columns, now[at])
        precision = _shrunk(precision, gone)
        columns = [column for at, column in enumerate(columns) if at not in set(gone)]
        path.append((now, spread.told(now) | {"trace": rest, "lost": 1 - rest / whole}))
    return path


def _loss(precision: Floats, moved: Floats, gone: list[int]) -> float:
    return float(np.sum(moved[gone] * np.linalg.solve(precision[np.ix_(gone, gone)], moved[gone])))


def _shrunk(precision: Floats, gone: list[int]) -> Floats:
    """The inverse of a matrix without some of its rows and columns, from the inverse with them."""
    kept = [at for at in range(len(precision)) if at not in set(gone)]
    cross = precision[np.ix_(kept, gone)]
    return np.asarray(
        precision[np.ix_(kept, kept)] - cross @ np.linalg.solve(precision[np.ix_(gone, gone)], cross.T), np.float64
    )


def _check_begin(spread: Spread, direction: str) -> None:
    """ModelError unless there is a value to begin with."""
    if direction == "backward" and not np.isfinite(spread.value(list(spread.places))):
        raise ModelError(
            "there is no model with all features to begin with: columns that are constant within the classes or that "
            "others determine to 13 digits, or too few rows",
            hint='leave columns out, or begin without any: lda_stepwise with direction="forward"',
        )
    if not np.isfinite(spread.value(())):
        raise ModelError(f"{spread.rows} rows are too few to choose features by {spread.criterion}")


def _alike(spread: Spread) -> ModelError:
    return ModelError(
        f"no feature tells the classes of {spread.groups.target!r} apart by this criterion",
        hint="fit lda with the features that you want, or wait for more data",
    )


def _level(name: str, value: Any) -> float:
    found = number(name, value)
    if not 0 < found <= 1:
        raise ModelError(f"{name} is {value!r:.40}; it must be above 0 and at most 1")
    return float(found)


def _refitted(
    kind: str, spread: Spread, path: list[_Point], names: Names, told: tuple[dict[str, str], Any, str]
) -> Classifier:
    options, priors, form = told
    if not names:
        raise _alike(spread)
    groups = spread.groups
    model = lda(groups.summary, groups.target, list(names), priors=priors, form=form)
    steps = [{"features": list(each), **point} for each, point in path]
    left = [name for name in spread.places if name not in names]
    return msgspec.structs.replace(
        model, kind=kind, options=model.options | options, path=steps, dropped=[*model.dropped, *left]
    )
