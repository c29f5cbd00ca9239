"""The dialect's request bodies: string maps for federations, lists of rules, data frames."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from fedpeer.api import strict
from fedpeer.api.symetry.envelope import DialectError
from fedpeer.core.federation.exchange import LEAST, Exchange
from fedpeer.core.federation.roster import Action
from fedpeer.core.privacy.floor import Policy, Profile
from fedpeer.core.statistics.arrays import array_of, lattice
from fedpeer.core.statistics.schema import Schema

_Rows = list[list[str | int | float | bool | None]]
_Raw = Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema=msgspec.json.schema(_Rows))]

Map = dict[str, str | bool | int | float | dict[str, Any] | None]

_BAD = HTTPStatus.BAD_REQUEST
_NATS = {"nats_hosts", "nats_sec_user", "nats_sec_passwd", "nats_sec_token", "nats_sec_nkey_seed"}
_TUNING = {"nats_req_timeout", "nats_stream_max_memory"}
_ACTIONS = {"fed_psr_contract_snd_fail_action", "fed_psr_contract_rcv_fail_action"}
_HEALTH = "fed_enforce_hipaa_compliance"
_PATIENTS = 25
_SHARED = {"fed_name", "sync_sched", "fed_local_type", "fed_encrypt", "fed_use_smpc", _HEALTH}
_CREATE = _SHARED | _NATS | _TUNING | _ACTIONS | {"fed_schema", "fed_contract", "fed_profile", "fed_local_name"}
_INVITE = {"fedInfoEncrypted", "encryptedGroupInfo", "fed_req_token", "fed_secret_key", "passwd", "fed_rest_url"}
_JOIN = _SHARED | _NATS | _TUNING | _ACTIONS | _INVITE | {"fed_rest_host", "fed_local_name"}
_OPTIONS = {"sml_project_autosave": "true", "sml_project_learn_merge": "false"}  # and what each must be
_KINDS = frozenset("CBSTPX-")
_LEFT_OUT = frozenset("X-")
_PID = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A StringList, by itself or as the entity that answers carry."""

    values: list[str] | None = None
    stringList: Any = None  # noqa: N815  the dialect's name

    @property
    def text(self) -> str:
        """The contract, a rule a line."""
        inner = self.stringList.get("values") if isinstance(self.stringList, dict) else self.stringList
        lines = self.values if self.values is not None else inner
        return _contract(lines)


