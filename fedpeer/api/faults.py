"""What can be wrong with a request before anyone has looked at what it asks for."""

from __future__ import annotations

from fedpeer.core.errors import AccessError, RequestError


class RoleError(AccessError):
    """A credential whose role is not enough."""

    code = "FP130"
    hint = "an admin can change what a user may do: `fedpeer user permit`; the home's own admin token may do everything"


class OriginError(AccessError):
    """A request that a web page from elsewhere made in someone's browser."""

    code = "FP131"
    hint = "call the API from a program, or from a page that this node serves itself"


class HostError(AccessError):
    """A request for a host name that this node does not go by."""

    code = "FP132"
    hint = "use the address in run/ready.json, or add the name to api.allowed_hosts"


class SizeError(RequestError):
    """A body larger than the route takes."""

    code = "FP133"
    hint = "send rows in several batches, or put a file where the node can read it and add it by its location"


class MediaError(RequestError):
    """A body that is not JSON."""

    code = "FP134"
    hint = "send the body as JSON, with the header `Content-Type: application/json` and without compression"


class MethodError(RequestError):
    """A method that the path does not have."""

    code = "FP135"
    hint = "the `Allow` header of this answer names the methods; /v1/openapi.json has every route"


class SlowError(RequestError):
    """A body that did not arrive in time."""

    code = "FP136"
    hint = "send it again; on a slow line raise api.read_timeout_s"


class ThrottledError(AccessError):
    """Too many wrong credentials, or too many listeners, from one place."""

    code = "FP137"
    hint = "wait for the seconds in the `Retry-After` header; a right credential is always served"


class PathError(RequestError):
    """A path that does not exist."""

    code = "FP138"
    hint = "/v1/openapi.json has every route"
