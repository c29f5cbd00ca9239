"""People who write to each other, and the annotated files that hold messages byte by byte."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from fedpeer.core.envelope.header import HEADER_SIZE, Outline
from fedpeer.core.envelope.keys import Identity

FEDERATION = "fedpeerfedpeerfedpeerfedpe"
NOW = 1_800_000_000
SECRET = bytes(range(32))

ALICE, BOB, EVE = (Identity.from_secret(bytes([n]) * 32) for n in (0xA1, 0xB0, 0xE7))


def outline(sender: Identity = ALICE, *, to: Identity | None = None, **changes: object) -> Outline:
    """What `sender` would write in the federation, to one member or to all, with some things changed."""
    usual = Outline(
        federation=FEDERATION,
        epoch=3,
        charter=bytes([0xC4]) * 32,
        sender=sender.peer,
        boot=bytes([0xB7]) * 16,
        kind=2,
        recipient=to.peer if to else "",
        pulse=42,
        expires_at=NOW + 600,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


FIELDS = (
    ("version", 1),
    ("suite", 1),
    ("mode", 1),
    ("kind", 1),
    ("federation", 26),
    ("epoch", 8),
    ("charter head", 32),
    ("sender", 26),
    ("boot", 16),
    ("sequence", 8),
    ("recipient", 26),
    ("pulse", 8),
    ("chunk", 2),
    ("of chunks", 2),
    ("ciphertext length", 4),
    ("expires at", 8),
    ("salt", 16),
)


def places() -> dict[str, slice]:
    """Where each field of a header is, counted from the documented sizes and not taken from the code."""
    ends = [sum(size for _, size in FIELDS[: i + 1]) for i in range(len(FIELDS))]
    assert ends[-1] == HEADER_SIZE
    return {name: slice(end - size, end) for (name, size), end in zip(FIELDS, ends, strict=True)}


def annotated(message: bytes) -> str:
    """A message as lines of hexadecimal, each with what it is."""
    parts = [(message[place], name) for name, place in places().items()]
    parts += [(message[HEADER_SIZE:-64], "ciphertext"), (message[-64:], "signature")]
    lines = (
        f"{data[i : i + 32].hex():<64}  {'' if i else name}".rstrip()
        for data, name in parts
        for i in range(0, len(data), 32)
    )
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Letter:
    """An annotated file: `@ name value` lines, then bytes."""

    name: str
    facts: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def load(cls, path: Path) -> Letter:
        facts, body = {}, b""
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("@ "):
                name, _, value = line[2:].partition(" ")
                facts[name] = value.strip()
            elif line and not line.startswith("#"):
                body += bytes.fromhex(line.split("  ")[0])
        return cls(path.stem, facts, body)
