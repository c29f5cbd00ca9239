"""The functions of the contract language: one table, one row a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from fractions import Fraction

from fedpeer.core.contract.quantity import Quantity, Undefined
from fedpeer.core.contract.rules import Call, Name
from fedpeer.core.contract.tokens import Line, Span, quoted
from fedpeer.core.errors import ContractError, SchemaError
from fedpeer.core.statistics import explore
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from fedpeer.core.statistics.uncertain import OVERSHADOWED

_Value = Quantity | Undefined


class Kind(StrEnum):
    """What a function takes in one place; a level of a category is a 0/1 feature."""

    ANY = "continuous or 0/1"
    REAL = "continuous"
    FLAG = "0/1"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a contract is judged on: a summary, and how many peers the federation has."""

    summary: Summary
    peers: int


@dataclass(frozen=True, slots=True)
class Function:
    """A name, the kinds of feature it takes, and how it is measured on the columns of those features."""

    name: str
    kinds: tuple[Kind, ...]
    evaluate: Callable[..., _Value]


@dataclass(frozen=True, slots=True)
class _Group:
    """One feature over some of the rows: their number, and its mean and population variance if there are any."""

    rows: int
    mean: Fraction | None
    variance: Fraction | None
    where: str


def measure(call: Call, evidence: Evidence) -> _Value:
    """Evaluate a call that has passed `check` against the summary's schema; the result is exact."""
    try:
        return FUNCTIONS[call.function].evaluate(evidence, *(argument.name for argument in call.arguments))
    except (SchemaError, ArithmeticError):
        if not evidence.summary.noise:
            raise
        return Undefined(OVERSHADOWED)


def check_shape(call: Call, name: Span, line: Line) -> None:
    """Raise ContractError unless the function exists and takes this many features."""
    function = FUNCTIONS.get(call.function)
    if function is None:
        raise line.fault(name, f"there is no function {call.function[:40]}", hint=_near(call.function, list(FUNCTIONS)))
    if len(call.arguments) != len(function.kinds):
        takes = {0: "no feature", 1: "one feature", 2: "two features"}[len(function.kinds)]
        raise line.fault(call.span, f"{function.name} takes {takes}, not {len(call.arguments)}")


def check(call: Call, line: Line, schema: Schema) -> None:
    """Raise ContractError unless the schema has the call's features and they are of the kinds it needs."""
    for argument, wanted in zip(call.arguments, FUNCTIONS[call.function].kinds, strict=True):
        try:
            column = schema.columns[schema.index(argument.name)]
        except SchemaError:
            raise _unknown(argument, line, schema) from None
        kind = Kind.FLAG if column.indicator else Kind.REAL
        if wanted not in (Kind.ANY, kind):
            raise line.fault(argument.span, f"{call.function} needs a {wanted} feature here, and {argument} is {kind}")


def _unknown(argument: Name, line: Line, schema: Schema) -> ContractError:
    levels = [quoted(column.name) for column in schema.columns if column.feature == argument.name]
    if levels:
        problem = f"{argument} is a category: a contract names one of its levels"
        return line.fault(argument.span, problem, hint=f"one of {', '.join(levels[:5])}")
    names = [column.name for column in schema.columns]
    problem = f"the schema has no feature {str(argument)[:80]}"
    return line.fault(argument.span, problem, hint=_near(argument.name, names, spelled=quoted))


def _near(name: str, names: list[str], *, spelled: Callable[[str], str] = str) -> str:
    """Return a hint: the names that are most like `name`, or else the first few."""
    folded = {known.casefold(): known for known in reversed(names)}
    close = get_close_matches(name[:100].casefold(), folded, n=3, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(spelled(folded[match]) for match in close)}?"
    return f"there are {', '.join(map(spelled, names[:8]))}{' ...' if len(names) > 8 else ''}"


def _all(evidence: Evidence, feature: str) -> _Group:
    summary = evidence.summary
    count = summary.count(feature)
    if count == 0 or (count < 0 and summary.noise):
        return _Group(count, None, None, "")
    spread = explore.covariance(summary, feature, feature) if summary.noise else explore.variance(summary, feature)
    return _Group(count, explore.mean(summary, feature), spread if spread >= 0 else None, "")


def _when(truth: bool) -> Callable[[Evidence, str, str], _Group]:
    def group(evidence: Evidence, feature: str, flag: str) -> _Group:
        found = explore.given(evidence.summary, feature, flag, truth)
        return _Group(found.count, found.mean, found.variance, f" where {quoted(flag)} is {int(truth)}")

    return group


def _of(statistic: Callable[[_Group], _Value], group: Callable[..., _Group]) -> Callable[..., _Value]:
    return lambda evidence, *features: statistic(group(evidence, *features))


def _count(group: _Group) -> _Value:
    return Quantity.of(group.rows)


