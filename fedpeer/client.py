"""A small client of a running daemon: one method a route, answers as the shapes of `fedpeer.node.shapes`.

It is synchronous and needs nothing but the standard library's HTTP. A client is a value without a connection: each
call opens one and closes it, so it may be shared between threads.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar, cast
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from fedpeer.core.errors import AccessError, HomeError, RequestError, UnreachableError
from fedpeer.node.shapes import (
    Batch,
    CharterEntry,
    ContractCheck,
    Explored,
    Failure,
    Federation,
    Fitted,
    Invite,
    Job,
    LogEntry,
    LogPage,
    Member,
    NodeInfo,
    Predicted,
    Synced,
    SyncStats,
    User,
    Validated,
    Withdrawal,
)

T = TypeVar("T")

TIMEOUT_S = 60.0

_HINT = "the daemon makes it when it starts, in run/ of its home; name a copy with --token-file"


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem document (RFC 9457) as the daemon writes it."""

    type: str = ""
    title: str = ""
    status: int = 0
    code: str = ""
    detail: str = ""
    hint: str = ""
    instance: str = ""


class ApiError(Exception):
    """The daemon's no: its message, with `code`, `hint` and the HTTP `status` of its problem document."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail or problem.title)
        self.problem, self.code, self.hint, self.status = problem, problem.code, problem.hint, problem.status

    @classmethod
    def of(cls, failure: Failure) -> Self:
        """The no that a failed job came to (`Job.error`)."""
        return cls(Problem(code=failure.code, detail=failure.detail, hint=failure.hint))


class Client:
    """Talks to the daemon at `url`; `token` is the text of its token file.

    Every method raises ApiError when the daemon refuses, UnreachableError when nobody answers.
    `fed` is a federation's id, an unambiguous beginning of it, or its name.
    """

    def __init__(self, url: str, token: str, *, timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise RequestError(f"{url!r} is not the address of a daemon", hint="write http://HOST:PORT")
        self.url = f"{parts.scheme}://{parts.netloc}"
        self._where, self._secure = (parts.hostname, parts.port), parts.scheme == "https"
        self._token, self._timeout_s = token, timeout_s

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    @classmethod
    def of_home(cls, home: str | Path) -> Self:
        """The client of the daemon that runs in this home, as its run/ready.json says."""
        home = Path(home).expanduser()
        ready = home / "run" / "ready.json"
        try:
            told = msgspec.json.decode(ready.read_bytes(), type=dict[str, Any])
            url, token_file = str(told["api"]), home / str(told["token_file"])
        except FileNotFoundError:
            raise UnreachableError(f"no daemon is running in {home}") from None
        except (OSError, KeyError, msgspec.DecodeError) as error:
            raise HomeError(f"cannot use {ready}: {error}") from error
        return cls(url, read_token(token_file))

    # node

    def node(self) -> NodeInfo:
        """Who answers."""
        return self.call("GET", "/v1/node", shape=NodeInfo)

    def health(self) -> dict[str, Any]:
        """How the node is, in words."""
        return self.call("GET", "/v1/health", shape=dict[str, Any])

    def jobs(self) -> list[Job]:
        """Long work, running and done."""
        return self.call("GET", "/v1/jobs", shape=list[Job])

    def job(self, job_id: str) -> Job:
        """One piece of long work."""
        return self.call("GET", _path("/v1/jobs", job_id), shape=Job)

    def cancel(self, job_id: str) -> Job:
        """Stop long work; what it did is undone."""
        return self.call("DELETE", _path("/v1/jobs", job_id), shape=Job)

    # federations

    def federations(self) -> list[Federation]:
        """Every federation this node is, or was, in."""
        return self.call("GET", "/v1/federations", shape=list[Federation])

    def federation(self, fed: str) -> Federation:
        """One federation."""
        return self.call("GET", _path("/v1/federations", fed), shape=Federation)

    def create(self, name: str, schema: Mapping[str, Any], contract: str, **options: Any) -> Federation:
        """Found a federation; `options`: schedule, display, profile, send_action, receive_action."""
        body = {"name": name, "schema": schema, "contract": contract, **options}
        return self.call("POST", "/v1/federations", body=body, shape=Federation)

    def join(self, text: str, passphrase: str, *, wait_s: float = 30.0, **options: Any) -> Federation:
        """Redeem an invite; `options`: display, send_action, receive_action."""
        body = {"text": text, "passphrase": passphrase, **options}
        return self.call("POST", "/v1/joins", body=body, wait_s=wait_s, shape=Federation)

    def invite(self, fed: str, *, role: str = "member", expires_in_s: int | None = None) -> Invite:
        """Issue an invite; only this answer ever has its text and passphrase. Unsaid, it lasts as the node is set."""
        return self._post(fed, "invites", {"role": role, "expires_in_s": expires_in_s}, Invite)

    def invites(self, fed: str) -> list[Invite]:
        """Invites that were issued, without their secrets."""
        return self._get(fed, "invites", list[Invite])

    def revoke(self, fed: str, invite_id: str) -> Invite:
        """Make an invite worthless."""
        return self._delete(fed, f"invites/{quote(invite_id, safe='')}", Invite)

    def members(self, fed: str) -> list[Member]:
        """The roster, with what this node knows of each member."""
        return self._get(fed, "members", list[Member])

    def remove(self, fed: str, member: str, *, reason: str = "") -> Federation:
        """Shut a member out (the admin only)."""
        query = {"reason": reason} if reason else {}
        return self._delete(fed, f"members/{quote(member, safe='')}", Federation, query)

    def leave(self, fed: str) -> Federation:
        """Leave the federation for good."""
        return self._post(fed, "leave", None, Federation)

    def charter(self, fed: str) -> list[CharterEntry]:
        """Every decision of the admin."""
        return self._get(fed, "charter", list[CharterEntry])

    def schema(self, fed: str) -> dict[str, Any]:
        """The federation's schema, as `Schema.from_dict` reads it."""
        return self._get(fed, "schema", dict[str, Any])

    def set_schedule(self, fed: str, schedule: str) -> Federation:
        """Change when the federation pulses (the admin only)."""
        return self._put(fed, "schedule", {"schedule": schedule}, Federation)

    def set_pulsing(self, fed: str, pulsing: bool) -> Federation:
        """Start or stop this node's pulse."""
        return self._put(fed, "pulse", {"pulsing": pulsing}, Federation)

    def set_explorable(self, fed: str, explorable: bool) -> Federation:
        """Consent, or no longer, to others exploring this node's own summary."""
        return self._put(fed, "explorable", {"explorable": explorable}, Federation)

    def sync(self, fed: str, *, wait_s: float = 0.0) -> Synced:
        """Pulse now and ask the others for their state; with `wait_s`, wait until all hold the same."""
        return self.call("POST", _path("/v1/federations", fed, "sync"), wait_s=wait_s, shape=Synced)

    # contract

    def contract(self, fed: str) -> str:
        """The text of the contract."""
        return str(self._get(fed, "contract", dict[str, Any])["text"])

    def check_contract(self, fed: str, text: str) -> ContractCheck:
        """Try a contract against the federation's schema and this node's own rows."""
        return self._post(fed, "contract/check", {"text": text}, ContractCheck)

    def check_contract_text(self, text: str, schema: Mapping[str, Any]) -> ContractCheck:
        """Try a contract against a schema."""
        return self.call("POST", "/v1/contract/check", body={"text": text, "schema": schema}, shape=ContractCheck)

    def set_contract(self, fed: str, text: str) -> Federation:
        """Set the contract (the admin only)."""
        return self._put(fed, "contract", {"text": text}, Federation)

    # log

    def log(self, fed: str, **page: Any) -> LogPage:
        """A page of the timeline; `page`: kinds, levels, after, before, limit."""
        return self._get(fed, "log", LogPage, page)

    def sync_log(self, fed: str, **page: Any) -> LogPage:
        """A page of what was sent and received."""
        return self._get(fed, "log/sync", LogPage, page)

    def error_log(self, fed: str, **page: Any) -> LogPage:
        """A page of what went wrong."""
        return self._get(fed, "log/errors", LogPage, page)

    def clear_errors(self, fed: str) -> int:
        """Forget the error log; return how many entries there were."""
        return int(self._delete(fed, "log/errors", dict[str, Any])["cleared"])

    def stats(self, fed: str) -> SyncStats:
        """Counters of the federation's traffic."""
        return self._get(fed, "stats", SyncStats)

    def events(self, **query: Any) -> Iterator[LogEntry]:
        """What happens from now on, as it happens; ends when the daemon does. `query`: federation, after."""
        connection, answer = self._open("GET", _asked("/v1/events", query), None, None)
        try:
            for line in answer:
                if line.startswith(b"data:"):
                    yield msgspec.json.decode(line[5:], type=LogEntry)
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"the daemon at {self.url} stopped answering: {error}") from error
        finally:
            connection.close()

    # data

    def batches(self, fed: str) -> list[Batch]:
        """The rows of this node, by when they were counted."""
        return self._get(fed, "data", list[Batch])

    def add_source(self, fed: str, location: str, *, force: bool = False, **options: Any) -> Job:
        """Count the rows at a location that the daemon can read; see `job` for the outcome."""
        return self._post(fed, "data", {"location": location, "options": options, "force": force}, Job)

    def add_rows(self, fed: str, rows: Sequence[Any] | Mapping[str, Any], *, source: str, force: bool = False) -> Job:
        """Count rows sent along: a list of objects, or an object of columns."""
        return self._post(fed, "data/rows", {"rows": rows, "source": source, "force": force}, Job)

    def withdraw(self, fed: str, batch_id: str) -> Batch:
        """Take rows back out, exactly."""
        return self._delete(fed, f"data/{quote(batch_id, safe='')}", Batch)

    def receipts(self, fed: str) -> list[Withdrawal]:
        """What was withdrawn after others had it, with the receipts of those who hold it no longer."""
        return self._get(fed, "data/receipts", list[Withdrawal])

    # statistics and models

    def explore(
        self,
        fed: str,
        features: Sequence[str] = (),
        *,
        of: str = "total",
        metric: str = "",
        against: str = "",
        **options: Any,
    ) -> Explored:
        """Statistics of all features, of one, or of a pair; or a `metric`, with options of its own: docs/statistics.md.

        `of` and `against` are total, local, rest, `rest of …`, or members' ids or names with commas: docs/cli.md.
        """
        body = {"features": list(features), "of": of, "metric": metric, "options": options, "against": against}
        return self._post(fed, "explore", body, Explored)

    def fit(
        self, fed: str, kind: str, *, target: str | None = None, features: Sequence[str] = (), **options: Any
    ) -> Fitted:
        """Fit and keep a model; `options`: `of` (total, local, rest, or members with commas) and the model's own."""
        of = options.pop("of", "total")
        body = {"kind": kind, "target": target, "features": list(features), "options": options, "of": of}
        return self._post(fed, "models", body, Fitted)

    def models(self, fed: str) -> list[Fitted]:
        """The models that are kept."""
        return self._get(fed, "models", list[Fitted])

    def model(self, fed: str, model_id: str) -> Fitted:
        """One model."""
        return self._get(fed, f"models/{quote(model_id, safe='')}", Fitted)

    def forget(self, fed: str, model_id: str) -> None:
        """Forget a model."""
        self._delete(fed, f"models/{quote(model_id, safe='')}", object)

    def predict(self, fed: str, model_id: str, rows: Sequence[Any] | Mapping[str, Any]) -> Predicted:
        """Predict rows: a list of objects, or an object of columns."""
        return self._post(fed, f"models/{quote(model_id, safe='')}/predict", {"rows": rows}, Predicted)

    def export(self, fed: str, model_id: str, form: str, *, table: str = "patients") -> bytes:
        """A model as json, python, sql (a query of `table`) or onnx."""
        return self._get(fed, f"models/{quote(model_id, safe='')}/export", bytes, {"form": form, "table": table})

    def report(self, fed: str, model_id: str, form: str = "text") -> str:
        """The report of a model as text, html or csv."""
        return self._get(fed, f"models/{quote(model_id, safe='')}/report", bytes, {"form": form}).decode()

    def validate(
        self, fed: str, kind: str, *, target: str, features: Sequence[str] = (), grid: Any = None, **options: Any
    ) -> Validated:
        """Cross-validate by leaving out one part of the total after the other; `grid`: values of an option."""
        body = {"kind": kind, "target": target, "features": list(features), "options": options, "grid": grid or {}}
        return self._post(fed, "validate", body, Validated)

    def evaluate(
        self, fed: str, model_id: str, location: str = "", *, rows: Any = None, terms: Mapping[str, Any], **options: Any
    ) -> Job:
        """Compare predictions with the truth in rows at a location that the daemon can read, or sent along.

        `terms`: target, positive, threshold, confidence. `Job.result` is then an `Evaluated`; see `job`.
        """
        body = {"location": location, "rows": rows, "options": options, **terms}
        return self._post(fed, f"models/{quote(model_id, safe='')}/evaluate", body, Job)

    # users of the second dialect

    def users(self) -> list[User]:
        """Who may sign requests of the SymetryML dialect, without their keys."""
        return self.call("GET", "/v1/symetry/users", shape=list[User])

    def add_user(self, cid: str) -> User:
        """Add a user of that dialect; only this answer ever has its key."""
        return self.call("POST", "/v1/symetry/users", body={"cid": cid}, shape=User)

    def remove_user(self, cid: str) -> None:
        """Remove a user of that dialect; its signatures are worthless from now on."""
        self.call("DELETE", _path("/v1/symetry/users", cid), shape=object)

    # transport

    def call(self, method: str, path: str, *, shape: type[T], body: Any = None, wait_s: float | None = None) -> T:
        """Make one request and return its answer as `shape`; the door for routes without a method of their own."""
        if wait_s is not None:
            path = _asked(path, {"wait": wait_s})
        connection, answer = self._open(method, path, body, self._timeout_s + (wait_s or 0.0))
        try:
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"the daemon at {self.url} stopped answering: {error}") from error
        finally:
            connection.close()
        return _decoded(data or b"null", shape)

    def _get(self, fed: str, what: str, shape: type[T], query: Mapping[str, Any] | None = None) -> T:
        return self._fed("GET", fed, _asked(what, query or {}), shape)

    def _post(self, fed: str, what: str, body: Any, shape: type[T]) -> T:
        return self._fed("POST", fed, what, shape, body)

    def _put(self, fed: str, what: str, body: Any, shape: type[T]) -> T:
        return self._fed("PUT", fed, what, shape, body)

    def _delete(self, fed: str, what: str, shape: type[T], query: Mapping[str, Any] | None = None) -> T:
        return self._fed("DELETE", fed, _asked(what, query or {}), shape)

    def _fed(self, method: str, fed: str, what: str, shape: type[T], body: Any = None) -> T:
        return self.call(method, f"{_path('/v1/federations', fed)}/{what}", shape=shape, body=body)

    def _open(
        self, method: str, path: str, body: Any, timeout_s: float | None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Send a request; return the connection with its answer once that is known not to be a refusal."""
        host, port = self._where
        connection = (
            http.client.HTTPSConnection(host, port, timeout=timeout_s, context=ssl.create_default_context())
            if self._secure
            else http.client.HTTPConnection(host, port, timeout=timeout_s)
        )
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json, text/event-stream"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, msgspec.json.encode(body) if body is not None else None, headers)
            answer = connection.getresponse()
            if answer.status >= 400:
                raise ApiError(_problem(answer.status, answer.reason, answer.read()))
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise UnreachableError(f"no daemon answers at {self.url}: {_why(error)}") from error
        except ApiError:
            connection.close()
            raise
        return connection, answer


def read_token(path: str | Path) -> str:
    """The token in this file."""
    try:
        token = Path(path).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise AccessError(f"cannot read the token file {path}: {_why(error)}", hint=_HINT) from error
    if not token.isprintable() or not token:
        raise AccessError(f"the token file {path} holds no token", hint=_HINT)
    return token


def _path(*parts: str) -> str:
    return "/".join([parts[0], *(quote(part, safe="") for part in parts[1:])])


def _asked(path: str, query: Mapping[str, Any]) -> str:
    """The path with a query; empty values are left out, a list is joined by commas."""
    told = {k: v if isinstance(v, str | int | float) else ",".join(v) for k, v in query.items() if v not in ("", ())}
    return f"{path}?{urlencode(told)}" if told else path


def _decoded(data: bytes, shape: type[T]) -> T:
    if shape is bytes:
        return cast("T", data)
    try:
        return msgspec.json.decode(data, type=shape)
    except msgspec.DecodeError as error:
        hint = "are the daemon and this client of the same version? `fedpeer status` shows the daemon's"
        raise RequestError(f"the daemon's answer is not understood: {error}", hint=hint) from error


def _problem(status: int, reason: str, data: bytes) -> Problem:
    try:
        problem = msgspec.json.decode(data, type=Problem)
    except msgspec.DecodeError:
        problem = Problem(title=f"{status} {reason}", hint="is this the address of a fedpeer daemon?")
    return msgspec.structs.replace(problem, status=status)


def _why(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) and error.strerror else str(error)).lower() or "no answer"
