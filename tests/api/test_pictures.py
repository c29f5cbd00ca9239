"""Pictures over HTTP: of rows, of a kept model, of an evaluation."""

from __future__ import annotations

import re

import pytest

from tests.support.served import VIEWER, Served, rows

FED = "/v1/federations/hearts"


@pytest.fixture
async def counted(founded: Served) -> Served:
    job = await founded.good("POST", f"{FED}/data/rows?wait=30", {"rows": rows(60)})
    assert job["state"] == "done"
    await founded.good("POST", f"{FED}/sync")
    return founded


async def test_rows_are_drawn_for_whoever_may_look(counted: Served) -> None:
    status, svg, headers = await counted.ask("GET", f"{FED}/plots/correlation.svg?features=age,dose", token=VIEWER)
    assert (status, headers["Content-Type"]) == (200, "image/svg+xml")
    assert re.findall(r">\s*(age|dose|sick)\s*</text>", svg) == ["age", "dose"] * 2
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_a_model_is_drawn(counted: Served) -> None:
    model = await counted.good("POST", f"{FED}/models", {"kind": "ols", "target": "dose", "features": ["age"]})
    status, svg, _ = await counted.ask("GET", f"{FED}/models/{model['id']}/plots/coefficients.svg")
    assert status == 200
    assert "change of dose for one unit more" in svg
    status, problem, _ = await counted.ask("GET", f"{FED}/models/{model['id']}/plots/density.svg")
    assert (status, problem["code"]) == (400, "FP118")


async def test_an_evaluation_is_drawn(counted: Served) -> None:
    model = await counted.good("POST", f"{FED}/models", {"kind": "lda", "target": "sick", "features": ["age", "dose"]})
    asked = {"rows": rows(50, start=7)}
    job = await counted.good("POST", f"{FED}/models/{model['id']}/evaluate?wait=30", asked)
    status, svg, _ = await counted.ask("GET", f"/v1/jobs/{job['id']}/plots/roc.svg")
    assert status == 200
    assert f"AUC {job['result']['evaluation']['ranking']['auc']['value']:.3f}" in svg


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        ("correlation", "is not a picture"),
        ("correlation.gif", "is not a picture"),
        (".svg", "no plot ''"),
        ("corelation.svg", "did you mean 'correlation'"),
        ("roc.svg", "not of rows"),
        ("density.svg", "histogram"),
        ("correlation.svg?features=age,agee", "agee"),
        ("drift_by_member.svg?of=local", "of each part of the total"),
        ("drift_by_member.svg", "nothing to compare it with"),
        ("drift.svg?of=local&against=rest", "nobody else"),
    ],
)
async def test_what_cannot_be_drawn_is_a_problem(counted: Served, picture: str, said: str) -> None:
    status, problem, _ = await counted.ask("GET", f"{FED}/plots/{picture}")
    assert 400 <= status < 500
    assert said in problem["detail"] + problem["hint"]


async def test_a_job_that_made_no_evaluation_has_no_picture(counted: Served) -> None:
    (job, *_) = await counted.good("GET", "/v1/jobs")
    status, problem, _ = await counted.ask("GET", f"/v1/jobs/{job['id']}/plots/roc.svg")
    assert (status, problem["detail"]) == (400, f"job {job['id']} has made nothing to draw")
