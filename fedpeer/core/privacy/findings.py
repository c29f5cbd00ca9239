"""The release rules one by one, each with what it measures: of a release, and of its difference from an earlier one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from fedpeer.core.privacy.cells import Counted, smallest, thinnest
from fedpeer.core.privacy.disclosure import Release, risk
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.privacy.traces import Change, Past
from fedpeer.core.statistics.summary import Summary

Stand = Literal["alone", "masked", "sum"]

LAST = "the last release"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one release rule says: of the release itself, or of the difference from the release that `since` names."""

    rule: str
    feature: str
    measured: str
    passed: bool
    text: str
    since: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """What all rules say, in their order, the risk, and the differences: from the last release first, then older."""

    findings: tuple[Finding, ...]
    risk: float
    changes: tuple[Change, ...]

    @property
    def failed(self) -> Finding | None:
        """The first finding that keeps the summary back."""
        return next((finding for finding in self.findings if not finding.passed), None)


def examine(summary: Summary, policy: Policy, last: Summary | None, past: Past | None, stand: Stand) -> Examined:
    """Put a summary to every release rule, without stopping at the first that fails.

    It stands alone where others see it as it is, is masked where they see only a sum that it is in, or is such a sum.
    """
    release = Release.of(summary)
    compared = [] if last is None or last == summary else [Change.between(release, Release.of(last), LAST)]
    compared += past.changes(summary, release) if past else []
    return Examined(tuple(_findings(release, compared, policy, stand)), _risk(release, compared), tuple(compared))


def _risk(release: Release, compared: Sequence[Change]) -> float:
    columns, powers = len(release.columns), release.powers.size
    told = [Counted.of(release), *(change.counted for change in compared if not change.nothing)]
    return max(risk(columns + len(each.lacking), abs(each.rows), powers + each.told) for each in told)


def _findings(release: Release, compared: Sequence[Change], policy: Policy, stand: Stand) -> Iterator[Finding]:
    counted, floor = Counted.of(release), _floor(policy, release.width, stand)
    if not policy.offered:
        text = "the profile strict needs differential privacy, which is not offered yet: nothing is released under it"
        yield Finding("profile", "", policy.profile, False, text)
    yield _rows(release, floor)
    if counted.pairwise and stand != "masked":
        yield _gaps(counted, floor, None)
    if policy.cell_floor and stand != "masked":
        yield _cells(counted, policy, None)
    for change in compared:
        yield from _changed(change, policy, release.width)


def _floor(policy: Policy, width: int, stand: Stand) -> int:
    match stand:
        case "alone":
            return policy.row_floor(width)
        case "masked":
            return policy.masked_floor(width)
        case "sum":
            return policy.total_floor(width)


def _changed(change: Change, policy: Policy, width: int) -> Iterator[Finding]:
    yield _change(change, policy, width)
    if change.counted.pairwise:
        yield _gaps(change.counted, policy.change_floor(width), change)
    if policy.cell_floor:
        yield _cells(change.counted, policy, change)


def _rows(release: Release, floor: int) -> Finding:
    powers = f" and {release.powers.size} powers" if release.powers.size else ""
    gaps = f" and {release.lacking} features that rows may lack" if release.lacking else ""
    behind = f"a release of {len(release.columns)} columns{powers}{gaps}"
    text = f"{release.rows} rows, and at least {floor} must stand behind {behind}"
    return Finding(f"rows >= {floor}", "", str(release.rows), release.rows >= floor, text)


def _gaps(counted: Counted, floor: int, change: Change | None) -> Finding:
    """What is told of two features over the rows that have both is a release of these rows."""
    where, since = _where(change)
    rule = f"present = 0 or >= {floor} rows{where}"
    if thin := thinnest(counted, floor):
        names, rows = thin
        text = f"{rows} rows have {names}{where}, and none or at least {floor} must stand behind what is told of them"
        return Finding(rule, names, str(rows), False, text, since)
    if change is not None and change.gapped:
        return Finding(rule, change.gapped, "0", False, _moved(change.gapped, since), since)
    names, rows = thinnest(counted, _ALL) or ("", 0)
    return Finding(rule, names, str(rows), True, f"{rows} rows have {names or 'any two features'}{where}", since)


def _change(change: Change, policy: Policy, width: int) -> Finding:
    floor = policy.change_floor(width)
    rows, rule = abs(change.rows), f"change = 0 or >= {floor} rows" + _older(change.since)
    passed = rows >= floor or change.nothing
    if change.nothing:
        text = f"nothing has changed since {change.since}"
    elif change.rows == 0:
        text = f"rows were exchanged since {change.since}, none more and none fewer: the difference shows them"
    else:
        verb = "added" if change.rows > 0 else "withdrawn"
        text = f"{rows} rows {verb} since {change.since}, and a change must be of at least {floor}"
    return Finding(rule, "", str(rows), passed, text, change.since)


def _cells(counted: Counted, policy: Policy, change: Change | None) -> Finding:
    floor, (where, since) = policy.cell_floor, _where(change)
    rule = f"cell = 0 or >= {floor} rows{where}"
    least = smallest(counted, _ALL)
    rows, name = (abs(least.rows), least.name) if least else (0, "")
    if 0 < rows < floor and (cell := smallest(counted, floor)):
        more = f" (and {cell.others} more such cells)" if cell.others else ""
        text = f"{rows} rows where {name}{where}, and a cell must have none or at least {floor}{more}"
        return Finding(rule, name, str(rows), False, text, since)
    if change is not None and change.valued:
        return Finding(rule, change.valued, "0", False, _moved(change.valued, since), since)
    text = f"{rows} rows where {name}{where}" if least else f"no rows in any cell{where}"
    return Finding(rule, name, str(rows), True, text, since)


_ALL = 2**62  # more rows than there are


def _where(change: Change | None) -> tuple[str, str]:
    return ("", "") if change is None else (f" in the change since {change.since}", change.since)


def _older(since: str) -> str:
    return "" if since == LAST else f" since {since}"


def _moved(name: str, since: str) -> str:
    return f"rows where {name} were exchanged since {since}: as many came as went"
