"""One connection to a NATS server, used once, through a nats-py that does not lie, leak or break.

1. A barrier is two round trips. nats-py writes a PING ahead of buffered commands, so the first PONG only proves that
   the commands have been written, and the second that the server has read them. A wait for a PONG is never
   cancelled, because a PONG for a cancelled waiter ends nats-py's reader.
2. Credentials never leave before TLS does, where an address says `tls://`: a server (or someone in between) that does
   not offer it is refused.
3. What arrives is hostile. A subject that is not text is dropped, headers are read on our inbox only, buffers are
   bounded, and a reader that ends for any reason is a lost connection.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import nats.aio.client
import nats.errors
from nats.aio.msg import Msg
from nats.protocol.parser import AWAITING_CONTROL_LINE, Parser

from fedpeer.core.envelope import grants, passes
from fedpeer.core.envelope.access import Access
from fedpeer.core.errors import BusError
from fedpeer.ports import Level

MAX_BODY = 1 << 20

_T = TypeVar("_T")

_MAX_ANNOUNCED = 65 << 20
_MAX_LINE = 64 << 10
_MAX_WAITING = 8_192
_MAX_WAITING_BYTES = 32 << 20
_MEANINGS = {
    "authorization violation": "our credential is refused",
    "user authentication expired": "our pass has expired",
    "user authentication revoked": "our pass was revoked",
    "nats: no responders available for request": "it keeps no messages for us",
    "no responders available for request": "it keeps no messages for us",
    "timeout": "it does not answer",
    "timeouterror": "it does not answer",
    "unexpected eof": "the connection broke",
    "connectionreseterror": "it hung up while we connected",
}


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds: to connect, to answer, between liveness checks, before trying again (first, most), between notices."""

    connect_s: float = 3.0
    answer_s: float = 5.0
    ping_s: float = 10.0
    first_wait_s: float = 0.05
    longest_wait_s: float = 5.0
    quiet_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Dial:
    """All that every connection of a bus is made with."""

    access: Access
    peer: str
    timings: Timings
    context: ssl.SSLContext | None

    def wait(self, failures: int) -> float:
        """Seconds before the next try: doubling, and spread by name so that peers do not come back all at once."""
        longest = min(self.timings.first_wait_s * 2.0 ** min(failures - 1, 20), self.timings.longest_wait_s)
        return longest * (0.5 + zlib.crc32(f"{self.peer} {failures}".encode()) / 2**33)


