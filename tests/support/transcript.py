"""Transcripts: what a person types and what appears, in text files that are run.

`$ ` begins a command, `! ` a line that went to stderr, `? ` an exit code other than 0, any other line is stdout.
`{name}` stands for a text that the test knows and the reader need not. `#` at the start of a file comments on it.
FEDPEER_WRITE_TRANSCRIPTS=1 writes what appears instead of comparing it; read the difference before you commit it.
"""

from __future__ import annotations

import difflib
import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Shown:
    """What a command showed."""

    code: int
    out: str
    err: str


def check(path: Path, run: Callable[[list[str]], Shown], names: Mapping[str, str]) -> None:
    """Run every command of a transcript and compare."""
    told = path.read_text("utf-8")
    happened = _happened(told, run, names)
    if os.environ.get("FEDPEER_WRITE_TRANSCRIPTS"):
        path.write_text(happened, "utf-8")
    different = difflib.unified_diff(told.splitlines(), happened.splitlines(), path.name, "what happened", lineterm="")
    assert happened == told, "\n".join(different)


def _happened(told: str, run: Callable[[list[str]], Shown], names: Mapping[str, str]) -> str:
    lines: list[str] = []
    commands = 0
    for line in told.splitlines():
        if line.startswith("# ") and not commands:
            lines.append(line)
        if not line.startswith("$ fedpeer"):
            continue
        lines += ["", line] if lines else [line]
        commands += 1
        lines += _lines(run(shlex.split(_filled(line, names))[2:]), names)
    assert commands, "a transcript without a command"
    return "\n".join(lines) + "\n"


def _lines(shown: Shown, names: Mapping[str, str]) -> list[str]:
    out = [line.rstrip() for line in _masked(shown.out, names).splitlines()]
    err = [f"! {line}".rstrip() for line in _masked(shown.err, names).splitlines()]
    return out + err + ([f"? {shown.code}"] if shown.code else [])


def _filled(text: str, names: Mapping[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _masked(text: str, names: Mapping[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(value, f"{{{name}}}")
    return text
