"""The client has a method for every route of the API, and speaks to each as the API declares it."""

from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import msgspec
import pytest

from fedpeer.api.routes import ROUTES
from fedpeer.client import ApiError, AsyncClient, Client, read_token
from fedpeer.client.places import Places
from fedpeer.core.errors import AccessError, HomeError, RequestError, UnreachableError
from fedpeer.node import shapes
from tests.support import answers
from tests.support.answers import FED, NOW
from tests.support.world import EVALUATED, JOB, SCHEMA, WORLD

NOT_FOR_CLIENTS = {"/v1/metrics", "/v1/openapi.json", "/v1/symetry/openapi.json"}


@pytest.fixture
def daemon() -> Iterator[answers.Daemon]:
    more: dict[tuple[str, str], answers.Answer] = {
        ("GET", "/v1/health"): {"status": "ok"},
        ("POST", "/v1/contract/check"): {"valid": True, "error": "", "passed": True, "rows": 0, "verdicts": []},
        ("POST", "models/m1/predict"): {"values": [1.5, None]},
    }
    with answers.serving(WORLD | more) as daemon:
        yield daemon


@pytest.fixture
def client(daemon: answers.Daemon) -> Client:
    return Client(daemon.url, answers.TOKEN)


PICTURES: list[tuple[str, dict[str, Any]]] = [
    ("drift.svg", {"features": ["age"], "of": "local", "against": "rest"}),
    ("coefficients.png", {"model": "m1"}),
    ("roc.svg", {"job": EVALUATED.id}),
]
CALLS: list[Callable[[Client], Any]] = [
    lambda c: c.node(),
    lambda c: c.health(),
    lambda c: c.jobs(),
    lambda c: c.job("j1"),
    lambda c: c.cancel("j1"),
    lambda c: c.done(shapes.Job(**{**msgspec.structs.asdict(JOB), "id": "j1", "state": "running"})),
    lambda c: c.federations(),
    lambda c: c.federation(FED),
    lambda c: c.create("hearts", SCHEMA, "ROWS() >= 50", schedule="h1", display="north"),
    lambda c: c.join("text", "right horse battery staple", wait_s=0, display="north"),
    lambda c: c.invite(FED, expires_in_s=3600),
    lambda c: c.invites(FED),
    lambda c: c.revoke(FED, "inv7"),
    lambda c: c.members(FED),
    lambda c: c.remove(FED, "west", reason="why not"),
    lambda c: c.leave(FED),
    lambda c: c.charter(FED),
    lambda c: c.schema(FED),
    lambda c: c.schema(FED, counted=True),
    lambda c: c.proposals(FED),
    lambda c: c.propose(FED, {"levels": {"stage": ["IV"]}}, "since May"),
    lambda c: c.agreement(FED),
    lambda c: c.agree(FED, "ab" * 32),
    lambda c: c.accept(FED, "5f2c91d0a7b3"),
    lambda c: c.decline(FED, "5f2c91d0a7b3", "no"),
    lambda c: c.set_schedule(FED, "m30"),
    lambda c: c.set_pulsing(FED, True),
    lambda c: c.set_explorable(FED, False),
    lambda c: c.bridge(FED, "lungs", on=False),
    lambda c: c.rules(FED),
    lambda c: c.set_rules(FED, rows=50),
    lambda c: c.sync(FED, wait_s=2),
    lambda c: c.preview(FED),
    lambda c: c.audit_round(FED),
    lambda c: c.budget(),
    lambda c: c.cipher(FED),
    lambda c: c.contract(FED),
    lambda c: c.check_contract(FED, "ROWS() >= 50"),
    lambda c: c.check_contract_text("ROWS() >= 50", SCHEMA),
    lambda c: c.set_contract(FED, "ROWS() >= 50"),
    lambda c: c.log(FED, kinds=["sync", "contract"], levels=["error"], after=3, before=9, limit=5),
    lambda c: c.log(levels=["warning"]),
    lambda c: c.sync_log(FED, limit=5),
    lambda c: c.error_log(FED),
    lambda c: c.clear_errors(FED),
    lambda c: c.stats(FED),
    lambda c: c.events(federation=FED, after=7),
    lambda c: c.batches(FED),
    lambda c: c.add_source(FED, "/data/patients.csv", force=True, delimiter=";"),
    lambda c: c.add_rows(FED, [{"age": 50.5}], source="notebook"),
    lambda c: c.withdraw(FED, "b1"),
    lambda c: c.withdraw_rows(FED, "/data/gone.csv", batch="b1", delimiter=";"),
    lambda c: c.watches(FED),
    lambda c: c.watch(FED, "/data/new", every_s=5, delimiter=";"),
    lambda c: c.unwatch(FED, "w1"),
    lambda c: c.streams(FED),
    lambda c: c.start_stream(FED, "nats://localhost/vitals", format="csv", columns="age,sick"),
    lambda c: c.stream(FED, "5e1f"),
    lambda c: c.predict_into(FED, "m1", "/data/beds.csv", to="source:out", missing="mean", delimiter=";"),
    lambda c: c.start_stream(FED, "nats://localhost/vitals", name="beds", since="new", credential={"token": "t"}),
    lambda c: c.set_stream(FED, "5e1f", running=True, force=True),
    lambda c: c.stream_log(FED, "5e1f", levels=["error"], limit=3),
    lambda c: c.browse_streams("nats://localhost", credential={"user": "me", "password": "p"}),
    lambda c: c.preview_stream("nats://localhost/vitals", rows=3, format="csv"),
    lambda c: c.stop_stream(FED, "5e1f"),
    lambda c: c.stop_stream(FED, "5e1f", forget=True),
    lambda c: c.receipts(FED),
    lambda c: c.explore(FED, ["age"], of="local", metric="t_test", against="rest", levels=["a", "b"]),
    lambda c: c.fit(FED, "ols", target="age", features=["sick"], of="local", alpha=1.0),
    lambda c: c.models(FED),
    lambda c: c.model(FED, "m1"),
    lambda c: c.forget(FED, "m1"),
    lambda c: c.predict(FED, "m1", {"age": [1, None]}),
    lambda c: c.validate(FED, "ridge", target="age", features=["sick"], grid={"lam": [0.1, 1]}, confidence=0.9),
    lambda c: c.choose(FED, {"lda": {}}, "ill", "/data/patients.csv", search="subsets"),
    lambda c: c.evaluate(FED, "m1", "/data/patients.csv", terms={"threshold": 0.4, "target": "ill"}, delimiter=";"),
    lambda c: c.export(FED, "m1", "sql", table="clinic"),
    lambda c: c.report(FED, "m1", "html"),
    lambda c: [c.picture(FED, name, **told) for name, told in PICTURES],
    lambda c: c.sources(),
    lambda c: c.keep_source("beds", "/data/beds.csv", anew=True, delimiter=";"),
    lambda c: c.forget_source("beds"),
    lambda c: c.sample("beds", rows=5),
    lambda c: c.browse("/data"),
    lambda c: c.projects(),
    lambda c: c.project("ward"),
    lambda c: c.create_project("ward", SCHEMA),
    lambda c: c.change_project("ward", frozen=True),
    lambda c: c.merge_projects("ward", "beds", force=True),
    lambda c: c.delete_project("ward"),
    lambda c: c.export_project("ward"),
    lambda c: c.import_project(b"sums", "copy"),
    lambda c: c.users(),
    lambda c: c.add_user("c2", role="viewer", grants={FED: "operator"}),
    lambda c: c.permit_user("c1", role="operator"),
    lambda c: c.rotate_key("c1", overlap_s=60),
    lambda c: c.revoke_key("c1"),
    lambda c: c.revoke_key("c1", older=True),
    lambda c: c.remove_user("c1"),
]


