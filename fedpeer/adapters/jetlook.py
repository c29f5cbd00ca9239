"""A look at what a NATS server keeps, for people: its subjects, and the first messages of one. Nothing is consumed."""

from __future__ import annotations

from nats.js import JetStreamContext

from fedpeer.adapters.jetstream import Place, asked, stored, stream_name
from fedpeer.core.errors import SourceError

_MOST = 10_000  # subjects, or streams
_MOST_BYTES = 4 << 20


async def kept_subjects(place: Place, jetstream: JetStreamContext) -> dict[str, int]:
    """The subjects that a place means, by name, and how many messages of each are kept; SourceError."""
    found: dict[str, int] = {}
    for name in await _streams(place, jetstream):
        info = await asked(place, jetstream.stream_info(name, subjects_filter=place.subject))
        for subject, messages in (info.state.subjects or {}).items():
            found[subject] = found.get(subject, 0) + messages
        if len(found) > _MOST:
            raise SourceError(f"{place.server} has more than {_MOST} subjects", hint="name some: a.> or a.*.b")
    return dict(sorted(found.items()))


async def first(place: Place, jetstream: JetStreamContext, most: int) -> list[bytes]:
    """The first messages of a place that are kept, up to as many; SourceError."""
    name, number, size = await stream_name(jetstream, place), 0, 0
    found: list[bytes] = []
    while len(found) < most and size < _MOST_BYTES:
        message = await stored(place, jetstream, name, number + 1)
        if message is None:
            break
        number, size = message[0], size + len(message[1])
        found.append(message[1])
    return found


async def _streams(place: Place, jetstream: JetStreamContext) -> list[str]:
    if "stream" in place.options:
        return [str(place.options["stream"])]
    names: list[str] = []
    while page := await asked(place, jetstream.streams_info(offset=len(names))):
        names += [info.config.name or "" for info in page]
        if len(names) > _MOST:
            raise SourceError(f"{place.server} has more than {_MOST} streams", hint="name one with the option `stream`")
    return names
