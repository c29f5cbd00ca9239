"""The settings of a node: defaults, units, ranges, and how a file or a flag that breaks them is told off.

A file is YAML with the plain types of JSON (`no` is a text, `1:30` is a text), no key twice, no key unknown. A file of
an older version is brought up to date step by step; its shape is kept under tests/config.
"""

from __future__ import annotations

import difflib
import ipaddress
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Annotated, Any, Literal

import msgspec
import yaml

from fedpeer.core.errors import ConfigError
from fedpeer.core.privacy.cipher import LEAST_BITS, MOST_BITS
from fedpeer.core.privacy.floor import Floor, Likeness, Policy, Profile, Risk, Share
from fedpeer.core.privacy.purse import Declared

_VERSION = 1

_Whole = Annotated[int, msgspec.Meta(ge=1)]
_Seconds = Annotated[float, msgspec.Meta(ge=1, le=86_400)]
_Mib = Annotated[int, msgspec.Meta(ge=1, le=65_536)]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A group of settings: immutable, strict."""


class _Node(_Section, frozen=True):
    name: Annotated[str, msgspec.Meta(max_length=64)] = ""


class _Tls(_Section, frozen=True):
    cert: str = ""
    key: str = ""


class _Api(_Section, frozen=True):
    listen: str = "127.0.0.1:8440"
    allowed_hosts: tuple[str, ...] = ()
    body_mib: _Mib = 1
    upload_mib: _Mib = 64
    read_timeout_s: _Seconds = 30.0
    allow_plain: bool = False
    symetry_encryption: bool = True
    tls: _Tls = _Tls()


class _Bus(_Section, frozen=True):
    kind: Literal["embedded", "external"] = "embedded"
    listen: str = "127.0.0.1:0"
    advertise: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    user: str = ""
    password_file: str = ""
    token_file: str = ""
    nkey_file: str = ""
    ca_file: str = ""
    server_binary: str = ""
    stream_max_mib: _Mib = 1024


class _Pulse(_Section, frozen=True):
    jitter_fraction: Annotated[float, msgspec.Meta(ge=0, le=0.5)] = 0.1
    absent_after_s: Annotated[float, msgspec.Meta(ge=0.2, le=3600)] = 10.0


class _Federation(_Section, frozen=True):
    status_every_s: _Seconds = 10.0
    offline_after_s: _Seconds = 30.0
    envelope_ttl_s: Annotated[float, msgspec.Meta(ge=60, le=31_536_000)] = 604_800.0


class _Invites(_Section, frozen=True):
    expiry_hours: Annotated[float, msgspec.Meta(ge=0.1, le=720)] = 72.0


class _Data(_Section, frozen=True):
    chunk_rows: Annotated[int, msgspec.Meta(ge=1, le=1_048_576)] = 65_536
    roots: tuple[str, ...] = ()


class _Log(_Section, frozen=True):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"
    keep_entries: Annotated[int, msgspec.Meta(ge=100, le=10_000_000)] = 10_000


class _Rules(_Section, frozen=True):
    profile: Profile = "relaxed"
    rows: Floor = 0
    cell: Floor = 0
    change: Floor = 0
    total: Floor = 0
    patients: Floor = 0
    dominance: Share = 0
    risk: Risk = 0
    tests: tuple[Likeness, ...] = ()

    @property
    def policy(self) -> Policy:
        """The release rules that every federation of this node keeps at least."""
        return Policy(**msgspec.structs.asdict(self)).check()


class _Cipher(_Section, frozen=True):
    ckks: Literal["any", "lean", "usual"] = "any"
    paillier_bits: Annotated[int, msgspec.Meta(ge=LEAST_BITS, le=MOST_BITS)] = LEAST_BITS


class _Privacy(_Section, frozen=True):
    dataset: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "default"
    epsilon: Annotated[float, msgspec.Meta(ge=0, le=1000)] = 0.0
    delta_exponent: Annotated[int, msgspec.Meta(ge=1, le=100)] = 6
    person_rows: Annotated[int, msgspec.Meta(ge=1, le=2**20)] = 1

    @property
    def declared(self) -> Declared | None:
        """The data set of this node and its privacy budget, if it has one."""
        if not self.epsilon:
            return None
        return Declared(self.dataset, Fraction(str(self.epsilon)), self.delta_exponent, self.person_rows)


class _Limits(_Section, frozen=True):
    reassembly_mib: _Mib = 512
    reassembly_sender_mib: _Mib = 160


class Settings(_Section, frozen=True):
    """Everything that can be set about a node; `Settings()` is the defaults."""

    version: _Whole = _VERSION
    node: _Node = _Node()
    api: _Api = _Api()
    bus: _Bus = _Bus()
    pulse: _Pulse = _Pulse()
    federation: _Federation = _Federation()
    invites: _Invites = _Invites()
    data: _Data = _Data()
    log: _Log = _Log()
    limits: _Limits = _Limits()
    rules: _Rules = _Rules()
    cipher: _Cipher = _Cipher()
    privacy: _Privacy = _Privacy()


def parse(text: str, *, source: str = "fedpeer.yaml") -> Settings:
    """Read settings from the text of a file; ConfigError says which line, which setting and what would be right."""
    tree, lines = _loaded(text, source)
    return _checked(_migrated(tree, source), source, lines)


def override(settings: Settings, changes: Mapping[str, Any], *, source: str = "command line") -> Settings:
    """Return the settings with some replaced, by their dotted names (`api.listen`)."""
    tree = msgspec.to_builtins(settings)
    for name, value in changes.items():
        *path, last = name.split(".")
        place = tree
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return _checked(tree, source, {})


def anchored(settings: Settings, home: str) -> Settings:
    """Return the settings with every relative path taken from the home (an absolute path)."""

    def joined(section: Any, *names: str) -> Any:
        paths = {name: getattr(section, name) for name in names}
        return msgspec.structs.replace(section, **{k: posixpath.join(home, v) for k, v in paths.items() if v})

    bus = ("password_file", "token_file", "nkey_file", "ca_file", "server_binary")
    roots = tuple(posixpath.join(home, root) for root in settings.data.roots)
    return msgspec.structs.replace(
        settings,
        api=msgspec.structs.replace(settings.api, tls=joined(settings.api.tls, "cert", "key")),
        bus=joined(settings.bus, *bus),
        data=msgspec.structs.replace(settings.data, roots=roots),
    )


def describe(settings: Settings) -> dict[str, Any]:
    """Return the settings as plain values that may be shown: credentials within an address are replaced."""
    shown: dict[str, Any] = _redacted(msgspec.to_builtins(settings))
    return shown


def names(kind: type[msgspec.Struct] = Settings, prefix: str = "") -> Iterator[str]:
    """Yield the dotted name of every setting."""
    for name, inner in _fields(kind).items():
        if _is_section(inner):
            yield from names(inner, f"{prefix}{name}.")
        else:
            yield prefix + name


def address(text: str) -> tuple[str, int]:
    """Split `host:port` (`[::1]:8440` for IPv6); ValueError says what is wrong."""
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^\s:/\[\]]+)):(\d{1,5})", text)
    if match is None or int(match[3]) > 65_535:
        raise ValueError(f"{text!r} is not host:port (for example 127.0.0.1:8440, or [::1]:8440)")
    return match[1] or match[2], int(match[3])


def loopback(host: str) -> bool:
    """Whether a host is reachable from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Loader(yaml.SafeLoader):
    """YAML with the scalar types of JSON only, and no references."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse references: a tree that contains itself has no end."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError(f"references (*name) are not used here, line {self.line + 1}")
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", ["n", "~", ""]),
    ("int", r"-?(?:0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", "-0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


def _loaded(text: str, source: str) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the file as a tree, and the line of every key by its dotted name."""
    lines: dict[str, int] = {}
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            tree = None if root is None else loader.construct_document(root)
        finally:
            loader.dispose()
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{source} is not YAML: {' '.join(str(error).split())}") from None
    if tree is None:
        return {}, lines
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{source} is not a list of settings (`name: value` lines)")
    _walk(root, "", source, lines)
    return tree, lines


