"""Places of rows with a name, and a look at what is there."""

from __future__ import annotations

from fedpeer.api.bodies import Browse, KeepSource, Nothing, SampleQuery
from fedpeer.api.call import Call, Reply
from fedpeer.node.origins import DataSource, Place, Sample


async def every(call: Call[Nothing, Nothing]) -> list[DataSource]:
    """The places that have a name."""
    return call.node.sources.all()


async def keep(call: Call[KeepSource, Nothing]) -> Reply:
    """Give a place of rows a name, by which it is read as `source:NAME`; `anew` gives the name another place."""
    body = call.body
    kept = await call.node.sources.keep(body.name, body.location, body.options, anew=body.anew)
    return Reply(kept, 201, {"Location": "/v1/sources"})


async def forget(call: Call[Nothing, Nothing]) -> None:
    """Forget the name of a place; what was counted stays."""
    await call.node.sources.forget(call.named("source"))


async def sample(call: Call[Nothing, SampleQuery]) -> Sample:
    """The first rows at a named place below `data.roots`."""
    source = call.node.sources.get(call.named("source"))
    return await call.node.sources.sample(source.location, source.options, call.query.rows)


async def browse(call: Call[Browse, Nothing]) -> list[Place]:
    """What is in a folder below `data.roots`; without a folder, these."""
    return await call.node.sources.browse(call.body.folder)
