"""A client of the SymetryML dialect, for scripts that stay with it: it signs, and may encrypt as that product does."""

from __future__ import annotations

import http.client
import time
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from fedpeer.api.symetry import cipher, signing
from fedpeer.api.symetry.envelope import DialectError
from fedpeer.client.address import TIMEOUT_S, Place, unreachable
from fedpeer.core.errors import RequestError

Values = dict[str, Any]
T = TypeVar("T")

_STEP_S = 0.25


class SymetryError(Exception):
    """The node's no: the text of its envelope, with `status`, the HTTP status, and `values`."""

    def __init__(self, status: int, text: str, values: Values) -> None:
        super().__init__(text)
        self.status, self.values = status, values


class SymetryClient(Place):
    """Signs requests of the user `cid` to the node at `url`; `key` is the secret key in base64.

    Methods have the names of the dialect's endpoints (docs/symetry.md) and return the entity, or all `values` where
    there is none of a name. `encrypt` has bodies and entities travel in the vendor's form, which is no protection.
    `pid` is the user's name for a project or federation.
    """

    def __init__(self, url: str, cid: str, key: str, *, encrypt: bool = False, timeout_s: float = TIMEOUT_S) -> None:
        super().__init__(url, timeout_s)
        self.cid, self._encrypt = cid, encrypt
        try:
            self._key = b64decode(key.strip(), validate=True)
        except ValueError:
            raise RequestError("the secret key is not base64") from None
        self._last, self._dating = 0, Lock()

    # federations

    def create(self, pid: str, told: Mapping[str, Any]) -> Values:
        """Found a federation; `told` has fed_name, sync_sched, fed_schema and what else docs/symetry.md has."""
        return self.ask("POST", "/fedml/create", told, pid=pid)

    def get_invitation(self, pid: str, passwd: str) -> str:
        """An invite that the password opens."""
        return str(self.ask("POST", f"/fedml/{_part(pid)}/getInvitation", {"passwd": passwd})["encryptedGroupInfo"])

    def create_join(self, pid: str, invitation: str, passwd: str, **told: Any) -> Values:
        """Redeem an invite."""
        body = {"fedInfoEncrypted": invitation, "passwd": passwd, **told}
        return self.ask("POST", "/fedml/createJoin", body, pid=pid)

    def info(self, pid: str) -> Values:
        """The FederationInfo."""
        return _entity(self._fed("GET", pid, "info"), "fedInfoEncrypted", Values)

    def start_pulse(self, pid: str) -> None:
        """Start this node's pulse."""
        self._fed("GET", pid, "startPulse")

    def stop_pulse(self, pid: str) -> None:
        """Stop this node's pulse."""
        self._fed("GET", pid, "stopPulse")

    def new_schedule(self, pid: str, schedule: str) -> None:
        """Change when the federation pulses: m30, h3, d7."""
        self._fed("GET", pid, "newSchedule", newSchedule=schedule)

    def full_sync_request(self, pid: str) -> None:
        """Pulse now, and ask the others for their state."""
        self._fed("GET", pid, "fullSyncRequest")

    def set_explore_peers(self, pid: str, allow: bool) -> None:
        """Consent, or no longer, to others exploring this node's own summary."""
        self._fed("GET", pid, "setExplorePeers", allowExplore=str(allow).lower())

    def contract_validate(self, pid: str, rules: Sequence[str]) -> str:
        """Try a contract: ok, or what is wrong with it."""
        return str(self._fed("POST", pid, "contractValidate", list(rules))["string"])

    def add_contract(self, pid: str, rules: Sequence[str]) -> None:
        """Set the contract."""
        self._fed("POST", pid, "addContract", list(rules))

    def get_sync_log(self, pid: str) -> list[str]:
        """What was sent and received, a line each."""
        return _lines(self._fed("GET", pid, "getSyncLog"))

    def get_error_log(self, pid: str) -> list[str]:
        """What went wrong, a line each."""
        return _lines(self._fed("GET", pid, "getErrorLog"))

    def clear_error_log(self, pid: str) -> None:
        """Forget the error log."""
        self._fed("DELETE", pid, "clearErrorLog")

    def sync_stats(self, pid: str) -> Values:
        """The FedSyncStats."""
        return _entity(self._fed("GET", pid, "syncStats"), "fedSyncStats", Values)

    # projects and jobs

    def create_project(self, pid: str, told: Mapping[str, Any] | None = None, *, kind: str = "cpu") -> Values:
        """Make a project; `told` are its options."""
        return self.ask("POST", "/projects", dict(told or {}), pid=pid, type=kind)

    def projects_list(self) -> list[str]:
        """The names of the projects and federations of this user."""
        return _lines(self.ask("GET", "/projects/list"))

    def delete_project(self, pid: str) -> None:
        """Delete a project with its rows."""
        self.ask("DELETE", f"/projects/{_part(pid)}")

    def project_info(self, pid: str) -> Values:
        """The smlInfo of a project."""
        return _entity(self.ask("GET", f"/projects/{_part(pid)}/info"), "smlInfo", Values)

    def learn(self, pid: str, frame: Mapping[str, Any], progress: Callable[[Values], None] | None = None) -> Values:
        """Count the rows of a DataFrame; with `progress`, as a job whose JobInfo is told now and then."""
        later = {"async": "true"} if progress is not None else {}
        return self.ended(self.ask("POST", f"/projects/{_part(pid)}/learn", frame, **later), progress)

    def forget(self, pid: str, frame: Mapping[str, Any]) -> Values:
        """Take the rows of a DataFrame out again, exactly."""
        return self.ended(self.ask("POST", f"/projects/{_part(pid)}/forget", frame))

    def explore(self, pid: str, metric: str, context: Mapping[str, Any], **query: str) -> Values:
        """A metric of attributes that an MLContext names: the KSVDMap's first map."""
        found = self.ask("POST", f"/projects/{_part(pid)}/explore", context, metric=metric, **query)
        maps = _entity(_entity(self.ended(found), "KSVDMap", Values), "values", list[Values])
        return maps[0] if maps else {}

    def build(
        self,
        pid: str,
        modelid: str,
        algo: str,
        context: Mapping[str, Any],
        progress: Callable[[Values], None] | None = None,
    ) -> Values:
        """Fit a model of targets and inputs that an MLContext names, and keep it as `modelid`."""
        told = self.ask("POST", f"/projects/{_part(pid)}/build", context, modelid=modelid, algo=algo)
        return self.ended(told, progress)

    def model_info(self, pid: str, modelid: str) -> Values:
        """The modelInfo of a model, with its tables."""
        return _entity(self.ask("GET", f"/projects/{_part(pid)}/models/{_part(modelid)}"), "modelInfo", Values)

    def predict(self, pid: str, modelid: str, frame: Mapping[str, Any], *, impute: bool = False) -> Values:
        """Predictions for the rows of a DataFrame."""
        query = {"impute": "true"} if impute else {}
        return self.ask("POST", f"/projects/{_part(pid)}/predict/{_part(modelid)}", frame, **query)

    def jobs(self) -> list[Values]:
        """The JobInfo of all long work."""
        return _entity(self.ask("GET", "/jobs"), "jobinfo", list[Values])

    def job(self, job_id: str) -> Values:
        """What there is of long work: its JobInfo, and when it is done its entities."""
        return self.ask("GET", f"/jobs/{_part(job_id)}")

    def kill(self, job_id: str) -> Values:
        """Stop long work."""
        return self.ask("DELETE", f"/jobs/{_part(job_id)}")

    def ended(self, values: Values, progress: Callable[[Values], None] | None = None) -> Values:
        """Wait, if an answer is that of long work that goes on, until it has ended, and return what it came to."""
        while not (info := values.get("jobinfo", _OVER))["isDone"]:
            if progress is not None:
                progress(info)
            time.sleep(_STEP_S)
            values = self.job(info["jobId"])
        return values

    def ask(self, method: str, rest: str, body: Any = None, **query: str) -> Values:
        """Make a signed request below /symetry/rest/{cid}; return `values`. SymetryError if the node says no.

        The door for endpoints without a method of their own.
        """
        if self._encrypt:
            query["encrypted"] = "true"
        text = b"" if body is None else msgspec.json.encode(body)
        if text and self._encrypt:
            text = cipher.encrypt(text, self._key).encode()
        path, asked = f"/symetry/rest/{_part(self.cid)}{rest}", urlencode(query)
        where = f"{path}?{asked}" if asked else path
        status, data = self._sent(method, where, text, self._signed(method, path, asked, text))
        try:
            envelope = msgspec.json.decode(data, type=dict[str, Any])
            text_of, values = str(envelope["statusString"]), envelope["values"]
        except (msgspec.DecodeError, KeyError):
            raise SymetryError(status, "the answer is not one of this dialect", {}) from None
        if status >= 400:
            raise SymetryError(status, text_of, values)
        return {name: self._plain(name, value) for name, value in values.items()}

    def _fed(self, method: str, pid: str, what: str, body: Any = None, **query: str) -> Values:
        return self.ask(method, f"/fedml/{_part(pid)}/{what}", body, **query)

    def _signed(self, method: str, path: str, query: str, body: bytes) -> dict[str, str]:
        date = self._date()
        told = signing.Signed(method, path, query, body, self.cid, date, None)
        headers = {"Sym-Date": date, "Authorization": signing.sign(told, self._key), "sym-version": "6.3"}
        return {**headers, "Content-Type": "application/json"} if body else headers

    def _date(self) -> str:
        """Now, in a way that no two requests of this client have in common."""
        with self._dating:
            self._last = now = max(time.time_ns(), self._last + 1)
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now // 10**9)) + f";{now % 10**9:09}"

    def _sent(self, method: str, where: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        connection, answer = self._opened(method, where, body or None, headers, self._timeout_s)
        try:
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise unreachable(self.url, error) from error
        finally:
            connection.close()

    def _plain(self, name: str, value: Any) -> Any:
        """An entity, out of the vendor's form if it was asked for in that; an invite is sealed otherwise."""
        if not self._encrypt or not isinstance(value, str) or name not in _SEALED:
            return value
        try:
            return msgspec.json.decode(cipher.decrypt(value.encode(), self._key))
        except (DialectError, msgspec.DecodeError):
            return value


_OVER: Values = {"isDone": True}
_SEALED = frozenset({"fedInfoEncrypted", "dsinfo", "awsInfoEncrypted", "cellsStatusEncrypted"})


def _entity(values: Values, name: str, shape: type[T]) -> T:
    try:
        return msgspec.convert(values[name], shape)
    except (KeyError, msgspec.ValidationError):
        raise SymetryError(200, f"the answer has no entity {name} that is understood", values) from None


def _lines(values: Values) -> list[str]:
    return _entity(_entity(values, "stringList", Values), "values", list[str])


def _part(text: str) -> str:
    return quote(text, safe="")
