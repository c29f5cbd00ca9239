"""A script that knows only the reference, in a process without anything of ours, against three daemons."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nats
import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Schema
from tests.support import real
from tests.support.daemons import daemons, eventually
from tests.support.nats import BINARY, answers, free_port

SCRIPT = Path(__file__).with_name("script.py")
IRIS, DIABETES = real.iris(uci=True)[0], real.diabetes()[0]
MEASURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
SPECIES = [f"Iris_{name}" for name in real.SPECIES]


BEDS = {
    "features": [
        {"name": "pulse", "kind": "continuous", "min": "0", "max": "300", "resolution": "1"},
        {"name": "alarm", "kind": "binary"},
    ]
}


def shared(table: real.Table, names: list[str], resolution: str) -> dict[str, Any]:
    """A table dealt to three nodes row by row, with types and a schema."""
    kinds = ["B" if table[name].dtype.kind == "i" else "C" for name in names]
    features = [
        {"name": name, "kind": "binary"}
        if kind == "B"
        else {"name": name, "kind": "continuous", "min": "0", "max": "1000", "resolution": resolution}
        for name, kind in zip(names, kinds, strict=True)
    ]
    rows = [[str(value) for value in row] for row in zip(*(table[name] for name in names), strict=True)]
    return {
        "names": names, "types": kinds, "shares": [rows[k::3] for k in range(3)], "schema": {"features": features},
    }  # fmt: skip


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of somebody's that keeps 41 messages, one of which cannot be read."""
    folder, port = tmp_path_factory.mktemp("bus"), free_port()
    config = f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{folder}/kept" }}\n'
    (folder / "nats.conf").write_text(config)
    server = subprocess.Popen([BINARY, "-c", folder / "nats.conf"], stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: answers(port))
        asyncio.run(_published(f"nats://127.0.0.1:{port}"))
        yield f"127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


