"""A state as named records, and back. Records that begin with `secret/` are for the store to encrypt.

`changes` compares two states by identity, part by part: a step that touched one contribution writes one record.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from fedpeer.core import canonical
from fedpeer.core.canonical import Value
from fedpeer.core.envelope.invite import Invitation
from fedpeer.core.envelope.keys import Identity
from fedpeer.core.envelope.receipts import read
from fedpeer.core.envelope.window import Windows
from fedpeer.core.errors import FedpeerError, StoreError
from fedpeer.core.federation.charter import Charter
from fedpeer.core.federation.circles import check_circle
from fedpeer.core.federation.ledger import Held, Ledger, Opened
from fedpeer.core.federation.opened import read_opened
from fedpeer.core.identity import FederationId, PeerId
from fedpeer.core.peer.bridge import Inflow
from fedpeer.core.peer.kept import Exact, Marks, Seen, Sums, Watch, Withdrawal
from fedpeer.core.peer.persons import Persons
from fedpeer.core.peer.proposals import Proposal
from fedpeer.core.peer.session import Session
from fedpeer.core.peer.state import (
    Batch,
    Bus,
    Counters,
    InviteRecord,
    Joining,
    Local,
    Peer,
    Secret,
    Settings,
    State,
)
from fedpeer.core.peer.streams import Stream
from fedpeer.core.privacy.traces import check
from fedpeer.core.pulse.inbound import inbound
from fedpeer.core.statistics.lineage import Lineage
from fedpeer.core.statistics.patients import Patients
from fedpeer.core.statistics.summary import Summary

Parts = dict[str, Any]
T = TypeVar("T")


class StoredBatch(Value, frozen=True):
    """A batch with the bytes of its summary."""

    batch: Batch
    summary: bytes


class StoredExact(Value, frozen=True):
    """The sums behind a contribution with noise."""

    serial: int
    summary: bytes


def changes(before: State | None, after: State) -> dict[str, bytes | None]:
    """What must be written (or, None, deleted) so that the store holds `after` instead of `before`."""
    old = _parts(before) if before is not None else {}
    new = _parts(after)
    found: dict[str, bytes | None] = {}
    for part in old.keys() | new.keys():
        if old.get(part) is not new.get(part):
            found |= _changed(part, old.get(part), new.get(part))
    return found


def restore(federation: str, records: Mapping[str, bytes], session: Session) -> State:
    """The state that these records hold, in a new session; StoreError if they are not whole."""
    try:
        if "secret/invitation" in records:
            return _joining(FederationId(federation), records)
        return _peer(records, session)
    except (KeyError, ValueError, FedpeerError) as fault:
        raise StoreError(f"the records of federation {federation} are not whole: {fault}") from fault


def _parts(state: State) -> Parts:
    """The parts of a state: a value becomes one record, a mapping or tuple (its name ends with `/`) one an item."""
    if isinstance(state, Joining):
        return {
            "phase": (state.phase, state.reason, state.display),
            "settings": state.settings,
            "secret/me": state.me,
            "secret/invitation": state.invitation,
        }
    return {
        "phase": (state.phase, state.alarm, ""),
        "settings": state.settings,
        "secret/me": state.me,
        "secret/bus": state.bus,
        "secret/epochs": state.secrets,
        "counters": state.counters,
        "charter/": state.charter.entries,
        "ledger/": state.ledger.held,
        "batch/": state.batches,
        "invite/": state.invites,
        "window/": state.windows,
        "marks": state.marks,
        "withdrawal/": state.withdrawals,
        "receipt/": state.receipts,
        "watch/": state.watches,
        "seen/": state.seen,
        "trace/": state.traces,
        "opened": state.ledger.opened,
        "given": state.sums.given,
        "circle/": state.sums.circles,
        "sum/": state.sums.traces,
        "evidence/": state.sums.evidence,
        "secret/exact": state.exact,
        "secret/patients/": state.persons.parts,
        "secret/step/": state.persons.steps,
        "stream/": state.streams,
        "proposal/": state.proposals,
        "bridge": state.inflow,
    }


def _changed(part: str, old: Any, new: Any) -> dict[str, bytes | None]:
    if not part.endswith("/"):
        return {} if part in _SMALL and old == new else {part: None if new is None else _bytes(new)}
    before, after = _items(old), _items(new)
    gone: dict[str, bytes | None] = {part + key: None for key in before.keys() - after.keys()}
    return gone | {part + k: _bytes(v) for k, v in after.items() if before.get(k) is not v}


_SMALL = ("phase", "marks")


def _items(part: Any) -> Mapping[str, Any]:
    if part is None:
        return {}
    return {f"{i:08d}": entry for i, entry in enumerate(part)} if isinstance(part, tuple) else part


def _bytes(item: Any) -> bytes:
    match item:
        case bytes():
            return item
        case Identity():
            return item.secret()
        case Held():
            return item.signed
        case Opened():
            return item.data
        case Summary() | Patients():
            return item.to_bytes()
        case Exact():
            return canonical.encode(StoredExact(item.serial, item.summary.to_bytes()))
        case Local():
            return canonical.encode(StoredBatch(item.batch, item.summary.to_bytes()))
        case _:
            return canonical.encode(item)


def _joining(federation: FederationId, records: Mapping[str, bytes]) -> Joining:
    phase, reason, display = canonical.decode(records["phase"], tuple[str, str, str])
    return Joining(
        federation,
        Identity.from_secret(records["secret/me"]),
        display,
        canonical.decode(records["settings"], Settings),
        canonical.decode(records["secret/invitation"], Invitation),
        phase,
        reason,
    )


def _peer(records: Mapping[str, bytes], session: Session) -> Peer:
    charter = _charter(_under(records, "charter/"))
    lineage, settings = charter.roster.lineage, canonical.decode(records["settings"], Settings)
    schema, ledger = lineage.newest, Ledger.empty(lineage.newest)
    for signed in _under(records, "ledger/").values():
        ledger = ledger.record(inbound(signed, charter.federation, charter.roster, action=settings.receive_action))
    if "opened" in records:
        ledger = ledger.show(read_opened(records["opened"], charter)[1])
    stored = {k: canonical.decode(v, StoredBatch) for k, v in _under(records, "batch/").items()}
    batches = {k: Local(b.batch, lineage.read(b.summary)) for k, b in stored.items()}
    phase, alarm, _ = canonical.decode(records["phase"], tuple[str, str, str])
    # Stores of older versions have no marks, and no numbers that they could be too low for.
    marks = canonical.decode(records["marks"], Marks) if "marks" in records else Marks()
    if any(b.batch.number > marks.added for b in batches.values()):
        raise ValueError("the marks are older than the batches")
    return Peer(
        me=Identity.from_secret(records["secret/me"]),
        bus=canonical.decode(records["secret/bus"], Bus),
        settings=settings,
        charter=charter,
        ledger=ledger,
        session=session,
        local=sum((b.summary for b in batches.values()), Summary.zero(schema)),
        phase=phase,
        alarm=alarm,
        secrets=canonical.decode(records["secret/epochs"], tuple[Secret, ...]),
        batches=batches,
        invites=_values(records, "invite/", InviteRecord),
        windows={PeerId(k): v for k, v in _values(records, "window/", Windows).items()},
        counters=canonical.decode(records["counters"], Counters),
        marks=marks,
        withdrawals=_values(records, "withdrawal/", Withdrawal),
        receipts=_receipts(records),
        watches=_values(records, "watch/", Watch),
        seen=_values(records, "seen/", Seen),
        traces=_traces(records, "trace/", lineage),
        sums=_sums(records, lineage),
        streams=_values(records, "stream/", Stream),
        proposals=_values(records, "proposal/", Proposal),
        exact=_exact(records, lineage),
        inflow=canonical.decode(records["bridge"], Inflow) if "bridge" in records else None,
        persons=_persons(records, {k: b.summary.rows for k, b in batches.items()} if schema.patient else {}),
    )


def _exact(records: Mapping[str, bytes], lineage: Lineage) -> Exact | None:
    if "secret/exact" not in records:
        return None
    stored = canonical.decode(records["secret/exact"], StoredExact)
    return Exact(stored.serial, lineage.read(stored.summary))


def _values(records: Mapping[str, bytes], prefix: str, kind: type[T]) -> dict[str, T]:
    return {k: canonical.decode(v, kind) for k, v in _under(records, prefix).items()}


def _receipts(records: Mapping[str, bytes]) -> dict[str, bytes]:
    receipts = _under(records, "receipt/")
    for signed in receipts.values():
        read(signed)
    return receipts


def _traces(records: Mapping[str, bytes], prefix: str, lineage: Lineage) -> dict[str, bytes]:
    traces = _under(records, prefix)
    check(traces, lineage)
    return traces


def _persons(records: Mapping[str, bytes], rows: Mapping[str, int]) -> Persons:
    parts, steps = (
        {k: Patients.from_bytes(v) for k, v in _under(records, prefix).items()}
        for prefix in ("secret/patients/", "secret/step/")
    )
    persons = Persons(parts, steps)
    persons.check(rows)
    return persons


def _sums(records: Mapping[str, bytes], lineage: Lineage) -> Sums:
    circles = _under(records, "circle/")
    for name, circle in circles.items():
        check_circle(name, circle)
    given = lineage.read(records["given"]) if "given" in records else None
    return Sums(given, circles, _traces(records, "sum/", lineage), _under(records, "evidence/"))


def _charter(entries: Mapping[str, bytes]) -> Charter:
    first, *rest = [entries[k] for k in sorted(entries)]
    charter = Charter.open(first)
    for entry in rest:
        charter = charter.follow(entry)
    return charter


def _under(records: Mapping[str, bytes], prefix: str) -> dict[str, bytes]:
    return {k.removeprefix(prefix): v for k, v in records.items() if k.startswith(prefix)}
