"""A kept model as a file: for other programs, and for people."""

from __future__ import annotations

import asyncio
from typing import Any, Final, NewType

from aiohttp import web

from fedpeer.api.bodies import ExportQuery, Nothing, ReportQuery
from fedpeer.api.call import Call
from fedpeer.core.models.fit import restore
from fedpeer.core.models.forms.export import export as written
from fedpeer.core.models.forms.origin import Origin
from fedpeer.core.models.reports.report import report as told
from fedpeer.core.models.result import Result
from fedpeer.node.shapes import Fitted

Export = NewType("Export", dict[str, Any])
Report = NewType("Report", str)

_FILES: Final[dict[str, tuple[str, str]]] = {  # by form: the ending of the file's name, and its media type
    "json": (".json", "application/json"),
    "python": (".py", "text/plain"),
    "sql": (".sql", "text/plain"),
    "onnx": (".onnx", "application/octet-stream"),
    "text": (".txt", "text/plain"),
    "html": (".html", "text/html"),
    "csv": (".csv", "text/csv"),
}


async def export(call: Call[Nothing, ExportQuery]) -> web.Response:
    """The model for other programs: its own JSON, Python or SQL that predicts, or ONNX."""
    model, fitted, origin = _kept(call)
    query = call.query
    data = await asyncio.to_thread(lambda: written(model, query.form, table=query.table, origin=origin))
    return _file(data, fitted, query.form)


async def report(call: Call[Nothing, ReportQuery]) -> web.Response:
    """The model for people: its report as text, as a page or as a sheet."""
    model, fitted, origin = _kept(call)
    form = call.query.form
    return _file(await asyncio.to_thread(lambda: told(model, form, origin=origin).encode()), fitted, form)


def _kept(call: Call[Nothing, ExportQuery] | Call[Nothing, ReportQuery]) -> tuple[Result, Fitted, Origin]:
    fitted = call.node.model(call.fed, call.named("model"))
    federation = call.node.federation(fitted.federation)
    # Who gave rows is known of the total that there is now, and so of a model of that total only.
    members = federation.contributors if fitted.digest == federation.total_digest else 0
    origin = Origin(
        model=fitted.id, federation=federation.name, of=fitted.of, fitted_at=fitted.created_at, members=members
    )
    return restore(fitted.model), fitted, origin


def _file(data: bytes, fitted: Fitted, form: str) -> web.Response:
    ending, media = _FILES[form]
    charset = None if form == "onnx" else "utf-8"
    headers = {"Content-Disposition": f'inline; filename="model-{fitted.id}{ending}"'}
    return web.Response(body=data, content_type=media, charset=charset, headers=headers)