class Connection:
    """One connection, used once. `lost` is done, with the reason, when nothing more can come of it."""

    def __init__(
        self, dial: Dial, server: str, deliver: Callable[[Msg], None], tell: Callable[[Level, str, str], None]
    ) -> None:
        self.server = server
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._dial = dial
        self._deliver = deliver
        self._tell = tell
        self._client = _Client(dial, garbled=self._garbled, blamed=self._blame)
        self._subjects: set[str] = set()
        self._refused: set[str] = set()
        self._asked: dict[str, asyncio.Future[None]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._cause = ""

    async def connect(self, subjects: Sequence[str]) -> None:
        """Connect once and follow `subjects`; BusError says why not."""
        timings = self._dial.timings
        # Whatever nats-py makes of a hostile server, asserts included, is a failed try and nothing more.
        try:
            await self._client.connect(
                self.server,
                name=f"fedpeer {self._dial.peer}",
                error_cb=self._on_error,
                closed_cb=self._on_closed,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=timings.connect_s,  # type: ignore[arg-type]
                ping_interval=timings.ping_s,  # type: ignore[arg-type]
                tls=self._dial.context,
                inbox_prefix=grants.inbox(self._dial.peer),
                **_credential(self._dial.access),
            )
        except Exception as error:
            raise BusError(f"cannot connect to the bus at {self.server}: {self._cause or _plain(error)}") from error
        self._client.on_reader_end(lambda: self._lose(self._cause or "the connection broke"))
        await self.follow(subjects)

    async def follow(self, subjects: Sequence[str]) -> list[str]:
        """Follow and pass a barrier; return those of `subjects` that the server refused."""
        await self._run(self._subscribe([s for s in subjects if s not in self._subjects]))
        refused = [s for s in subjects if s.lower() in self._refused]
        self._subjects.difference_update(refused)
        return refused

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Publish and pass a barrier."""
        await self._run(self._send(messages))

    async def ask(self, subject: str, body: bytes) -> Msg:
        """Request and return the answer; BusError if there is none, or we may not ask."""
        denied = self._asked.setdefault(subject.lower(), asyncio.get_running_loop().create_future())
        try:
            return await self._run(self._client.request(subject, body, timeout=self._dial.timings.answer_s), denied)
        finally:
            self._asked.pop(subject.lower(), None)

    async def close(self) -> None:
        """Close the connection and end what still waits on it."""
        self._lose("closed")
        closing = asyncio.create_task(self._client.close())
        self._tasks.add(closing)
        closing.add_done_callback(self._finished)
        await asyncio.wait({closing}, timeout=self._dial.timings.connect_s)
        let_go(self._client)
        for task in list(self._tasks):
            task.cancel()

    async def _subscribe(self, subjects: Sequence[str]) -> None:
        for subject in subjects:
            self._refused.discard(subject.lower())
            await self._client.subscribe(
                subject, cb=self._heard, pending_msgs_limit=_MAX_WAITING, pending_bytes_limit=_MAX_WAITING_BYTES
            )
            self._subjects.add(subject)
        await self._barrier()

    async def _heard(self, message: Msg) -> None:
        try:
            self._deliver(message)
        except Exception as error:
            self._tell("error", "receiver", f"a message was lost to a fault of this program: {type(error).__name__}")
            raise

    async def _send(self, messages: Sequence[tuple[str, bytes]]) -> None:
        for subject, body in messages:
            await self._client.publish(subject, body)
        await self._barrier()

    async def _barrier(self) -> None:
        for _ in range(2):
            await self._client.round_trip()

    async def _run(self, work: Coroutine[Any, Any, _T], denied: asyncio.Future[None] | None = None) -> _T:
        """Await `work` as long as the connection lasts. It is never cancelled before the connection is closed."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        others: set[asyncio.Future[Any]] = {self.lost} if denied is None else {self.lost, denied}
        await asyncio.wait({task, *others}, return_when=asyncio.FIRST_COMPLETED)
        if denied is not None and denied.done():
            raise BusError("the bus does not let us ask for this")
        if self.lost.done() or not task.done():
            raise BusError(f"lost the bus at {self.server}: {self.lost.result()}")
        try:
            return task.result()
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise BusError(f"the bus at {self.server} failed: {_plain(error)}") from error

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()

    def _lose(self, reason: str) -> None:
        if not self.lost.done():
            self.lost.set_result(reason)

    def _garbled(self) -> None:
        self._tell("warning", "garbled", "dropped a message that is too large or cannot be read")

    async def _on_closed(self) -> None:
        self._lose(self._cause or _plain(self._client.last_error))

    async def _on_error(self, error: Exception) -> None:
        text = _plain(error)
        if isinstance(error, nats.errors.SlowConsumerError):
            self._tell(
                "warning", "slow", f"messages on {error.subject} come faster than they can be taken; some are lost"
            )
        elif "permissions violation" in text:
            self._on_refusal(text)
        else:
            self._cause = self._cause or text

    def _blame(self, said: str) -> None:
        """Take what the server complains of for the end: nats-py hangs up later, and would report the hanging up."""
        if "permissions violation" not in said:
            self._cause = _plain(nats.errors.Error(said))
            self._lose(self._cause)

    def _on_refusal(self, text: str) -> None:
        subject = text.partition('"')[2].rpartition('"')[0]
        if "violation for subscription" in text:
            self._refused.add(subject)
        elif (asked := self._asked.get(subject)) is not None and not asked.done():
            asked.set_result(None)
        self._tell("error", f"refused {subject}", f"the bus refused us: {text}")


class _Parser(Parser):
    """nats-py's parser, which by itself would buffer whatever a server announces."""

    async def parse(self, data: bytes = b"") -> None:
        endless = self.state == AWAITING_CONTROL_LINE and len(self.buf) > _MAX_LINE
        if endless or self.needed > _MAX_ANNOUNCED:
            raise nats.errors.ProtocolError
        await super().parse(data)


def let_go(client: nats.aio.client.Client) -> None:
    """Let go of a client's socket at once, whatever is unsent."""
    writer = getattr(getattr(client, "_transport", None), "_io_writer", None)
    if writer is not None:
        writer.transport.abort()


class _Client(nats.aio.client.Client):
    """nats-py's client, which by itself would show credentials without TLS and be ended by one hostile message."""

    def __init__(self, dial: Dial, *, garbled: Callable[[], None], blamed: Callable[[str], None]) -> None:
        super().__init__()
        self._ps = _Parser(self)
        self._dial = dial
        self._garbled = garbled
        self._blamed = blamed
        if dial.access.kind == "nkey":
            self._public_nkey = passes.public_key(dial.access.secret, "user")

    async def round_trip(self) -> None:
        """Wait for a PONG to a PING written now. Liveness is the ping interval's matter: this waits on."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        await self._send_ping(future)
        await future

    def on_reader_end(self, tell: Callable[[], None]) -> None:
        """Have `tell` called when nothing more will be read."""
        if self._reading_task is None:
            tell()
        else:
            self._reading_task.add_done_callback(lambda _: tell())

    def _connect_command(self) -> bytes:
        if self._dial.context is not None and not self._server_info.get("tls_required", False):
            raise nats.errors.Error("the server does not offer TLS; nothing was sent to it")
        return super()._connect_command()

    async def _process_err(self, err_msg: str) -> None:
        self._blamed(err_msg)
        await super()._process_err(err_msg)

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        ours = subject.startswith(bytes(self._inbox_prefix))
        if len(data) > MAX_BODY:
            self._garbled()
            return
        try:
            await super()._process_msg(sid, subject, reply, data, headers if ours else b"")
        except (ValueError, IndexError):
            self._garbled()


def report_fault(task: asyncio.Task[None]) -> None:
    """Have the loop's exception handler told when a task that should live on was ended by a fault of ours."""
    if not task.cancelled() and (error := task.exception()) is not None:
        what = {"message": f"{task.get_coro()} ended by a fault of this program", "exception": error}
        task.get_loop().call_exception_handler(what)


def _credential(access: Access) -> dict[str, Any]:
    match access.kind:
        case "none":
            return {}
        case "password":
            return {"user": access.user, "password": access.secret}
        case "token":
            return {"token": access.secret}
        case "nkey":
            return {"signature_cb": lambda nonce: passes.sign_nonce(access.secret, nonce)}
        case "pass":
            return {
                "signature_cb": lambda nonce: passes.sign_nonce(access.secret, nonce),
                "user_jwt_cb": access.jwt.encode,
            }


def _plain(error: Exception | None) -> str:
    """What went wrong, in words that an operator can act on."""
    text = str(error or "").removeprefix("nats: ").strip("'") or type(error).__name__
    if isinstance(error, ssl.SSLError):
        return f"its TLS certificate is refused: {error.reason or text}"
    return _MEANINGS.get(text.lower(), text)