def _mean(group: _Group) -> _Value:
    return _none(group) if group.mean is None else Quantity.of(group.mean)


def _variance(group: _Group) -> _Value:
    return _none(group) if group.variance is None else Quantity.of(group.variance)


def _stddev(group: _Group) -> _Value:
    return _none(group) if group.variance is None else Quantity(group.variance)


def _unbiased(statistic: Callable[[_Group], _Value]) -> Callable[[_Group], _Value]:
    def corrected(group: _Group) -> _Value:
        if group.variance is None or group.rows < 2:
            return Undefined(f"fewer than 2 rows{group.where}")
        variance = group.variance * Fraction(group.rows, group.rows - 1)
        return statistic(_Group(group.rows, group.mean, variance, group.where))

    return corrected


def _ones(group: _Group) -> _Value:
    return Quantity.of((group.mean or 0) * group.rows)


def _percent(group: _Group) -> _Value:
    return _none(group) if group.mean is None else Quantity.of(100 * group.mean)


def _none(group: _Group) -> Undefined:
    return Undefined(OVERSHADOWED if group.rows else f"no rows{group.where}")


def _covariance(evidence: Evidence, first: str, second: str) -> _Value:
    if evidence.summary.count(first, second) == 0:
        return Undefined("no rows")
    return Quantity.of(explore.covariance(evidence.summary, first, second))


def _correlation(evidence: Evidence, first: str, second: str) -> _Value:
    summary = evidence.summary
    if summary.count(first, second) == 0:
        return Undefined("no rows")
    spread = explore.variance(summary, first, second), explore.variance(summary, second, first)
    if 0 in spread:
        return Undefined(f"{quoted(first if spread[0] == 0 else second)} does not vary")
    shared = explore.covariance(summary, first, second)
    return Quantity(shared * abs(shared) / (spread[0] * spread[1]))


_TRUE, _FALSE = _when(True), _when(False)
_ANY, _REAL, _FLAG = Kind

_TABLE = (
    Function("ROWS", (), lambda evidence: Quantity.of(evidence.summary.rows)),
    Function("PEERS", (), lambda evidence: Quantity.of(evidence.peers)),
    Function("COUNT", (_ANY,), _of(_count, _all)),
    Function("COUNT_TRUE", (_FLAG,), _of(_ones, _all)),
    Function("MEAN", (_ANY,), _of(_mean, _all)),
    Function("STDDEV", (_ANY,), _of(_stddev, _all)),
    Function("VARIANCE", (_ANY,), _of(_variance, _all)),
    Function("STDDEV_UNBIASED", (_ANY,), _of(_unbiased(_stddev), _all)),
    Function("VARIANCE_UNBIASED", (_ANY,), _of(_unbiased(_variance), _all)),
    Function("COVAR", (_ANY, _ANY), _covariance),
    Function("LINCORR", (_ANY, _ANY), _correlation),
    Function("COND_COUNT", (_ANY, _FLAG), _of(_count, _TRUE)),
    Function("COND_MEAN", (_ANY, _FLAG), _of(_mean, _TRUE)),
    Function("COND_STDDEV", (_ANY, _FLAG), _of(_stddev, _TRUE)),
    Function("COND_VARIANCE", (_ANY, _FLAG), _of(_variance, _TRUE)),
    Function("COND_STDDEV_UNBIASED", (_ANY, _FLAG), _of(_unbiased(_stddev), _TRUE)),
    Function("COND_VARIANCE_UNBIASED", (_ANY, _FLAG), _of(_unbiased(_variance), _TRUE)),
    Function("COMPL_COND_STDDEV", (_ANY, _FLAG), _of(_stddev, _FALSE)),
    Function("COMPL_COND_VARIANCE", (_ANY, _FLAG), _of(_variance, _FALSE)),
    Function("COMPL_COND_STDDEV_UNBIASED", (_ANY, _FLAG), _of(_unbiased(_stddev), _FALSE)),
    Function("COMPL_COND_VARIANCE_UNBIASED", (_ANY, _FLAG), _of(_unbiased(_variance), _FALSE)),
    Function("PCT_OF_TRUE", (_FLAG, _FLAG), _of(_percent, _TRUE)),
    Function("PCT_OF_FALSE", (_FLAG, _FLAG), _of(_percent, _FALSE)),
    Function("NUM_OCCURENCE_WHEN_TRUE", (_FLAG, _FLAG), _of(_ones, _TRUE)),
    Function("NUM_OCCURENCE_WHEN_FALSE", (_FLAG, _FLAG), _of(_ones, _FALSE)),
    Function("MEAN_WHEN_TRUE", (_REAL, _FLAG), _of(_mean, _TRUE)),
    Function("MEAN_WHEN_FALSE", (_REAL, _FLAG), _of(_mean, _FALSE)),
)

FUNCTIONS = {function.name: function for function in _TABLE}
