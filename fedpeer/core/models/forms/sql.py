"""A model as a readable SELECT in standard SQL: every row of a table, and its prediction.

The reading of raw columns stands in an inner query, the formula around it, so that nothing of it gets among the
table's columns. Numbers are written as approximate numerics (with an exponent), which every database takes as float64.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fedpeer.core.errors import ModelError
from fedpeer.core.models.classifier import Classifier, Group
from fedpeer.core.models.forms.plan import Input, Part, Plan, Used, finite, plain
from fedpeer.core.models.model import INTERCEPT, Model
from fedpeer.core.models.outliers import Outliers, Tally
from fedpeer.core.models.result import Result

_WORD = re.compile(r'(?:"(?:[^"]|"")+"|[^".]+)(?:\.(?:"(?:[^"]|"")+"|[^".]+)){0,3}')
_PART = re.compile(r'"(?:[^"]|"")+"|[^".]+')
_MOST = "1E308"  # beyond are infinity, and NaN where the database sorts it
_COLUMNS = 1500  # of a model: databases limit what one query may name
_WIDE = 4  # conditions on one line
_CHUNK = 100  # terms of a sum within one pair of parentheses: SQLite limits how deep an expression may be


def sql(result: Result, comments: Sequence[str], table: str) -> str:
    """Write a query over `table` (a name, or names with points between); ModelError for a kind without this form."""
    plan = Plan.of(result, "sql")
    if len(plan.columns) > _COLUMNS:
        raise ModelError(f"{len(plan.columns)} columns are too many for a query: at most {_COLUMNS}")
    match result:
        case Model() as model:
            formula = ["SELECT", *_in(_whole(plan, _linear(model, plan))), "FROM (", *_in(_reading(plan)), ") AS r"]
        case Classifier() as model:
            formula = _classifier(model, plan)
        case Outliers() as model:
            formula = _outlying(model, plan)
        case _:
            raise ModelError(f"{result.kind} has no form 'sql'", hint="it has json, python and onnx")
    lines = ["SELECT", "  t.*,", "  (", *_in(formula, 4), '  ) AS "prediction"', f"FROM {_table(table)} AS t;"]
    return "\n".join([*(f"-- {plain(line)}".rstrip() for line in comments), *lines, ""])


def identifier(name: str) -> str:
    """A name between double quotes."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text between single quotes."""
    return "'" + text.replace("'", "''") + "'"


def _table(name: str) -> str:
    """The name of a table; ModelError for one that cannot be."""
    if not name.isprintable() or not _WORD.fullmatch(name) or len(name) > 512:
        raise ModelError(
            f"{name!r:.60} is not the name of a table",
            hint='write patients, clinic.patients, or "odd.name" with the quotes',
        )
    parts = [part[1:-1].replace('""', '"') if part[0] == '"' else part for part in _PART.findall(name)]
    return ".".join(map(identifier, parts))


def _reading(plan: Plan) -> list[str]:
    """One value for each input: a float, or a level, NULL for what cannot be read."""
    lines = ["SELECT"]
    for place, entry in enumerate(plan.inputs, start=1):
        comma = "," if place < len(plan.inputs) else ""
        own = identifier(entry.feature.name)
        column = f"t.{own}"
        if entry.levels:
            lines += [f"  CASE {_spelt(entry, column)}", *_in(_cases(entry), 4), f"  END AS {own}{comma}"]
        else:
            between = f"{column} BETWEEN -{_MOST} AND {_MOST}"
            lines += [f"  CASE WHEN {between} THEN CAST({column} AS DOUBLE PRECISION) END AS {own}{comma}"]
    return lines if plan.inputs else ['SELECT 1 AS "nothing"']


def _spelt(entry: Input, column: str) -> str:
    text = f"TRIM(CAST({column} AS VARCHAR(1000)))"
    words = {word for spellings in entry.spellings for word in spellings}
    return f"LOWER({text})" if words & {"true", "false"} and words <= {"0", "1", "true", "false"} else text


def _cases(entry: Input) -> list[str]:
    return [
        f"WHEN {literal(word)} THEN {literal(level)}"
        for level, spellings in zip(entry.levels, entry.spellings, strict=True)
        for word in _words(level, spellings)
    ]


def _words(level: str, spellings: Sequence[str]) -> list[str]:
    """How a level may be written: as declared, in its one spelling, and a whole number also as a float."""
    floats = [f"{text}.0" for text in spellings if re.fullmatch(r"-?\d{1,15}", text)]
    return list(dict.fromkeys([level, *spellings, *floats]))


def _linear(model: Model, plan: Plan) -> list[str]:
    terms = [f"{_signed(model.coefficients[used.name])} * {_column(plan, used)}" for used in plan.columns]
    return _sum(model.coefficients[INTERCEPT], terms)


def _whole(plan: Plan, formula: Sequence[str]) -> list[str]:
    """The formula, or NULL where an input is."""
    if plan.completed or not plan.inputs:
        return list(formula)
    gaps = [f"{identifier(entry.feature.name)} IS NULL" for entry in plan.inputs]
    parts = [" OR ".join(gaps[start : start + _WIDE]) for start in range(0, len(gaps), _WIDE)]
    return ["CASE", *(f"  WHEN {part} THEN NULL" for part in parts), "  ELSE", *_in(formula, 4), "END"]


