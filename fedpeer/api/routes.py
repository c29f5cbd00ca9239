"""The whole native surface, a line each. The router, the OpenAPI description and the documentation test read it."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from fedpeer.api.bodies import (
    AddRows,
    AddSource,
    AddUser,
    Body,
    Browse,
    ChangeProject,
    Contract,
    Create,
    CreateProject,
    Evaluate,
    Explore,
    Fit,
    ImportProject,
    Issue,
    Join,
    KeepSource,
    MergeProject,
    Permissions,
    Predict,
    PredictInto,
    RotateKey,
    SetBridge,
    SetExplorable,
    SetPulse,
    SetRules,
    SetSchedule,
    TryContract,
    Validate,
    WatchData,
    WithdrawRows,
)
from fedpeer.api.call import Handler
from fedpeer.api.contests import Choose
from fedpeer.api.handlers import (
    contracts,
    data,
    federations,
    growth,
    logs,
    models,
    papers,
    people,
    pictures,
    projects,
    service,
    sources,
    streams,
    writing,
)
from fedpeer.api.handlers.logs import Cleared
from fedpeer.api.handlers.papers import Export, Report
from fedpeer.api.handlers.pictures import Picture
from fedpeer.api.handlers.projects import Carried
from fedpeer.api.inlets import LookAtStream, PreviewStream, SetStream, StartStream
from fedpeer.api.permits import Role
from fedpeer.api.proposals import Agree, Decline, Propose
from fedpeer.node.accounts import User
from fedpeer.node.origins import DataSource, Place, Sample, Stream, Subject, Watch
from fedpeer.node.proposals import Agreement, Proposal
from fedpeer.node.shapes import (
    Audit,
    Batch,
    Budget,
    CharterEntry,
    Cipher,
    ContractCheck,
    Explored,
    Federation,
    Fitted,
    Invite,
    Job,
    LogEntry,
    LogPage,
    Member,
    NodeInfo,
    Predicted,
    Preview,
    Project,
    ReleaseRules,
    Synced,
    SyncStats,
    Validated,
    Withdrawal,
)

JSON, TEXT, EVENTS = "application/json", "text/plain", "text/event-stream"

_ANY, _SEE, _RUN, _ACT = "anyone", "viewer", "operator", "admin"
_V1, _FED, _PRO = "/v1", "/v1/federations/{fed}", "/v1/projects/{fed}"
_OBJECT = dict[str, Any]
_MEDIA: dict[Any, tuple[str, ...]] = {
    LogEntry: (EVENTS,),
    str: (TEXT,),
    Export: (JSON, TEXT, "application/octet-stream"),
    Report: (TEXT, "text/html", "text/csv"),
    Picture: ("image/svg+xml", "image/png"),
    Carried: ("application/octet-stream",),
}


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the surface.

    `body` None takes no body; `status` is that of success; `answer` is the shape of the reply, None for an empty one.
    """

    method: str
    base: str
    rest: str
    role: Role
    status: int
    handler: Handler
    body: type[Body] | None
    answer: Any

    @property
    def path(self) -> str:
        """The path with its parts in braces."""
        return self.base + self.rest

    @property
    def federated(self) -> bool:
        """Whether the path names a federation, in which the role is needed."""
        return "{fed}" in self.path

    @property
    def shared(self) -> bool:
        """Whether the role may be had anywhere, because the handler leaves out, or refuses, what is elsewhere."""
        return self.handler in _SHARED

    @property
    def changes(self) -> bool:
        """Whether something is different afterwards."""
        return self.method != "GET" and self.role in (_RUN, _ACT) and self.handler not in _LOOKS

    @property
    def query(self) -> type[Body]:
        """What the query may say: the handler declares it."""
        kinds: tuple[type[Body], type[Body]] = get_args(get_type_hints(self.handler)["call"])
        return kinds[1]

    @property
    def media(self) -> tuple[str, ...]:
        """The media types that a successful answer can have."""
        return _MEDIA.get(self.answer, (JSON,))

    @property
    def summary(self) -> str:
        """What the route does, in the words of its handler."""
        return (inspect.getdoc(self.handler) or "").splitlines()[0]

    @property
    def name(self) -> str:
        """A name for programs: the noun and the verb."""
        return f"{self.handler.__module__.rsplit('.', 1)[-1]}_{self.handler.__name__}"


