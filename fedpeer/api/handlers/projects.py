"""Projects: rows of this node without a federation. Data, statistics and models of one are asked for by its id."""

from __future__ import annotations

import asyncio
from typing import NewType

from aiohttp import web

from fedpeer.api.bodies import ChangeProject, CreateProject, ImportProject, MergeProject, Nothing
from fedpeer.api.call import Call, Reply
from fedpeer.core.statistics.schema import Schema
from fedpeer.node.shapes import Project

Carried = NewType("Carried", bytes)


async def every(call: Call[Nothing, Nothing]) -> list[Project]:
    """Every project that may be seen."""
    return [project for project in call.node.projects() if call.who.may("viewer", project.id)]


async def create(call: Call[CreateProject, Nothing]) -> Reply:
    """Make a project; without a schema it takes one before its first row."""
    body = call.body
    schema = None if body.schema is None else await asyncio.to_thread(Schema.from_dict, body.schema)
    return _made(await call.node.create_project(body.name, schema))


async def take_in(call: Call[ImportProject, Nothing]) -> Reply:
    """Make a project out of the bytes of another."""
    return _made(await call.node.import_project(call.body.project, call.body.name))


async def one(call: Call[Nothing, Nothing]) -> Project:
    """One project."""
    return call.node.project(call.fed)


async def change(call: Call[ChangeProject, Nothing]) -> Project:
    """Give a project another name, freeze it or not, or set its schema: with rows, one that theirs grows into."""
    body = call.body
    schema = None if body.schema is None else await asyncio.to_thread(Schema.from_dict, body.schema)
    return await call.node.change_project(
        call.fed, name=body.name, schema=schema, frozen=body.frozen, histogram=body.histogram
    )


async def merge(call: Call[MergeProject, Nothing]) -> Project:
    """Count the rows of another project of the same schema here too."""
    other = call.resolve(call.body.other, "operator")
    return await call.node.merge_projects(call.fed, other, force=call.body.force)


async def export(call: Call[Nothing, Nothing]) -> web.Response:
    """A project with its sums and models, as bytes that any node reads."""
    data = await call.node.export_project(call.fed)
    headers = {"Content-Disposition": f'inline; filename="{call.fed}.fedpeer"'}
    return web.Response(body=data, content_type="application/octet-stream", headers=headers)


async def delete(call: Call[Nothing, Nothing]) -> None:
    """Delete a project, its rows and its models."""
    await call.node.delete_project(call.fed)


def _made(project: Project) -> Reply:
    return Reply(project, 201, {"Location": f"/v1/projects/{project.id}"})
