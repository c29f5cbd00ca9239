"""Attacks on series of releases, as whoever keeps all of them could run them: each succeeds if its rule is off.

An attacker has the releases that left, and nothing else. It subtracts every two of them, and reads whatever difference,
or cell of one, is the sums of a single row: a row is recovered if a whole record comes out exactly. For each attack the
series is put to the rules and the attacker gets what they let through; then to a station without rules, and there it
must find the row, or the attack would prove nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations_with_replacement, permutations, product
from typing import Any

import numpy as np
import pytest

from fedpeer.core.privacy.floor import Policy
from fedpeer.core.privacy.protect import Shareable, protect
from fedpeer.core.privacy.traces import Past
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.lineage import Lineage
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from tests.support.released import sendable

pytestmark = pytest.mark.long

NAMES = ("age", "cost", "ill", "flag")
SCHEMA = Schema(
    [Feature("age", min=0, max=120, resolution=1), Feature("cost", min=0, max=9999, resolution=1)]
    + [Feature(name, "binary") for name in ("ill", "flag")]
)
PROFILES = {"relaxed": Policy("relaxed"), "standard": Policy("standard")}
ALL = PROFILES | {"strict": Policy("strict")}
Row = tuple[int, ...]
VICTIM: Row = (47, 8123, 1, 0)


def crowd(count: int, seed: int, ill: Callable[[int], int] = lambda i: i % 2) -> list[Row]:
    """Rows like others, each cell of the flags as full as the others."""
    rng = np.random.default_rng(seed)
    return [(int(rng.integers(20, 90)), int(rng.integers(0, 8000)), ill(i), i // 2 % 2) for i in range(count)]


def summed(rows: list[Row]) -> Summary:
    return collect(SCHEMA, {name: [row[i] for row in rows] for i, name in enumerate(NAMES)})


def released(series: list[list[Row]], policy: Policy | None, *, all_earlier: bool = True) -> list[Summary]:
    """What leaves of a series, as the peer does it: with the last release and traces of those before."""
    left: list[Summary] = []
    past = Past(b"s" * 32, {}, Lineage((SCHEMA,)))
    for rows in series:
        summary = summed(rows)
        last = left[-1] if left else None
        if policy is not None:
            admitted = sendable(summary)
            if not isinstance(protect(admitted, policy, last, past if all_earlier else None), Shareable):
                continue
        if last is not None:
            past = replace(past, traces=past.kept(len(left), last))
        left.append(summary)
    return left


def found(releases: list[Summary], known: Sequence[Row] = ()) -> set[Row]:
    """Every record that one release, or one subtracted from another, gives away; `known` rows the attacker made."""
    seen: set[Row] = set()
    for moments in _moments(releases):
        mine = [sum((_told(row) for row in rows), np.zeros((5, 5), dtype=object)) for rows in ([], known)]
        for own in mine:
            seen |= set(_read(moments - own))
    return seen


def _moments(releases: list[Summary]) -> Iterator[Any]:
    """n, Σq and Σqq′ as one matrix, of each release and of every difference of two."""
    each = []
    for summary in releases:
        matrix = np.empty((5, 5), dtype=object)
        matrix[0, 0], matrix[1:, 1:] = summary.rows, summary.products()
        matrix[0, 1:] = matrix[1:, 0] = summary.sums()
        each.append(matrix)
    yield from each
    yield from (a - b for a, b in permutations(each, 2))


def _told(row: Row) -> Any:
    lifted = np.array([1, *_coded(row)], dtype=object)
    return np.outer(lifted, lifted)


def _coded(row: Row) -> list[int]:
    told = zip(row, SCHEMA.columns, strict=True)
    return [round((value - float(c.value(0))) / float(c.value(1) - c.value(0))) for value, c in told]


def _read(moments: Any) -> Iterator[Row]:
    """A single row, if all is of one; the row of each flag's cell that has one; two rows of which one is exchanged."""
    if moments[0, 0] == 1:
        yield from _decoded(moments[0])
    for flag in (3, 4):
        if moments[flag, 0] == 1:
            yield from _decoded(moments[flag])
        if moments[0, 0] - moments[flag, 0] == 1:
            yield from _decoded(moments[0] - moments[flag])
    if moments[0, 0] == 0 and moments.any():
        yield from _exchanged(moments)


