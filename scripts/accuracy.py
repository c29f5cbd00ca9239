"""Writes docs/accuracy.md: NIST's reference sets through three daemons, beside four programs on the pooled rows.

`--check` writes nothing and exits with 1 if the daemons do not compute what the page says, or fewer digits than it
promises. The other programs' digits depend on the machine's BLAS, so they are not compared.
"""

from __future__ import annotations

import math
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import starmap
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg
import statsmodels.api as sm
import strd
from scipy import stats
from sklearn.feature_selection import f_classif
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

import fedpeer as fp
from fedpeer.cli.crew import Running, crew
from fedpeer.client import Client
from fedpeer.core.statistics.explore import explore
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

PAGE = Path(__file__).resolve().parents[1] / "docs" / "accuracy.md"
PEERS = ("alfa", "bravo", "charlie")
FLOOR = 13.0
MOST = 15.0  # digits that a certified value has

Floats = np.ndarray[Any, np.dtype[np.float64]]
Answer = Mapping[str, list[float]]  # by quantity, in the order of the certified values
START, END = "<!-- measured -->", "<!-- end -->"
ROW = re.compile(r"^\| (\S+) \| (\S+) \| ([^|]+?) \| (\S+) \|", re.MULTILINE)


def digits(values: Sequence[float] | None, certified: Sequence[str]) -> float | None:
    """The log relative error, of the worst of them; of a certified zero, the log error."""
    if values is None:
        return None
    worst = MOST
    for value, text in zip(values, certified, strict=True):
        true = Fraction(text)
        if not math.isfinite(value):
            return 0.0
        missed = abs(Fraction(value) - true) / (abs(true) or 1)
        worst = min(worst, -math.log10(missed) if missed else MOST)
    return max(0.0, worst)


def pooled(values: Sequence[Fraction]) -> Floats:
    return np.array([float(value) for value in values])


# What is certified


def linear_truth(each: strd.Linear) -> dict[str, list[str]]:
    told = {"coefficients": [b for b, _ in each.certified.values()], "R²": [each.square]}
    if each.ratio is None:
        return told
    errors = [error for _, error in each.certified.values()]
    return told | {"standard errors": errors, "residual deviation": [each.spread], "F": [each.ratio]}


def anova_truth(each: strd.Anova) -> dict[str, list[str]]:
    squares = [each.certified["between"], each.certified["within"]]
    rest = {name: [each.certified[name]] for name in ("residual deviation", "R²")}
    return {"F": [each.certified["F"]], "sums of squares": squares} | rest


def univariate_truth(each: strd.Univariate) -> dict[str, list[str]]:
    return {"mean": [each.mean], "standard deviation": [each.deviation]}


# The other programs, on the pooled rows


def _design(each: strd.Linear) -> tuple[Floats, Floats]:
    y = pooled(each.columns[each.target])
    columns = [np.ones(len(y)) if name == "intercept" else pooled(each.columns[name]) for name in each.certified]
    return np.column_stack(columns), y


def _by_solution(x: Floats, y: Floats, beta: Floats, *, constant: bool) -> dict[str, list[float]]:
    left = float(np.sum((y - x @ beta) ** 2))
    total = float(np.sum((y - y.mean()) ** 2 if constant else y**2))
    free = len(y) - len(beta)
    spread = left / free
    ratio = (total - left) / (len(beta) - constant) / spread if spread else math.inf
    return {
        "coefficients": beta.tolist(),
        "R²": [1 - left / total],
        "residual deviation": [math.sqrt(spread)],
        "F": [ratio],
    }


def linear_numpy(each: strd.Linear) -> Answer:
    x, y = _design(each)
    return _by_solution(x, y, np.linalg.lstsq(x, y, rcond=None)[0], constant="intercept" in each.certified)


def linear_scipy(each: strd.Linear) -> Answer:
    x, y = _design(each)
    if each.name != "Norris":
        return _by_solution(x, y, scipy.linalg.lstsq(x, y)[0], constant="intercept" in each.certified)
    line = stats.linregress(x[:, 1], y)
    return {
        "coefficients": [line.intercept, line.slope],
        "standard errors": [line.intercept_stderr, line.stderr],
        "R²": [line.rvalue**2],
    }


def linear_sklearn(each: strd.Linear) -> Answer:
    x, y = _design(each)
    constant = "intercept" in each.certified
    x = x[:, 1:] if constant else x
    model = LinearRegression(fit_intercept=constant).fit(x, y)
    found = {"coefficients": [*([float(model.intercept_)] if constant else []), *model.coef_.tolist()]}
    return found | ({"R²": [float(model.score(x, y))]} if constant else {})


def linear_statsmodels(each: strd.Linear) -> Answer:
    x, y = _design(each)
    told = sm.OLS(y, x).fit()
    return {
        "coefficients": told.params.tolist(),
        "standard errors": told.bse.tolist(),
        "R²": [told.rsquared],
        "residual deviation": [math.sqrt(told.mse_resid)],
        "F": [float(told.fvalue)],
    }


def _groups(each: strd.Anova) -> list[Floats]:
    labels, y = np.array(each.treatment), pooled(each.response)
    return [y[labels == label] for label in dict.fromkeys(each.treatment)]


