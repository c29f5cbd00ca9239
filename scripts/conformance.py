"""Writes docs/symetry-conformance.md: runs the tests of the dialect, and tells of each endpoint which of them asked it.

`--check` runs nothing: it exits with 1 if an endpoint is missing or told of otherwise, or a test that is named is gone.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from fedpeer.api.symetry.door import Endpoint  # noqa: E402
from fedpeer.api.symetry.routes import ENDPOINTS as REQUESTS  # noqa: E402
from fedpeer.api.symetry.sockets import SOCKETS  # noqa: E402
from tests.api.symetry.differences import DIFFERENCES  # noqa: E402

ENDPOINTS = (*REQUESTS, *SOCKETS)
PAGE = ROOT / "docs" / "symetry-conformance.md"
TESTS = ("tests/api/symetry",)
HEAD = """# The dialect, endpoint by endpoint

What the [SymetryML dialect](symetry.md) answers, what asked each endpoint in our tests, and where it differs from the
reference, with the reason. `scripts/conformance.py` writes this page from a run of `tests/api/symetry`. Beside these, a
script that knows only the reference and imports nothing of ours, `tests/interop/script.py`, has three daemons learn two
data sets together.

*once*: needs a signature that was not used before, and the role operator. *look*: changes nothing, and needs the role
viewer. Another role is named. An endpoint that is *not supported* answers 400 with the reason that is told here.

| endpoint | use | what it does | tested by | how it differs, and why |
|---|---|---|---|---|
"""
FEW = 3  # tests that are named of one endpoint


def main() -> int:
    """Write the page, or check it."""
    if "--check" in sys.argv:
        return _checked(PAGE.read_text("utf-8"))
    PAGE.write_text(HEAD + "".join(_line(point, tests) for point, tests in _asked()), "utf-8")
    return _checked(PAGE.read_text("utf-8"))


def _asked() -> list[tuple[Endpoint, list[str]]]:
    with tempfile.TemporaryDirectory() as place:
        told = Path(place) / "asked.json"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
        subprocess.run(command, cwd=ROOT, env={**os.environ, "FEDPEER_ASKED": str(told)}, check=True)
        asked = [tuple(line) for line in json.loads(told.read_text("utf-8"))]
    return [(point, _of(point, asked)) for point in ENDPOINTS]


def _of(point: Endpoint, asked: list[tuple[str, ...]]) -> list[str]:
    """The tests that asked an endpoint, those that asked fewest endpoints first."""
    counts: dict[str, set[str]] = {}
    mine = set()
    for test, verb, path in asked:
        found = next((p for p in ENDPOINTS if p.method == verb and _pattern(p).fullmatch(path)), None)
        if found is None:
            continue
        counts.setdefault(test, set()).add(found.path)
        if found is point:
            mine.add(test)
    return sorted(mine, key=lambda test: (len(counts[test]), test))[:FEW]


def _pattern(point: Endpoint) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(point.path)))


def _line(point: Endpoint, tests: list[str]) -> str:
    *told, differs = _told(point)
    return "| " + " | ".join([*told, ", ".join(f"`{test}`" for test in tests), differs]) + " |\n"


def _told(point: Endpoint) -> list[str]:
    about = ("not supported" if point.why else inspect.getdoc(point.answer) or "").splitlines()[0].rstrip(".")
    use = ", ".join(word for word in ("once" if point.changes else "look", point.role) if word)
    differs = DIFFERENCES.get((point.method, point.path), point.why)
    return [f"`{point.method} {point.path}`", use, about, differs]


def _checked(text: str) -> int:
    rows = [line.strip("| \n").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    found = [[row[0], row[1], row[2], row[4] if len(row) > 4 else ""] for row in rows]
    expected = [_told(point) for point in ENDPOINTS]
    tests = "".join(path.read_text("utf-8") for path in sorted((ROOT / "tests").rglob("test_*.py")))
    for row, wanted in zip(found, expected, strict=False):
        if [cell.strip() for cell in row] != wanted:
            return _no(f"{row} is not {wanted}")
    if len(found) != len(expected):
        return _no(f"{len(found)} endpoints are told of, and there are {len(expected)}")
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row[3]) if len(row) > 3 else []
        if not named or any(f"def {test}(" not in tests for test in named):
            return _no(f"{row[0]}: tested by {named}")
    return 0


def _no(why: str) -> int:
    sys.stderr.write(f"{PAGE.name} is out of step: {why}; run scripts/conformance.py\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
