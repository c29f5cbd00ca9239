"""A way to messages that a NATS server keeps: where they are, how we are let in, and questions about them.

Credentials are files that only their owner can read, or are told apart from the location and kept sealed.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import nats.aio.client
import nats.errors
import nats.js.errors
from nats.js import JetStreamContext
from nats.js.api import StreamInfo

from fedpeer.adapters.connection import let_go
from fedpeer.adapters.files import facts
from fedpeer.adapters.messages import OPTIONS
from fedpeer.adapters.tls import is_loopback
from fedpeer.core.envelope import passes
from fedpeer.core.errors import BusError, SourceError
from fedpeer.core.peer.streams import Credential, Inlet

ANSWER_S = 5.0

_FILES = ("creds_file", "password_file", "token_file", "ca_file")
_MORE = ("stream", "user", "plain")
_SECRET_BYTES = 4096
_JWT = re.compile(r"-BEGIN NATS USER JWT-+\s+([\w.-]+?)\s+-")
_SEED = re.compile(r"-BEGIN USER NKEY SEED-+\s+(\w+)\s+-")

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Place:
    """A subject on a server, and how to get at it."""

    server: str
    subject: str
    options: Mapping[str, Any]
    roots: tuple[Path, ...]
    given: Credential = Credential()  # noqa: RUF009 a value that nobody can change

    @classmethod
    def of(cls, inlet: Inlet, roots: tuple[Path, ...], *, subject: str = "") -> Place:
        """Read a location and its options, `subject` being the one if it names none; SourceError."""
        location, options = inlet.location, inlet.options
        try:
            parts = urlsplit(location)
            port = parts.port or 4222
        except ValueError:
            parts, port = urlsplit(""), 0
        subject = unquote(parts.path[1:]) or subject
        if parts.scheme not in {"nats", "tls"} or not parts.hostname or not _is_subject(subject):
            raise SourceError(
                f"{location[:80]!r} is no subject", hint="write nats://HOST/SUBJECT or tls://HOST/SUBJECT"
            )
        if "@" in parts.netloc or parts.query or parts.fragment:
            hint = "give user and password_file, token_file or creds_file as options"
            raise SourceError("a location must not hold a password: it is shown and kept", hint=hint)
        unknown = next((key for key in options if key not in (*OPTIONS, *_FILES, *_MORE)), None)
        if unknown is not None:
            known = ", ".join((*OPTIONS, *_FILES, *_MORE))
            raise SourceError(f"{unknown!r:.60} is no option of a stream", hint=f"known are: {known}")
        if parts.scheme == "nats" and not is_loopback(parts.hostname) and options.get("plain") is not True:
            hint = "write tls://, or say plain=true if nobody else is on the network"
            raise SourceError(f"rows of {parts.hostname} would cross the network in clear", hint=hint)
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return cls(f"{parts.scheme}://{host}:{port}", subject, options, roots, inlet.credential)

    @property
    def shown(self) -> str:
        """Where it is, for people."""
        return f"{self.server}/{self.subject}"

    def credential(self) -> dict[str, Any]:
        """What the server is shown, and how it is known; files are read anew each time."""
        ways = self._ways()
        if len(ways) > 1:
            raise SourceError(f"there are {len(ways)} ways to be let in: {', '.join(ways)}", hint="say one")
        found = next(iter(ways.values()), {})
        if self.server.startswith("tls:"):
            found["tls"] = _context(self._file("ca_file") if "ca_file" in self.options else None)
        return found

    def _ways(self) -> dict[str, dict[str, Any]]:
        """What the client is told to be let in, by how that was said."""
        options, given = self.options, self.given
        ways: dict[str, dict[str, Any]] = {}
        if "creds_file" in options:
            ways["creds_file"] = _pass(self._file("creds_file"))
        if "token_file" in options:
            ways["token_file"] = {"token": _secret(self._file("token_file"))}
        if "password_file" in options:
            user = str(options.get("user", ""))
            ways["password_file"] = {"user": user, "password": _secret(self._file("password_file"))}
        if given.user or given.password:
            ways["a password"] = {"user": given.user, "password": given.password}
        if given.token:
            ways["a token"] = {"token": given.token}
        if given.seed:
            ways["a seed"] = _signing(given.seed)
        return ways

    def _file(self, option: str) -> Path:
        told = self.options[option]
        if not isinstance(told, str):
            raise SourceError(f"{option} is not the path of a file")
        path = Path(told).expanduser()
        facts(path)
        # Whoever may name files must not have any that the daemon can read sent to a server.
        real = path.resolve()
        if self.roots and not any(real.is_relative_to(root.resolve()) for root in self.roots):
            hint = f"data.roots allows {', '.join(map(str, self.roots))}"
            raise SourceError(f"{path} is outside the directories that data may be read from", hint=hint)
        if option != "ca_file" and facts(real).st_mode & 0o077:
            raise SourceError(f"{path} can be read by others on this machine", hint=f"chmod 600 {path}")
        return real


class NotThereError(SourceError):
    """There is none of what was asked for."""


class _Client(nats.aio.client.Client):
    """nats-py's client, which by itself would show credentials without TLS."""

    def __init__(self, public: str) -> None:
        """`public` is the key of a user that has one and no JWT."""
        super().__init__()
        self._public_nkey = public or None

    def _connect_command(self) -> bytes:
        private = self._current_server is not None and self._current_server.uri.scheme == "tls"
        if private and not self._server_info.get("tls_required", False):
            raise nats.errors.Error("the server does not offer TLS; nothing was sent to it")
        return super()._connect_command()


