"""Every value that is read from the wire or the disk: whatever its fields hold, it is read as it is or refused."""

from __future__ import annotations

import importlib
import pkgutil
import random

import msgspec
import pytest

import fedpeer.core
from fedpeer.core import canonical
from fedpeer.core.canonical import Value
from fedpeer.core.errors import MalformedError

POOL = [0, -1, 1, 2**62, 2**64 - 1, -(2**63), "", "x" * 26, "x" * 400, "\x00\x1b\u202e", b"", b"\xff" * 32, b"x" * 5000]
POOL += [
    None,
    True,
    0.5,
    float("nan"),
    [],
    {},
    [[]] * 3,
    [0, b""],
    ["a", "b"],
    {"type": "status"},
    {"": {}},
    [b"x"] * 9,
]


def named(kind: type[Value]) -> str:
    return f"{kind.__module__.removeprefix('fedpeer.core.')}.{kind.__name__}"


def kinds() -> list[type[Value]]:
    for module in pkgutil.walk_packages(fedpeer.core.__path__, "fedpeer.core."):
        importlib.import_module(module.name)
    found, waiting = set(), [Value]
    while waiting:
        here = set(waiting.pop().__subclasses__()) - found
        found |= here
        waiting += here
    return sorted(found, key=lambda kind: (kind.__module__, kind.__qualname__))


def filled(rng: random.Random, kind: type[Value]) -> object:
    """A map, or a list, with the right names and whatever values."""
    config = kind.__struct_config__
    values = {name: rng.choice(POOL) for name in kind.__struct_encode_fields__ if rng.random() < 0.97}
    if config.tag_field and rng.random() < 0.9:
        values = {config.tag_field: config.tag, **values}
    return list(values.values()) if config.array_like else values


def tried(data: bytes, kind: type[Value]) -> bool:
    try:
        value = canonical.decode(data, kind)
    except MalformedError:
        return False
    assert canonical.encode(value) == data
    return True


@pytest.mark.parametrize("kind", kinds(), ids=named)
def test_whatever_is_in_its_fields_a_value_is_read_or_refused(kind: type[Value]) -> None:
    rng = random.Random(kind.__qualname__)
    for _ in range(60):
        data = msgspec.msgpack.encode(filled(rng, kind))
        tried(data, kind)
        tried(data[: rng.randrange(len(data) + 1)], kind)
        tried(data + b"\xc0", kind)
        spoiled = bytearray(data)
        spoiled[rng.randrange(len(spoiled))] = rng.randrange(256)
        tried(bytes(spoiled), kind)
        tried(rng.randbytes(rng.randrange(40)), kind)


def test_nesting_that_does_not_end_is_refused() -> None:
    for kind in kinds():
        assert not tried(b"\x91" * 100_000, kind)
        assert not tried(b"\x81\xa0" * 50_000, kind)