def anova_numpy(each: strd.Anova) -> Answer:
    groups, y = _groups(each), pooled(each.response)
    between = float(sum(len(g) * (g.mean() - y.mean()) ** 2 for g in groups))
    within = float(sum(np.sum((g - g.mean()) ** 2) for g in groups))
    mean = within / (len(y) - len(groups))
    return {
        "F": [between / (len(groups) - 1) / mean],
        "sums of squares": [between, within],
        "residual deviation": [math.sqrt(mean)],
        "R²": [between / (between + within)],
    }


def anova_scipy(each: strd.Anova) -> Answer:
    return {"F": [float(stats.f_oneway(*_groups(each)).statistic)]}


def anova_sklearn(each: strd.Anova) -> Answer:
    return {"F": [float(f_classif(pooled(each.response)[:, None], each.treatment)[0][0])]}


def anova_statsmodels(each: strd.Anova) -> Answer:
    labels = np.array(each.treatment)
    columns = [labels == label for label in dict.fromkeys(each.treatment)][1:]
    x = np.column_stack([np.ones(len(labels)), *columns])
    told = sm.OLS(pooled(each.response), x).fit()
    return {
        "F": [float(told.fvalue)],
        "sums of squares": [told.ess, told.ssr],
        "residual deviation": [math.sqrt(told.mse_resid)],
        "R²": [told.rsquared],
    }


def _univariate(mean: Callable[[Floats], Any], deviation: Callable[[Floats], Any]) -> Callable[[Any], Answer]:
    def answer(each: strd.Univariate) -> Answer:
        x = pooled(each.values)
        return {"mean": [float(mean(x))], "standard deviation": [float(deviation(x))]}

    return answer


def _scaler(x: Floats) -> StandardScaler:
    return StandardScaler().fit(x[:, None])


LINEAR = (linear_numpy, linear_scipy, linear_sklearn, linear_statsmodels)
ANOVA = (anova_numpy, anova_scipy, anova_sklearn, anova_statsmodels)
UNIVARIATE = (
    _univariate(np.mean, lambda x: np.std(x, ddof=1)),
    _univariate(stats.tmean, stats.tstd),
    _univariate(lambda x: _scaler(x).mean_[0], lambda x: math.sqrt(_scaler(x).var_[0] * len(x) / (len(x) - 1))),
    _univariate(lambda x: sm.stats.DescrStatsW(x).mean, lambda x: math.sqrt(sm.stats.DescrStatsW(x).var_ddof(1))),
)


# Three daemons


def declared(name: str, values: Sequence[Fraction]) -> Feature:
    """A feature that holds these decimals without loss: the finest of their places is the resolution."""
    places = next(k for k in range(20) if all((value * 10**k).denominator == 1 for value in values))
    low, high = math.floor(min(values)), math.ceil(max(values))
    step = f"1e-{places}" if places else "1"
    return Feature(name, "continuous", min=low, max=high if high > low else low + 1, resolution=step)


@dataclass(frozen=True)
class Pooled:
    """What three daemons came to together, or, of rows too few to leave any daemon, three summaries added up."""

    peers: int
    client: Client | None
    fed: str
    summary: Summary | None

    def fit(self, target: str, features: Sequence[str], options: Mapping[str, str]) -> Any:
        """A regression, in its dict form."""
        if self.summary is not None:
            return fp.fit(self.summary, "ols", target, features, **options).to_dict()
        return self.client.fit(self.fed, "ols", target=target, features=features, **options).model

    def oneway(self, target: str) -> Any:
        """One-way analysis of variance by treatment."""
        return self.client.explore(self.fed, [target, "treatment"], metric="oneway").values

    def univariate(self, name: str) -> Any:
        """What is told of one column."""
        if self.summary is not None:
            return explore(self.summary).univariate(name)
        return self.client.explore(self.fed, [name], metric="univariate").values