def _got(value: Any) -> Any:
    return list(value) if inspect.isgenerator(value) else value


async def _awaited(value: Any) -> Any:
    if inspect.isasyncgen(value):
        return [one async for one in value]
    if isinstance(value, list):
        return [await one for one in value]
    return await value


def _names(code: CodeType) -> set[str]:
    return set(code.co_names).union(*(_names(part) for part in code.co_consts if isinstance(part, CodeType)))


def test_every_route_has_a_method_and_every_method_a_route(daemon: answers.Daemon, client: Client) -> None:
    for call in CALLS:
        _got(call(client))
    spoken = {(r.method, r.path) for r in daemon.routes}
    native = {(r.method, r.path) for r in ROUTES if r.path not in NOT_FOR_CLIENTS}
    assert spoken == native
    public = {name for name in vars(Client) | vars(Places) if not name.startswith("_")} - {"of_home", "call"}
    assert public <= {name for call in CALLS for name in _names(call.__code__)}


def test_the_client_that_is_awaited_says_the_same_and_is_told_the_same(daemon: answers.Daemon, client: Client) -> None:
    told = [_got(call(client)) for call in CALLS]
    asked, daemon.asked = daemon.asked, []

    async def talk() -> list[Any]:
        async with AsyncClient(daemon.url, answers.TOKEN) as other:
            return [await _awaited(call(other)) for call in CALLS]

    assert asyncio.run(talk()) == told
    assert daemon.asked == asked
    assert len(asked) > len(CALLS)