class Frame(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", dict=True):
    """A DataFrame: names, types and rows of texts, which become columns where they are read."""

    attribute_names: list[str]
    attribute_types: list[str]
    cells: _Raw = msgspec.field(name="data")
    error_handling: Any = None

    @property
    def kinds(self) -> list[str]:
        """The type of each attribute, a letter."""
        return [kind.strip().upper() for kind in self.attribute_types]

    @property
    def data(self) -> _Rows:
        """The rows as they were sent."""
        return strict.decode(bytes(self.cells), _Rows)

    @cached_property
    def columns(self) -> dict[str, pa.Array]:
        """The columns that count, by name; an empty text is a missing value."""
        names, kinds = self.attribute_names, self.kinds
        if len(names) != len(kinds) or len(set(names)) != len(names):
            raise DialectError(_BAD, "attributeNames and attributeTypes must be of one length, and no name given twice")
        for name, kind in zip(names, kinds, strict=True):
            if kind not in _KINDS:
                raise DialectError(_BAD, f"attribute {name[:80]!r} is of type {kind[:8]!r}, which is not supported")
        columns = lattice(bytes(self.cells), len(names)) or _columns(self.data, len(names))
        told = zip(names, kinds, columns, strict=True)
        return {name: _blank(column) for name, kind, column in told if kind not in _LEFT_OUT}


def rules(body: Rules | list[str]) -> str:
    """Return the text of a contract given as a StringList in any of its forms."""
    return _contract(body) if isinstance(body, list) else body.text


def to_create(body: Map, bus: str) -> dict[str, str]:
    """Return the texts of a create map that this node can honour; DialectError names what it cannot."""
    told = _known(body, _CREATE)
    for name in ("fed_name", "sync_sched"):
        if not told.get(name):
            raise DialectError(_BAD, f"{name} is missing")
    _check_promises(told, bus)
    return told


def to_join(body: Map) -> dict[str, str]:
    """Return the texts of a join map, the invite under `invite` and its password under `passwd`."""
    told = _known(body, _JOIN)
    for key in (_HEALTH, "fed_use_smpc"):
        if told.get(key, "false") != "false":
            raise DialectError(_BAD, f"{key} is for whoever creates the federation: its charter says so to all")
    _check_promises(told, "")
    text = told.get("fedInfoEncrypted") or told.get("encryptedGroupInfo") or told.get("fed_req_token")
    word = told.get("passwd") or told.get("fed_secret_key")
    if not text or not word:
        raise DialectError(_BAD, "fedInfoEncrypted and passwd, or fed_req_token and fed_secret_key, are needed to join")
    return {**told, "invite": text, "passwd": word}


def to_project(body: Map) -> Schema | None:
    """Return the schema in a project's map, if it has one; DialectError for an option that is not supported."""
    for key, value in body.items():
        if key in _OPTIONS and _text("" if value is None else value).lower() in ("", _OPTIONS[key]):
            continue
        if key != "sml_schema":
            raise DialectError(_BAD, f"{key[:60]!r} is not supported by this node")
    return _schema("sml_schema", body["sml_schema"]) if body.get("sml_schema") else None


def schema(body: Map) -> Schema:
    """Return the schema in a create map: an object, or its JSON text."""
    given = body.get("fed_schema")
    if not given:
        text = "fed_schema is missing: a federation agrees on what it measures before it begins (docs/symetry.md)"
        raise DialectError(_BAD, text)
    return _schema("fed_schema", given)


def action(told: Mapping[str, str], side: str) -> Action:
    """Return block or allow for a side (snd, rcv), whose values may carry the key's own name in front."""
    key = f"fed_psr_contract_{side}_fail_action"
    match told.get(key, "block").removeprefix(f"{key}_"):
        case "block":
            return "block"
        case "allow":
            return "allow"
        case other:
            raise DialectError(_BAD, f"{key} is {other[:40]!r}; it is {key}_block or {key}_allow")


def policy(told: Mapping[str, str], schema: Schema) -> Policy:
    """Return the release rules: a profile and, for health data, least patients and the tests of a change."""
    match told.get(_HEALTH, "false"):
        case "false":
            return Policy(_profile(told))
        case "true":
            if not schema.patient:
                raise DialectError(_BAD, f"{_HEALTH} needs a column of patient ids: `patient` in fed_schema")
            if "histogram" not in schema.blocks:
                raise DialectError(_BAD, f"{_HEALTH} tests distributions: it needs `blocks: [histogram]` in fed_schema")
            return Policy(_profile(told), patients=_PATIENTS, tests=("welch", "ks", "integral"))
        case other:
            raise DialectError(_BAD, f"{_HEALTH} is {other[:40]!r}; it is true or false")


def _profile(told: Mapping[str, str]) -> Profile:
    try:
        return msgspec.convert(told.get("fed_profile", "standard"), Profile)  # type: ignore[no-any-return]
    except msgspec.ValidationError:
        raise DialectError(_BAD, f"fed_profile is {told['fed_profile'][:40]!r}, which is not one") from None


def exchange(told: Mapping[str, str]) -> Exchange:
    """Return how contributions are exchanged: as secure sums of three or more, or in the open."""
    match told.get("fed_use_smpc", "false"):
        case "true":
            return Exchange(mode="secure", least=LEAST)
        case "false":
            return Exchange()
        case other:
            raise DialectError(_BAD, f"fed_use_smpc is {other[:40]!r}; it is true or false")


def new_pid(text: str) -> str:
    """Return a name for a project; DialectError if it is none."""
    if not _PID.fullmatch(text):
        raise DialectError(_BAD, "pid must be 1 to 64 of the letters, digits and the signs _ . -")
    return text


def _schema(key: str, given: Any) -> Schema:
    if isinstance(given, str):
        return Schema.from_dict(strict.decode(given.encode("utf-8", "surrogatepass"), dict[str, Any]))
    if not isinstance(given, dict):
        raise DialectError(_BAD, f"{key} is neither an object nor its JSON text")
    return Schema.from_dict(given)


def _known(body: Map, names: set[str]) -> dict[str, str]:
    """Return the map as texts; DialectError for a key that means nothing here."""
    strange = sorted(key for key in body if key not in names)
    aws = [key for key in strange if key.startswith(("aws_", "s3_"))]
    if aws:
        raise DialectError(_BAD, f"{aws[0]}: this federation is not backed by AWS")
    if strange:
        raise DialectError(_BAD, f"{strange[0][:60]!r} is not a key of this map")
    return {key: _text(value) for key, value in body.items() if key != "fed_schema" and value is not None}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        raise DialectError(_BAD, "the map holds an object where a text belongs")
    return str(value)


def _check_promises(told: Mapping[str, str], bus: str) -> None:
    """Refuse what was asked for and would not be: a promise that is silently not kept is worse than a no."""
    if told.get("fed_local_type", "cpu") != "cpu":
        raise DialectError(_BAD, "fed_local_type: only cpu is supported")
    wanted = {_host(part) for part in told.get("nats_hosts", "").split(",") if part.strip()}
    if bus and wanted and not wanted & {_host(part) for part in bus.split(",")}:
        raise DialectError(_BAD, f"nats_hosts: this node's bus is {bus}; it is chosen when the node is started")


def _host(address: str) -> str:
    """The host and port of a bus address, however it is written."""
    place = address.strip().lower().rsplit("//", 1)[-1].rsplit("@", 1)[-1].rstrip("/")
    name, _, port = place.partition(":")
    return f"{'127.0.0.1' if name == 'localhost' else name}:{port or '4222'}"


def _contract(lines: Any) -> str:
    if not isinstance(lines, Sequence) or isinstance(lines, str) or not all(isinstance(line, str) for line in lines):
        raise DialectError(_BAD, "the body is not a StringList")
    return "\n".join(lines)


def _columns(rows: _Rows, width: int) -> list[pa.Array]:
    """Rows of any values as columns; DialectError names one of another length."""
    wrong = next((i for i, row in enumerate(rows, 1) if len(row) != width), None)
    if wrong is not None:
        raise DialectError(_BAD, f"row {wrong} has {len(rows[wrong - 1])} values; there are {width} attributes")
    try:
        return [array_of(column) for column in zip(*rows, strict=True)] or [pa.nulls(0, pa.string())] * width
    except UnicodeEncodeError:
        raise DialectError(_BAD, "there is a text that is not Unicode") from None


def _blank(column: pa.Array) -> pa.Array:
    """A column with its empty texts missing."""
    if not pa.types.is_large_string(column.type) and not pa.types.is_string(column.type):
        return column
    empty = pc.equal(column, "")
    return pc.if_else(empty, None, column) if pc.any(empty).as_py() else column