async def connected(place: Place) -> nats.aio.client.Client:
    """A connection; SourceError, with what the server said."""
    seed = place.given.seed
    options = place.credential()
    client, said = _Client(passes.public_key(seed, "user") if seed else ""), list[str]()

    async def faulty(error: Exception) -> None:
        said.append(_words(error))

    try:
        await client.connect(
            place.server,
            name="fedpeer",
            error_cb=faulty,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            connect_timeout=int(ANSWER_S),
            ping_interval=10,
            **options,
        )
    except Exception as error:  # noqa: BLE001 whatever nats-py makes of what a server says is a failed try
        await ended(client)
        text = said[0] if said else _words(error)
        raise SourceError(f"cannot connect to {place.server}: {text}") from None
    except BaseException:  # whoever asked was stopped meanwhile
        await ended(client)
        raise
    return client


async def stream_name(jetstream: JetStreamContext, place: Place) -> str:
    """The stream that keeps the messages of a place; SourceError."""
    if "stream" in place.options:
        return str(place.options["stream"])
    try:
        return await asked(place, jetstream.find_stream_name_by_subject(place.subject))
    except NotThereError:
        raise SourceError(
            f"no stream of {place.server} keeps the messages of {place.subject}",
            hint="make one with JetStream: messages that nobody keeps are gone when nobody listens",
        ) from None


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[tuple[Place, JetStreamContext]]:
    """Yield the place and a way to ask for its streams."""
    client = await connected(place)
    try:
        yield place, client.jetstream(timeout=ANSWER_S)
    finally:
        await ended(client)


def origin(name: str, info: StreamInfo) -> str:
    """What tells a stream from another one of its name: when it was made."""
    return f"{name} {info.created.isoformat() if info.created else ''}"


async def stored(place: Place, jetstream: JetStreamContext, name: str, number: int) -> tuple[int, bytes, float] | None:
    """The first message of the subject with this number or a higher one, its bytes and when it was published."""
    try:
        raw = await asked(place, jetstream.get_msg(name, seq=number, subject=place.subject, next=True))
    except NotThereError:
        return None
    return int(raw.seq or 0), raw.data or b"", raw.time.timestamp() if raw.time else 0.0


async def asked(place: Place, answer: Awaitable[_T]) -> _T:
    """An answer of the server; SourceError says what it is instead."""
    try:
        return await answer
    except nats.js.errors.NotFoundError:
        raise NotThereError(f"{place.server} has nothing of that name") from None
    except (nats.errors.Error, OSError, TimeoutError, AssertionError) as error:
        raise explained(place, error) from None


def explained(place: Place, error: BaseException) -> SourceError:
    """What is said of an answer that is none."""
    return SourceError(f"{place.server} does not answer as it should: {_words(error)}")


async def ended(client: nats.aio.client.Client) -> None:
    """Hang up, and let go of the socket whether that was heard or not."""
    closing = asyncio.create_task(client.close())
    try:
        await asyncio.wait({closing}, timeout=ANSWER_S)
    finally:
        let_go(client)
        if closing.done() and not closing.cancelled():
            closing.exception()
        closing.cancel()


def _words(error: BaseException) -> str:
    """What an error says, the first line of it: a server may have written it."""
    text = str(error).removeprefix("nats: ").strip() or type(error).__name__
    return text.splitlines()[0][:200]


def _is_subject(text: str) -> bool:
    return text.isprintable() and " " not in text and all(text.split("."))


def _pass(path: Path) -> dict[str, Any]:
    """A JWT and the seed that signs for it, out of a file as NATS' tools write them."""
    text = _text(path)
    parts = [found[1] if (found := armour.search(text)) else "" for armour in (_JWT, _SEED)]
    if not all(parts):
        raise SourceError(f"{path} does not hold a NATS user's JWT and seed")
    return {**_signing(parts[1]), "user_jwt_cb": parts[0].encode}


def _signing(seed: str) -> dict[str, Any]:
    """What signs a server's nonce; SourceError if the seed is none."""
    try:
        passes.public_key(seed, "user")
    except BusError:
        raise SourceError("what is given as a seed is not that of a NATS user") from None
    return {"signature_cb": lambda nonce: passes.sign_nonce(seed, nonce)}


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_SECRET_BYTES).decode("utf-8", "replace")


def _secret(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(_SECRET_BYTES + 1)
    text = data.decode("utf-8", "replace").rstrip("\r\n")
    if not text or len(data) > _SECRET_BYTES or "\n" in text or "\0" in text:
        raise SourceError(f"{path} does not hold a secret: one line, of at most {_SECRET_BYTES} bytes")
    return text


def _context(ca: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca)
    except (ssl.SSLError, OSError):
        raise SourceError(f"{ca} is not a certificate in PEM") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
