"""The station of privacy: what may leave the owner's node, or the rule, the place and the number that keep it there."""

from __future__ import annotations

from dataclasses import InitVar, dataclass

from fedpeer.core.contract.admit import SENDING, Admitted
from fedpeer.core.privacy.cells import exchanged, smallest, swapped
from fedpeer.core.privacy.disclosure import Release, risk
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

_MAKER = object()


@dataclass(frozen=True, slots=True)
class Shareable:
    """A summary that may be published: the only thing that can be. Only `protect` makes one.

    `risk` is the chance (AUC, 0.5 to 1) of telling whether somebody's row is in it, or in its change since the last
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


def protect(admitted: Admitted, policy: Policy, last: Summary | None) -> Shareable | Withheld:
    """Apply the release rules to a summary that is to be sent; `last` is what this peer released before, if anything.

    The floors hold for a repetition too: whoever joins late has not seen the last release.
    """
    if admitted.side is not SENDING:
        raise TypeError("only a summary admitted for sending is protected")
    summary = admitted.summary
    release = Release.of(summary)
    change = None if last is None or last == summary else release.change(Release.of(last))
    reason = _unoffered(policy) or _rows(release, policy) or _cells(release, policy, "")
    if reason is None and change is not None:
        reason = _change(change, policy, release.width) or _gaps(change, policy.change_floor(release.width), _SINCE)
        reason = reason or _cells(change, policy, _SINCE)
    return reason or Shareable(summary, _risk(release, change), last == summary, _MAKER)


def nothing(schema: Schema) -> Shareable:
    """The empty summary, which takes back what was released before: nobody is in it, so no rule holds it back."""
    return Shareable(Summary.zero(schema), 0.5, False, _MAKER)


_SINCE = " in the change since the last release"


def _unoffered(policy: Policy) -> Withheld | None:
    if policy.offered:
        return None
    text = "the profile strict needs differential privacy, which is not offered yet: nothing is released under it"
    return Withheld("profile", "", policy.profile, text)


def _rows(release: Release, policy: Policy) -> Withheld | None:
    floor = policy.row_floor(release.width)
    if release.rows >= floor:
        return _gaps(release, floor, "")
    powers = f" and {release.powers.size} powers" if release.powers.size else ""
    gaps = f" and {release.lacking} features that rows may lack" if release.lacking else ""
    behind = f"a release of {len(release.columns)} columns{powers}{gaps}"
    text = f"{release.rows} rows, and at least {floor} must stand behind {behind}"
    return Withheld(f"rows >= {floor}", "", str(release.rows), text)


def _gaps(release: Release, floor: int, where: str) -> Withheld | None:
    """What is told of two features over the rows that have both is a release of these rows."""
    if release.overlap is None:
        return None
    if thin := release.overlap.thinnest(floor):
        names, rows = thin
        text = f"{rows} rows have {names}{where}, and none or at least {floor} must stand behind what is told of them"
        return Withheld(f"present = 0 or >= {floor} rows{where}", names, str(rows), text)
    if where and (name := swapped(release)):
        text = f"rows where {name} were exchanged since the last release: as many came as went"
        return Withheld(f"present = 0 or >= {floor} rows{where}", name, "0", text)
    return None


def _change(change: Release, policy: Policy, width: int) -> Withheld | None:
    floor = policy.change_floor(width)
    if abs(change.rows) >= floor or change.nothing:
        return None
    rule = f"change = 0 or >= {floor} rows"
    if change.rows == 0:
        text = "rows were exchanged since the last release, none more and none fewer: the difference shows them"
    else:
        verb = "added" if change.rows > 0 else "withdrawn"
        text = f"{abs(change.rows)} rows {verb} since the last release, and a change must be of at least {floor}"
    return Withheld(rule, "", str(abs(change.rows)), text)


def _cells(release: Release, policy: Policy, where: str) -> Withheld | None:
    floor = policy.cell_floor
    if not floor:
        return None
    rule = f"cell = 0 or >= {floor} rows{where}"
    if cell := smallest(release, floor):
        more = f" (and {cell.others} more such cells)" if cell.others else ""
        rows = abs(cell.rows)
        text = f"{rows} rows where {cell.name}{where}, and a cell must have none or at least {floor}{more}"
        return Withheld(rule, cell.name, str(rows), text)
    if where and (name := exchanged(release)):
        text = f"rows where {name} were exchanged since the last release: as many came as went"
        return Withheld(rule, name, "0", text)
    return None


def _risk(release: Release, change: Release | None) -> float:
    told = [release] if change is None or change.nothing else [release, change]
    return max(risk(len(release.columns) + each.lacking, abs(each.rows), each.further) for each in told)
