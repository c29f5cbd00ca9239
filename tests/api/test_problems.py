"""The map of faults: exhaustive, one shape, and nothing told that should not be."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

import fedpeer
from fedpeer.api import faults, problems
from fedpeer.core import errors
from tests.support.served import ADMIN, Served

PAGES = Path(__file__).parents[2] / "docs" / "errors"
SECRET = "the patient is called Jo"


def every(kind: type[errors.FedpeerError] = errors.FedpeerError) -> list[type[errors.FedpeerError]]:
    """Every class of faults that this package defines and that a reader of the API may meet."""
    found = [kind, *(deeper for below in kind.__subclasses__() for deeper in every(below))]
    return [one for one in dict.fromkeys(found) if one.__module__.startswith(fedpeer.__name__)]


def test_every_fault_has_its_own_answer() -> None:
    public = [kind for kind in every() if "code" in vars(kind)]
    assert set(problems.KINDS) == set(public)
    assert len(public) > 30
    for status, title in problems.KINDS.values():
        assert 400 <= status < 600
        assert title[0].islower()
        assert not title.endswith(".")
    assert len({title for _, title in problems.KINDS.values()}) == len(problems.KINDS)


def test_codes_are_unique_and_never_shared() -> None:
    codes = [vars(kind)["code"] for kind in every() if "code" in vars(kind)]
    assert len(codes) == len(set(codes))
    assert all(len(code) == 5 and code.startswith("FP") and code[2:].isdigit() for code in codes)


def test_every_fault_has_exactly_one_page() -> None:
    codes = {kind.code: kind for kind in every()}
    pages = {page.stem: page.read_text() for page in PAGES.glob("FP*.md")}
    assert set(pages) == set(codes)
    index = (PAGES / "index.md").read_text()
    for code, text in pages.items():
        assert text.startswith(f"# {code}: "), code
        assert all(f"\n## {part}\n" in text for part in ("What happened", "Why", "What to try")), code
        assert f"]({code}.md)" in index, code
        assert f"`{next(k.__name__ for k in every() if vars(k).get('code') == code)}`" in text, code


def test_only_what_is_the_node_s_own_fault_is_a_server_error() -> None:
    fives = {kind for kind, (status, _) in problems.KINDS.items() if status >= 500}
    assert fives == {
        errors.FedpeerError, errors.HomeError, errors.BusError, errors.StoreError,
        errors.UnreachableError,
    }  # fmt: skip


@pytest.mark.parametrize("kind", problems.KINDS)
def test_one_shape(kind: type[errors.FedpeerError]) -> None:
    problem = problems.of(kind("it went wrong", hint="try this"), "/v1/x")
    told = msgspec.json.decode(problems.answer(problem).body)
    assert list(told) == ["type", "title", "status", "code", "detail", "hint", "instance"]
    assert (told["detail"], told["hint"], told["code"]) == ("it went wrong", "try this", kind.code)
    assert (PAGES.parents[1] / told["type"].lstrip("/")).is_file()


def test_a_fault_of_tomorrow_is_told_as_its_parent() -> None:
    class NewError(errors.StateError):
        code = "FP999"

    assert problems.of(NewError("x"), "").status == 409


def test_waiting_is_told_in_seconds() -> None:
    for kind in (faults.ThrottledError, errors.BusError, errors.StoreError):
        assert int(problems.answer(problems.of(kind("x"), "")).headers["Retry-After"]) > 0
    answer = problems.answer(problems.of(errors.AccessError("x"), ""))
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


class _Broken:
    """A node whose views fail as a bug would."""

    def __init__(self, node: Any) -> None:
        self._node = node

    def __getattr__(self, name: str) -> Any:
        if name == "federations":
            raise KeyError(SECRET)
        return getattr(self._node, name)


async def test_a_bug_is_logged_once_and_not_told(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    from fedpeer.api.call import SERVED
    from fedpeer.api.call import Served as Shared

    shared = served.app[SERVED]
    object.__setattr__(shared, "node", _Broken(served.node))
    assert isinstance(shared, Shared)
    with caplog.at_level(logging.DEBUG):
        status, told, _ = await served.ask("GET", "/v1/federations")
    assert (status, told["code"]) == (500, "FP000")
    incident = told["instance"].removeprefix("urn:fedpeer:incident:")
    assert incident in told["detail"]
    errors_ = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors_) == 1
    assert incident in errors_[0].getMessage()
    assert "federations.py" in errors_[0].getMessage()
    for text in (str(told), caplog.text):
        assert SECRET not in text
        assert ADMIN not in text


def test_refusals_of_the_library_become_faults() -> None:
    class Request:
        method, path = "GET", "/x"

    for refusal, kind in (
        (web.HTTPNotFound(), faults.PathError),
        (web.HTTPMethodNotAllowed("GET", ["PUT"]), faults.MethodError),
        (web.HTTPRequestEntityTooLarge(1, 2), faults.SizeError),
        (web.HTTPExpectationFailed(), errors.RequestError),
    ):
        assert type(problems.from_http(refusal, Request())) is kind  # type: ignore[arg-type]
