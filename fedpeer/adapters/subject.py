"""Bus subjects as both buses see them: dotted parts of visible ASCII; `*` is one part, a last `>` one or more."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fedpeer.core.errors import BusError

_PART = r"[!-)+\-/-=?-~]+"
_LITERAL = re.compile(rf"{_PART}(\.{_PART})*")
_PATTERN = re.compile(rf"((\*|{_PART})\.)*(\*|>|{_PART})")


def check_literals(subjects: Iterable[str]) -> None:
    """BusError if any of these does not name exactly one subject."""
    for subject in subjects:
        if not _LITERAL.fullmatch(subject):
            raise BusError(f"{subject!r} is not one subject: it has wildcards, empty parts or unusual characters")


def check_patterns(subjects: Iterable[str]) -> None:
    """BusError if any of these is neither a subject nor a pattern of subjects."""
    for subject in subjects:
        if not _PATTERN.fullmatch(subject):
            raise BusError(f"{subject!r} is not a pattern of subjects")


def matches(pattern: str, subject: str) -> bool:
    """Whether a subject is one of those that a pattern names."""
    wanted, parts = pattern.split("."), subject.split(".")
    if wanted[-1] == ">" and len(parts) >= len(wanted):
        wanted, parts = wanted[:-1], parts[: len(wanted) - 1]
    return len(wanted) == len(parts) and all(w in {"*", p} for w, p in zip(wanted, parts, strict=True))
