"""The settings: what a file may say, and how a wrong one is told off."""

import itertools
import re
from pathlib import Path

import msgspec
import pytest
import yaml

from fedpeer import config
from fedpeer.config import Settings, parse
from fedpeer.core.envelope.chunks import Bounds
from fedpeer.core.envelope.header import MOST_CHUNKS
from fedpeer.core.envelope.seal import MOST_MESSAGE
from fedpeer.core.errors import ConfigError
from fedpeer.core.privacy.floor import Policy

ROOT = Path(__file__).parents[1]
ENVELOPE = (ROOT / "docs" / "protocol" / "envelope.md").read_text()
SAMPLE = (ROOT / "config" / "fedpeer.yaml").read_text()


def plain(settings):
    return msgspec.to_builtins(settings)


def dotted(tree, prefix=""):
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from dotted(value, f"{prefix}{key}.")
        else:
            yield prefix + key


@pytest.mark.parametrize("text", ["", "# nothing\n", "version: 1", "api:\nbus:\n", "api:\n  tls:\n", "---\n"])
def test_what_a_file_does_not_say_keeps_its_default(text):
    assert parse(text) == Settings()


def test_the_sample_file_is_exactly_the_defaults_and_complete():
    assert parse(SAMPLE) == Settings()
    assert sorted(dotted(yaml.safe_load(SAMPLE))) == sorted(config.names())


def test_the_largest_message_fits_into_what_is_kept_of_a_sender():
    limits = Settings().limits
    assert (limits.reassembly_sender_mib << 20, limits.reassembly_mib << 20) == (Bounds().sender, Bounds().total)
    assert limits.reassembly_sender_mib << 20 >= MOST_CHUNKS * MOST_MESSAGE
    chunk = int(re.search(r"above ([\d,]+) bytes is cut", ENVELOPE)[1].replace(",", ""))
    most = round(MOST_CHUNKS * chunk / 2**20)
    assert f"({most} MiB)" in ENVELOPE.replace("\n", " ")
    assert f"the largest has {most} MiB" in (ROOT / "docs" / "configuration.md").read_text()
    assert f"the largest there can be has {most} MiB" in " ".join(SAMPLE.replace("#", "").split())


def test_every_setting_of_the_sample_file_is_commented():
    lines = SAMPLE.splitlines()
    bare = [
        line
        for before, line in itertools.pairwise(lines)
        if re.match(r"\s*\w+: \S", line) and not before.strip().startswith("#")
    ]
    followers = {"user", "password_file", "token_file", "nkey_file", "key", "reassembly_sender_mib"}
    assert {line.split(":")[0].strip() for line in bare} <= followers, "these are explained together with their leader"


def test_the_documentation_names_every_setting():
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert [name for name in config.names() if f"`{name}`" not in page] == []


def test_a_file_of_version_1_is_still_read():
    settings = parse((ROOT / "tests" / "config" / "v1.yaml").read_text())
    assert all(value != default for value, default in _pairs(plain(settings), plain(Settings())))
    assert settings.node.name == "St Mary's"
    assert settings.bus.servers == ("nats://a:4222", "tls://b:4222")
    assert settings.api.read_timeout_s == 12.5


