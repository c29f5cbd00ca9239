"""The tree of a rule: how it is written, whether it holds, and what was measured on the way."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from fedpeer.core.contract.quantity import Quantity, Undefined
from fedpeer.core.contract.tokens import Line, Span, quoted

_Measure = Callable[["Call"], Quantity | Undefined]

_COMPARE: dict[str, Callable[[Quantity, Quantity], bool]] = {
    "<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne, ">=": operator.ge, ">": operator.gt,
}  # fmt: skip
_BRIEF = 6
_FULL = 17


@dataclass(frozen=True, slots=True)
class Number:
    """A constant, with the text it was written as."""

    value: Fraction
    text: str = field(compare=False)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Name:
    """A feature, or a level of a category, that a call names."""

    name: str
    span: Span = field(compare=False)

    def __str__(self) -> str:
        return quoted(self.name)


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the summary, applied to features."""

    function: str
    arguments: tuple[Name, ...]
    span: Span = field(compare=False)

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, self.arguments))})"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two operands and the operator between them; at least one operand is a call."""

    left: Number | Call
    operator: str
    right: Number | Call

    def __str__(self) -> str:
        return f"{self.left} {self.operator} {self.right}"


@dataclass(frozen=True, slots=True)
class Junction:
    """Two or more terms joined by AND (all must hold) or by OR (one must)."""

    word: str
    terms: tuple[Comparison | Junction, ...]

    def __str__(self) -> str:
        inner = (f"({term})" if isinstance(term, Junction) else str(term) for term in self.terms)
        return f" {self.word} ".join(inner)


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a contract."""

    line: Line = field(compare=False)
    condition: Comparison | Junction

    def __str__(self) -> str:
        return str(self.condition)

    def calls(self) -> Iterator[Call]:
        """Yield every call of the rule, from left to right."""
        for comparison in _comparisons(self.condition):
            yield from (side for side in (comparison.left, comparison.right) if isinstance(side, Call))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a rule held, and what each of its functions measured.

    `measured` has up to 17 significant digits and whole numbers in full. `text` is the sentence for people: 6 digits,
    or all where fewer would contradict the verdict.
    """

    rule: str
    line: int
    passed: bool
    measured: tuple[tuple[str, str], ...]
    text: str


def judge(rule: Rule, measure: _Measure) -> Verdict:
    """_Measure every function of the rule, also those that no longer matter, and decide."""
    digits: dict[Call, int] = {}
    for comparison in _comparisons(rule.condition):
        for call, needed in _digits(comparison, measure).items():
            digits[call] = max(needed, digits.get(call, 0))
    measured = tuple((str(call), measure(call).text(_FULL)) for call in digits)
    shown = ", ".join(f"{call} = {measure(call).text(needed)}" for call, needed in digits.items())
    return Verdict(str(rule), rule.line.number, _holds(rule.condition, measure), measured, f"{rule}: measured {shown}")


def _holds(condition: Comparison | Junction, measure: _Measure) -> bool:
    if isinstance(condition, Junction):
        answers = (_holds(term, measure) for term in condition.terms)
        return all(answers) if condition.word == "AND" else any(answers)
    left, right = _value(condition.left, measure), _value(condition.right, measure)
    if isinstance(left, Undefined) or isinstance(right, Undefined):
        return False
    return _COMPARE[condition.operator](left, right)


def _digits(comparison: Comparison, measure: _Measure) -> dict[Call, int]:
    """Return how many digits the calls need so that what is shown compares as what was measured."""
    sides = [(side, _value(side, measure)) for side in (comparison.left, comparison.right)]
    exact = [value for _, value in sides if isinstance(value, Quantity)]
    shown = [_rounded(value) if isinstance(side, Call) else value for side, value in sides]
    same = len(exact) < len(sides) or _order(*exact) == _order(*(v for v in shown if isinstance(v, Quantity)))
    return {side: _BRIEF if same else _FULL for side, _ in sides if isinstance(side, Call)}


def _rounded(value: Quantity | Undefined) -> Quantity | Undefined:
    return Quantity.of(Fraction(value.text(_BRIEF))) if isinstance(value, Quantity) else value


def _order(left: Quantity, right: Quantity) -> int:
    return (left > right) - (left < right)


def _value(side: Number | Call, measure: _Measure) -> Quantity | Undefined:
    return Quantity.of(side.value) if isinstance(side, Number) else measure(side)


def _comparisons(condition: Comparison | Junction) -> Iterator[Comparison]:
    if isinstance(condition, Comparison):
        yield condition
        return
    for term in condition.terms:
        yield from _comparisons(term)
