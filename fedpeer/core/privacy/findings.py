"""The release rules one by one, each with what it measures: of a release, and of its difference from an earlier one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil, sqrt
from typing import Literal

from fedpeer.core.privacy.cells import Counted, smallest, thinnest
from fedpeer.core.privacy.disclosure import Release, Told
from fedpeer.core.privacy.dominance import dominated
from fedpeer.core.privacy.floor import Likeness, Policy
from fedpeer.core.privacy.likeness import LEVEL, Compared, compared
from fedpeer.core.privacy.people import Known
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
    Of a sum with noise only the rows are looked at: its cells are noise, which is what protects whoever is in them.
    """
    release = Release.of(summary)
    if stand == "sum" and (summary.noise or policy.noise is not None):
        return Examined((_rows(release, policy.total_floor(release.width)),), _told(release, [])[0][0].risk, ())
    before = None if last is None or last == summary else Release.of(last)
    changes = [] if before is None else [Change.between(release, before, LAST)]
    changes += past.changes(summary, release) if past else []
    told = _told(release, changes)
    found = [*_alone(release, policy, stand), *_since(changes, policy, release.width)]
    if summary.schema.patient and stand != "sum":
        found += _persons(changes, policy, past)
    found += _dominance(release, before, policy, stand)
    found += _risk([each for each in told if each[1] or stand != "masked"], policy)
    if stand == "alone" and last is not None and before is not None:
        found += [_likeness(summary, last, test) for test in policy.tests]
    return Examined(tuple(found), max(each.risk for each, _ in told), tuple(changes))


def patients_finding(known: Known, policy: Policy) -> Finding:
    """Whether enough patients stand behind a release."""
    floor, patients = policy.patient_floor, known.patients
    text = f"the rows are of {patients} patients, and at least {floor} must stand behind a release"
    return Finding(f"patients >= {floor}", "", str(patients), patients >= floor, text)


def crowded_finding(known: Known, most: int) -> Finding:
    """Whether no patient has more rows than noise was made for."""
    text = f"a patient has {known.most} rows, and the noise hides a patient of at most {most}"
    return Finding(f"rows of a patient <= {most}", "", str(known.most), known.most <= most, text)


@lru_cache(maxsize=8)  # keys are summaries, which may be large
def standing_risk(summary: Summary) -> float:
    """The membership risk of a release by itself; 0.5 of an empty one."""
    return _told(Release.of(summary), [])[0][0].risk


def _told(release: Release, changes: Sequence[Change]) -> list[tuple[Told, str]]:
    """What tells of each row by itself, in the release and in each change, and since when."""
    columns, powers = len(release.columns), release.powers.size
    each = [(Counted.of(release), ""), *((change.counted, change.since) for change in changes if not change.nothing)]
    return [(Told(columns + len(c.lacking), abs(c.rows), powers + c.told), since) for c, since in each]


def _alone(release: Release, policy: Policy, stand: Stand) -> Iterator[Finding]:
    counted, floor = Counted.of(release), _floor(policy, release.width, stand)
    yield _rows(release, floor)
    if counted.pairwise and stand != "masked":
        yield _gaps(counted, floor, None)
    if policy.cell_floor and stand != "masked":
        yield _cells(counted, policy, None)


def _since(changes: Sequence[Change], policy: Policy, width: int) -> Iterator[Finding]:
    for change in changes:
        yield _change(change, policy, width)
        if change.counted.pairwise:
            yield _gaps(change.counted, policy.change_floor(width), change)
        if policy.cell_floor:
            yield _cells(change.counted, policy, change)


def _floor(policy: Policy, width: int, stand: Stand) -> int:
    match stand:
        case "alone":
            return policy.row_floor(width)
        case "masked":
            return policy.masked_floor(width)
        case "sum":
            return policy.total_floor(width)


def _persons(changes: Sequence[Change], policy: Policy, past: Past | None) -> Iterator[Finding]:
    """Nobody is known where nobody was counted, so that what was not looked at is never released."""
    known = past.people.known() if past and past.people else Known(0, _ALL, {})
    if policy.noise is not None:
        yield crowded_finding(known, policy.noise.rows)
    if not policy.patient_floor:
        return
    yield patients_finding(known, policy)
    for change in changes:
        if not change.nothing:
            yield _moved_patients(change, known.moved.get(change.serial or (past.last if past else 0)), policy)