async def _published(address: str) -> None:
    client = await nats.connect(address)
    kept = client.jetstream()
    await kept.add_stream(name="BEDS", subjects=["beds.>"])
    for i in range(40):
        await kept.publish("beds.west", json.dumps({"pulse": 60 + i, "alarm": i % 2}).encode())
    await kept.publish("beds.west", b"not JSON")
    await client.close()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, bus: str) -> dict[str, Any]:
    with daemons(tmp_path_factory.mktemp("reference"), "north", "south", "west") as nodes:
        keys = [node.client.add_user("c1", role="admin").secret_key for node in nodes]
        told = {
            "nodes": [[node.facts["api"], "c1", key] for node, key in zip(nodes, keys, strict=True)],
            "iris": shared(IRIS, [*MEASURES, *SPECIES], "0.1"),
            "diabetes": shared(DIABETES, list(DIABETES), "0.0001"),
            "stream": {"schema": BEDS, "hosts": f"nats://{bus}", "subject": "beds.west", "messages": 41},
        }
        # -I and -S: no site-packages and no path of ours, so that it cannot import fedpeer if it wanted to.
        command = [sys.executable, "-I", "-S", str(SCRIPT)]
        done = subprocess.run(command, input=json.dumps(told), capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        answer: dict[str, Any] = json.loads(done.stdout)
        answer["digest"] = nodes[0].client.federation("fused").total_digest
        answer["told"] = told
        return answer


pytestmark = pytest.mark.long


def test_every_node_explores_what_all_have_learned(found: dict[str, Any]) -> None:
    x = IRIS["sepal_length"]
    for uni in found["uni"]:
        assert (uni["count"], uni["mean"]) == (150, 5.843333333333334)
        assert uni["variance"] == pytest.approx(0.6811222222222204, rel=1e-13)
        assert round(uni["meanMarginErrorC95"], 4) == 0.1332
    assert (round(found["bi"]["linCorr"], 4), round(found["bi"]["covar"], 4)) == (0.818, 0.5135)
    groups = [x[IRIS[name] == 1] for name in SPECIES]
    assert found["anova"]["SSw"] == pytest.approx(sum(len(g) * g.var() for g in groups), rel=1e-12)
    values = np.linalg.eigvalsh(np.corrcoef([IRIS[name] for name in MEASURES]))[::-1]
    assert found["pca"]["pcaValues"] == pytest.approx(values, rel=1e-10)


def test_regressions_are_those_of_the_pooled_rows_at_every_node(found: dict[str, Any]) -> None:
    names = list(DIABETES)
    x = np.column_stack([np.ones(442), *(DIABETES[name] for name in names[:-1])])
    beta = np.linalg.lstsq(x, DIABETES[names[-1]], rcond=None)[0]
    first, last = found["mlr"]
    assert first["info"]["extra"] == last["info"]["extra"]
    assert first["predicted"] == last["predicted"]
    assert first["info"]["extra"]["attribute"] == ["intercept", *names[:-1]]
    assert first["info"]["extra"]["coefficient"] == pytest.approx(beta, rel=1e-8)
    predicted = [float(row[0]) for row in first["predicted"]["data"]]
    assert predicted == pytest.approx((x @ beta)[::3], rel=1e-9)


def test_classifiers_are_those_of_the_pooled_rows(found: dict[str, Any]) -> None:
    table, flag = np.array([IRIS[name] for name in MEASURES]).T, IRIS["Iris_versicolor"]
    groups = [table[flag == k] for k in (0, 1)]
    shared_ = sum(len(g) * np.cov(g.T, bias=True) for g in groups) / 149
    beta = np.linalg.solve(shared_, groups[1].mean(0) - groups[0].mean(0))
    predicted = found["lda"]["predicted"]
    assert predicted["attributeNames"][:2] == ["res", "resZ"]
    assert [float(row[1]) for row in predicted["data"]] == pytest.approx((table @ beta)[::3], rel=1e-8)
    oracle = GaussianNB().fit(table, flag)
    told = found["bayes"]["predicted"]["data"]
    assert [int(row[0]) for row in told] == oracle.predict(table)[::3].tolist()
    assert [float(row[1]) for row in told] == pytest.approx(oracle.predict_proba(table)[::3, 1], rel=1e-6, abs=1e-12)


def test_logs_statistics_and_switches_answer(found: dict[str, Any]) -> None:
    for name in ("iris", "diabetes"):
        assert found[name]["tried"] == "ok"
        assert "nobody" in found[name]["wrong"]
    assert found["errors"] == ["no error"]
    assert found["syncs"]
    stats = found["stats"]
    assert (stats["sndCount"], stats["rcvCount"], stats["rcvError"]) == (1, 2, 0)
    assert sorted(found["info"]["peersInfo"].values()) == ["peer0", "peer1"]
    assert (found["info"]["is_pulsing"], found["info"]["fed_name"]) == (True, "iris")
    assert found["project"]["attributeNames"] == [*MEASURES, *SPECIES]
    assert found["project"]["params"]["fed_is_admin"] == "true"
    assert (found["schedule"], found["pulsing"]) == ("d7", [False, False, False])


def test_a_fusing_node_has_bit_for_bit_what_its_cells_learned_and_they_have_not(found: dict[str, Any]) -> None:
    fusion, iris = found["fusion"], found["told"]["iris"]
    rows = [row for share in iris["shares"][1:] for row in share]
    table = {name: list(column) for name, column in zip(iris["names"], zip(*rows, strict=True), strict=True)}
    assert found["digest"] == collect(Schema.from_dict(iris["schema"]), table).digest
    assert fusion["uni"]["count"] == len(rows)
    assert (fusion["cells"], fusion["refused"]) == (["connected", "connected"], [400, 403])


def test_a_project_learns_from_a_subject(found: dict[str, Any]) -> None:
    stream = found["stream"]
    told = {name: stream["metrics"][name] for name in ("messages", "rows_learned", "messages_unreadable", "status")}
    assert told == {"messages": "41", "rows_learned": "40", "messages_unreadable": "1", "status": "running"}
    assert (stream["names"], stream["uni"]["mean"], stream["uni"]["count"]) == (["monitors"], 79.5, 40)
    assert any("not JSON" in line for line in stream["errors"])
