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
from fedpeer.core.models.selection import DIRECTIONS
from fedpeer.core.models.spread import Spread
from fedpeer.core.models.subsets import MOST, WIDEST, subset
from fedpeer.core.statistics.summary import Summary

_Names = tuple[str, ...]
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
    else:
        path = _prefixes(spread) if direction == "order" else _by_values(spread, direction)
    chosen = path[-1][0] if criterion == "f" else min(path, key=lambda point: spread.value(point[0]))[0]
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
    names = list(spread.places)
    if len(names) > MOST or len(spread.groups.columns) > WIDEST:
        raise ModelError(
            f"{len(names)} features have too many subsets to try: at most {MOST} features, of {WIDEST} columns",
            hint="name fewer features, or use lda_stepwise",
        )
    values = spread.every()
    sizes = np.array([k.bit_count() for k in range(len(values))])
    best = [int(np.nanargmin(np.where(sizes == size, values, np.nan))) for size in _sizes(sizes, values)]
    chosen = [tuple(subset(names, k)) for k in best]
    path = [(each, spread.told(each)) for each in chosen]
    least = int(np.argmin(values[best]))
    return _refitted("lda_subset", spread, path, chosen[least], ({"criterion": criterion}, priors, form))


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


_Point = tuple[_Names, dict[str, Any]]


def _prefixes(spread: Spread) -> list[_Point]:
    names = tuple(spread.places)
    tried = (names[:size] for size in range(len(names) + 1))
    return [(some, spread.told(some)) for some in tried if np.isfinite(spread.value(some))]


def _by_values(spread: Spread, direction: str) -> list[_Point]:
    """A step from subset to subset as long as that lowers the criterion."""
    now = _begin(spread, direction)
    value, path = spread.value(now), [(now, spread.told(now))]
    while True:
        more = [_with(spread, now, name) for name in spread.places if name not in now and direction != "backward"]
        fewer = [_without(now, name) for name in now if direction != "forward"]
        best, names = min(((spread.value(each), each) for each in [*more, *fewer]), default=(value, now))
        if not best < value:
            return path
        value, now = best, names
        path.append((now, spread.told(now)))


def _by_tests(spread: Spread, direction: str, levels: tuple[float, float]) -> list[_Point]:
    """Steps by partial F tests: out before in, and as often as there are no circles."""
    now = _begin(spread, direction)
    path, seen = [(now, spread.told(now))], {now}
    while True:
        step = _out(spread, now, levels[1]) if direction != "forward" else None
        step = step or (_in(spread, now, levels[0]) if direction != "backward" else None)
        if step is None or step[0] in seen:
            return path
        now = step[0]
        seen.add(now)
        path.append((now, spread.told(now) | step[1]))


def _in(spread: Spread, now: _Names, level: float) -> _Point | None:
    """The subset with one feature more whose test has the smallest p, if that is small enough."""
    tried = [(_with(spread, now, name), name) for name in spread.places if name not in now]
    tests = [(spread.test(now, more), more, name) for more, name in tried]
    (found, more, name) = min(tests, key=lambda each: (each[0][1], -each[0][0]), default=((0.0, 1.0), now, ""))
    if not found[1] <= level or more == now:
        return None
    return more, {"entered": name, "f": found[0], "p": found[1]}


def _out(spread: Spread, now: _Names, level: float) -> _Point | None:
    """The subset without the feature whose test has the largest p, if that is too large."""
    tests = [(spread.test(_without(now, name), now), name) for name in now]
    (found, name) = max(tests, key=lambda each: (each[0][1], -each[0][0]), default=((0.0, 0.0), ""))
    return (_without(now, name), {"left": name, "f": found[0], "p": found[1]}) if found[1] > level else None


def _reductions(spread: Spread, share: float, limit: int) -> list[_Point]:
    """Without j, tr W⁻¹B is less by the trace of A_j′P_jj⁻¹A_j, with P = W⁻¹ and A = P·M, MM′ = B."""
    now, columns = tuple(spread.places), list(range(len(spread.groups.columns)))
    apart = spread.apart()
    precision: Floats = np.asarray(np.linalg.inv(spread.within), np.float64)
    whole = rest = float(np.sum(apart * (precision @ apart)))
    path: list[_Point] = [(now, spread.told(now) | {"trace": whole, "lost": 0.0})]
    while len(now) > 1 and len(path) <= limit:
        moved = precision @ apart[columns]
        losses = [(_loss(precision, moved, spread.among(columns, name)), name) for name in now]
        loss, name = min(losses)
        rest -= loss
        if whole - rest > share * whole:
            return path
        now, gone = _without(now, name), spread.among(columns, name)
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


def _begin(spread: Spread, direction: str) -> _Names:
    now = tuple(spread.places) if direction == "backward" else ()
    if not np.isfinite(spread.value(now)):
        raise ModelError(
            "there is no model with all features to begin with: columns that are constant within the classes or that "
            "others determine there, or too few rows",
            hint='leave columns out, or use direction="forward"',
        )
    return now


def _with(spread: Spread, now: _Names, name: str) -> _Names:
    return tuple(each for each in spread.places if each in now or each == name)


def _without(now: _Names, name: str) -> _Names:
    return tuple(each for each in now if each != name)


def _sizes(sizes: Any, values: Floats) -> list[int]:
    """Sizes of subsets of which one at least can be fitted."""
    return sorted({int(size) for size in sizes[np.isfinite(values)]})


def _level(name: str, value: Any) -> float:
    found = number(name, value)
    if not 0 < found <= 1:
        raise ModelError(f"{name} is {value!r:.40}; it must be above 0 and at most 1")
    return float(found)


def _refitted(
    kind: str, spread: Spread, path: list[_Point], names: _Names, told: tuple[dict[str, str], Any, str]
) -> Classifier:
    options, priors, form = told
    if not names:
        raise ModelError(
            f"no feature tells the classes of {spread.groups.target!r} apart by this criterion",
            hint="fit lda with the features that you want, or wait for more data",
        )
    groups = spread.groups
    model = lda(groups.summary, groups.target, list(names), priors=priors, form=form)
    steps = [{"features": list(each), **point} for each, point in path]
    left = [name for name in spread.places if name not in names]
    return msgspec.structs.replace(
        model, kind=kind, options=model.options | options, path=steps, dropped=[*model.dropped, *left]
    )
