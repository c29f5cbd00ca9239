"""Predictions of a file's rows, written to another file by the node."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fedpeer.adapters.catalogue import Catalogue
from fedpeer.adapters.lookout import FileLookout
from fedpeer.adapters.scribe import FileScribe
from fedpeer.node import writing
from tests.support.served import VIEWER, Served, looking, rows

FED = "/v1/federations/hearts"


@pytest.fixture
async def fitted(founded: Served, tmp_path: Path) -> tuple[Served, str, Path]:
    """A node that may write below a directory, with a model."""
    (tmp_path / "data").mkdir()
    looking(founded, tmp_path / "data")
    founded.node.drafts._scribe = FileScribe((tmp_path / "data",))
    job = await founded.good("POST", f"{FED}/data/rows?wait=30", {"rows": rows(60)})
    assert job["state"] == "done", job
    asked = {"kind": "ols", "target": "dose", "features": ["age", "sick"], "of": "local"}
    model = await founded.good("POST", f"{FED}/models", asked)
    return founded, model["id"], tmp_path / "data"


def told(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


async def test_predictions_are_written_to_a_new_file(fitted: tuple[Served, str, Path]) -> None:
    served, model, folder = fitted
    (folder / "in.csv").write_text('id,age,note,sick\n007,41,"a, b",1\n008,,x,0\n009,62.50,y,1\n')
    body = {"location": str(folder / "in.csv"), "to": str(folder / "out.csv")}
    job = await served.good("POST", f"{FED}/models/{model}/predictions?wait=30", body)
    assert (job["state"], job["kind"], job["unit"]) == ("done", "prediction", "bytes"), job
    assert job["result"] == {"model": model, "source": body["location"], "place": body["to"], "rows": 3}
    found = told(folder / "out.csv")
    asked = {"rows": {"age": [41, None, 62.5], "sick": [1, 0, 1]}}
    values = (await served.good("POST", f"{FED}/models/{model}/predict", asked))["values"]
    assert [row["prediction"] for row in found] == ["" if value is None else str(value) for value in values]
    own = [{name: row[name] for name in ("id", "age", "note", "sick")} for row in found]
    assert own == told(folder / "in.csv")  # as they are written, to the last zero
    again = await served.good("POST", f"{FED}/models/{model}/predictions?wait=30", body | {"overwrite": True})
    assert again["state"] == "done"
    completed = {**body, "to": str(folder / "mean.csv"), "missing": "mean"}
    await served.good("POST", f"{FED}/models/{model}/predictions?wait=30", completed)
    assert all(row["prediction"] for row in told(folder / "mean.csv"))
    status, problem, _ = await served.ask("POST", f"{FED}/models/{model}/predictions?wait=30", body)
    assert (status, problem["code"]) == (409, "FP112")


async def test_who_stops_a_job_after_its_last_row_gets_no_file(
    fitted: tuple[Served, str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    served, model, folder = fitted
    (folder / "in.csv").write_text("age,sick\n41,1\n")
    predicting = writing._written

    def stopped(*args: Any) -> int:
        rows = predicting(*args)
        args[-1].cancelled.set()
        return rows

    monkeypatch.setattr(writing, "_written", stopped)
    body = {"location": str(folder / "in.csv"), "to": str(folder / "out.csv")}
    job = await served.good("POST", f"{FED}/models/{model}/predictions?wait=30", body)
    assert job["state"] == "cancelled"
    assert [each.name for each in folder.iterdir()] == ["in.csv"]


async def test_what_may_not_be_written_is_refused_and_nothing_is_left(fitted: tuple[Served, str, Path]) -> None:
    served, model, folder = fitted
    path = f"{FED}/models/{model}/predictions?wait=30"
    (folder / "in.csv").write_text("age,sick,prediction\n41,1,x\n")
    body: dict[str, Any] = {"location": str(folder / "in.csv"), "to": str(folder / "out.csv")}
    job = await served.good("POST", path, body)
    assert "has a column 'prediction'" in job["error"]["detail"]
    (folder / "in.csv").write_text("sick\n1\n")
    assert "age" in (await served.good("POST", path, body))["error"]["detail"]
    status, problem, _ = await served.ask("POST", path, body | {"to": str(folder / "in.csv"), "overwrite": True})
    assert (status, problem["code"]) == (409, "FP112")
    assert (await served.ask("POST", path, body | {"to": str(folder.parent / "x.csv")}))[0] == 422
    assert (await served.ask("POST", path, body, token=VIEWER))[0] == 403
    assert [each.name for each in folder.iterdir()] == ["in.csv"]
    (folder / "new").mkdir()
    lookout = FileLookout(Catalogue(roots=(folder,)))
    served.node._means = replace(served.node._means, lookout=lookout)
    await served.good("POST", f"{FED}/data/watches", {"location": str(folder / "new")})
    (folder / "door").symlink_to(folder / "new")
    for way in ("new/x.csv", "../in/new/x.csv".replace("in", folder.name), "door/x.csv"):
        for scheme in ("", "file://"):
            status, problem, _ = await served.ask("POST", path, body | {"to": f"{scheme}{folder}/{way}"})
            assert (status, "is watched for new rows" in problem["detail"]) == (400, True)
    assert list((folder / "new").iterdir()) == []
    served.node.drafts._scribe = None
    assert "writes no files" in (await served.ask("POST", path, body))[1]["detail"]
