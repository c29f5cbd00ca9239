"""Projects of the dialect, and a caller who asks them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fedpeer.api.symetry.description import asked
from fedpeer.api.symetry.door import Ask
from tests.support import real
from tests.support.served import Served
from tests.support.symetry import ASKED, Caller

IRIS, _ = real.iris(uci=True)
_ALIKE = ("test_an_unknown_project_is_not_found", "test_what_is_not_an_endpoint_says_so")
NAMES = [name for name in IRIS if name != "species"]


@pytest.fixture(autouse=True)
def described(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever parameter an endpoint asks for is one that its description has; else it is a bug, which is a 500."""
    query = Ask.query

    def watched(ask: Ask, name: str, default: str = "") -> str:
        assert ask.point.method == "WS" or name in asked(ask.point), f"{ask.point.path} asks for {name}"
        return query(ask, name, default)

    monkeypatch.setattr(Ask, "query", watched)


@pytest.fixture
def user(served: Served) -> Caller:
    """A user of one node."""
    return Caller(served.session, served.url, served.clock)


@pytest.fixture
async def iris(user: Caller) -> Caller:
    """A user whose project `iris` has learned Fisher's iris, its species as 0/1 columns."""
    await user.good("POST", "/projects", {}, query="pid=iris&type=cpu&persist=true")
    await user.good("POST", "/projects/iris/learn", iris_frame(range(150)))
    return user


@pytest.fixture
def rows() -> Callable[..., dict[str, Any]]:
    """What makes a frame of some of iris' rows."""
    return iris_frame


def pytest_sessionfinish() -> None:
    """Tell the page of conformance which tests asked what; those that ask every endpoint alike tell nothing."""
    told = os.environ.get("FEDPEER_ASKED")
    if told:
        asked = [[test.split("::")[-1], verb, rest] for test, verb, rest in ASKED]
        Path(told).write_text(json.dumps([line for line in asked if line[0] not in _ALIKE]))


def iris_frame(numbers: Any, names: list[str] = NAMES) -> dict[str, Any]:
    """Rows of iris as the dialect sends them."""
    kinds = ["T" if name == "species" else "B" if IRIS[name].dtype.kind == "i" else "C" for name in names]
    data = [[str(IRIS[name][i]) for name in names] for i in numbers]
    return {"attributeNames": names, "attributeTypes": kinds, "data": data}
