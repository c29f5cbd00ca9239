"""Streams: begun, stopped, gone on with, forgotten; and what came of their messages."""

from __future__ import annotations

from fedpeer.core.peer import flowing
from fedpeer.core.peer.events import AddBatch, AddStream, Flowed, ForgetStream, StopStream
from fedpeer.core.peer.state import Batch
from fedpeer.core.peer.streams import Flow, Stream
from fedpeer.core.peer.turn import Turn

# A stream that never ends is spoken of this often.
_TOLD_S = 60.0


def add_stream(turn: Turn, event: AddStream) -> None:
    """Count the messages of a subject from now on; whoever was listened to before is gone on with."""
    turn.need_active()
    streams, stream = flowing.begun(turn.state.streams, event.stream, anew=event.anew)
    turn.change(streams=streams)
    since = f", after message {stream.sequence}" if stream.sequence else ""
    turn.note("data", "info", f"listens to {stream.location}{since}", data={"stream": stream.id})
    turn.reply(stream)


def stop_stream(turn: Turn, event: StopStream) -> None:
    """Listen to a stream no more; what was counted stays, and it can be gone on with."""
    streams, stream = flowing.stopped(turn.state.streams, event.stream)
    turn.change(streams=streams)
    turn.note("data", "info", f"listens to {stream.location} no more", data={"stream": stream.id})
    turn.reply(stream)


def forget_stream(turn: Turn, event: ForgetStream) -> None:
    """Forget a stream, and how far it was counted; what was counted stays."""
    streams, stream = flowing.without(turn.state.streams, event.stream)
    turn.change(streams=streams)
    turn.note("data", "info", f"forgot {stream.location}", data={"stream": stream.id})
    turn.reply(stream)


def flowed(turn: Turn, event: Flowed) -> None:
    """Messages came, and there was no row in them."""
    turn.need_active()
    stream = _next(turn, event.flow)
    _keep(turn, event.flow, stream.after(event.flow, stream.batch, 0, 0, {}))
    turn.reply(None)


def remember(turn: Turn, event: AddBatch) -> None:
    """Remember how far a stream was counted with this; DuplicateError if it was counted already."""
    if event.flow is not None:
        stream, batch = _next(turn, event.flow), event.batch
        _keep(turn, event.flow, stream.after(event.flow, batch.id, batch.read, batch.rows, batch.rejected))


def tell(turn: Turn, event: AddBatch, batch: Batch) -> bool:
    """Whether people have heard of these rows already, because they come without end; now and then they are told."""
    if event.flow is None:
        return False
    stream = turn.state.streams[event.flow.stream]
    if turn.seldom(f"stream/{stream.id}", _TOLD_S):
        text = f"counted {stream.rows} rows of {stream.location} by now"
        turn.note("data", "info", text, data={"stream": stream.id, "batch": batch.id, "messages": stream.messages})
    return True


def _keep(turn: Turn, flow: Flow, stream: Stream) -> None:
    turn.change(streams={**turn.state.streams, stream.id: stream})
    if flow.faults and turn.seldom(f"stream/{stream.id}/faults", _TOLD_S):
        turn.note("data", "error", flowing.unread(stream), data={"stream": stream.id, "faults": dict(stream.faults)})


def _next(turn: Turn, flow: Flow) -> Stream:
    return flowing.expecting(turn.state.streams, flow)