def _exchanged(moments: Any) -> Iterator[Row]:
    """One row x came and one y went: u = x − y and M = xx′ − yy′ = xu′ + ux′ − uu′ are told, and they give x."""
    u = moments[0]
    pivot = next((k for k in range(1, 5) if u[k] != 0), None)
    if pivot is None:
        return
    twice = moments[pivot, pivot] + u[pivot] ** 2
    if twice % (2 * u[pivot]):
        return
    own = twice // (2 * u[pivot])
    row = [moments[pivot, k] - u[k] * own + u[k] * u[pivot] for k in range(5)]
    if all(value % u[pivot] == 0 for value in row[1:]):
        yield from _decoded([1, *(value // u[pivot] for value in row[1:])])


def _decoded(lifted: Any) -> Iterator[Row]:
    if lifted[0] == 1:
        yield tuple(round(float(c.value(int(q)))) for c, q in zip(SCHEMA.columns, lifted[1:], strict=True))


BASE = crowd(200, 0)
MORE = crowd(60, 1)
OLDER = crowd(40, 2)
EXCHANGED = [*MORE[:-1], VICTIM]

ATTACKS: dict[str, list[list[Row]]] = {
    "one row added": [BASE, [*BASE, VICTIM]],
    "one row withdrawn": [[*BASE, VICTIM], BASE],
    "one row exchanged": [BASE, [*BASE[:-1], VICTIM]],
    "one row added, two releases apart": [[*BASE, *MORE], BASE, [*BASE, *MORE, VICTIM]],
    "one row withdrawn, two releases apart": [[*BASE, *MORE, VICTIM], BASE, [*BASE, *MORE]],
    "one row exchanged, two releases apart": [[*BASE, *MORE], BASE, [*BASE, *EXCHANGED]],
    "one row exchanged, five releases apart": [
        [*BASE, *MORE],
        BASE,
        [*BASE, *OLDER],
        [*BASE, *OLDER, *crowd(80, 3)],
        BASE,
        [*BASE, *EXCHANGED],
    ],
}
CELLS: dict[str, list[list[Row]]] = {
    "one is ill": [[*crowd(200, 0, lambda i: 0), VICTIM]],
    "all but one are ill": [[*crowd(200, 0, lambda i: 1), (47, 8123, 0, 0)]],
    "one who was added is ill": [BASE, [*BASE, *crowd(60, 1, lambda i: 0), VICTIM]],
    "one of those since the release before the last is ill": [
        BASE,
        [*BASE, *crowd(60, 1)],
        [*BASE, *crowd(60, 1), *crowd(80, 4, lambda i: 0)],
        [*BASE, *crowd(80, 4, lambda i: 0), VICTIM],
    ],
}
VICTIMS = {VICTIM, (47, 8123, 0, 0)}


@pytest.mark.parametrize("profile", ALL)
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_two_releases_of_a_series_give_a_row(attack: str, profile: str) -> None:
    assert VICTIM in found(released(ATTACKS[attack], None))
    left = released(ATTACKS[attack], ALL[profile])
    assert left
    assert not found(left)


@pytest.mark.parametrize("attack", [name for name in ATTACKS if "apart" in name])
@pytest.mark.parametrize("profile", PROFILES)
def test_comparing_with_the_last_release_only_would_not_do(attack: str, profile: str) -> None:
    assert VICTIM in found(released(ATTACKS[attack], PROFILES[profile], all_earlier=False))


@pytest.mark.parametrize("attack", CELLS)
def test_no_cell_of_a_release_or_of_a_change_gives_a_row(attack: str) -> None:
    assert VICTIMS & found(released(CELLS[attack], None))
    assert VICTIMS & found(released(CELLS[attack], PROFILES["relaxed"]))  # which says that it does not look at cells
    assert not found(released(CELLS[attack], PROFILES["standard"]))
    assert not found(released(CELLS[attack], ALL["strict"]))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("apart", [1, 2, 3])
@pytest.mark.parametrize("changed", range(1, 21))
def test_rows_that_the_attacker_knows_but_one_are_not_enough_below_the_floor(
    changed: int, apart: int, profile: str
) -> None:
    """It put all rows of the change but one there itself. From the floor on nothing but noise could help."""
    own = crowd(changed - 1, 7)
    between = [BASE, [*BASE, *OLDER]][: apart - 1]
    series = [[*BASE, *MORE], *between, [*BASE, *MORE, *own, VICTIM]]
    floor = 9 if profile == "relaxed" else 10
    assert VICTIM in found(released(series, None), own)
    left = released(series, PROFILES[profile])
    if changed < floor:
        assert not found(left, own)
    elif profile == "relaxed":
        assert VICTIM in found(left, own)


@pytest.mark.parametrize("profile", PROFILES)
def test_random_series_of_a_hundred_releases_give_no_row(profile: str) -> None:
    """Rows come and go at random, few and many; what the rules let through is enough for the attack to be one."""
    rng = np.random.default_rng(5)
    pool, there = crowd(400, 9), set(range(120))
    series = []
    for _ in range(100):
        size = int(rng.choice([1, 2, 5, 12, 40]))
        moved = set(rng.choice(400, size, replace=False).tolist())
        there = (there ^ moved) if rng.random() < 0.5 else (there | moved)
        series.append([pool[i] for i in sorted(there)])
    rows = set(pool)
    assert found(released(series, None)) & rows
    left = released(series, PROFILES[profile])
    assert len(left) >= 3
    if profile == "standard":
        assert not found(left) & rows
    assert all(abs(a.rows - b.rows) >= 9 or a == b for a, b in permutations(left, 2))


@pytest.mark.parametrize("profile", PROFILES)
def test_three_releases_together_can_give_a_row_and_are_not_looked_at(profile: str) -> None:
    """What the page about threats says is not stopped: of A and B, of A, and of B and the victim."""
    other = crowd(100, 6)
    left = released([[*BASE, *other], BASE, [*other, VICTIM]], PROFILES[profile])
    assert len(left) == 3
    assert not found(left)
    first, second, third = list(_moments(left))[:3]
    assert VICTIM in _read(second + third - first)


GRADES = Schema([Feature(name, min=0, max=2, resolution=1) for name in "abcd"])


def solved(summary: Summary) -> list[list[Row]]:
    """Every table of so many rows that has these sums and products, found by trying all of them."""
    rows = np.array(list(product(range(3), repeat=4)))
    coded = rows - [round(float(column.value(0))) for column in GRADES.columns]
    first, second = np.triu_indices(4)
    told = np.hstack([coded, coded[:, first] * coded[:, second]])
    wanted = np.array([*summary.sums(), *summary.products()[first, second]], dtype=np.int64)
    tables = np.array(list(combinations_with_replacement(range(len(rows)), summary.rows)))
    fitting = tables[(told[tables].sum(axis=1) == wanted).all(axis=1)]
    return [[tuple(map(int, rows[k])) for k in table] for table in fitting]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_table_of_fewer_rows_than_columns_can_be_solved_for_and_stays(count: int, profile: str) -> None:
    rng = np.random.default_rng(count)
    table = sorted(tuple(map(int, row)) for row in rng.integers(0, 3, (count, 4)))
    summary = collect(GRADES, {name: [row[i] for row in table] for i, name in enumerate("abcd")})
    assert table in [sorted(found) for found in solved(summary)]
    assert len(solved(summary)) <= 2
    admitted = sendable(summary)
    assert not isinstance(protect(admitted, PROFILES[profile], None), Shareable)


def read_from_cells(releases: list[Summary]) -> set[tuple[int, ...]]:
    """Age and cost of who came into a cell for another who left it, from Δ = x − y and x² − y² = Δ(x + y)."""
    seen = set()
    for a, b in permutations(releases, 2):
        sums, squares = a.products() - b.products(), a.squares() - b.squares()
        for place, flag in enumerate((2, 3)):
            moved, spread = sums[flag, :2], squares[:, place]
            if sums[flag, flag] == 0 and moved.all() and not (spread % moved).any():
                coded = [(s // d + d) // 2 for s, d in zip(spread, moved, strict=True)]
                seen.add(tuple(round(float(c.value(int(q)))) for c, q in zip(SCHEMA.columns, coded, strict=False)))
    return seen


def test_rows_exchanged_in_a_cell_between_releases_that_are_not_neighbours_stay() -> None:
    """The change as a whole is large, and so is each cell of it, but for one that counts nobody and is not empty."""
    others = [*MORE[:57], VICTIM, *MORE[58:]]
    series = [[*BASE, *MORE], BASE, [*BASE, *others, *crowd(40, 8, lambda i: 0)]]
    assert MORE[57][2:] == VICTIM[2:]
    assert VICTIM[:2] in read_from_cells(released(series, None))
    assert VICTIM[:2] in read_from_cells(released(series, PROFILES["standard"], all_earlier=False))
    left = released(series, PROFILES["standard"])
    assert len(left) == 2
    assert not read_from_cells(left)
