"""Our own rows: counted in batches, and taken out again, batch by batch or row by row.

What tells a batch that was counted already is the digest of its summary, and not one of its rows. Nothing of the rows
is kept but their sums, so two batches with equal sums are the same for every purpose here: whichever is in the total,
no bit of it differs. Equal rows have equal sums in whatever order, file or encoding they come, which no digest of
bytes, or of rows in their order, could say. Different rows with equal sums are as good as impossible but for a few rows
of few values, and there nobody could tell the rows apart either: that is what force is for. And nothing is kept from
which a row could be guessed, as it could from a digest of it. One thing sums cannot tell is a batch that begins with
the rows of another; a file that has grown is known by its beginning (docs/data.md).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

from msgspec.structs import replace

from fedpeer.core.errors import DuplicateError, RequestError, StateError, UnknownError
from fedpeer.core.peer import listening, receipts
from fedpeer.core.peer.bridging import need_own
from fedpeer.core.peer.events import AddBatch, WithdrawBatch, WithdrawRows
from fedpeer.core.peer.kept import Marks
from fedpeer.core.peer.state import Batch, Local
from fedpeer.core.peer.streams import rejected_in_all
from fedpeer.core.peer.turn import Turn
from fedpeer.core.peer.watching import remember
from fedpeer.core.statistics.lineage import Lineage
from fedpeer.core.statistics.patients import Patients
from fedpeer.core.statistics.plausible import implausible
from fedpeer.core.statistics.summary import Summary

_MOST_NAMED = 5


def add_batch(turn: Turn, event: AddBatch) -> None:
    """Make counted rows part of this node's data; the same content twice only by force."""
    turn.need_active()
    need_own(turn.state)
    state, batch, lineage = turn.state, event.batch, turn.state.roster.lineage
    # Rows may have been counted under the schema of a moment ago.
    event = dataclasses.replace(event, summary=lineage.embed(event.summary))
    _need_patients(turn, event)
    remember(turn, event)
    listening.remember(turn, event)
    before = state.batches.get(batch.id)
    if before is None:
        if batch.rows and not event.force:
            refuse_twin(state.batches, batch, lineage.views(event.summary))
        marks = Marks(state.marks.added + 1, state.marks.released)
        turn.change(marks=marks)
        local = Local(replace(batch, number=marks.added), event.summary)
    else:
        local = longer(before, batch, event.summary)
    turn.change(batches={**state.batches, batch.id: local}, local=state.local + event.summary)
    turn.change(persons=state.persons.more(batch.id, event.patients))
    rejected = batch.read - batch.rows
    more = "more " if before else ""
    text = f"counted {batch.rows} {more}rows of {batch.source}" + (f", rejected {rejected}" if rejected else "")
    data = {"batch": batch.id, "read": batch.read, "rejected": batch.rejected}
    if not listening.tell(turn, event, batch):
        turn.note("data", "warning" if rejected else "info", text, data=data)
    turn.reply(local.batch)


def withdraw_batch(turn: Turn, event: WithdrawBatch) -> None:
    """Take a batch's rows out again, exactly."""
    state = turn.state
    need_own(state)
    local = state.batches.get(event.batch)
    if local is None:
        raise UnknownError(f"there is no batch {event.batch}")
    _without(turn, local.batch.id)
    turn.change(local=state.local - local.summary, persons=state.persons.only(local.batch.id, Patients.none()))
    receipts.taken_out(turn, local.batch, local.batch.rows)
    turn.note("data", "info", f"withdrew {local.batch.rows} rows of {local.batch.source}", data={"batch": event.batch})
    turn.reply(local.batch)


def withdraw_rows(turn: Turn, event: WithdrawRows) -> None:
    """Take some of a batch's rows out of it, exactly; nothing of them is kept."""
    state, rows = turn.state, event.summary.rows
    need_own(state)
    _need_patients(turn, event)
    local, gone = _counted(_of_patients(turn, event), event, state.roster.lineage)
    rest = local.summary - gone
    batch = replace(local.batch, rows=rest.rows, withdrawn=local.batch.withdrawn + rows)
    if rest.rows:
        turn.change(batches={**state.batches, batch.id: Local(batch, rest)})
    else:
        _without(turn, batch.id)
    persons = state.persons.only(batch.id, state.persons.of(batch.id) - event.patients)
    turn.change(local=state.local - gone, persons=persons)
    receipts.taken_out(turn, batch, rows)
    text = f"withdrew {rows} rows of {batch.source}, as told by {event.source}"
    turn.note("data", "info", text, data={"batch": batch.id, "left": rest.rows})
    turn.reply(Local(batch, rest))


