"""The tables of docs/protocol are those that the code runs on."""

from __future__ import annotations

import re
from pathlib import Path

from fedpeer.core.envelope import invite
from fedpeer.core.envelope.chunks import Bounds
from fedpeer.core.envelope.header import HEADER_SIZE, MOST_CHUNKS
from fedpeer.core.envelope.seal import MOST_MESSAGE
from tests.support.letters import FIELDS

DOCS = Path(__file__).parents[3] / "docs" / "protocol"


def test_the_header_is_documented_as_it_is() -> None:
    text = (DOCS / "envelope.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (\d+) \| ([a-z ]+) \|", text, re.MULTILINE)
    assert [(name, int(size)) for _, size, name in rows] == list(FIELDS)
    assert [int(at) for at, _, _ in rows] == [sum(size for _, size in FIELDS[:i]) for i in range(len(FIELDS))]
    for fact in (f"header ({HEADER_SIZE})", f"{MOST_MESSAGE // 1024} KiB", f"1 to {MOST_CHUNKS}", "516,092"):
        assert fact in text
    assert f"{Bounds().sender >> 20} MiB of a sender, {Bounds().total >> 20} MiB in all" in text


def test_the_costs_of_an_invite_are_documented_as_they_are() -> None:
    text = (DOCS / "invites.md").read_text(encoding="utf-8")
    for low, high, written in zip(invite._FLOORS, invite._CEILINGS, invite._COSTS, strict=True):
        assert f"{low:,} to {high:,} (written: {written:,})" in text
    assert f"below {invite._SHORTEST} characters" in text