async def test_the_no_of_the_client_that_is_awaited() -> None:
    with answers.serving(WORLD) as daemon:
        async with AsyncClient(daemon.url, answers.TOKEN) as client:
            with pytest.raises(ApiError, match="is not a schedule") as caught:
                await client.set_schedule(FED, "often")
            assert (caught.value.code, caught.value.status) == ("FP106", 422)
            daemon.answer = lambda *_: (302, b"")  # type: ignore[method-assign]
            with pytest.raises(RequestError, match="not understood"):
                await client.node()
        daemon.answer = lambda *_: (502, b"<html>bad gateway</html>")  # type: ignore[method-assign]
        async with AsyncClient(daemon.url, "x") as client:
            with pytest.raises(ApiError, match="502"):
                await client.health()
    async with AsyncClient(daemon.url, "x") as client:
        with pytest.raises(UnreachableError, match="no daemon answers"):
            await client.node()
        await client.close()
        with pytest.raises(UnreachableError):
            _ = [entry async for entry in client.events()]


def test_long_work_is_followed_to_its_end_or_its_fault(daemon: answers.Daemon, client: Client) -> None:
    begun = msgspec.structs.replace(JOB, id="j1", state="running", current=0, result=None)
    steps = [
        msgspec.structs.replace(begun, current=5),
        msgspec.structs.replace(begun, current=9),
        msgspec.structs.replace(begun, state="done", current=10),
    ]
    seen: list[int] = []
    left = iter(steps)
    daemon.answers["GET", "/v1/jobs/j1"] = lambda _: next(left)
    assert client.done(begun, lambda job: seen.append(job.current)).state == "done"
    assert seen == [5, 9, 10]
    failure = shapes.Failure(code="FP103", detail="row 7 is not a row", hint="mend it")
    with pytest.raises(ApiError, match="row 7") as caught:
        client.done(msgspec.structs.replace(begun, state="failed", error=failure))
    assert (caught.value.code, caught.value.hint) == ("FP103", "mend it")
    with pytest.raises(ApiError, match="was cancelled"):
        client.done(msgspec.structs.replace(begun, state="cancelled"))


def test_answers_are_shapes(client: Client) -> None:
    assert client.federation(FED).name == "hearts"
    assert client.contract(FED).startswith("ROWS()")
    assert client.clear_errors(FED) == 3
    assert [entry.at for entry in client.events()] == [NOW]
    assert client.predict(FED, "m1", [{}, {}]).values == [1.5, None]


def test_a_no_keeps_code_hint_and_status(client: Client) -> None:
    with pytest.raises(ApiError, match="is not a schedule") as caught:
        client.set_schedule(FED, "often")
    assert (caught.value.code, caught.value.status) == ("FP106", 422)
    assert "h3" in caught.value.hint


def test_an_answer_that_is_no_problem_document_is_still_a_no() -> None:
    with answers.serving({}) as daemon:
        daemon.answer = lambda *_: (502, b"<html>bad gateway</html>")  # type: ignore[method-assign]
        with pytest.raises(ApiError, match="502") as caught:
            Client(daemon.url, "x").node()
    assert "address" in caught.value.hint


def test_an_answer_of_another_shape_is_not_taken() -> None:
    with (
        answers.serving({("GET", "/v1/node"): {"name": 7}}) as daemon,
        pytest.raises(RequestError, match="not understood"),
    ):
        Client(daemon.url, answers.TOKEN).node()


def test_nobody_at_the_door() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers, and nobody else gets the port
        client = Client(f"127.0.0.1:{taken.getsockname()[1]}", "x")
        with pytest.raises(UnreachableError, match="refused") as caught:
            client.node()
    assert "fedpeer serve" in caught.value.hint


def test_the_daemon_of_a_home(tmp_path: Path, daemon: answers.Daemon) -> None:
    with pytest.raises(UnreachableError, match="no daemon is running"):
        Client.of_home(tmp_path)
    run = tmp_path / "run"
    run.mkdir()
    (run / "ready.json").write_text("{}")
    with pytest.raises(HomeError, match=r"ready\.json"):
        Client.of_home(tmp_path)
    (run / "ready.json").write_bytes(msgspec.json.encode({"api": daemon.url, "token_file": "run/admin.token"}))
    with pytest.raises(AccessError, match="cannot read the token file"):
        Client.of_home(tmp_path)
    (run / "admin.token").write_text(answers.TOKEN + "\n")
    assert Client.of_home(tmp_path).node().name == "north"


@pytest.mark.parametrize("url", ["ftp://example.org", "http://", "nonsense://x"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(RequestError, match="is not the address"):
        Client(url, "x")


@pytest.mark.parametrize("text", ["", "\n", "two\nlines", "töken"])
def test_a_token_file_that_holds_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "token").write_text(text, "utf-8")
    with pytest.raises(AccessError):
        read_token(tmp_path / "token")


def test_a_token_is_not_shown() -> None:
    assert "s3cret" not in repr(Client("http://127.0.0.1:1", "s3cret"))


def test_names_with_odd_letters_reach_the_daemon_whole(daemon: answers.Daemon, client: Client) -> None:
    with pytest.raises(ApiError):
        client.federation("a/b ?c#ü")
    assert daemon.asked[-1][1] == "/v1/federations/a/b ?c#ü"
