"""Our own client of the dialect, against a node that knows nothing of it."""

from __future__ import annotations

import asyncio
import base64
import time
from types import SimpleNamespace
from typing import Any

import pytest

from fedpeer.client import SymetryClient, SymetryError, symetry
from fedpeer.core.errors import RequestError, UnreachableError
from tests.support.served import CID, SCHEMA, MovableClock, Served, key_text

PASSWORD = "correct horse battery"
CREATE = {"fed_name": "hearts", "sync_sched": "d7", "fed_profile": "relaxed", "fed_schema": SCHEMA}


def frame(count: int, start: int = 0) -> dict[str, Any]:
    data = [[str(20 + i % 60), str((i * 7 % 21) / 2), str(i % 2)] for i in range(start, start + count)]
    return {"attributeNames": ["age", "dose", "sick"], "attributeTypes": ["C", "C", "B"], "data": data}


def clocked(monkeypatch: pytest.MonkeyPatch, clock: MovableClock) -> None:
    """Let clients read the clock that the nodes have."""
    told = SimpleNamespace(
        time_ns=lambda: int(clock.now() * 1e9), strftime=time.strftime, gmtime=time.gmtime, sleep=time.sleep
    )
    monkeypatch.setattr(symetry, "time", told)


async def asked(method: Any, *how: Any, **more: Any) -> Any:
    return await asyncio.to_thread(method, *how, **more)


@pytest.mark.long
@pytest.mark.parametrize("encrypt", [False, True])
async def test_a_federation_from_nothing(
    pair: tuple[Served, Served], monkeypatch: pytest.MonkeyPatch, *, encrypt: bool
) -> None:
    clocked(monkeypatch, pair[0].clock)
    north, south = (SymetryClient(one.url, CID, key_text(), encrypt=encrypt) for one in pair)
    await asked(north.create, "p1", CREATE)
    invite = await asked(north.get_invitation, "p1", PASSWORD)
    await asked(south.create_join, "mine", invite, PASSWORD, fed_local_name="the south")
    seen: list[dict[str, Any]] = []
    for who, pid, start in ((north, "p1", 0), (south, "mine", 9)):
        done = await asked(who.learn, pid, frame(60, start), seen.append if pid == "mine" else None)
        assert done["jobinfo"]["details"]["rows"] == "60"
        await asked(who.start_pulse, pid)
        await asked(who.full_sync_request, pid)
    for one in pair:
        assert (await one.good("POST", "/v1/federations/hearts/sync?wait=30"))["converged"]
    info = await asked(south.info, "mine")
    assert (info["fed_name"], info["is_pulsing"], list(info["peersInfo"].values())) == ("hearts", True, ["north"])
    assert (await asked(north.project_info, "p1"))["params"]["fed_rows"] == "120"
    assert (await asked(north.sync_stats, "p1"))["rcvCount"] == 1
    assert any("contribution" in line for line in await asked(north.get_sync_log, "p1"))
    assert await asked(north.contract_validate, "p1", ["ROWS() > 1"]) == "ok"
    assert "agee" in await asked(north.contract_validate, "p1", ["COUNT(agee) > 1"])
    await asked(north.add_contract, "p1", ["COUNT(age) >= 5"])
    await asked(north.new_schedule, "p1", "h3")
    await asked(north.set_explore_peers, "p1", False)
    await asked(north.stop_pulse, "p1")
    fed = await pair[0].good("GET", "/v1/federations/hearts")
    assert (fed["contract"], fed["schedule"], fed["explorable"], fed["pulsing"]) == (
        "COUNT(age) >= 5", "h3", False, False,
    )  # fmt: skip
    await asked(north.clear_error_log, "p1")
    assert await asked(north.get_error_log, "p1") == ["no error"]
    job = (await asked(north.jobs))[0]["jobId"]
    assert (await asked(north.job, job))["jobinfo"]["isDone"]
    assert await asked(north.kill, job) == {}


async def test_a_project_from_its_rows_to_predictions(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    clocked(monkeypatch, served.clock)
    client = SymetryClient(served.url, CID, key_text())
    await asked(client.create_project, "p1")
    assert await asked(client.projects_list) == ["p1"]
    await asked(client.learn, "p1", frame(80))
    await asked(client.forget, "p1", frame(20))
    told = await asked(client.explore, "p1", "uni", {"inputAttributeNames": ["age"]})
    assert float(told["count"]) == 60
    context = {"targetAttributeNames": ["dose"], "inputAttributeNames": ["age", "sick"]}
    steps: list[dict[str, Any]] = []
    await asked(client.build, "p1", "m1", "mlr", context, steps.append)
    assert (await asked(client.model_info, "p1", "m1"))["modelId"] == "m1"
    values = await asked(client.predict, "p1", "m1", frame(3))
    assert "dataframe" in values
    await asked(client.delete_project, "p1")
    assert await asked(client.projects_list) == []


async def test_a_no_is_an_error_with_its_status_and_values(founded: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    clocked(monkeypatch, founded.clock)
    client = SymetryClient(founded.url, CID, key_text())
    with pytest.raises(SymetryError, match="Cannot Find SYMETRYML") as caught:
        await asked(client.info, "p 1/ü?#")
    assert caught.value.status == 400
    other = SymetryClient(founded.url, CID, base64.b64encode(b"x" * 16).decode())
    with pytest.raises(SymetryError, match="Invalid Signature") as caught:
        await asked(other.info, "hearts")
    assert (caught.value.status, list(caught.value.values)) == (401, ["stringToSign"])
    with pytest.raises(SymetryError, match="is not among the endpoints"):
        await asked(client.ask, "GET", "/../../../../v1/health")
    monkeypatch.setattr(client, "_sent", lambda *_: (502, b"<html>bad gateway</html>"))
    with pytest.raises(SymetryError, match="not one of this dialect"):
        await asked(client.jobs)
    with pytest.raises(RequestError, match="base64"):
        SymetryClient(founded.url, CID, "no key")
    assert key_text() not in repr(client)


async def test_no_two_requests_have_one_signature(founded: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    clocked(monkeypatch, founded.clock)
    monkeypatch.setattr(symetry.time, "time_ns", lambda: int(founded.clock.at * 1e9))  # a clock that stands still
    client = SymetryClient(founded.url, CID, key_text())
    await asyncio.gather(*(asked(client.start_pulse, "hearts") for _ in range(20)))
    dates = {client._date() for _ in range(100)}
    assert len(dates) == 100


async def test_nobody_at_the_door() -> None:
    with pytest.raises(UnreachableError):
        SymetryClient("127.0.0.1:1", CID, key_text()).jobs()
