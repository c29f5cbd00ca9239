"""What people may have done with projects: rows without a federation, and work that takes long."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from fedpeer.core.envelope.keys import check_name
from fedpeer.core.errors import DuplicateError, MalformedError, RequestError
from fedpeer.core.models.fit import restore
from fedpeer.core.peer.streams import Credential
from fedpeer.core.statistics.schema import Schema
from fedpeer.node import shapes
from fedpeer.node.jobs import Progress
from fedpeer.node.projects import project_shape
from fedpeer.node.writing import Writing
from fedpeer.ports import Commit

_MOST = 1_000
_MODEL = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)


class Standalone(Writing):
    """The part of a node's commands that needs no federation."""

    async def create_project(self, name: str, schema: Schema | None = None) -> shapes.Project:
        """Make a project; without a schema it takes one before its first row."""
        self._check_room()
        return project_shape(await self._projects.make(checked_name(name), schema, self._world.entropy))

    async def change_project(
        self,
        project: str,
        *,
        name: str | None = None,
        schema: Schema | None = None,
        frozen: bool | None = None,
        histogram: bool | None = None,
    ) -> shapes.Project:
        """Give a project another name, freeze it or not, or set a schema that its own can grow into; None: as it is."""
        called = None if name is None else checked_name(name)
        fields = {"name": called, "frozen": frozen, "histogram": histogram}
        return project_shape(await self._projects.change(self.resolve(project), schema, fields))

    async def merge_projects(self, project: str, other: str, *, force: bool = False) -> shapes.Project:
        """Count the rows of another project in this one too."""
        scope = self.resolve(project)
        return project_shape(await self._projects.merge(scope, self.resolve(other), force=force))

    async def delete_project(self, project: str) -> None:
        """Delete a project, its rows and its models."""
        scope = self.resolve(project)
        streams = self._projects.get(scope).streams
        await self._projects.drop(scope)
        for stream in streams:
            await self._let_in(stream, Credential())
        self._fitted.pop(scope, None)

    async def export_project(self, project: str) -> bytes:
        """A project with its sums and models, as bytes that any node reads."""
        scope = self.resolve(project)
        models = tuple(msgspec.json.encode(fitted) for fitted in self.models(scope))
        return await asyncio.to_thread(self._projects.carried, scope, models)

    async def import_project(self, data: bytes, name: str = "") -> shapes.Project:
        """A project out of such bytes, under a name of its own if one is given."""
        self._check_room()
        called = checked_name(name) if name else ""
        project, models = await self._projects.take(data, called, self._world.entropy, _kept_each)
        for fitted in models:
            await self._keep_fitted(msgspec.structs.replace(fitted, federation=project.id))
        return project_shape(project)

    async def keep_model(self, fed: str, told: bytes, model_id: str = "") -> shapes.Fitted:
        """Keep a model that was exported as JSON; ModelError if it is none."""
        self._check_new_model(fed, model_id)
        scope, fitted = self.resolve(fed), _kept(told)
        fitted = msgspec.structs.replace(fitted, federation=scope, id=model_id or self._world.entropy.draw(8).hex())
        return await self._keep_fitted(fitted)

    def begin(self, kind: str, fed: str, work: Callable[[Progress], Awaitable[Any]]) -> shapes.Job:
        """Have something done as a job that people follow; its result is what the work returns."""
        job = shapes.Job(
            id="",
            kind=kind,
            federation=self.resolve(fed) if fed else "",
            state="running",
            started_at=0.0,
            ended_at=0.0,
            current=0,
            maximum=0,
            unit="steps",
        )
        return self._jobs.start(job, work)

    async def _keep_fitted(self, fitted: shapes.Fitted) -> shapes.Fitted:
        scope = fitted.federation
        told = self._engine.entry(scope, "model", f"kept the model {fitted.id} ({fitted.kind} of {fitted.rows} rows)")
        await self._engine.store(Commit({(scope, f"model/{fitted.id}"): msgspec.json.encode(fitted)}, entries=[told]))
        self._fitted.setdefault(scope, {})[fitted.id] = fitted
        return fitted

    def _check_new_model(self, fed: str, model_id: str) -> None:
        if model_id:
            _check_id(model_id)
        if model_id in self._fitted.get(self.resolve(fed), {}):
            raise DuplicateError(f"there is a model {model_id} already", hint="choose another id, or forget that one")

    def _check_room(self) -> None:
        if len(self._projects.states) >= _MOST:
            raise RequestError(f"there are {_MOST} projects already", hint="delete those that are not needed")


def checked_name(name: str) -> str:
    """Return a name that people gave something; RequestError if it is none."""
    try:
        return check_name(name)
    except MalformedError as error:
        raise RequestError(str(error), hint="choose a short printable name") from None


def _check_id(model_id: str) -> None:
    if not _MODEL.fullmatch(model_id):
        raise RequestError("a model's id has 1 to 64 of the letters, digits and the signs _ . -")


def _kept(told: bytes) -> shapes.Fitted:
    """A model that was exported as JSON; ModelError, RequestError if it is none."""
    try:
        fitted = msgspec.json.decode(told, type=shapes.Fitted)
    except msgspec.DecodeError as error:
        raise RequestError(f"these bytes are not a kept model: {error}") from None
    restore(fitted.model)
    return fitted


def _kept_each(told: Sequence[bytes]) -> list[shapes.Fitted]:
    """The models of a project, under their own ids."""
    models = {fitted.id: fitted for fitted in map(_kept, told)}
    for model_id in models:
        _check_id(model_id)
    if len(models) < len(told):
        raise RequestError("two models of the project have one id")
    return list(models.values())