def _moved_patients(change: Change, patients: int | None, policy: Policy) -> Finding:
    """Patients who have as many rows as before may have others, so that a change must be seen in enough of them."""
    floor = policy.moved_floor
    rule = f"change >= {floor} patients" + _older(change.since)
    if patients is None:
        text = f"whose rows have changed since {change.since} is not known here: this home is older than it"
        return Finding(rule, "", "", False, text, change.since)
    text = f"the rows of {patients} patients are more or fewer since {change.since}, and a change must be of {floor}"
    return Finding(rule, "", str(patients), patients >= floor, text, change.since)


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


def _dominance(release: Release, before: Release | None, policy: Policy, stand: Stand) -> Iterator[Finding]:
    """Of the release itself, unless it is masked, and of its change since the last."""
    if not policy.share:
        return
    looked = [(release, "", "")] if stand != "masked" else []
    if before is not None and before.rows != release.rows:
        looked.append((release.change(before), f" in the change since {LAST}", LAST))
    for each, place, since in looked:
        if (worst := dominated(each, policy.share)) is None:
            continue
        share = f"{ceil(100 * worst.share)}%"
        sum_ = f"what {worst.feature} adds up to from its {worst.end} value{worst.where}{place}"
        text = f"one row holds at most {share} of {sum_}"
        if not worst.proved:
            near = f"whoever has the next largest row may tell it to within {policy.share}%"
            text = f"one row may hold {share} of {sum_}: {near}"
        yield Finding(f"dominance: p = {policy.share}%{place}", worst.feature, share, worst.proved, text, since)


def _risk(told: Sequence[tuple[Told, str]], policy: Policy) -> Iterator[Finding]:
    """Of the release or of the change that says most of somebody; noise is for what is above the limit."""
    highest = policy.highest_risk
    if highest == _CERTAIN or not told:
        return
    worst, since = max(told, key=lambda each: each[0].risk)
    where = f" in the change since {since}" if since else ""
    measured, behind = f"{worst.risk:.3f}", f"{worst.rows} rows{where} and {worst.columns} columns"
    text = f"the chance of telling whether somebody is in {behind} is {measured}"
    passed = policy.noise is not None or worst.risk <= highest / 100
    if not passed:
        enough = worst.enough(highest / 100)
        text += f", and at most {highest / 100:.2f} leaves without noise, for which {enough} rows are needed"
    yield Finding(f"membership risk <= {highest}%", "", measured, passed, text, since)


def _likeness(summary: Summary, last: Summary, test: Likeness) -> Finding:
    rule = f"{test}: as {LAST}"
    worst = max(compared(summary, last, test), key=lambda each: each.closeness, default=None)
    if worst is None:
        return Finding(rule, "", "", True, f"there is nothing that {test} could compare with {LAST}", LAST)
    if worst.statistic is None:
        text = f"{test} needs histograms, which the schema does not count (blocks: histogram)"
        return Finding(rule, worst.feature, "", False, text, LAST)
    measured, told = _statistic(worst, worst.statistic, test)
    like = "can be chance" if worst.passed else "is more than chance"
    text = f"{told}: what sets {worst.feature} apart from {LAST} {like}"
    return Finding(rule, worst.feature, measured, worst.passed, text, LAST)


def _statistic(worst: Compared, statistic: Fraction, test: Likeness) -> tuple[str, str]:
    if test == "welch":
        p = f"{float(1 - statistic):.3g}"
        return p, f"p = {p} by Welch's t, and at least {float(LEVEL)} is asked for"
    name = {"ks": "Kolmogorov and Smirnov's D", "integral": "the integral between the distributions"}[test]
    found, limit = (f"{sqrt(each):.3g}" for each in (statistic, worst.limit))
    return found, f"{name} is {found}, and must be below {limit}"


_CERTAIN = 100
_ALL = 2**62  # more rows than there are


def _where(change: Change | None) -> tuple[str, str]:
    return ("", "") if change is None else (f" in the change since {change.since}", change.since)


def _older(since: str) -> str:
    return "" if since == LAST else f" since {since}"


def _moved(name: str, since: str) -> str:
    return f"rows where {name} were exchanged since {since}: as many came as went"