def pool(everyone: Sequence[Running], features: Sequence[Feature], columns: Mapping[str, list[Any]]) -> Pooled:
    """Give rows to as many of the three daemons as the release rules let have some, and wait for one total."""
    schema, rows = Schema(features), len(next(iter(columns.values())))
    peers = min(len(everyone), rows // (len(schema.columns) + 5))
    parts = [{name: [_plain(v) for v in values[k :: peers or 3]] for name, values in columns.items()} for k in range(3)]
    if not peers:
        a, b, c = (fp.collect(schema, part) for part in parts)
        return Pooled(0, None, "", a + b + c)
    admin, *others = everyone
    fed = admin.client.create("strd", schema.to_dict(), "ROWS() >= 1", schedule="d1", profile="relaxed").id
    for other in others:
        invite = admin.client.invite(fed)
        other.client.join(invite.text, invite.passphrase, display=other.name)
    for peer in everyone:
        peer.client.set_pulsing(fed, True)
    for peer, part in zip(everyone[:peers], parts, strict=False):
        job = peer.client.add_rows(fed, part, source="strd").id
        _await(lambda p=peer, j=job: p.client.job(j).state != "running")
        peer.client.sync(fed)
    _await(lambda: all(peer.client.federation(fed).rows == rows for peer in everyone))
    return Pooled(peers, everyone[-1].client, fed, None)


def _await(so: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not so():
        if time.monotonic() > end:
            raise SystemExit("the three daemons did not come to one total")
        time.sleep(0.02)


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Fraction) else value


def linear_ours(total: Pooled, each: strd.Linear) -> Answer:
    options = {} if "intercept" in each.certified else {"intercept": "false"}
    model = total.fit(each.name, each.features, options)
    return {
        "coefficients": [row["coefficient"] for row in model["table"]],
        "standard errors": [row["std_error"] for row in model["table"]],
        "R²": [model["r2"]],
        "residual deviation": [model["residual_std"]],
        "F": [model["f"]],
    }


def anova_ours(total: Pooled, each: strd.Anova) -> Answer:
    told = total.oneway(each.name)
    return {
        "F": [told["f"]],
        "sums of squares": [told["between"]["squares"], told["within"]["squares"]],
        "residual deviation": [told["residual_std"]],
        "R²": [told["eta_squared"]],
    }


def univariate_ours(total: Pooled, each: strd.Univariate) -> Answer:
    told = total.univariate(each.name)
    return {"mean": [told["mean"]], "standard deviation": [told["stddev_unbiased"]]}


Line = tuple[str, int, str, list[float | None]]  # set, peers with rows, quantity, digits of each program, ours first


def measured(everyone: Sequence[Running], *, others: bool) -> Iterator[Line]:
    """A line for each set and quantity."""
    for sets in together(strd.anova()):
        responses = {each.name: each.response for each in sets}
        levels = list(dict.fromkeys(sets[0].treatment))
        features = [*starmap(declared, responses.items()), Feature("treatment", "category", levels=levels)]
        total = pool(everyone, features, responses | {"treatment": sets[0].treatment})
        for each in sets:
            told = [anova_ours(total, each), *(other(each) for other in ANOVA if others)]
            yield from _lines(each.name, total.peers, anova_truth(each), told)
    alone = [strd.norris(), strd.longley_set(), strd.pontius(), *strd.no_intercept()]
    for group in (*([each] for each in alone), strd.wampler()):
        columns = {name: group[0].columns[name] for name in group[0].features}
        columns |= {each.name: each.columns[each.target] for each in group}
        total = pool(everyone, list(starmap(declared, columns.items())), columns)
        for each in group:
            told = [linear_ours(total, each), *(other(each) for other in LINEAR if others)]
            yield from _lines(each.name, total.peers, linear_truth(each), told)
    first, *rest = strd.accuracy()
    for sets in ([first], rest):
        values = {each.name: each.values for each in sets}
        total = pool(everyone, list(starmap(declared, values.items())), values)
        for each in sets:
            told = [univariate_ours(total, each), *(other(each) for other in UNIVARIATE if others)]
            yield from _lines(each.name, total.peers, univariate_truth(each), told)


def together(sets: Sequence[strd.Anova]) -> list[list[strd.Anova]]:
    """Sets with the same treatments, row by row, are columns of one table."""
    found: dict[tuple[str, ...], list[strd.Anova]] = {}
    for each in sets:
        found.setdefault(tuple(each.treatment), []).append(each)
    return list(found.values())


def _lines(name: str, peers: int, truth: Mapping[str, list[str]], told: Sequence[Answer]) -> Iterator[Line]:
    for quantity, certified in truth.items():
        yield name, peers, quantity, [digits(answer.get(quantity), certified) for answer in told]


def shown(value: float | None) -> str:
    return "" if value is None else f"{math.floor(value * 10) / 10:.1f}"


def computed(*, others: bool) -> list[Line]:
    with tempfile.TemporaryDirectory() as folder, crew(Path(folder), PEERS) as ready:
        return list(measured(list(ready().values()), others=others))


def faults(text: str) -> list[str]:
    """What the daemons compute otherwise than the page says, or to fewer digits than it promises."""
    lines = computed(others=False)
    low = [f"{name}, {what}: {shown(v[0])} digits" for name, _, what, v in lines if v[0] is None or v[0] < FLOOR]
    ours = {(name, str(peers), what, shown(values[0])) for name, peers, what, values in lines}
    told = {row for row in ROW.findall(text) if row[0] not in ("set", "---")}
    return low + [f"not on the page: {row}" for row in ours - told] + [f"only there: {row}" for row in told - ours]


def main(arguments: Sequence[str]) -> int:
    warnings.simplefilter("ignore")
    text = PAGE.read_text("utf-8")
    if "--check" in arguments:
        found = faults(text)
        print("\n".join(found))
        return 1 if found else 0
    head = "| set | peers | quantity | fedpeer | NumPy | SciPy | scikit-learn | statsmodels |\n|" + "---|" * 8
    rows = [f"| {name} | {k} | {what} | {' | '.join(map(shown, v))} |" for name, k, what, v in computed(others=True)]
    before, rest = text.split(START)
    PAGE.write_text("\n".join([before + START, head, *rows, END + rest.split(END)[1]]), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
