"""The dialect's whole surface, a line each."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from fedpeer.api.symetry import federations as feds
from fedpeer.api.symetry import projects
from fedpeer.api.symetry.door import Dialect, Endpoint, doorway
from fedpeer.api.symetry.envelope import reply
from fedpeer.api.symetry.maps import Frame, Map, Rules

BASE = "/symetry/rest/{cid}"

_RULES = Rules | list[str]
_SEE, _ACT = False, True
# fmt: off
ENDPOINTS: tuple[Endpoint, ...] = (
    #         method    path                              changes handler            body
    Endpoint("POST",   "/fedml/create",                     _ACT, feds.create,       Map, role="admin"),
    Endpoint("POST",   "/fedml/createJoin",                 _ACT, feds.join,         Map, role="admin"),
    Endpoint("GET",    "/fedml/{pid}/info",                 _SEE, feds.info,         None),
    Endpoint("POST",   "/fedml/{pid}/getInvitation",        _ACT, feds.invitation,   Map, role="admin"),
    Endpoint("POST",   "/fedml/{pid}/getEncrypted",         _ACT, feds.invitation,   Map, role="admin"),
    Endpoint("GET",    "/fedml/{pid}/startPulse",           _ACT, feds.start,        None),
    Endpoint("GET",    "/fedml/{pid}/stopPulse",            _ACT, feds.stop,         None),
    Endpoint("GET",    "/fedml/{pid}/newSchedule",          _ACT, feds.schedule,     None, role="admin"),
    Endpoint("GET",    "/fedml/{pid}/fullSyncRequest",      _ACT, feds.sync,         None),
    Endpoint("GET",    "/fedml/{pid}/setExplorePeers",      _ACT, feds.explorable,   None, role="admin"),
    Endpoint("POST",   "/fedml/{pid}/contractValidate",     _SEE, feds.validate,     _RULES),
    Endpoint("POST",   "/fedml/{pid}/psrContractValidate",  _SEE, feds.validate,     _RULES),
    Endpoint("POST",   "/fedml/{pid}/addContract",          _ACT, feds.contract,     _RULES, role="admin"),
    Endpoint("POST",   "/fedml/{pid}/addPsrContract",       _ACT, feds.contract,     _RULES, role="admin"),
    Endpoint("GET",    "/fedml/{pid}/getErrorLog",          _SEE, feds.error_log,    None),
    Endpoint("DELETE", "/fedml/{pid}/clearErrorLog",        _ACT, feds.clear_errors, None),
    Endpoint("GET",    "/fedml/{pid}/getSyncLog",           _SEE, feds.sync_log,     None),
    Endpoint("GET",    "/fedml/{pid}/syncStats",            _SEE, feds.stats,        None),
    Endpoint("POST",   "/fedml/{pid}/awsinfo",              _SEE, feds.aws,          Map),
    Endpoint("POST",   "/projects/{pid}/learn",             _ACT, projects.learn,    Frame, large=True),
    Endpoint("GET",    "/projects/{pid}/info",              _SEE, projects.info,     None),
    Endpoint("GET",    "/jobs",                             _SEE, projects.every_job, None, shared=True),
    Endpoint("GET",    "/jobs/{job}",                       _SEE, projects.one_job,  None, shared=True),
    Endpoint("DELETE", "/jobs/{job}",                       _ACT, projects.kill,     None, shared=True),
)
# fmt: on


def add(app: web.Application, dialect: Dialect) -> None:
    """Serve the dialect beside what the application serves already."""
    for point in ENDPOINTS:
        app.router.add_route(point.method, BASE + point.path, doorway(dialect, point))
    app.router.add_route("*", "/symetry/{rest:.*}", _nothing)


async def _nothing(request: web.Request) -> web.StreamResponse:
    return reply(HTTPStatus.NOT_FOUND, f"{request.method} {request.path[:200]} is not among the endpoints")