def _pairs(tree, other):
    """Yield each setting's value beside its default, except those that the sample cannot vary."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _pairs(value, other[key])
        elif key not in ("version", "token_file", "nkey_file", "allow_plain"):
            yield value, other[key]


def test_the_release_rules_of_a_node_add_nothing_unless_they_are_set():
    charter = Policy("standard", rows=30)
    assert charter.tightened(Settings().rules.policy) == charter
    tight = charter.tightened(parse("rules: {profile: strict, cell: 15, tests: [ks, welch]}").rules.policy)
    assert (tight.row_floor(3), tight.cell_floor, tight.highest_risk) == (30, 15, 60)
    assert tight.tests == ("welch", "ks")


def test_an_old_file_goes_through_every_step(monkeypatch):
    def to_2(tree):
        return {"node": {"name": tree["title"]}}

    def to_3(tree):
        return {**tree, "log": {"level": tree["node"]["name"]}}

    monkeypatch.setattr(config, "_VERSION", 3)
    monkeypatch.setattr(config, "_MIGRATIONS", {1: to_2, 2: to_3})
    settings = parse("title: debug")
    assert (settings.version, settings.node.name, settings.log.level) == (3, "debug", "debug")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("bus:\n  lissten: x", "line 2: bus.lissten is not a setting; did you mean bus.listen"),
        ("lissten: x", "line 1: lissten is not a setting; did you mean"),
        ("servers: []", "servers is not a setting; did you mean bus.servers"),
        ("zzz: 1", "zzz is not a setting; there are version, node, api"),
        ("api: {tls: {crt: x}}", "api.tls.crt is not a setting; did you mean api.tls.cert"),
        ("1: 2", "1 is not a setting"),
        ("api:\n  listen: a:1\n  listen: b:2", "line 3: api.listen is there already, on line 2"),
        ("api: 3", "api is a group of settings: listen"),
        ("api: []", "api is a group of settings"),
        ("- api", "not a list of settings"),
        ("just text", "not a list of settings"),
        ("a: b: c", "not YAML"),
        ("api: [", "not YAML"),
        ("\0", "not YAML"),
        ("a: &a [*a]", "references"),
        ("<<: {a: 1}", "<< is not a setting"),
        ("{[a]: b}", "not YAML"),
        ("x: " + "[" * 5000, "not YAML"),
        ("api: {body_mib: " + "9" * 5000 + "}", "not YAML"),
        ("node: !!python/object:os.system {}", "not YAML"),
        ("version: 2", "of version 2; this fedpeer knows versions up to 1"),
        ("version: 0", "version must be"),
        ("version: one", "version must be"),
        ("version:", "version must be"),
        ("version: true", "version must be"),
        ("node: {name: 5}", "node.name must be a text of at most 64"),
        (f"node: {{name: {'x' * 65}}}", "node.name must be a text of at most 64"),
        ("node: {name: null}", "node.name must be a text"),
        ("api: {allow_plain: no}", "api.allow_plain must be true or false"),
        ("api:\n  body_mib: 0", "line 2: api.body_mib must be a whole number from 1 to 65536"),
        ("api: {body_mib: 1.5}", "api.body_mib must be a whole number"),
        ("api: {body_mib: '1'}", "api.body_mib must be a whole number"),
        ("api: {read_timeout_s: 1:30}", "api.read_timeout_s must be a number from 1 to 86400"),
        ("api: {read_timeout_s: .nan}", "api.read_timeout_s must be a number"),
        ("pulse: {jitter_fraction: 0.6}", "pulse.jitter_fraction must be a number from 0 to 0.5"),
        ("invites: {expiry_hours: 0}", "invites.expiry_hours must be a number from 0.1 to 720"),
        ("bus: {kind: foreign}", "bus.kind must be one of embedded, external"),
        ("data: {roots: /srv}", "data.roots must be a list of texts"),
        ("data: {roots: [1]}", "data.roots must be a list of texts"),
        ("api: {listen: localhost}", "api.listen is wrong: 'localhost' is not host:port"),
        ("api: {listen: 'h:70000'}", "is not host:port"),
        ("api: {listen: '0.0.0.0:80'}", "api.listen is beyond this machine"),
        ("api: {tls: {cert: c.pem}}", "api.tls needs both"),
        ("bus: {kind: external}", "bus.servers must name at least one"),
        ("bus: {servers: ['http://h']}", "bus.servers holds an address that is not nats://host:port"),
        ("bus: {advertise: ['nats://h:1']}", "bus.advertise holds something that is neither"),
        ("bus: {listen: '0.0.0.0:4222'}", "bus.advertise must say"),
        ("bus: {user: u}", "bus.user needs both"),
        ("bus: {user: u, password_file: p, token_file: t}", "exclude each other"),
        ("federation: {status_every_s: 20}", "federation.offline_after_s must be at least twice"),
        ("limits: {reassembly_mib: 8}", "limits.reassembly_sender_mib must not be more"),
        ("rules: {rows: -1}", "rules.rows must be a whole number from 0"),
        ("rules: {profile: lax}", "rules.profile must be one of relaxed, standard, strict"),
        ("rules: {risk: 50}", "rules.risk must be from 51 to 100"),
        ("rules: {tests: [student]}", "rules.tests must be a list, of any of integral, ks, welch"),
    ],
)
def test_a_wrong_file_is_told_where_and_what(text, problem):
    with pytest.raises(ConfigError) as caught:
        parse(text, source="here.yaml")
    assert problem in str(caught.value)
    assert str(caught.value).startswith("here.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["api.listen", "bus.listen"])
@pytest.mark.parametrize("text", ["127.0.0.1:0", "localhost:8440", "[::1]:1", "127.9.9.9:65535"])
def test_addresses_of_this_machine(name, text):
    assert config.override(Settings(), {name: text})
    assert config.loopback(config.address(text)[0])


def test_addresses_are_split():
    assert config.address("[2001:db8::1]:42") == ("2001:db8::1", 42)
    assert config.address("bus.example.org:4222") == ("bus.example.org", 4222)
    for text in ("", ":1", "h", "h:", "h:x", "::1:80", "[h]:1", "http://h:1", "h:1/", "h h:1", "h:999999"):
        with pytest.raises(ValueError, match="host:port"):
            config.address(text)


def test_flags_win_over_the_file_and_are_checked_like_it():
    settings = parse("bus: {listen: '127.0.0.1:4222', stream_max_mib: 5}")
    changed = config.override(settings, {"bus.kind": "external", "bus.servers": ["nats://h:1"], "api.tls.cert": ""})
    assert (changed.bus.kind, changed.bus.servers, changed.bus.stream_max_mib) == ("external", ("nats://h:1",), 5)
    assert settings.bus.kind == "embedded"
    for changes, problem in (
        ({"bus.lissten": 1}, "bus.lissten is not a setting; did you mean bus.listen"),
        ({"bus.kind": "x"}, "bus.kind must be one of"),
        ({"nonsense": 1}, "nonsense is not a setting"),
        ({"more.nonsense": 1}, "more is not a setting"),
    ):
        with pytest.raises(ConfigError, match=f"command line: {problem}"):
            config.override(settings, changes)


def test_relative_paths_are_taken_from_the_home():
    settings = parse((ROOT / "tests" / "config" / "v1.yaml").read_text())
    found = config.anchored(settings, "/home/mary/.fedpeer")
    assert found.api.tls.cert == "/home/mary/.fedpeer/tls/cert.pem"
    assert found.bus.password_file == "/home/mary/.fedpeer/keys/bus.password"
    assert found.bus.server_binary == "/usr/bin/nats-server"
    assert found.bus.token_file == ""
    assert found.data.roots == ("/srv/data", "/home/mary/.fedpeer/data")
    assert config.anchored(Settings(), "/h") == Settings()


def test_every_path_among_the_settings_is_anchored():
    paths = [name for name in config.names() if name.endswith(("_file", "_binary", ".cert", ".key", ".roots"))]
    told = {name: ["p"] if name.endswith("roots") else "p" for name in paths}
    told |= {"bus.user": "u", "bus.token_file": "", "bus.nkey_file": ""}
    found = dict(_leaves(plain(config.anchored(config.override(Settings(), told), "/h"))))
    assert {found[name] for name in paths} == {"/h/p", ("/h/p",), ""}


def _leaves(tree, prefix=""):
    for key, value in tree.items():
        yield from _leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]


def test_settings_are_values():
    with pytest.raises(AttributeError):
        Settings().api.listen = "x"  # type: ignore[misc]


def test_nothing_secret_is_shown():
    with pytest.raises(ConfigError) as caught:
        parse("bus: {kind: external, servers: ['nats://mary:hunter2@h:1']}")
    assert "hunter2" not in str(caught.value)
    careless = Settings(bus=type(Settings().bus)(servers=("nats://mary:hunter2@h:1", "nats://token@h:2")))
    shown = config.describe(careless)
    assert shown["bus"]["servers"] == ["nats://***@h:1", "nats://***@h:2"]
    assert parse(yaml.safe_dump(config.describe(Settings()))) == Settings()
