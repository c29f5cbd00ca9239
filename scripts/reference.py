"""Writes docs/reference.md: every public name of the package, from its signature and its docstring.

`--check` writes nothing and exits with 1 if the page is not what the code says.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

import fedpeer as fp

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference.md"
HEAD = """# The Python package

`import fedpeer as fp` gives these names; each module is loaded when one of its names is first used. This page is
written by `scripts/reference.py` from the signatures and the texts in the code. Concepts are on their own pages:
[schema](schema.md), [statistics](statistics.md), [models](models.md), [contracts](contracts.md), [data](data.md).
"""


def page() -> str:
    """The whole page."""
    names = sorted(fp.__all__, key=lambda name: (name.islower(), name))
    index = "\n".join(f"- [`{name}`](#{anchor(name)})" for name in names)
    return "\n".join([HEAD, index, "", *(line for name in names for line in described(name, getattr(fp, name)))])


def anchor(name: str) -> str:
    """What a heading for this name is called in links."""
    return f"fp{name.lower()}"


def described(name: str, value: Any) -> Iterator[str]:
    """One public name: its heading, its text, and for a class its fields and methods."""
    yield f"## `fp.{name}`"
    yield ""
    yield from code([f"{name}{signature(value)}"])
    yield from text(value)
    if inspect.isclass(value):
        yield from members(name, value)


def members(name: str, value: type) -> Iterator[str]:
    """The public methods and properties of a class, in the order of the code, as a table."""
    rows = []
    for key, member in own(value):
        called = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        if isinstance(member, property):
            rows.append((key, member))
        elif inspect.isfunction(called):
            prefix = f"{name}." if isinstance(member, classmethod) else ""
            rows.append((f"{prefix}{key}{signature(called, skip=1)}", called))
    if rows:
        yield from ("| | |", "|---|---|")
        yield from (f"| `{cell(head)}` | {cell(' '.join(told(member)))} |" for head, member in rows)
        yield ""


def cell(words: str) -> str:
    """Text in a table."""
    return " ".join(words.split()).replace("|", r"\|")


def own(value: type) -> Iterator[tuple[str, Any]]:
    """What the classes of this package define, each name once, the nearest definition of it."""
    seen: set[str] = set()
    for each in value.__mro__:
        # What scripts/clients.py writes says again, awaited, what is said of `Client`.
        if not each.__module__.startswith("fedpeer.") or each.__module__.startswith("fedpeer.client.awaited"):
            continue
        for key, member in vars(each).items():
            public = not key.startswith("_") and key not in seen
            if public and (isinstance(member, property | classmethod | staticmethod) or inspect.isfunction(member)):
                seen.add(key)
                yield key, member


def signature(value: Callable[..., Any], skip: int = 0) -> str:
    """The parameters and what is returned, as they are written."""
    if inspect.isclass(value) and (issubclass(value, msgspec.Struct) or issubclass(value, Exception)):
        return ""
    found = inspect.signature(value)
    shown, kinds = [], inspect.Parameter
    for parameter in list(found.parameters.values())[skip:]:
        if parameter.kind is kinds.KEYWORD_ONLY and not any(each.startswith("*") for each in shown):
            shown.append("*")
        stars = {kinds.VAR_POSITIONAL: "*", kinds.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        kind = "" if parameter.annotation is kinds.empty else f": {short(parameter.annotation)}"
        default = "" if parameter.default is kinds.empty else f" = {parameter.default!r}"
        shown.append(f"{stars}{parameter.name}{kind}{default}")
    returned = "" if inspect.isclass(value) else f" -> {short(found.return_annotation)}"
    return f"({', '.join(shown)}){returned}"


def short(annotation: Any) -> str:
    """An annotation as it is written, without the modules of its names."""
    words = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    return re.sub(r"\b(?:[a-z_]+\.)+([A-Z]\w*)", r"\1", words)


def text(value: Any) -> Iterator[str]:
    """The docstring, its paragraphs as they stand."""
    for paragraph in told(value):
        yield paragraph
        yield ""


def told(value: Any) -> list[str]:
    """The paragraphs of a docstring; ValueError where there is none."""
    doc = inspect.getdoc(value)
    if not doc:
        raise ValueError(f"{value} is public and has no docstring")
    return [part for part in doc.split("\n\n") if part]


def code(lines: list[str]) -> Iterator[str]:
    """Lines in a block of Python."""
    yield "```python"
    yield from lines
    yield "```"
    yield ""


def main(arguments: list[str]) -> int:
    """Write, or check; the exit code."""
    if arguments not in ([], ["--check"]):
        print("usage: python scripts/reference.py [--check]", file=sys.stderr)
        return 2
    fresh = page()
    if PAGE.exists() and PAGE.read_text("utf-8") == fresh:
        return 0
    if arguments:
        print("docs/reference.md is not what the code says: run scripts/reference.py")
        return 1
    PAGE.write_text(fresh, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
