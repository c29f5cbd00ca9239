"""The dialect's whole surface, a line each; what is not supported is in `absent.py`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aiohttp import web

from fedpeer.api.switch import Switch
from fedpeer.api.symetry import choosing, contests, fusion, jobs, learning, projects, sources, streams
from fedpeer.api.symetry import exploring as expl
from fedpeer.api.symetry import federations as feds
from fedpeer.api.symetry import modelling as models
from fedpeer.api.symetry.absent import ABSENT
from fedpeer.api.symetry.contexts import Context
from fedpeer.api.symetry.door import Dialect, Endpoint, doorway
from fedpeer.api.symetry.envelope import reply
from fedpeer.api.symetry.maps import Frame, Map, Rules
from fedpeer.api.symetry.sockets import PREFIX, SOCKETS, opening

BASE = "/symetry/rest/{cid}"

_RULES = Rules | list[str]
_OBJECT = dict[str, Any]
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
    Endpoint("POST",   "/projects",                         _ACT, projects.create,    Map | None),
    Endpoint("GET",    "/projects/list",                    _SEE, projects.names,     None, shared=True),
    Endpoint("GET",    "/projects/info",                    _SEE, projects.every,     None, shared=True),
    Endpoint("POST",   "/projects/import",                  _ACT, projects.take_in,   _OBJECT, large=True),
    Endpoint("POST",   "/projects/fusion/create",           _ACT, fusion.create,      fusion.CellInfos, role="admin"),
    Endpoint("POST",   "/projects/fusion/{pid}/cellsStatus", _SEE, fusion.status,     fusion.CellInfos | None),
    Endpoint("POST",   "/projects/fusion/{pid}/updateCellsInfo", _ACT, fusion.update, fusion.CellInfos, role="admin"),
    Endpoint("POST",   "/projects/dataDrift",               _SEE, learning.drift,     Context, shared=True),
    Endpoint("GET",    "/projects/{pid}/info",              _SEE, projects.info,      None),
    Endpoint("DELETE", "/projects/{pid}",                   _ACT, projects.delete,    None),
    Endpoint("GET",    "/projects/{pid}/save",              _SEE, projects.save,      None),
    Endpoint("GET",    "/projects/{pid}/unload",            _SEE, projects.unload,    None),
    Endpoint("GET",    "/projects/{pid}/freeze",            _ACT, projects.freeze,    None),
    Endpoint("GET",    "/projects/{pid}/unfreeze",          _ACT, projects.unfreeze,  None),
    Endpoint("GET",    "/projects/{pid}/rename",            _ACT, projects.rename,    None),
    Endpoint("GET",    "/projects/{pid}/merge",             _ACT, projects.merge,     None),
    Endpoint("GET",    "/projects/{pid}/export",            _SEE, projects.export,    None, role="operator"),
    Endpoint("POST",   "/projects/{pid}/histogramEnable",   _ACT, projects.histogram, None),
    Endpoint("POST",   "/projects/{pid}/learn",             _ACT, learning.learn,     Frame, large=True),
    Endpoint("POST",   "/projects/{pid}/forget",            _ACT, learning.forget,    Frame, large=True),
    Endpoint("GET",    "/projects/{pid}/getDsLog",          _SEE, learning.source_log, None),
    Endpoint("GET",    "/projects/{pid}/getLFStats",        _SEE, learning.statistics, None),
    Endpoint("POST",   "/projects/{pid}/explore",           _SEE, expl.explore,       Context),
    Endpoint("POST",   "/projects/{pid}/vif",               _SEE, expl.vif,           Context),
    Endpoint("POST",   "/projects/{pid}/explorepca",        _SEE, expl.pca,           Context),
    Endpoint("POST",   "/projects/{pid}/exploresvd",        _SEE, expl.svd,           Context),
    Endpoint("POST",   "/projects/{pid}/exploresvdfs",      _SEE, expl.selection,     Context),
    Endpoint("POST",   "/projects/{pid}/densityEstimate",   _SEE, expl.density,       Context),
    Endpoint("POST",   "/projects/{pid}/conditionalDensityEstimate", _SEE, expl.conditional, Context),
    Endpoint("POST",   "/projects/{pid}/build",             _ACT, models.build,       Context),
    Endpoint("POST",   "/projects/{pid}/selectModel",       _ACT, choosing.select,    Context),
    Endpoint("POST",   "/projects/{pid}/autoSelect",        _ACT, choosing.auto,      Context),
    Endpoint("POST",   "/projects/{pid}/selectModel/{source}", _ACT, contests.select, Context),
    Endpoint("POST",   "/projects/{pid}/autoSelect/{source}", _ACT, contests.auto,   Context),
    Endpoint("POST",   "/projects/{pid}/reduce",            _ACT, choosing.reduce,    Context),
    Endpoint("GET",    "/projects/{pid}/models/{model}",    _SEE, models.info,        None),
    Endpoint("GET",    "/projects/{pid}/models/{model}/code", _SEE, models.code,      None),
    Endpoint("GET",    "/projects/{pid}/model/export",      _SEE, models.export,      None),
    Endpoint("POST",   "/projects/{pid}/model/import",      _ACT, models.take_in,     _OBJECT),
    Endpoint("POST",   "/projects/{pid}/predict/{model}",   _SEE, models.predict,     Frame, large=True),
    Endpoint("POST",   "/projects/{pid}/learnpredict/{model}", _ACT, models.learn_predict, Frame, large=True),
    Endpoint("POST",   "/dss/create",                       _ACT, sources.create,     sources.Info),
    Endpoint("POST",   "/dss/sample/preview",               _SEE, sources.preview,    sources.Info, role="operator"),
    Endpoint("GET",    "/dss/list",                         _SEE, sources.every,      None, role="operator"),
    Endpoint("GET",    "/dss/{source}/info",                _SEE, sources.info,       None, role="operator"),
    Endpoint("GET",    "/dss/{source}/sample",              _SEE, sources.sample,     None, role="operator"),
    Endpoint("PUT",    "/dss/{source}",                     _ACT, sources.update,     sources.Info),
    Endpoint("DELETE", "/dss/{source}",                     _ACT, sources.delete,     None),
    Endpoint("POST",   "/projects/dsbrowse",                _SEE, sources.browse,     sources.Listing, role="operator"),
    Endpoint("GET",    "/projects/{pid}/addds/{source}",    _SEE, sources.attach,     None, role="operator"),
    Endpoint("GET",    "/projects/{pid}/detachds/{source}", _SEE, sources.attach,     None, role="operator"),
    Endpoint("POST",   "/projects/{pid}/dss/predict/{model}", _ACT, sources.predict,  _OBJECT | None),
    Endpoint("GET",    "/projects/{pid}/dss/{source}/learn", _ACT, sources.learn,     None),
    Endpoint("POST",   "/projects/{pid}/dss/{source}/learn", _ACT, sources.learn,     sources.Types | None),
    Endpoint("POST",   "/projects/{pid}/dss/{source}/forget", _ACT, sources.forget,   sources.Types | None),
    Endpoint("GET",    "/projects/{pid}/dss/{source}/forget", _ACT, sources.forget,   None),
    Endpoint("POST",   "/projects/{pid}/streams/create",    _ACT, streams.create,     sources.Info),
    Endpoint("POST",   "/projects/{pid}/streams/browse",    _SEE, streams.browse,     sources.Info, role="operator"),
    Endpoint("POST",   "/projects/{pid}/streams/preview",   _SEE, streams.preview,    sources.Info, role="operator"),
    Endpoint("POST",   "/streams/browse",                   _SEE, streams.browse,     sources.Info, role="operator"),
    Endpoint("POST",   "/streams/preview",                  _SEE, streams.preview,    sources.Info, role="operator"),
    Endpoint("GET",    "/projects/{pid}/streams/list",      _SEE, streams.every,      None),
    Endpoint("GET",    "/projects/{pid}/streams/{stream}/metrics", _SEE, streams.metrics, None),
    Endpoint("GET",    "/projects/{pid}/streams/{stream}/start", _ACT, streams.start, None),
    Endpoint("GET",    "/projects/{pid}/streams/{stream}/stop", _ACT, streams.stop,   None),
    Endpoint("GET",    "/projects/{pid}/streams/{stream}/errorLog", _SEE, streams.error_log, None),
    Endpoint("DELETE", "/projects/{pid}/streams/{stream}",  _ACT, streams.delete,     None),
    Endpoint("GET",    "/jobs",                             _SEE, jobs.every_job,     None, shared=True),
    Endpoint("GET",    "/jobs/{job}",                       _SEE, jobs.one_job,       None, shared=True),
    Endpoint("DELETE", "/jobs/{job}",                       _ACT, jobs.kill,          None, shared=True),
    *ABSENT,
)
# fmt: on


def add(app: web.Application, dialect: Dialect) -> None:
    """Serve the dialect beside what the application serves already."""
    points = [(point.method, BASE + point.path, doorway(dialect, point)) for point in ENDPOINTS]
    app.router.register_resource(Switch(PREFIX, points))
    for point in SOCKETS:
        app.router.add_route("GET", PREFIX + point.path, opening(dialect, point))
    app.router.add_route("*", "/symetry/{rest:.*}", _nothing)


async def _nothing(request: web.Request) -> web.StreamResponse:
    return reply(HTTPStatus.NOT_FOUND, f"{request.method} {request.path[:200]} is not among the endpoints")
