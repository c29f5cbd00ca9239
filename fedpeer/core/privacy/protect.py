"""The station of privacy: what may leave the owner's node, or the rule, the place and the number that keep it there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import InitVar, dataclass

from fedpeer.core.contract.admit import SENDING, Admitted
from fedpeer.core.privacy.cells import Counted, smallest, thinnest
from fedpeer.core.privacy.disclosure import Release, risk
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.privacy.traces import Change, Past
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

_MAKER = object()


@dataclass(frozen=True, slots=True)
class Shareable:
    """A summary that may be published: the only thing that can be. Only `protect` makes one.

    `risk` is the chance (AUC, 0.5 to 1) of telling whether somebody's row is in it, or in its change since an earlier
    release, whichever is higher. `repeated` says that it is the last release again, so the same bytes are resent.
    """

    summary: Summary
    risk: float
    repeated: bool
    maker: InitVar[object]

    def __post_init__(self, maker: object) -> None:
        if maker is not _MAKER:
            raise TypeError("only protect() makes a Shareable")


@dataclass(frozen=True, slots=True)
class Withheld:
    """Why a summary stays: for the operator's own log, and never for others."""

    rule: str
    feature: str
    measured: str
    text: str


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


def protect(admitted: Admitted, policy: Policy, last: Summary | None, past: Past | None = None) -> Shareable | Withheld:
    """Apply the release rules to a summary that is to be sent.

    `last` is what this peer released before, if anything, and `past` all that it released before that. The floors hold
    for a repetition too: whoever joins late has not seen the last release.
    """
    if admitted.side is not SENDING:
        raise TypeError("only a summary admitted for sending is protected")
    summary = admitted.summary
    found = examined(summary, policy, last, past)
    failed = next((finding for finding in found.findings if not finding.passed), None)
    if failed is not None:
        return Withheld(failed.rule, failed.feature, failed.measured, failed.text)
    return Shareable(summary, found.risk, last == summary, _MAKER)


def examined(summary: Summary, policy: Policy, last: Summary | None, past: Past | None = None) -> Examined:
    """Put a summary to every release rule, without stopping at the first that fails."""
    release = Release.of(summary)
    compared = [] if last is None or last == summary else [Change.between(release, Release.of(last), LAST)]
    compared += past.changes(summary, release) if past else []
    return Examined(tuple(_findings(release, compared, policy)), _risk(release, compared), tuple(compared))


def nothing(schema: Schema) -> Shareable:
    """The empty summary, which takes back what was released before: nobody is in it, so no rule holds it back."""
    return Shareable(Summary.zero(schema), 0.5, False, _MAKER)


LAST = "the last release"


def _risk(release: Release, compared: Sequence[Change]) -> float:
    columns, powers = len(release.columns), release.powers.size
    told = [Counted.of(release), *(change.counted for change in compared if not change.nothing)]
    return max(risk(columns + len(each.lacking), abs(each.rows), powers + each.told) for each in told)


def _findings(release: Release, compared: Sequence[Change], policy: Policy) -> Iterator[Finding]:
    counted = Counted.of(release)
    if not policy.offered:
        text = "the profile strict needs differential privacy, which is not offered yet: nothing is released under it"
        yield Finding("profile", "", policy.profile, False, text)
    yield _rows(release, policy)
    if counted.pairwise:
        yield _gaps(counted, policy.row_floor(release.width), None)
    if policy.cell_floor:
        yield _cells(counted, policy, None)
    for change in compared:
        yield _change(change, policy, release.width)
        if change.counted.pairwise:
            yield _gaps(change.counted, policy.change_floor(release.width), change)
        if policy.cell_floor:
            yield _cells(change.counted, policy, change)


def _rows(release: Release, policy: Policy) -> Finding:
    floor = policy.row_floor(release.width)
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
