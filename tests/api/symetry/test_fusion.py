"""Fusion projects: centralised federations whose cells are invited, looked at and shut out, by the dialect alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from fedpeer.adapters.store_memory import MemoryStore
from fedpeer.core.errors import InviteError
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Schema
from fedpeer.node.cells import Cell, Cells
from fedpeer.ports import Commit
from tests.support.nats import until
from tests.support.served import SCHEMA, MovableClock, Served, memory_broker, node_on, rows, serving
from tests.support.symetry import Caller, decrypt

PASSWORD = "correct horse battery"
RELAXED = {"fed_schema": SCHEMA, "fed_profile": "relaxed", "sync_sched": "d7"}
SOUTH, WEST = ({"host": f"https://{name}.example.org", "cid": "c1", "pid": f"p-{name}"} for name in ("south", "west"))


OWN = {"host": "", "cid": "", "pid": "hearts"}


@pytest.fixture
async def three() -> AsyncIterator[tuple[Served, ...]]:
    """Three nodes on one bus, served each."""
    clock, broker = MovableClock(), memory_broker()
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(node_on(broker, clock, name)) for name in ("north", "south", "west")]
        yield tuple([await stack.enter_async_context(serving(node, clock)) for node in nodes])


def caller(one: Served) -> Caller:
    return Caller(one.session, one.url, one.clock)


def frame(count: int, start: int = 0) -> dict[str, Any]:
    data = [[str(value) for value in row] for row in zip(*rows(count, start).values(), strict=True)]
    return {"attributeNames": ["age", "dose", "sick"], "attributeTypes": ["C", "C", "B"], "data": data}


async def fused(user: Caller, cells: list[dict[str, Any]], **more: Any) -> list[dict[str, str]]:
    """Make a fusion project; return what it answers of its cells' invites."""
    body = {"values": cells, "passwd": PASSWORD, **RELAXED, **more}
    status, told, _ = await user.ask("POST", "/projects/fusion/create", body, query="pid=all&persist=true", hidden=True)
    assert (status, told["statusString"]) == (201, "SYMETRYML Created with id:all"), told
    found: list[dict[str, str]] = told["values"]["cellsInvitations"]["values"]
    return found


async def states(user: Caller, body: Any = None, **how: Any) -> dict[str, str]:
    values = await user.good("POST", "/projects/fusion/all/cellsStatus", body, query="encrypted=false", **how)
    return {one["pid"]: one["status"] for one in values["cellsStatusEncrypted"]["values"]}


async def join(user: Caller, invitation: dict[str, str]) -> None:
    body = {"fedInfoEncrypted": invitation["fedInfoEncrypted"], "passwd": PASSWORD}
    await user.good("POST", "/fedml/createJoin", body, query=f"pid={invitation['pid']}")


async def test_cells_send_to_the_fusing_node_alone_and_its_total_is_that_of_their_rows(three: Any) -> None:
    north, south, west = map(caller, three)
    invitations = await fused(north, [SOUTH, WEST])
    assert await states(north) == {"p-south": "invited", "p-west": "invited"}
    for user, invitation, start in zip((south, west), invitations, (0, 60), strict=True):
        await join(user, invitation)
        await user.good("POST", f"/projects/{invitation['pid']}/learn", frame(60, start))
        await user.good("GET", f"/fedml/{invitation['pid']}/startPulse")
        await user.good("GET", f"/fedml/{invitation['pid']}/fullSyncRequest")
    total = collect(Schema.from_dict(SCHEMA), rows(120))
    fed = lambda: three[0].node.federation("all")  # noqa: E731
    await until(lambda: fed().total_digest == total.digest)
    asked = {"inputAttributes": ["0"]}
    found = await north.good("POST", "/projects/all/explore", asked, query="metric=uni")
    assert found["KSVDMap"]["values"][0]["count"] == 120
    refusal = await south.bad("POST", "/projects/p-south/explore", asked, query="metric=uni", status=403)
    assert "its admin alone receives contributions" in refusal
    assert await states(north) == {"p-south": "connected", "p-west": "connected"}
    assert list(await states(north, {"values": [WEST]})) == ["p-west"]
    info = (await north.good("GET", "/projects/all/info", query="encrypted=false"))["smlInfo"]
    assert (info["type"], json.loads(info["fusionCellInfo"])["values"][0]) == ("fusion", {**SOUTH, "sk": ""})
    assert info["params"]["fusion_fetch_error"] == info["params"]["fed_has_error"]
    for path in ("learn", "learnpredict/m"):
        said = await north.bad("POST", f"/projects/all/{path}", frame(1))
        assert ("fusion project, which has no data source" in said) == (path == "learn")


