"""A federation as a project: what is everybody's, what is this node's own, and what a peer lets others see."""

from __future__ import annotations

from typing import Any

from tests.support.served import Served, rows
from tests.support.symetry import Caller

FRAME = {"attributeNames": ["age", "dose", "sick"], "attributeTypes": ["C", "C", "B"]}


def frame(count: int, start: int = 0) -> dict[str, Any]:
    table = rows(count, start)
    return {**FRAME, "data": [[str(value) for value in row] for row in zip(*table.values(), strict=True)]}


async def counted(user: Caller, query: str = "metric=uni", **extra: Any) -> float:
    asked = {"inputAttributes": ["0"], "extraParameters": extra}
    count: float = (await user.good("POST", "/projects/hearts/explore", asked, query=query))["KSVDMap"]["values"][0][
        "count"
    ]
    return count


async def test_total_own_and_a_peers_rows(joined: tuple[Served, Served]) -> None:
    north, south = (Caller(one.session, one.url, one.clock) for one in joined)
    for user, count, start in ((north, 60, 0), (south, 80, 7)):
        await user.good("POST", "/projects/hearts/learn", frame(count, start))
        await user.good("GET", "/fedml/hearts/fullSyncRequest")
    for served in joined:
        assert (await served.good("POST", "/v1/federations/hearts/sync?wait=30"))["converged"]
    assert (await counted(north), await counted(north, "metric=uni&useLocal=true")) == (140, 60)
    (peer,) = (await north.good("GET", "/fedml/hearts/info"))["fedInfoEncrypted"]["peersInfo"]
    asked = {"inputAttributes": ["0"], "extraParameters": {"fed_peer_uuid_for_explore": peer}}
    refusal = await north.bad("POST", "/projects/hearts/explore", asked, query="metric=uni", status=403)
    assert "does not let others explore" in refusal
    await south.good("GET", "/fedml/hearts/setExplorePeers", query="allowExplore=true")
    await joined[1].good("POST", "/v1/federations/hearts/sync?wait=30")
    await joined[0].good("POST", "/v1/federations/hearts/sync?wait=30")
    assert await counted(north, fed_peer_uuid_for_explore=peer) == 80
    body = {"inputAttributes": ["0"], "targets": ["1"]}
    built = []
    for query in ("algo=mlr&modelid=all", "algo=mlr&modelid=own&useLocal=true"):
        values = await north.done("POST", "/projects/hearts/build", body, query=query)
        built.append(values["modelInfo"]["info"]["rows"])
    assert built == ["140", "60"]
    await north.good("POST", "/projects/hearts/forget", frame(1))
    assert (await counted(north), await counted(north, "metric=uni&useLocal=true")) == (140, 59)
    new = {**frame(1), "attributeNames": ["age", "dose", "tall"]}
    assert "'tall' is not in the schema" in await north.bad("POST", "/projects/hearts/learn", new)


async def test_a_federations_rows_are_predicted_and_learned(founded: Served) -> None:
    user = Caller(founded.session, founded.url, founded.clock)
    await user.good("POST", "/projects/hearts/learn", frame(60))
    body = {"inputAttributes": ["0", "2"], "targets": ["1"]}
    query = "algo=mlr&modelid=m&async=false&useLocal=true"
    await user.good("POST", "/projects/hearts/build", body, query=query)
    values = await user.good("POST", "/projects/hearts/learnpredict/m", frame(5, 70), query="rebuildModel=true")
    assert len(values["dataframe"]["data"]) == 5
    info = (await user.good("GET", "/projects/hearts/models/m"))["modelInfo"]
    assert info["info"]["rows"] == "65"
