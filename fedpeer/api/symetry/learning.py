"""Rows in and out, what came of them, and how two projects' rows differ."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from http import HTTPStatus

import pyarrow as pa
from aiohttp import web

from fedpeer.api.symetry import attributes, entities, jobs
from fedpeer.api.symetry.contexts import Context
from fedpeer.api.symetry.door import Ask
from fedpeer.api.symetry.envelope import DialectError, reply
from fedpeer.api.symetry.fusion import refuse_rows
from fedpeer.api.symetry.maps import Frame
from fedpeer.api.symetry.naming import local
from fedpeer.core.statistics.extension import extended
from fedpeer.core.statistics.wanted import TELLABLE
from fedpeer.node.assessing import HeldOut
from fedpeer.node.shapes import Batch

_BAD = HTTPStatus.BAD_REQUEST
_NAMED = 5  # things that few rows hold, told by name
_COMMENT = 300  # characters
# What the reference calls a marginal drift, and what is measured for it here (docs/statistics.md).
_MARGINS = {"marginal_stat": ("difference", "smd"), "marginal_non_stat": ("drift", "js_distance")}


async def learn(ask: Ask) -> web.Response:
    """Count rows; 202 with the job when the client asks for that, or when it takes long."""
    scope, source = ask.federation(), f"symetry:{ask.request.headers.get('sym-client', ask.cid)[:64]}"
    rows = await table(ask, scope, ask.body)
    job = await ask.node.add_rows(scope, rows, source=source, force=ask.flag("force", False))
    return await jobs.followed(ask, job)


async def forget(ask: Ask) -> web.Response:
    """Take rows out again, exactly: out of the batch that has them, or the one that `batch` names."""
    scope = ask.federation()
    rows = await asyncio.to_thread(attributes.fitted, ask.body, ask.node.counted_schema(scope))
    return await jobs.followed(ask, await ask.node.withdraw_rows(scope, HeldOut(rows=rows), batch(ask, scope)))


def batch(ask: Ask, scope: str) -> str:
    """Return the whole id of the batch that is named, "" if none is; DialectError for one that is not there."""
    name = ask.query("batch")
    if name and name not in {each.id for each in ask.node.batches(scope)}:
        raise DialectError(_BAD, f"there is no batch {name[:40]!r}: getDsLog lists them")
    return name


async def table(ask: Ask, scope: str, frame: Frame) -> dict[str, pa.Array]:
    """Return a frame as a table under the project's schema; a project that has none yet takes it from the frame."""
    refuse_rows(ask, scope)
    project = local(ask, scope)
    if project is not None and not project.schema_digest:
        schema = await asyncio.to_thread(attributes.proposed, frame, histogram=project.histogram)
        await ask.node.change_project(scope, schema=schema)
    try:
        return await asyncio.to_thread(attributes.fitted, frame, ask.node.counted_schema(scope))
    except attributes.BeyondError as error:
        await _grow(ask, scope, frame, error, alone=project is not None)
        return await asyncio.to_thread(attributes.fitted, frame, ask.node.counted_schema(scope))


async def _grow(ask: Ask, scope: str, frame: Frame, error: attributes.BeyondError, *, alone: bool) -> None:
    """Let a project's schema grow, if that is asked for; propose it of a federation's, and raise DialectError."""
    schema = ask.node.schema(scope)
    found = await asyncio.to_thread(attributes.beyond, frame, schema)
    if not found.additions and not alone and schema.digest != ask.node.counted_schema(scope).digest:
        raise DialectError(
            HTTPStatus.CONFLICT,
            f"{error.text} that this node counts under, and the federation's has grown by "
            f"{ask.node.agreement(scope).text}: its operator can agree to count that with `fedpeer schema agree`",
        )
    if not found.additions:
        raise DialectError(_BAD, "; ".join([error.text, *found.unfit.values()]))
    if alone:
        if not ask.flag("grow", False):
            raise DialectError(_BAD, f"{error.text}; with grow=true it grows by {found.additions.told}")
        await ask.node.change_project(scope, schema=extended(schema, found.additions))
        return
    least = max(TELLABLE, ask.node.rules(scope).kept["cell"])
    few = found.rare(least)
    if few:
        told = ", ".join(f"{name} ({rows})" for name, rows in list(few.items())[:_NAMED])
        raise DialectError(
            _BAD,
            f"{error.text}, and fewer than {least} rows hold {told}: this is not told to others by itself; "
            "the operator can propose it with `fedpeer schema propose`",
        )
    proposal = await ask.node.propose(scope, found.additions, f"learning as {ask.cid}"[:_COMMENT])
    raise DialectError(
        HTTPStatus.CONFLICT,
        f"{error.text}; nothing was learned: that it grows by {proposal.text} is proposal {proposal.id}, "
        "and these rows can be learned once the admin has accepted it",
        {"proposal": proposal.id},
    )


async def source_log(ask: Ask) -> web.Response:
    """What was counted, a line a batch."""
    return reply(200, values=entities.string_list([_line(one) for one in ask.node.batches(ask.federation())]))


async def statistics(ask: Ask) -> web.Response:
    """Rows by the client or source that they came from."""
    counts: dict[str, int] = {}
    for one in ask.node.batches(ask.federation()):
        counts[one.source] = counts.get(one.source, 0) + one.rows
    return reply(200, values={"KSVDMap": {"values": [counts]}})


async def drift(ask: Ask) -> web.Response:
    """How much each attribute of one project differs from that of another of the same schema, and on average."""
    context: Context = ask.body.one
    extra = {key: str(value) for key, value in (context.extra_parameters or {}).items()}
    names = [extra.get(key, "") for key in ("driftAnalysisProjectName", "driftPreferenceProjectName")]
    if not all(names):
        raise DialectError(_BAD, "driftPreferenceProjectName and driftAnalysisProjectName are needed")
    kind = extra.get("driftMetric", "marginal_stat")
    if kind not in _MARGINS:
        raise DialectError(_BAD, f"driftMetric {kind[:40]!r} is not supported: it is {' or '.join(_MARGINS)}")
    scopes = [ask.federation(name) for name in names]
    if any(local(ask, scope) is None for scope in scopes):
        raise DialectError(_BAD, "both must be projects without a federation: its members are compared by `explore`")
    metric, key = _MARGINS[kind]
    schema = ask.node.schema(scopes[0])
    chosen = attributes.columns(schema, context.input_attributes or (), context.input_attribute_names or ())
    features = attributes.features(schema, chosen)

    async def work() -> jobs.Values:
        told = await ask.node.explore(scopes[0], features, metric=metric, against=scopes[1])
        found = {name: abs(one[key]) for name, one in told.values["features"].items() if one.get(key) is not None}
        values = {f"{name}_drift": value for name, value in found.items()}
        return {"KSVDMap": {"values": [{"driftScore": sum(found.values()) / max(len(found), 1), **values}]}}

    # It tells of both projects, so it is neither's: whoever may see but one of them must not see what it found.
    return await jobs.later(ask, "dataDrift", "", work)


def _line(one: Batch) -> str:
    moment = datetime.fromtimestamp(one.added_at, UTC).strftime("%Y-%m-%dT%H.%M.%S")
    rejected = one.read - one.rows - one.withdrawn
    return f"{one.source} rows:{one.rows} read:{one.read} rejected:{rejected} batch:{one.id} time:{moment}"