async def test_cells_are_added_and_shut_out_and_only_who_is_named_stays(three: Any) -> None:
    north, south, west = map(caller, three)
    (first,) = await fused(north, [SOUTH])
    await join(south, first)
    update = "/projects/fusion/all/updateCellsInfo"
    assert "passwd" in await north.bad("POST", update, {"values": [SOUTH, WEST]})
    assert (await states(north))["p-south"] == "connected"
    values = await north.good("POST", update, {"values": [SOUTH, WEST], "passwd": PASSWORD})
    (second,) = values["cellsInvitations"]["values"]
    assert (second["pid"], second["host"]) == ("p-west", WEST["host"])
    values = await north.good("POST", update, {"values": [WEST]})
    assert (values["cellsInvitations"]["values"], await states(north)) == ([], {"p-west": "invited"})
    members = {m.name: m.removed_at > 0 for m in three[0].node.members("all")}
    assert members == {"north": False, "south": True}
    third = {"host": "h", "cid": "c", "pid": "p"}
    await north.good("POST", update, {"values": [third], "passwd": PASSWORD})
    assert "revoked" in {i.state for i in three[0].node.invites("all")}
    late = {"fedInfoEncrypted": second["fedInfoEncrypted"], "passwd": PASSWORD}
    assert await west.bad("POST", "/fedml/createJoin", late, query="pid=w")
    three[0].clock.at += 3 * 3600
    await until(lambda: states_of(three[0]) == {"p": "invite expired"})
    (again,) = (await north.good("POST", update, {"values": [third], "passwd": PASSWORD}))["cellsInvitations"]["values"]
    assert (again["pid"], await states(north)) == ("p", {"p": "invited"})


@pytest.mark.parametrize("guarded", [True, False])
async def test_two_changes_at_once_leave_no_invite_that_is_no_cells(
    three: Any, monkeypatch: pytest.MonkeyPatch, *, guarded: bool
) -> None:
    north = caller(three[0])
    await fused(north, [SOUTH])
    if not guarded:
        both = asyncio.Barrier(2)  # neither begins before the other is there
        monkeypatch.setattr(Cells, "changing", lambda *_: both)
    body = {"values": [SOUTH, WEST], "passwd": PASSWORD}
    await asyncio.gather(*(north.good("POST", "/projects/fusion/all/updateCellsInfo", body) for _ in range(2)))
    assert len(await states(north)) == 2
    open_ones = [invite for invite in three[0].node.invites("all") if invite.state == "open"]
    assert (len(open_ones) == 2) is guarded


@pytest.mark.long
@pytest.mark.parametrize("kept", [True, False])
async def test_a_node_that_is_killed_at_any_time_has_no_open_invite_and_no_bridge_that_is_no_cells(
    three: Any, monkeypatch: pytest.MonkeyPatch, *, kept: bool
) -> None:
    north = caller(three[0])
    await north.good("POST", "/fedml/create", {"fed_name": "hearts", **RELAXED}, query="pid=hearts")
    await fused(north, [SOUTH])
    before, stores = three[0].node.cells.of(three[0].node.resolve("all")), list[MemoryStore]()
    commit, keep = MemoryStore.commit, Cells.keep

    def watched(self: MemoryStore, change: Commit) -> list[int]:
        done = commit(self, change)
        if self is three[0].node._engine._world.store:
            stores.append(self.copy())
        return done

    async def late(self: Cells, fed: str, cells: Any) -> None:
        if not any(cell.pending for cell in cells):
            await keep(self, fed, cells)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryStore, "commit", watched)
        if not kept:
            patch.setattr(Cells, "keep", late)
        body = {"values": [SOUTH, WEST, {**WEST, "pid": "other"}, OWN], "passwd": PASSWORD}
        await north.good("POST", "/projects/fusion/all/updateCellsInfo", body)
    found = [await _started(three[0], store) for store in stores]
    assert (all(own for _, own in found)) is kept
    assert {cells for cells, _ in found} == {before, three[0].node.cells.of(three[0].node.resolve("all"))}


async def _started(served: Served, store: MemoryStore) -> tuple[Any, bool]:
    """The cells of a node that starts with a store, and whether all that is open is theirs."""
    async with node_on(memory_broker(), served.clock, "north", store=store) as node:
        await node.load()
        cells = node.cells.of(node.resolve("all"))
        assert cells is not None
        opened = {invite.id for invite in node.invites("all") if invite.state == "open"}
        source = node._engine.peer(node.resolve("hearts"))
        brought = {source.federation} if source.roster.bridges else set()
        return cells, (opened, brought) == (
            {cell.invite for cell in cells if cell.invite},
            {cell.source for cell in cells if cell.source},
        )


