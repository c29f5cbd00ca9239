"""The node itself: who it is, how it is, what it counts, what happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from fedpeer.api import stream
from fedpeer.api.bodies import EventQuery, Nothing
from fedpeer.api.call import Call
from fedpeer.api.node import Metric
from fedpeer.node.shapes import Budget, NodeInfo

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


async def node(call: Call[Nothing, Nothing]) -> NodeInfo:
    """Who this node is and where it listens."""
    return call.node.node()


async def budget(call: Call[Nothing, Nothing]) -> Budget:
    """The privacy budget of this node's data set: what noise cost so far, in every federation, and what is left."""
    return call.node.budget()


async def health(call: Call[Nothing, Nothing]) -> dict[str, Any]:
    """Whether the node works, in one word: ok or degraded."""
    return {"status": str(call.node.health().get("status", "ok"))}


async def metrics(call: Call[Nothing, Nothing]) -> web.Response:
    """Counters and gauges in Prometheus' text format."""
    text = "".join(_lines(name, value) for name, value in sorted(call.node.metrics().items()))
    return web.Response(body=text.encode(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


async def openapi(call: Call[Nothing, Nothing]) -> web.Response:
    """The API's own description, OpenAPI 3.1."""
    return web.Response(body=call.served.description, content_type="application/json", charset="utf-8")


async def symetry(call: Call[Nothing, Nothing]) -> web.Response:
    """The description of the second dialect, OpenAPI 3.1."""
    return web.Response(body=call.dialect, content_type="application/json", charset="utf-8")


async def events(call: Call[Nothing, EventQuery]) -> web.StreamResponse:
    """What happens, as it happens: server-sent events, each a timeline entry."""
    return await stream.events(call)


def _lines(name: str, value: Metric) -> str:
    """One metric family; a name without our prefix is given it."""
    name = name if name.startswith("fedpeer_") else f"fedpeer_{name}"
    kind = "counter" if name.endswith("_total") else "gauge"
    samples = [({}, value)] if isinstance(value, int | float) else value
    body = "".join(f"{name}{_labels(labels)} {float(number)!r}\n" for labels, number in samples)
    return f"# TYPE {name} {kind}\n{body}"


def _labels(labels: Mapping[str, str]) -> str:
    inner = ",".join(f'{key}="{str(text).translate(_ESCAPES)}"' for key, text in sorted(labels.items()))
    return f"{{{inner}}}" if inner else ""
