"""Rows at risk: how many of a group are left at each time, how many have the event then, and how many are censored.

A time is a bin of its feature. Within a bin events come before censorings, and both at the last value that the bin can
hold; where a bin holds one value, that is nothing but what happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

from fedpeer.core.errors import RequestError, SchemaError
from fedpeer.core.statistics.columns import Column
from fedpeer.core.statistics.derived import factored
from fedpeer.core.statistics.question import Question

_Counts = list[int]


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one group by the bin of their time: how many end there, and with the event."""

    name: str
    ended: tuple[int, ...]
    events: tuple[int, ...]

    @property
    def at_risk(self) -> list[int]:
        """The rows that have not ended before each bin."""
        return list(accumulate(reversed(self.ended)))[::-1]


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Groups over the same times, of which each is that of some row; `exact` if no bin had to stand for two values."""

    times: tuple[Fraction, ...]
    exact: bool
    groups: tuple[Group, ...]


def lifetimes(question: Question) -> Lifetimes:
    """The groups that a time, a 0/1 event and, if there are any, the columns or the category of groups make."""
    time, event, *names = question.expect(2, 1000)
    column, every = _times(question, time, event, names), question.summary.histogram(time)
    edges = column.edges(len(every))
    at = [k for k, count in enumerate(every) if count]
    if at and column.value(edges[at[0]]) < 0:
        raise RequestError(f"some rows have a {time!r} below zero, and time begins there")
    groups = _groups(question, names) if names else [_whole(question)]
    for group in groups:
        if any(not 0 <= events <= ended for events, ended in zip(group.events, group.ended, strict=True)):
            raise SchemaError(f"no rows could give this summary: more events than rows at a {time!r} of {group.name}")
    return Lifetimes(
        tuple(column.value(edges[k + 1] - 1) for k in at),
        all(edges[k + 1] - edges[k] == 1 for k in at),
        tuple(Group(g.name, tuple(g.ended[k] for k in at), tuple(g.events[k] for k in at)) for g in groups),
    )


def _times(question: Question, time: str, event: str, names: list[str]) -> Column:
    """The column of times, if the others are 0/1 and no row lacks one of them."""
    column = question.column(time)
    if column.indicator or not question.column(event).indicator:
        raise RequestError(
            "name a continuous time first, then the 0/1 column of the event, then groups if there are any"
        )
    summary = question.summary
    lacking = next((name for name in [event, *names] if summary.count(time, name) < summary.count(time)), None)
    if lacking is not None:
        raise RequestError(f"some rows have a {time!r} and no {lacking!r}, so it is not known how they ended")
    return column


def _whole(question: Question) -> Group:
    time, event = question.features[:2]
    return _group("all", question.summary.histogram(time), question.summary.histogram_given(time, event))


def _groups(question: Question, names: list[str]) -> list[Group]:
    category = question.category(names[0]) if len(names) == 1 else None
    if category is not None:
        levels = [f"{names[0]}${level}" for level in category.levels]
        found = _exclusive(question, levels, whole=True)
        wanted = [f"{names[0]}${level}" for level in question.names("levels") or category.levels]
        unknown = next((name for name in wanted if name not in levels), None)
        if unknown is not None:
            raise RequestError(f"{unknown!r} is no level of {names[0]!r}", hint=f"there are {', '.join(levels)}")
        return [found[levels.index(name)] for name in wanted]
    other = next((name for name in names if not question.column(name).indicator), None)
    if other is not None:
        raise RequestError(f"{other!r} makes no groups: they are 0/1 columns or a category")
    if len(names) > 1:
        return _exclusive(question, names, whole=False)
    whole, (inside,) = _whole(question), _exclusive(question, names, whole=False)
    return [inside, _less(f"{names[0]} is 0", whole, [inside])]


def _exclusive(question: Question, names: list[str], *, whole: bool) -> list[Group]:
    """The rows where each column is 1. If the columns share out all rows, one group is what the others leave."""
    time, event = question.features[:2]
    joint = {name: _joint(question, event, name) for name in names}
    unknown = [name for name in names if joint[name] is None]
    if len(unknown) > (1 if whole else 0):
        raise RequestError(
            f"nothing counts the rows where both {event!r} and {unknown[0]!r} are 1",
            hint=f"declare a feature {{name: {_name(event, unknown[0])}, kind: product, of: [{event}, {unknown[0]}]}}",
        )
    _check_apart(question, names)
    given = question.summary.histogram_given
    known = {
        name: _group(name if "$" in name else f"{name} is 1", given(time, name), given(time, both))
        for name, both in joint.items()
        if both is not None
    }
    rest = {name: _less(name, _whole(question), list(known.values())) for name in unknown}
    return [(known | rest)[name] for name in names]


def _joint(question: Question, event: str, name: str) -> str | None:
    """The declared product of an event and a group."""
    found = factored(question.summary.schema.columns).get(tuple(sorted((event, name))))
    return None if found is None else found.name


def _check_apart(question: Question, names: list[str]) -> None:
    for i, a in enumerate(names):
        both = next((b for b in names[i + 1 :] if question.summary.product(a, b)), None)
        if both is not None:
            raise RequestError(f"some rows are both {a!r} and {both!r}: groups must not overlap")


def _less(name: str, whole: Group, parts: list[Group]) -> Group:
    ended = [total - sum(rows) for total, *rows in zip(whole.ended, *(part.ended for part in parts), strict=True)]
    events = [total - sum(rows) for total, *rows in zip(whole.events, *(part.events for part in parts), strict=True)]
    return _group(name, ended, events)


def _group(name: str, ended: _Counts, events: _Counts) -> Group:
    return Group(name, tuple(ended), tuple(events))


def _name(event: str, group: str) -> str:
    return f"{event}_{group.rpartition('$')[2]}"