@pytest.mark.long
async def test_cells_are_invited_all_or_none(three: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    north, done = caller(three[0]), Cells._done
    await north.good("POST", "/fedml/create", {"fed_name": "hearts", **RELAXED}, query="pid=hearts")
    await fused(north, [SOUTH])

    async def failing(self: Cells, fed: str, cell: Cell, expires_in_s: int, passphrase: str) -> str:
        if cell.pid == "other":
            raise InviteError("too many open invites")
        return await done(self, fed, cell, expires_in_s, passphrase)

    body = {"values": [SOUTH, WEST, OWN, {**WEST, "pid": "other"}], "passwd": PASSWORD}
    with monkeypatch.context() as patch:
        patch.setattr(Cells, "_done", failing)
        assert "too many" in await north.bad("POST", "/projects/fusion/all/updateCellsInfo", body)
    assert await states(north) == {"p-south": "invited"}
    assert [invite.state for invite in three[0].node.invites("all")].count("open") == 1
    assert not three[0].node._engine.peer(three[0].node.resolve("hearts")).roster.bridges
    values = await north.good("POST", "/projects/fusion/all/updateCellsInfo", body)
    assert [one["pid"] for one in values["cellsInvitations"]["values"]] == ["p-west", "other"]
    assert await states(north) == {"p-south": "invited", "p-west": "invited", "hearts": "bridged", "other": "invited"}


def states_of(served: Served) -> dict[str, str]:
    invites = {i.id: i.state for i in served.node.invites("all")}
    cells = served.node.cells.of(served.node.resolve("all"))
    return {cell.pid: f"invite {invites[cell.invite]}" for cell in cells}


async def test_a_federation_of_ones_own_is_a_cell_by_a_bridge(three: Any) -> None:
    north, south, _ = map(caller, three)
    founded = {"fed_name": "hearts", **RELAXED}
    await north.good("POST", "/fedml/create", founded, query="pid=hearts")
    await north.good("POST", "/projects/hearts/learn", frame(60))
    await north.good("GET", "/fedml/hearts/fullSyncRequest")
    (invitation,) = await fused(north, [OWN, SOUTH], fed_schema=None)
    await join(south, invitation)
    await south.good("POST", "/projects/p-south/learn", frame(60, 60))
    await south.good("GET", "/fedml/p-south/fullSyncRequest")
    total = collect(Schema.from_dict(SCHEMA), rows(120))
    await until(lambda: three[0].node.federation("all").total_digest == total.digest)
    assert await states(north) == {"hearts": "bridged", "p-south": "connected"}
    await north.good("POST", "/projects/fusion/all/updateCellsInfo", {"values": [SOUTH]})
    await until(lambda: three[0].node.federation("all").rows == 60)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"values": [{**SOUTH, "sk": "AAECAwQFBgcICQoLDA0ODw=="}]}, "sk: a cell's secret key is neither needed"),
        ({"values": []}, "1 to 1000 cells"),
        ({"values": [SOUTH, SOUTH]}, "1 to 1000 cells"),
        ({"values": [{"host": "", "cid": "", "pid": "nobody"}]}, "Cannot Find SYMETRYML id[nobody]"),
        ({"values": [{"host": "", "cid": "", "pid": "ward"}]}, "is a project"),
        ({"values": [OWN], "fed_schema": {"features": SCHEMA["features"][:2]}}, "with another schema"),
        ({"values": [OWN, {**OWN, "cid": "c2"}]}, "one cell has no host"),
        ({"passwd": ""}, "passwd, which opens the invites"),
        ({"passwd": "too short"}, "under 16 letters"),
        ({"fed_schema": None}, "fed_schema is missing"),
        ({"fed_schema": None, "fed_schema_of": "nobody"}, "Cannot Find SYMETRYML id[nobody]"),
        ({"fed_profile": "wild"}, "is not one"),
        ({"sync_sched": "never"}, "is not a schedule"),
    ],
)
async def test_what_is_no_fusion_project_is_refused_and_founds_nothing(
    three: Any, change: dict[str, Any], says: str
) -> None:
    north = caller(three[0])
    await north.good("POST", "/projects", {"sml_schema": SCHEMA}, query="pid=ward")
    await north.good("POST", "/fedml/create", {"fed_name": "hearts", **RELAXED}, query="pid=hearts")
    body = {"values": [SOUTH], "passwd": PASSWORD, **RELAXED} | change
    status = 409 if "another schema" in says else 400
    told = await north.bad("POST", "/projects/fusion/create", body, query="pid=all", status=status)
    assert says in told
    assert "AAEC" not in told
    assert [fed.name for fed in three[0].node.federations()] == ["hearts"]
    assert "not a fusion project" in await north.bad("POST", "/projects/fusion/ward/cellsStatus")


async def test_a_fusion_project_counts_what_a_named_project_counts_and_is_one_after_a_restart(three: Any) -> None:
    north = caller(three[0])
    await north.good("POST", "/projects", {"sml_schema": SCHEMA}, query="pid=ward")
    await fused(north, [SOUTH], fed_schema=None, fed_schema_of="ward")
    schema = three[0].node.schema("all")
    assert schema.digest == Schema.from_dict(SCHEMA).digest
    before = three[0].node.cells.of(three[0].node.resolve("all"))
    three[0].node.cells._kept.clear()
    await three[0].node.load()
    assert three[0].node.cells.of(three[0].node.resolve("all")) == before
    body = {"values": [SOUTH], "passwd": PASSWORD, **RELAXED}
    taken = await north.bad("POST", "/projects/fusion/create", body, query="pid=all", status=409)
    assert taken == "Customer [c1] already have SYMETRYML with id[all]"
    values = await north.good("POST", "/projects/fusion/all/cellsStatus", {"values": [SOUTH]}, hidden=True)
    assert json.loads(decrypt(values["cellsStatusEncrypted"], north.key))["values"] == [{**SOUTH, "status": "invited"}]