def _walk(node: yaml.MappingNode, prefix: str, source: str, lines: dict[str, int]) -> None:
    """Note each key's line and refuse one that is there twice, which YAML's own reader would let win in silence."""
    for key, value in node.value:
        name = f"{prefix}{key.value}"
        line = key.start_mark.line + 1
        if name in lines:
            raise ConfigError(f"{source} line {line}: {name} is there already, on line {lines[name]}")
        lines[name] = line
        if isinstance(value, yaml.MappingNode):
            _walk(value, f"{name}.", source, lines)


# From a version to the next: each takes and returns the tree of a file. Version 1 is the first.
_MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}


def _migrated(tree: dict[str, Any], source: str) -> dict[str, Any]:
    version = tree.get("version", 1)
    if not isinstance(version, int) or version < 1:
        raise ConfigError(f"{source}: version must be a whole number, 1 to {_VERSION}")
    if version > _VERSION:
        raise ConfigError(f"{source} is of version {version}; this fedpeer knows versions up to {_VERSION}")
    for step in range(version, _VERSION):
        tree = {**_MIGRATIONS[step](tree), "version": step + 1}
    return tree


def _checked(tree: dict[str, Any], source: str, lines: Mapping[str, int]) -> Settings:
    def fault(name: str, problem: str) -> ConfigError:
        line = f" line {lines[name]}" if name in lines else ""
        return ConfigError(f"{source}{line}: {name} {problem}")

    _refuse_unknown(tree, Settings, "", fault)
    try:
        settings = msgspec.convert(_without_empty(tree, Settings), Settings, strict=True)
    except msgspec.ValidationError as error:
        path = str(error).partition(" - at `$.")[2]
        name = re.sub(r"\[.*", "", path.rstrip("`"))
        raise fault(name, _expected(name)) from None
    for name, problem in _conflicts(settings):
        raise fault(name, problem)
    return settings