def _need_patients(turn: Turn, event: AddBatch | WithdrawRows) -> None:
    """StateError unless each row has its patient, where the schema has their ids."""
    counted = event.summary.rows if turn.state.roster.schema.patient else 0
    if event.patients.rows != counted:
        source = event.batch.source if isinstance(event, AddBatch) else event.source
        raise StateError(f"of {event.summary.rows} rows of {source}, {event.patients.rows} were counted with a patient")


def _of_patients(turn: Turn, event: WithdrawRows) -> Mapping[str, Local]:
    """The batches that have as many rows of each of these patients, or more; the one that is named in any case."""
    state = turn.state
    if not state.roster.schema.patient:
        return state.batches
    fits = {k: b for k, b in state.batches.items() if (state.persons.of(k) - event.patients).whole}
    if event.batch in state.batches and event.batch not in fits:
        raise UnknownError(f"batch {event.batch} has fewer rows than {event.source} of one of its patients")
    return fits


def _counted(batches: Mapping[str, Local], event: WithdrawRows, lineage: Lineage) -> tuple[Local, Summary]:
    """The batch that these rows are in, and what was counted of them then, maybe before the schema grew."""
    forms = [dataclasses.replace(event, summary=form) for form in lineage.forms(event.summary)]
    for form in forms[:-1]:
        try:
            return having(batches, form), form.summary
        except UnknownError:
            continue
    return having(batches, forms[-1]), forms[-1].summary


def refuse_twin(batches: Mapping[str, Local], batch: Batch, views: Collection[str]) -> None:
    """DuplicateError if a batch is there whose sums are one of these views of the new one's, under whatever schema."""
    # A batch that rows were taken out of is known by what it was, and by what it is.
    twin = next((b for b in batches.values() if b.batch.content in views or b.summary.digest in views), None)
    if twin is not None:
        known = twin.batch
        raise DuplicateError(f"{batch.source} holds exactly the rows of batch {known.id} ({known.source})")


def longer(before: Local, more: Batch, summary: Summary) -> Local:
    """A batch with more rows, counted later."""
    known, together = before.batch, before.summary + summary
    rejected = rejected_in_all(known.rejected, more.rejected)
    rows, read = known.rows + more.rows, known.read + more.read
    longer = replace(known, rows=rows, read=read, rejected=rejected, content=together.digest, added_at=more.added_at)
    return Local(longer, together)


def having(batches: Mapping[str, Local], event: WithdrawRows) -> Local:
    """The batch that these rows are in, as far as sums can tell: what is left of it must be sums of rows."""
    if not event.summary.rows:
        raise RequestError(f"no row of {event.source} could have been counted, so none can be taken out")
    if event.batch and event.batch not in batches:
        raise UnknownError(f"there is no batch {event.batch}")
    asked = [batches[event.batch]] if event.batch else list(batches.values())
    fits = [local for local in asked if _fits(local.summary - event.summary)]
    if len(fits) == 1:
        return fits[0]
    if not fits:
        where = f"batch {event.batch}" if event.batch else "any batch of this node"
        raise UnknownError(
            f"the {event.summary.rows} rows of {event.source} are not all in {where}",
            hint="what would be left is no sums of rows; rows of several batches are withdrawn from each by itself",
        )
    named = ", ".join(local.batch.id for local in fits[:_MOST_NAMED])
    raise RequestError(
        f"the rows of {event.source} can be in any of {len(fits)} batches: {named}"
        + ("…" if len(fits) > _MOST_NAMED else ""),
        hint="name the batch: sums do not tell in which of them a row is",
    )


def _fits(rest: Summary) -> bool:
    return implausible(rest.schema, rest.residues) is None


def _without(turn: Turn, batch: str) -> None:
    turn.change(batches={k: b for k, b in turn.state.batches.items() if k != batch})
