"""A model as readable Python that needs nothing but Python: `predict(row)` of a dict of raw values."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Sequence

from fedpeer.core.errors import ModelError
from fedpeer.core.models.classifier import Classifier, Group
from fedpeer.core.models.components import Components
from fedpeer.core.models.covariance import Covariance
from fedpeer.core.models.forms.plan import Input, Part, Plan, Used, finite, plain
from fedpeer.core.models.model import INTERCEPT, Model
from fedpeer.core.models.outliers import Outliers
from fedpeer.core.models.result import Result
from fedpeer.core.statistics.numerals import NUMBER

_DATE = r"(\d{4}-\d\d-\d\d)([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d+)?)?)?"
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_TAKEN = (  # names that the functions use
    " row known found value text number score scores predict explain left most math re levels loadings parts total "
    "x edges ways place totals bisect "
    " part chances date label format float str sum max any abs zip dict "
)
_NUMBER = '''
def _number(value):
    """A finite number, or None for what cannot be read."""
    text = str(value).strip().lower()
    if text in ("true", "false"):
        return float(text == "true")
    if not _DECIMAL.fullmatch(text) or not math.isfinite(float(text)):
        return None
    return float(text)
'''
_DAY = '''
def _day(value):
    """Days since 1970-01-01 of a date or its ISO text, or None; a time of day is cut off."""
    found = _DATE.fullmatch(str(value).strip())
    try:
        return float(date.fromisoformat(found[1]).toordinal() - 719163) if found else None
    except ValueError:
        return None
'''
_LEVEL = '''
def _level(value, known):
    """What a value stands for among the known spellings, or None: 1, 1.0 and 01 are one spelling."""
    if value is None or value != value:
        return None
    text = str(value).strip()
    if text.lower() in ("true", "false"):
        text = text.lower()
    elif _DECIMAL.fullmatch(text) and abs(Decimal(text).adjusted()) < 100:
        text = format(Decimal(text), "f")
        text = text.rstrip("0").rstrip(".") if "." in text else text
        text = "0" if text in ("-0", "") else text
    return known.get(text)
'''
_CHOICE = '''
def predict(row):
    """The class of the highest score, the first of equals; None where an input cannot be read."""
    found = scores(row)
    if found is None or any(score != score for score in found.values()):
        return None
    return max(found, key=found.get)
'''
_CHANCES = '''
def explain(row):
    """The probability of each class; None where an input cannot be read."""
    found = scores(row)
    if found is None:
        return None
    most = max(found.values())
    chances = {label: math.exp(score - most) for label, score in found.items()}
    total = sum(chances.values())
    return {label: chance / total for label, chance in chances.items()}
'''


def python(result: Result, comments: Sequence[str]) -> str:
    """Write a module; its sums are in the order of ours. ModelError for a kind that has no such form."""
    writer = _Writer(result)
    head = "\n".join([*(f"# {plain(line)}".rstrip() for line in comments), "", *writer.head()])
    return "\n\n\n".join([head, *writer.functions()]) + "\n"


class _Writer:
    def __init__(self, result: Result) -> None:
        self._result, self._plan = result, Plan.of(result, "python")
        self._names = _named(self._plan.inputs)
        self._columns = {used.name: self._column(used) for used in self._plan.columns}

    def head(self) -> list[str]:
        """Imports and constants."""
        leveled = [(name, entry) for name, entry in self._inputs() if entry.levels]
        lines = ["import bisect"] if isinstance(self._result, Outliers) else []
        lines += ["import math", "import re"] + (["from decimal import Decimal"] if leveled else [])
        dated = any(entry.feature.kind == "date" for entry in self._plan.inputs)
        lines += ["from datetime import date"] if dated else []
        lines += ["", f"_DECIMAL = re.compile({NUMBER!r}, re.ASCII)"]
        lines += [f"_DATE = re.compile({_DATE!r}, re.ASCII)"] if dated else []
        for name, entry in leveled:
            lines += [f"{name.upper()} = {{  # {entry.about}", *_spelled(entry), "}"]
        return lines

    def functions(self) -> list[str]:
        """Every function, blank lines between."""
        kinds = {"leveled" if entry.levels else entry.feature.kind for entry in self._plan.inputs}
        shared = [
            text for text, kind in ((_NUMBER, "continuous"), (_DAY, "date"), (_LEVEL, "leveled")) if kind in kinds
        ]
        return [text.strip("\n") for text in (*shared, *self._own())]

    def _own(self) -> list[str]:
        match self._result:
            case Model() as model:
                return [self._function("predict", "The prediction for one row", self._linear(model))]
            case Classifier() as model:
                told = (
                    "ln P(class and row) of each class, up to what all share"
                    if model.probabilities
                    else "A score of each class"
                )
                return [self._function("scores", told, self._classes(model)), _CHOICE] + (
                    [_CHANCES] if model.probabilities else []
                )
            case Components() as model:
                lines = list(self._distance(model))
                return [self._function("predict", "The squared distance of a row from the components", lines)]
            case Covariance() as model:
                lines = list(self._mahalanobis(model))
                return [self._function("predict", "The squared Mahalanobis distance of a row", lines)]
            case Outliers() as model:
                return [self._function("predict", "How unusual one row is", list(self._outlying(model)))]
        raise ModelError(f"{self._result.kind} has no form 'python'", hint="it has json")

    def _function(self, name: str, about: str, lines: Sequence[str]) -> str:
        head = [
            f"def {name}(row):",
            f'    """{about}, a dict of raw values by name; None where an input cannot be read."""',
        ]
        return "\n".join([*head, *(f"    {line}" for line in (*self._reading(), *lines))])

    def _reading(self) -> Iterator[str]:
        for name, entry in self._inputs():
            key = repr(entry.feature.name)
            read = "_day" if entry.feature.kind == "date" else "_number"
            yield f"{name} = " + (f"_level(row[{key}], {name.upper()})" if entry.levels else f"{read}(row[{key}])")
        if self._plan.completed:
            for used in self._plan.columns:
                gaps = dict.fromkeys(f"{self._names[part.place]} is None" for part in used.parts)
                mean = f"{_real(used.mean)} if {' or '.join(gaps)} else"
                yield f"{self._columns[used.name]} = {mean} {self._product(used)}"
        elif self._names:
            comma = "," if len(self._names) == 1 else ""
            yield f"if None in ({', '.join(self._names)}{comma}):"
            yield "    return None"

    def _linear(self, model: Model) -> list[str]:
        lines = [f"value = {_real(model.coefficients[INTERCEPT])}"]
        for name in model.columns:
            lines += [f"value += {_real(model.coefficients[name])} * {self._columns[name]}{self._note(name)}"]
        return [*lines, "return value"]

    def _classes(self, model: Classifier) -> list[str]:
        return ["found = {}", *(line for group in model.classes for line in self._class(model, group)), "return found"]

    def _class(self, model: Classifier, group: Group) -> Iterator[str]:
        yield f"score = {_real(group.constant)}  # {plain(group.label)}"
        for name, centre in model.centre.items():
            column = self._columns[name]
            if group.weights:
                apart = _apart(column, centre) if centre else column
                yield f"score += {_real(group.weights[name])} * {apart}{self._note(name)}"
            if group.variances:
                apart = _apart(column, group.means[name])
                yield f"score -= {apart} * {apart} / {_real(2 * group.variances[name])}{self._note(name)}"
        for line in group.whitening:
            parts = zip(model.columns, line, strict=False)
            terms = [f"{_real(x)} * {_apart(self._columns[name], group.means[name])}" for name, x in parts]
            yield f"part = {' + '.join(terms)}"
            yield "score -= part * part / 2.0"
        yield f"found[{group.label!r}] = score"

    def _distance(self, model: Components) -> Iterator[str]:
        yield "left = ["
        for name, centre in model.means.items():
            yield f"    {_apart(self._columns[name], centre)} / {_real(model.scales[name])},{self._note(name)}"
        yield "]"
        yield "found = []"
        for loadings in model.components:
            yield f"found.append({_tuple(loadings)})"
        yield "scores = [sum(x * z for x, z in zip(loadings, left)) for loadings in found]"
        yield "for loadings, score in zip(found, scores):"
        yield "    left = [z - x * score for x, z in zip(loadings, left)]"
        yield "return sum(z * z for z in left)"

    def _mahalanobis(self, model: Covariance) -> Iterator[str]:
        yield "parts = ["
        for name, centre in model.means.items():
            yield f"    {_apart(self._columns[name], centre)},{self._note(name)}"
        yield "]"
        yield "value = 0.0"
        for place, line in enumerate(model.precision):
            yield f"known = {_tuple(line)}"
            yield f"value += parts[{place}] * sum(v * z for v, z in zip(known, parts))"
        yield "return value"

    def _outlying(self, model: Outliers) -> Iterator[str]:
        yield f"totals = [{', '.join('0.0' for _ in model.ways)}]  # {plain(', '.join(model.ways))}"
        yield "for x, edges, ways in ("
        for name, tally in model.tallies.items():
            ways = ", ".join(_tuple(scores) for scores in tally.scores)
            yield f"    ({self._columns[name]}, {_tuple(tally.edges)}, ({ways},)),{self._note(name)}"
        yield "):"
        yield "    place = bisect.bisect_right(edges, x)"
        yield "    totals = [total + scores[place] for total, scores in zip(totals, ways)]"
        yield "return max(totals)"

    def _note(self, name: str) -> str:
        """The column's name as a comment, where what stands for it does not say it."""
        return "" if self._columns[name] == name else f"  # {plain(name)}"

    def _column(self, used: Used) -> str:
        """What stands for a column: its product, or the variable that was completed."""
        return f"x{self._plan.columns.index(used)}" if self._plan.completed else self._product(used)

    def _product(self, used: Used) -> str:
        parts = [self._part(part) for part in used.parts]
        return parts[0] if len(parts) == 1 else f"({' * '.join(parts)})"

    def _part(self, part: Part) -> str:
        name = self._names[part.place]
        if part.level is None:
            return name
        return f"({name} == {self._plan.inputs[part.place].levels[part.level]!r})"

    def _inputs(self) -> list[tuple[str, Input]]:
        return list(zip(self._names, self._plan.inputs, strict=True))


def _spelled(entry: Input) -> Iterator[str]:
    for level, spellings in zip(entry.levels, entry.spellings, strict=True):
        for text in spellings:
            yield f"    {text!r}: {level!r},"


def _named(inputs: Sequence[Input]) -> list[str]:
    """A variable for each input: its name where that is one, and no other's."""
    names: list[str] = []
    for place, entry in enumerate(inputs, start=1):
        name = re.sub(r"[^a-z0-9_]+", "_", entry.feature.name.lower()).strip("_")
        fine = _IDENTIFIER.fullmatch(name) and not keyword.iskeyword(name) and f" {name} " not in _TAKEN
        own = fine and name not in names and not re.fullmatch(r"x\d+|_.*|input_\d+", name)
        names.append(name if own else f"input_{place}")
    return names


def _real(number: float | None) -> str:
    value = 0.0 if number is None else float(number)
    finite([value])
    return repr(value)


def _tuple(numbers: Sequence[float]) -> str:
    return f"({', '.join(map(_real, numbers))},)"


def _apart(column: str, centre: float) -> str:
    return f"({column} + {_real(-centre)})" if centre < 0 else f"({column} - {_real(centre)})"
