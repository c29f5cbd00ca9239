"""One exhaustive map from faults to problem documents (RFC 9457); every no of the API is made here."""

from __future__ import annotations

import hashlib
import logging
import time
import traceback
from http import HTTPStatus

import msgspec
from aiohttp import web

from fedpeer.api import faults
from fedpeer.core import errors

_log = logging.getLogger("fedpeer.api")

# fmt: off
KINDS: dict[type[errors.FedpeerError], tuple[int, str]] = {
    errors.FedpeerError:            (500, "the node failed"),
    errors.LocalError:              (400, "the request cannot be carried out"),
    errors.RemoteError:             (422, "what a peer sent cannot be used"),
    errors.SchemaError:             (422, "the schema cannot be used"),
    errors.OverflowRefusedError:    (422, "the schema does not prove that no sum can overflow"),
    errors.TableError:              (422, "the rows do not fit the schema"),
    errors.SourceError:             (422, "the data source cannot be read"),
    errors.ContractError:           (422, "the contract cannot be used"),
    errors.ScheduleError:           (422, "the schedule cannot be used"),
    errors.ModelError:              (422, "the model cannot be fitted"),
    errors.InviteError:             (422, "the invite cannot be used"),
    errors.PermissionRefusedError:  (403, "only the federation's admin may do this"),
    errors.UnknownError:            (404, "there is no such thing here"),
    errors.StateError:              (409, "not in this state"),
    errors.DuplicateError:          (409, "it is there already"),
    errors.ConfigError:             (422, "a setting cannot be used"),
    errors.HomeError:               (500, "the node's home cannot be used"),
    errors.BusError:                (503, "the message bus cannot be used"),
    errors.StoreError:              (503, "the node's database cannot be used"),
    errors.PledgeError:             (409, "this node has said otherwise before"),
    errors.AccessError:             (401, "a valid token is needed"),
    errors.RequestError:            (400, "the request cannot be understood"),
    errors.UnreachableError:        (503, "another daemon does not answer"),
    errors.MalformedError:          (422, "the bytes are not a message"),
    errors.ForgedError:             (422, "a proof does not verify"),
    errors.ReplayError:             (409, "it was used before"),
    errors.ExpiredError:            (410, "its time is over"),
    errors.OutsiderError:           (403, "the sender is not a member"),
    errors.EpochError:              (409, "the epoch's secret is not here yet"),
    errors.CharterError:            (409, "the charter does not follow"),
    errors.MismatchError:           (422, "the contribution does not fit the federation"),
    errors.ForkError:               (409, "the charter is forked"),
    faults.RoleError:               (403, "the role is not enough"),
    faults.OriginError:             (403, "web pages from elsewhere may not ask"),
    faults.HostError:               (421, "this node does not go by that name"),
    faults.SizeError:               (413, "the body is too large"),
    faults.MediaError:              (415, "the body must be JSON"),
    faults.MethodError:             (405, "the path does not have this method"),
    faults.SlowError:               (408, "the body did not arrive in time"),
    faults.ThrottledError:          (429, "too many attempts"),
    errors.TooOftenError:           (429, "asked too often"),
    faults.PathError:               (404, "there is no such path"),
}
# fmt: on

MEDIA = "application/problem+json"

_RETRY_S = {429: "60", 503: "5"}


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """The one shape of every no. `type` is the path of the page about `code`; `instance` tells two alike apart."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    hint: str
    instance: str


def of(error: errors.FedpeerError, instance: str) -> Problem:
    """Return the problem document of a fault; a class that is not in the map is told as its nearest parent."""
    status, title = next(KINDS[kind] for kind in type(error).__mro__ if kind in KINDS)
    code, hint = type(error).code, error.hint
    return Problem(
        type=page(code), title=title, status=status, code=code, detail=str(error), hint=hint, instance=instance
    )


def from_http(error: web.HTTPException, request: web.BaseRequest) -> errors.FedpeerError:
    """Return the fault that a refusal of the HTTP library stands for."""
    what = f"{request.method} {request.path}"[:200]
    if error.status == HTTPStatus.METHOD_NOT_ALLOWED:
        return faults.MethodError(f"{what} is not among the routes")
    if error.status == HTTPStatus.NOT_FOUND:
        return faults.PathError(f"{request.path[:200]} is not among the routes")
    if error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return faults.SizeError("the body is too large")
    return errors.RequestError(f"{what}: {error.reason.lower()}")


def unforeseen(error: BaseException, request: web.BaseRequest) -> Problem:
    """Return the document of a bug, having logged it once under an incident id.

    Neither tells the exception's own words, which may quote what was sent; the stack says where it happened.
    """
    stamp = f"{time.monotonic_ns()} {id(error)}"
    incident = hashlib.sha256(stamp.encode()).hexdigest()[:10]
    stack = "".join(traceback.format_tb(error.__traceback__)).rstrip()
    _log.error("incident %s: %s %s: %s\n%s", incident, request.method, request.path, type(error).__name__, stack)
    status, title = KINDS[errors.FedpeerError]
    return Problem(
        type=page("FP000"),
        title=title,
        status=status,
        code="FP000",
        detail=f"a fault in the node, recorded as incident {incident}",
        hint="look for the incident in the node's log, and report it",
        instance=f"urn:fedpeer:incident:{incident}",
    )


def answer(problem: Problem, headers: dict[str, str] | None = None) -> web.Response:
    """Return a problem document as the response."""
    extra = dict(headers or {})
    if problem.status in _RETRY_S:
        extra.setdefault("Retry-After", _RETRY_S[problem.status])
    if problem.status == HTTPStatus.UNAUTHORIZED:
        extra["WWW-Authenticate"] = 'Bearer realm="fedpeer"'
    return web.Response(
        status=problem.status, body=msgspec.json.encode(problem), content_type=MEDIA, charset="utf-8", headers=extra
    )


def page(code: str) -> str:
    """Return the path of the page about a code, within this project."""
    return f"/docs/errors/{code}.md"