def _classifier(model: Classifier, plan: Plan) -> list[str]:
    groups = list(enumerate(model.classes))
    scores = [line for k, group in groups for line in _scored(model, plan, (k, group))]
    choice = ["CASE", "  WHEN s0 IS NULL THEN NULL"]
    for k, group in groups[:-1]:
        higher = " AND ".join(f"s{k} >= s{other}" for other, _ in groups[k + 1 :])
        choice += [f"  WHEN {higher} THEN {literal(group.label)}"]
    choice += [f"  ELSE {literal(model.classes[-1].label)}", "END"]
    inner = ["SELECT", *_in(scores), "FROM (", *_in(_reading(plan)), ") AS r"]
    return ["SELECT", *_in(choice), "FROM (", *_in(inner), ") AS s"]


def _scored(model: Classifier, plan: Plan, which: tuple[int, Group]) -> list[str]:
    k, group = which
    terms = []
    for used in plan.columns:
        column = _column(plan, used)
        if group.weights:
            centre = model.centre[used.name]
            apart = _apart(column, centre) if centre else column
            terms += [f"{_signed(group.weights[used.name])} * {apart}"]
        if group.variances:
            apart = _apart(column, group.means[used.name])
            terms += [f"- {apart} * {apart} / {_real(2 * group.variances[used.name])}"]
    for line in group.whitening:
        parts = zip(plan.columns, line, strict=False)
        whole = [f"{_signed(x)} * {_apart(_column(plan, used), group.means[used.name])}" for used, x in parts]
        part = f"(0E0 {' '.join(whole)})"
        terms += [f"- {part} * {part} / 2E0"]
    comma = "," if k + 1 < len(model.classes) else ""
    formula = _sum(group.constant, terms)
    # The first score is NULL where an input is, and the choice asks for that before it looks at the others.
    lines = formula if k else _whole(plan, formula)
    return [f"-- {plain(group.label)}", *lines, f"  AS s{k}{comma}"]


def _outlying(model: Outliers, plan: Plan) -> list[str]:
    """The sum over columns of the scores of their bins in each way, of which the largest is chosen."""
    sums: list[str] = []
    for k, way in enumerate(model.ways):
        terms = [_binned(_column(plan, used), model.tallies[used.name], k) for used in plan.columns]
        lines = _sum(0.0, [f"+ {first}" for first in terms])
        comma = "," if k + 1 < len(model.ways) else ""
        sums += [f"-- {plain(way)}", *(lines if k else _whole(plan, lines)), f"  AS s{k}{comma}"]
    largest = ["CASE", "  WHEN s0 IS NULL THEN NULL"]
    for k in range(len(model.ways) - 1):
        higher = " AND ".join(f"s{k} >= s{other}" for other in range(k + 1, len(model.ways)))
        largest += [f"  WHEN {higher} THEN s{k}"]
    largest += [f"  ELSE s{len(model.ways) - 1}", "END"]
    inner = ["SELECT", *_in(sums), "FROM (", *_in(_reading(plan)), ") AS r"]
    return ["SELECT", *_in(largest), "FROM (", *_in(inner), ") AS s"]


def _binned(column: str, tally: Tally, way: int) -> str:
    """The score of the bin that a value is in."""
    scores = tally.scores[way]
    cases = [f"WHEN {column} >= {_real(e)} THEN {_real(s)}" for e, s in zip(tally.edges, scores[1:], strict=True)]
    return f"CASE {' '.join(reversed(cases))} ELSE {_real(scores[0])} END"


def _sum(constant: float, terms: Sequence[str]) -> list[str]:
    """A sum of one term a line; a long one in parentheses."""
    if len(terms) <= _CHUNK:
        return [_real(constant), *terms]
    parts = [terms[start : start + _CHUNK] for start in range(0, len(terms), _CHUNK)]
    return [_real(constant), *(line for part in parts for line in ("+ (", "  0E0", *_in(part), ")"))]


def _column(plan: Plan, used: Used) -> str:
    product = " * ".join(_part(plan, part) for part in used.parts)
    product = f"({product})" if len(used.parts) > 1 else product
    if used.mean is None:
        return product
    gaps = " OR ".join(dict.fromkeys(f"{_name(plan, part)} IS NULL" for part in used.parts))
    return f"CASE WHEN {gaps} THEN {_real(used.mean)} ELSE {product} END"


def _part(plan: Plan, part: Part) -> str:
    if part.level is None:
        return _name(plan, part)
    level = plan.inputs[part.place].levels[part.level]
    return f"CASE {_name(plan, part)} WHEN {literal(level)} THEN 1E0 ELSE 0E0 END"


def _name(plan: Plan, part: Part) -> str:
    return identifier(plan.inputs[part.place].feature.name)


def _in(lines: Sequence[str], depth: int = 2) -> list[str]:
    return [" " * depth + line for line in lines]


def _real(number: float) -> str:
    finite([number])
    text = repr(float(number)).upper()
    return text if "E" in text else f"{text}E0"


def _signed(number: float) -> str:
    """A number with its sign apart: two signs in a row would begin a comment."""
    return f"- {_real(-number)}" if number < 0 else f"+ {_real(abs(number))}"


def _apart(column: str, centre: float) -> str:
    return f"({column} {_signed(-centre)})"