def _refuse_unknown(
    tree: Any, kind: type[msgspec.Struct], prefix: str, fault: Callable[[str, str], ConfigError]
) -> None:
    known = _fields(kind)
    if not isinstance(tree, dict):
        raise fault(prefix.rstrip("."), f"is a group of settings: {', '.join(known)}")
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if key not in known:
            raise fault(name, f"is not a setting{_suggestion(name, str(key), prefix, known)}")
        if _is_section(known[key]) and value is not None:
            _refuse_unknown(value, known[key], f"{name}.", fault)


def _suggestion(name: str, key: str, prefix: str, known: Mapping[str, Any]) -> str:
    here = difflib.get_close_matches(key, known, n=1)
    if here:
        return f"; did you mean {prefix}{here[0]}"
    every = list(names())
    near = [other for other in every if other.split(".")[-1] == key] or difflib.get_close_matches(name, every, n=1)
    return f"; did you mean {near[0]}" if near else f"; there are {', '.join(known)}"


def _without_empty(tree: dict[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Leave out groups of which the file has only the name."""
    known = _fields(kind)
    return {
        key: _without_empty(value, known[key]) if _is_section(known[key]) else value
        for key, value in tree.items()
        if not (value is None and _is_section(known[key]))
    }


def _expected(name: str) -> str:
    """Say what a setting takes."""
    kind: Any = Settings
    for part in name.split("."):
        kind = _fields(kind)[part]
    match msgspec.inspect.type_info(kind):
        case msgspec.inspect.LiteralType(values=values):
            return f"must be one of {', '.join(map(str, values))}"
        case msgspec.inspect.BoolType():
            return "must be true or false"
        case msgspec.inspect.IntType(ge=low, le=high):
            return f"must be a whole number{_range(low, high)}"
        case msgspec.inspect.FloatType(gt=above, ge=low, le=high):
            return f"must be a number{_range(above if low is None else low, high)}"
        case msgspec.inspect.VarTupleType(item_type=msgspec.inspect.LiteralType(values=values)):
            return f"must be a list, of any of {', '.join(map(str, values))}"
        case msgspec.inspect.VarTupleType():
            return "must be a list of texts, for example [a, b]"
        case msgspec.inspect.StrType(max_length=longest):
            return "must be a text" + (f" of at most {longest} characters" if longest else "")
        case _:
            return "is wrong"


def _range(low: float | None, high: float | None) -> str:
    return (f" from {low}" if low is not None else "") + (f" to {high}" if high is not None else "")


def _conflicts(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield settings that are legal alone and not together, in the order in which a person would mend them."""
    yield from _bad_addresses(settings)
    yield from _bad_api(settings.api)
    yield from _bad_bus(settings.bus)
    federation, limits = settings.federation, settings.limits
    if federation.offline_after_s < 2 * federation.status_every_s:
        yield "federation.offline_after_s", "must be at least twice federation.status_every_s, or peers would flicker"
    if 0 < settings.rules.risk <= 50:
        yield "rules.risk", "must be from 51 to 100: 50 is a coin toss, which no release is (0 keeps the charter's)"
    if limits.reassembly_sender_mib > limits.reassembly_mib:
        yield "limits.reassembly_sender_mib", "must not be more than limits.reassembly_mib"


def _bad_addresses(settings: Settings) -> Iterator[tuple[str, str]]:
    for name, text in (("api.listen", settings.api.listen), ("bus.listen", settings.bus.listen)):
        try:
            address(text)
        except ValueError as error:
            yield name, f"is wrong: {error}"


def _bad_api(api: _Api) -> Iterator[tuple[str, str]]:
    if bool(api.tls.cert) != bool(api.tls.key):
        yield "api.tls", "needs both cert and key, or neither"
    if not (loopback(address(api.listen)[0]) or api.tls.cert or api.allow_plain):
        yield "api.listen", "is beyond this machine: set api.tls, or api.allow_plain if a proxy in front does TLS"


def _bad_bus(bus: _Bus) -> Iterator[tuple[str, str]]:
    if bus.kind == "external" and not bus.servers:
        yield "bus.servers", "must name at least one server when bus.kind is external"
    for server in bus.servers:
        # The address is not repeated: it may hold a password.
        if not re.fullmatch(r"(nats|tls)://[^\s@/]+", server):
            yield "bus.servers", "holds an address that is not nats://host:port (credentials have their own settings)"
    for place in bus.advertise:
        if not re.fullmatch(r"[^\s@/]+", place):
            yield "bus.advertise", "holds something that is neither a host nor host:port"
    if bool(bus.user) != bool(bus.password_file):
        yield "bus.user", "needs both bus.user and bus.password_file, or neither"
    if sum(map(bool, (bus.user, bus.token_file, bus.nkey_file))) > 1:
        yield "bus.user", "and bus.token_file and bus.nkey_file exclude each other: give one"
    host = address(bus.listen)[0]
    if bus.kind == "embedded" and host in ("0.0.0.0", "::") and not bus.advertise:  # noqa: S104 - refused, not bound
        yield "bus.advertise", f"must say at which address others reach this bus, as bus.listen is {bus.listen}"


def _fields(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.encode_name: field.type for field in msgspec.structs.fields(kind)}


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, _Section)


def _redacted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _redacted(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(inner) for inner in value]
    return re.sub(r"//[^/\s]*@", "//***@", value) if isinstance(value, str) else value