_feds = federations
_LOOKS = (sources.browse, streams.browse, streams.preview)
_SHARED = (_feds.every, projects.every, data.jobs, data.job, data.cancel, pictures.of_job, contracts.check_text)
# fmt: off
ROUTES: tuple[Route, ...] = tuple(Route(*line) for line in (
    # method   path                                role  status handler              body           answer
    ("GET",    _V1,  "/health",                    _ANY, 200, service.health,        None,          _OBJECT),
    ("GET",    _V1,  "/openapi.json",              _ANY, 200, service.openapi,       None,          _OBJECT),
    ("GET",    _V1,  "/symetry/openapi.json",      _ANY, 200, service.symetry,       None,          _OBJECT),
    ("GET",    _V1,  "/node",                      _SEE, 200, service.node,          None,          NodeInfo),
    ("GET",    _V1,  "/privacy/budget",            _SEE, 200, service.budget,        None,          Budget),
    ("GET",    _V1,  "/metrics",                   _SEE, 200, service.metrics,       None,          str),
    ("GET",    _V1,  "/events",                    _SEE, 200, service.events,        None,          LogEntry),
    ("GET",    _V1,  "/log",                       _SEE, 200, logs.whole,            None,          LogPage),
    ("GET",    _V1,  "/jobs",                      _SEE, 200, data.jobs,             None,          list[Job]),
    ("GET",    _V1,  "/jobs/{job}",                _SEE, 200, data.job,              None,          Job),
    ("DELETE", _V1,  "/jobs/{job}",                _RUN, 200, data.cancel,           None,          Job),
    ("GET",    _V1,  "/jobs/{job}/plots/{picture}", _SEE, 200, pictures.of_job,      None,          Picture),
    ("POST",   _V1,  "/contract/check",            _SEE, 200, contracts.check_text,  TryContract,   ContractCheck),
    ("GET",    _V1,  "/users",                     _ACT, 200, people.users,          None,          list[User]),
    ("POST",   _V1,  "/users",                     _ACT, 201, people.add_user,       AddUser,       User),
    ("PUT",    _V1,  "/users/{cid}",               _ACT, 200, people.permit_user,    Permissions,   User),
    ("DELETE", _V1,  "/users/{cid}",               _ACT, 204, people.remove_user,    None,          None),
    ("POST",   _V1,  "/users/{cid}/key",           _ACT, 201, people.rotate_key,     RotateKey,     User),
    ("DELETE", _V1,  "/users/{cid}/key",           _ACT, 200, people.revoke_key,     None,          User),
    ("GET",    _V1,  "/sources",                   _RUN, 200, sources.every,         None,          list[DataSource]),
    ("POST",   _V1,  "/sources",                   _RUN, 201, sources.keep,          KeepSource,    DataSource),
    ("POST",   _V1,  "/sources/browse",            _RUN, 200, sources.browse,        Browse,        list[Place]),
    ("DELETE", _V1,  "/sources/{source}",          _RUN, 204, sources.forget,        None,          None),
    ("GET",    _V1,  "/sources/{source}/sample",   _RUN, 200, sources.sample,        None,          Sample),
    ("POST",   _V1,  "/streams/browse",            _RUN, 200, streams.browse,        LookAtStream,  list[Subject]),
    ("POST",   _V1,  "/streams/preview",           _RUN, 200, streams.preview,       PreviewStream, Sample),
    ("GET",    _V1,  "/projects",                  _SEE, 200, projects.every,        None,          list[Project]),
    ("POST",   _V1,  "/projects",                  _RUN, 201, projects.create,       CreateProject, Project),
    ("POST",   _V1,  "/projects/import",           _RUN, 201, projects.take_in,      ImportProject, Project),
    ("GET",    _PRO, "",                           _SEE, 200, projects.one,          None,          Project),
    ("PUT",    _PRO, "",                           _RUN, 200, projects.change,       ChangeProject, Project),
    ("POST",   _PRO, "/merge",                     _RUN, 200, projects.merge,        MergeProject,  Project),
    ("GET",    _PRO, "/export",                    _RUN, 200, projects.export,       None,          Carried),
    ("DELETE", _PRO, "",                           _RUN, 204, projects.delete,       None,          None),
    ("POST",   _V1,  "/joins",                     _ACT, 201, _feds.join,            Join,          Federation),
    ("GET",    _V1,  "/federations",               _SEE, 200, _feds.every,           None,          list[Federation]),
    ("POST",   _V1,  "/federations",               _ACT, 201, _feds.create,          Create,        Federation),
    ("GET",    _FED, "",                           _SEE, 200, _feds.one,             None,          Federation),
    ("POST",   _FED, "/leave",                     _ACT, 200, _feds.leave,           None,          Federation),
    ("PUT",    _FED, "/schedule",                  _ACT, 200, _feds.set_schedule,    SetSchedule,   Federation),
    ("PUT",    _FED, "/pulse",                     _RUN, 200, _feds.set_pulse,       SetPulse,      Federation),
    ("GET",    _FED, "/rules",                     _SEE, 200, _feds.rules,           None,          ReleaseRules),
    ("PUT",    _FED, "/rules",                     _ACT, 200, _feds.set_rules,       SetRules,      ReleaseRules),
    ("PUT",    _FED, "/explorable",                _ACT, 200, _feds.set_explorable,  SetExplorable, Federation),
    ("PUT",    _FED, "/bridge",                    _ACT, 200, _feds.bridge,          SetBridge,     Federation),
    ("POST",   _FED, "/sync",                      _RUN, 200, _feds.sync,            None,          Synced),
    ("GET",    _FED, "/preview",                   _SEE, 200, _feds.preview,         None,          Preview),
    ("GET",    _FED, "/cipher",                    _SEE, 200, _feds.cipher,          None,          Cipher),
    ("POST",   _FED, "/audit/round",               _RUN, 200, _feds.audit_round,     None,          Audit),
    ("GET",    _FED, "/schema",                    _SEE, 200, _feds.schema,          None,          _OBJECT),
    ("GET",    _FED, "/schema/agreement",          _SEE, 200, growth.agreement,      None,          Agreement),
    ("PUT",    _FED, "/schema/agreement",          _ACT, 200, growth.agree,          Agree,         Agreement),
    ("GET",    _FED, "/schema/proposals",          _SEE, 200, growth.every,          None,          list[Proposal]),
    ("POST",   _FED, "/schema/proposals",          _RUN, 200, growth.propose,        Propose,       Proposal),
    ("POST",   _FED, "/schema/proposals/{proposal}/accept", _ACT, 200, growth.accept, None,         Proposal),
    ("POST",   _FED, "/schema/proposals/{proposal}/decline", _ACT, 200, growth.decline, Decline,     Proposal),
    ("GET",    _FED, "/charter",                   _SEE, 200, _feds.charter,         None,          list[CharterEntry]),
    ("GET",    _FED, "/members",                   _SEE, 200, people.members,        None,          list[Member]),
    ("DELETE", _FED, "/members/{member}",          _ACT, 200, people.remove,         None,          Federation),
    ("GET",    _FED, "/invites",                   _SEE, 200, people.invites,        None,          list[Invite]),
    ("POST",   _FED, "/invites",                   _ACT, 201, people.invite,         Issue,         Invite),
    ("DELETE", _FED, "/invites/{invite}",          _ACT, 200, people.revoke,         None,          Invite),
    ("GET",    _FED, "/contract",                  _SEE, 200, contracts.text,        None,          Contract),
    ("PUT",    _FED, "/contract",                  _ACT, 200, contracts.put,         Contract,      Federation),
    ("POST",   _FED, "/contract/check",            _SEE, 200, contracts.check,       Contract,      ContractCheck),
    ("GET",    _FED, "/log",                       _SEE, 200, logs.timeline,         None,          LogPage),
    ("GET",    _FED, "/log/sync",                  _SEE, 200, logs.sync,             None,          LogPage),
    ("GET",    _FED, "/log/errors",                _SEE, 200, logs.errors,           None,          LogPage),
    ("DELETE", _FED, "/log/errors",                _RUN, 200, logs.clear,            None,          Cleared),
    ("GET",    _FED, "/stats",                     _SEE, 200, logs.stats,            None,          SyncStats),
    ("GET",    _FED, "/data",                      _SEE, 200, data.batches,          None,          list[Batch]),
    ("POST",   _FED, "/data",                      _RUN, 202, data.add_source,       AddSource,     Job),
    ("POST",   _FED, "/data/rows",                 _RUN, 202, data.add_rows,         AddRows,       Job),
    ("POST",   _FED, "/data/withdrawn",            _RUN, 202, data.withdraw_rows,    WithdrawRows,  Job),
    ("GET",    _FED, "/data/watches",              _SEE, 200, data.watches,          None,          list[Watch]),
    ("POST",   _FED, "/data/watches",              _RUN, 201, data.watch,            WatchData,     Watch),
    ("DELETE", _FED, "/data/watches/{watch}",      _RUN, 200, data.unwatch,          None,          Watch),
    ("GET",    _FED, "/streams",                   _SEE, 200, streams.every,         None,          list[Stream]),
    ("POST",   _FED, "/streams",                   _RUN, 201, streams.start,         StartStream,   Stream),
    ("GET",    _FED, "/streams/{stream}",          _SEE, 200, streams.one,           None,          Stream),
    ("PUT",    _FED, "/streams/{stream}",          _RUN, 200, streams.change,        SetStream,     Stream),
    ("DELETE", _FED, "/streams/{stream}",          _RUN, 200, streams.stop,          None,          Stream),
    ("GET",    _FED, "/streams/{stream}/log",      _SEE, 200, streams.log,           None,          LogPage),
    ("GET",    _FED, "/data/receipts",             _SEE, 200, data.receipts,         None,          list[Withdrawal]),
    ("DELETE", _FED, "/data/{batch}",              _RUN, 200, data.withdraw,         None,          Batch),
    ("POST",   _FED, "/explore",                   _SEE, 200, models.explore,        Explore,       Explored),
    ("GET",    _FED, "/plots/{picture}",           _SEE, 200, pictures.of_rows,      None,          Picture),
    ("POST",   _FED, "/validate",                  _SEE, 200, models.validate,       Validate,      Validated),
    ("POST",   _FED, "/choose",                    _RUN, 202, models.choose,         Choose,        Job),
    ("GET",    _FED, "/models",                    _SEE, 200, models.every,          None,          list[Fitted]),
    ("POST",   _FED, "/models",                    _RUN, 201, models.fit,            Fit,           Fitted),
    ("GET",    _FED, "/models/{model}",            _SEE, 200, models.one,            None,          Fitted),
    ("DELETE", _FED, "/models/{model}",            _RUN, 204, models.forget,         None,          None),
    ("GET",    _FED, "/models/{model}/export",     _SEE, 200, papers.export,         None,          Export),
    ("GET",    _FED, "/models/{model}/plots/{picture}", _SEE, 200, pictures.of_model, None,        Picture),
    ("GET",    _FED, "/models/{model}/report",     _SEE, 200, papers.report,         None,          Report),
    ("POST",   _FED, "/models/{model}/predict",    _SEE, 200, models.predict,        Predict,       Predicted),
    ("POST",   _FED, "/models/{model}/predictions", _RUN, 202, writing.predict,      PredictInto,   Job),
    ("POST",   _FED, "/models/{model}/evaluate",   _RUN, 202, models.evaluate,       Evaluate,      Job),
))
# fmt: on
