"""Real daemons that write predictions into files, and are killed while they do."""

from __future__ import annotations

import csv
import json

import pytest

from tests.support.daemons import daemons, eventually
from tests.support.simulation import SCHEMA

ROWS = 60_000


@pytest.mark.long
def test_a_daemon_killed_while_it_writes_leaves_a_file_whole_or_nothing(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "in.csv").write_text("x,y\n" + "".join(f"{i % 200 / 2},{i % 1000}\n" for i in range(ROWS)))
    place = data / "out.csv"
    settings = {"data.roots": json.dumps([str(data)])}
    with daemons(tmp_path, "alfa", settings=settings) as (alfa,):
        fed = alfa.client.create("trial", SCHEMA.to_dict(), "COUNT(x) >= 1", profile="relaxed").id
        alfa.add(fed, {"x": [i / 2 for i in range(90)], "y": [i * i % 997 for i in range(90)]}, "rows")
        model = alfa.client.fit(fed, "ols", target="y", features=["x"], of="local").id
        alfa.client.predict_into(fed, model, str(data / "in.csv"), to=str(place))
        eventually(lambda: len(list(data.iterdir())) > 1)
        alfa.kill()
        alfa.start(settings=settings).ready()
        assert {each.name for each in data.iterdir()} <= {"in.csv", "out.csv"}
        if place.exists():
            assert len(list(csv.reader(place.read_text().splitlines()))) == ROWS + 1
        job = alfa.client.predict_into(fed, model, str(data / "in.csv"), to=str(place), overwrite=True)
        eventually(lambda: alfa.client.job(job.id).state != "running")
        assert alfa.client.job(job.id).state == "done", alfa.client.job(job.id).error
    assert len(list(csv.reader(place.read_text().splitlines()))) == ROWS + 1
