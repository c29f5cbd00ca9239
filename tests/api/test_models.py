"""Models of every family through the API: fitted, kept, read again, and used to predict."""

from __future__ import annotations

from typing import Any

import pytest

import fedpeer as fp
from fedpeer.core.models.fit import restore
from fedpeer.core.models.forms import reading
from tests.support.served import ADMIN, SCHEMA, VIEWER, Served, rows

FED = "/v1/federations/hearts"
NEW = {"age": [30, 70, None], "dose": [1.5, 9.0, 2.0], "sick": [0, 1, 0]}


@pytest.fixture
async def counted(founded: Served) -> Served:
    """A federation with rows in its total."""
    job = await founded.good("POST", f"{FED}/data/rows?wait=30", {"rows": rows(60)})
    assert job["state"] == "done"
    await founded.good("POST", f"{FED}/sync")
    return founded


async def test_a_classifier_predicts_classes_and_their_probabilities(counted: Served) -> None:
    told = {"kind": "lda", "target": "sick", "features": ["age", "dose"], "options": {"priors": {"0": 1, "1": 3}}}
    model = await counted.good("POST", f"{FED}/models", told)
    assert model["model"]["classes"][1]["prior"] == 0.75
    assert await counted.good("GET", f"{FED}/models/{model['id']}") == model
    made = await counted.good("POST", f"{FED}/models/{model['id']}/predict", {"rows": NEW})
    assert made["values"][2] is None
    for row, label in enumerate(made["values"][:2]):
        chances = {name: values[row] for name, values in made["details"].items()}
        assert chances.keys() == {"0", "1"}
        assert sum(chances.values()) == pytest.approx(1)
        assert max(chances, key=chances.get) == label


async def test_components_need_no_target(counted: Served) -> None:
    model = await counted.good("POST", f"{FED}/models", {"kind": "pca", "features": ["age", "dose"]})
    made = await counted.good("POST", f"{FED}/models/{model['id']}/predict", {"rows": NEW})
    assert made["values"][:2] == pytest.approx([0, 0], abs=1e-20)
    assert list(made["details"]) == ["pc1", "pc2"]
    assert made["details"]["pc1"][2] is None


async def test_what_cannot_be_fitted_is_a_problem(counted: Served) -> None:
    status, problem, _ = await counted.ask("POST", f"{FED}/models", {"kind": "qda", "target": "sick"})
    assert (status, problem["code"]) == (422, "FP107")
    status, problem, _ = await counted.ask("POST", f"{FED}/models", {"kind": "ols"})
    assert (status, problem["detail"]) == (422, "ols needs a target")


@pytest.mark.parametrize("name", ["summary", "kind", "target", "features", "self", "grid", "folds", "model_id"])
async def test_an_option_of_any_name_is_a_problem_and_no_fault(counted: Served, name: str) -> None:
    asked = {"kind": "ols", "target": "dose", "options": {name: "x"}}
    for where in ("models", "validate"):
        status, problem, _ = await counted.ask("POST", f"{FED}/{where}", asked)
        assert (status, problem["code"]) == (422, "FP107")
        assert f"ols has no option '{name}'" in problem["detail"]
    job = await counted.good(
        "POST", f"{FED}/choose?wait=30", {"kinds": {"ols": {name: 1}}, "target": "dose", "rows": NEW}
    )
    assert (job["state"], job["error"]["code"]) == ("failed", "FP107")


async def test_a_model_is_evaluated_on_rows_that_are_not_kept(counted: Served) -> None:
    model = await counted.good("POST", f"{FED}/models", {"kind": "lda", "target": "sick", "features": ["age", "dose"]})
    before = [await counted.good("GET", f"{FED}{what}") for what in ("", "/data", "/models")]
    posted = rows(50, start=7)
    posted["age"][3], posted["sick"][5] = None, 2
    where = f"{FED}/models/{model['id']}/evaluate?wait=30"
    job = await counted.good("POST", where, {"rows": posted, "threshold": 0.4})
    assert (job["state"], job["kind"], job["current"], job["maximum"]) == ("done", "evaluation", 50, 50)
    told = job["result"]["evaluation"]
    assert (told["rows"], told["evaluated"]) == (50, 48)
    assert told["left_out"] == {"sick": {"unknown level": 1}, "age": {"missing": 1}}
    assert sum(sum(row.values()) for row in told["classes"]["confusion"].values()) == 48
    assert told["ranking"]["auc"]["low"] <= told["ranking"]["auc"]["value"] <= told["ranking"]["auc"]["high"]
    assert [await counted.good("GET", f"{FED}{what}") for what in ("", "/data", "/models")] == before


async def test_the_best_of_several_models_on_other_rows_is_kept(counted: Served) -> None:
    held = rows(50, start=7)
    asked = {"kinds": {"lda": {}, "gaussian_nb": {}}, "target": "sick", "search": "subsets", "rows": held}
    job = await counted.good("POST", f"{FED}/choose?wait=30", asked)
    assert (job["state"], job["current"]) == ("done", 6)
    told, kept = job["result"]["choice"], job["result"]["model"]
    assert (told["tried"], told["rows"], told["measure"]) == (6, 50, "auc")
    assert await counted.good("GET", f"{FED}/models/{kept['id']}") == kept
    models = await counted.good("GET", f"{FED}/models")
    assert [model["id"] for model in models] == [kept["id"]]
    judged = await counted.good("POST", f"{FED}/models/{kept['id']}/evaluate?wait=30", {"rows": held})
    area = judged["result"]["evaluation"]["ranking"]["auc"]["value"]
    assert told["best"][0] == {
        "kind": kept["kind"],
        "features": told["best"][0]["features"],
        "options": {},
        "score": area,
    }
    assert all(each["score"] <= area for each in told["best"])
    for features in (["age"], ["dose"], ["age", "dose"]):
        other = {"kind": "lda", "target": "sick", "features": features}
        model = await counted.good("POST", f"{FED}/models", other)
        judged = await counted.good("POST", f"{FED}/models/{model['id']}/evaluate?wait=30", {"rows": held})
        assert judged["result"]["evaluation"]["ranking"]["auc"]["value"] <= area
    failed = await counted.good("POST", f"{FED}/choose?wait=30", {**asked, "measure": "rmsle"})
    assert failed["state"] == "failed"
    assert "measure is 'rmsle'" in failed["error"]["detail"]
    for body in ({**asked, "location": "x.csv"}, {**asked, "rows": None}):
        assert (await counted.ask("POST", f"{FED}/choose", body))[0] == 400
    assert (await counted.ask("POST", f"{FED}/choose", {**asked, "search": "random"}))[0] == 400
    assert (await counted.ask("POST", f"{FED}/choose", asked, token=VIEWER))[0] == 403


async def test_the_truth_may_have_another_name(counted: Served) -> None:
    model = await counted.good("POST", f"{FED}/models", {"kind": "ols", "target": "dose", "features": ["age"]})
    where = f"{FED}/models/{model['id']}/evaluate?wait=30"
    told = {"rows": {"age": [30, 50, 41], "given": [2, 5.5, 3]}, "target": "given"}
    evaluation = (await counted.good("POST", where, told))["result"]["evaluation"]
    assert evaluation["regression"]["n"] == 3
    job = await counted.good("POST", where, told | {"target": ""})
    assert (job["state"], job["error"]["code"]) == ("failed", "FP104")


async def test_rows_to_evaluate_are_said_in_one_way(counted: Served) -> None:
    model = await counted.good("POST", f"{FED}/models", {"kind": "ols", "target": "dose"})
    where = f"{FED}/models/{model['id']}/evaluate"
    for body in (
        {},
        {"location": "x.csv", "rows": {"age": [1]}},
        {"rows": {"age": [1]}, "options": {"delimiter": ";"}},
    ):
        status, problem, _ = await counted.ask("POST", where, body)
        assert (status, problem["code"]) == (400, "FP118")
    status, problem, _ = await counted.ask("POST", where, {"location": "/etc/passwd"})
    assert (status, problem["code"]) == (422, "FP104")


async def test_a_kind_of_model_is_validated_on_members_that_consent(joined: tuple[Served, Served]) -> None:
    north, south = joined
    for served, start in ((north, 0), (south, 60)):
        await served.good("POST", f"{FED}/data/rows?wait=30", {"rows": rows(60, start=start)})
        await served.good("POST", f"{FED}/sync?wait=30")
    asked = {"kind": "ridge", "target": "dose", "features": ["age"], "grid": {"lam": [1, 10]}}
    status, problem, _ = await north.ask("POST", f"{FED}/validate", asked)
    assert (status, problem["code"]) == (403, "FP109")
    await south.good("PUT", f"{FED}/explorable", {"explorable": True})
    await south.good("POST", f"{FED}/sync?wait=30")
    told = await north.good("POST", f"{FED}/validate", asked, token=VIEWER)
    assert (told["rows"], told["validation"]["pooled"]["n"]) == (120, 120)
    order = [fold["name"] for fold in told["validation"]["folds"]]
    assert sorted(order) == ["north", "the south"]
    schema = fp.Schema.from_dict(SCHEMA)
    parts = {name: fp.collect(schema, rows(60, start=0 if name == "north" else 60)) for name in order}
    found = fp.cross_validate(parts, "ridge", "dose", ["age"], grid={"lam": [1, 10]})
    assert found.to_dict() == told["validation"]


async def test_a_model_is_exported_in_every_form(counted: Served) -> None:
    told = {"kind": "ols", "target": "dose", "features": ["age", "sick"]}
    model = await counted.good("POST", f"{FED}/models", told)
    place = f"{FED}/models/{model['id']}/export"
    made = (await counted.good("POST", f"{FED}/models/{model['id']}/predict", {"rows": NEW}))["values"]

    status, whole, headers = await counted.ask("GET", f"{place}?form=json")
    assert (status, whole["origin"]["federation"], whole["origin"]["model"]) == (200, "hearts", model["id"])
    assert restore(whole["model"]).to_dict() == model["model"]
    assert f"model-{model['id']}.json" in headers["Content-Disposition"]
    assert (await counted.good("GET", place)) == whole

    status, source, headers = await counted.ask("GET", f"{place}?form=python")
    names: dict[str, Any] = {}
    exec(source, names)
    rows = [dict(zip(NEW, values, strict=True)) for values in zip(*NEW.values(), strict=True)]
    assert [names["predict"](row) for row in rows] == made
    assert "hearts" in source

    _, query, headers = await counted.ask("GET", f"{place}?form=sql&table=clinic.patients")
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert query.rstrip().endswith('FROM "clinic"."patients" AS t;')

    async with counted.session.get(
        f"{counted.url}{place}?form=onnx", headers={"Authorization": f"Bearer {ADMIN}"}
    ) as answer:
        assert answer.content_type == "application/octet-stream"
        assert reading.restore(await answer.read()).to_dict() == model["model"]


async def test_a_form_that_a_model_does_not_have_is_a_problem(counted: Served) -> None:
    model = await counted.good("POST", f"{FED}/models", {"kind": "pca", "features": ["age", "dose"]})
    status, problem, _ = await counted.ask("GET", f"{FED}/models/{model['id']}/export?form=sql")
    assert (status, problem["code"], problem["detail"]) == (422, "FP107", "pca has no form 'sql'")
    status, problem, _ = await counted.ask("GET", f"{FED}/models/{model['id']}/export?form=pmml")
    assert (status, problem["code"]) == (400, "FP118")


async def test_a_model_is_reported_in_every_form(counted: Served) -> None:
    model = await counted.good("POST", f"{FED}/models", {"kind": "lda", "target": "sick", "features": ["age", "dose"]})
    for form, media in (("text", "text/plain"), ("html", "text/html"), ("csv", "text/csv")):
        status, told, headers = await counted.ask("GET", f"{FED}/models/{model['id']}/report?form={form}")
        assert (status, headers["Content-Type"]) == (200, f"{media}; charset=utf-8")
        assert f"model-{model['id']}." in headers["Content-Disposition"]
        assert all(text in told for text in ("hearts", model["id"], model["digest"]))


async def test_a_model_is_certified_with_the_contributions_that_it_is_of(counted: Served) -> None:
    told = {"kind": "ols", "target": "dose", "features": ["age"]}
    model = (await counted.good("POST", f"{FED}/models", told))["model"]
    fed = await counted.good("GET", FED)
    certificate, sent = model["certificate"], {"peer": fed["me"], "serial": fed["released_serial"]}
    assert (certificate["fedpeer"], certificate["resolution"]) == ("1.2.3", {"age": "1", "dose": "0.5"})
    digest = fed["total_digest"]
    assert certificate["basis"] == {
        "rows": 60, "summary": digest, "of": "total", "total": digest, "contributors": [sent]
    }  # fmt: skip
    local = await counted.good("POST", f"{FED}/models", told | {"of": "local"})
    assert local["model"]["certificate"]["basis"]["contributors"] == [sent]
    await counted.good("POST", f"{FED}/data/rows?wait=30", {"rows": rows(30, start=7)})
    local = await counted.good("POST", f"{FED}/models", told | {"of": "local"})
    assert local["model"]["certificate"]["basis"]["contributors"] == [sent | {"serial": 0}]


async def test_a_model_goes_by_a_beginning_of_an_id_that_the_node_gave_and_by_the_whole_of_another(
    founded: Served,
) -> None:
    await founded.good("POST", "/v1/federations/hearts/data/rows?wait=30", {"rows": rows(60)})
    await founded.good("POST", "/v1/federations/hearts/sync")
    fed = "/v1/federations/hearts/models"
    model = (await founded.good("POST", fed, {"kind": "ols", "target": "dose"}))["id"]
    for text in (model, model[:4], model[:15]):
        assert (await founded.good("GET", f"{fed}/{text}"))["id"] == model
    await founded.node.fit("hearts", "ols", "dose", None, {}, model_id="trial10")
    for text in (model[:3], "trial1", "trial", "none"):
        status, told, _ = await founded.ask("GET", f"{fed}/{text}")
        assert (status, told["code"], "fedpeer models" in told["hint"]) == (404, "FP110", True)
    assert (await founded.ask("DELETE", f"{fed}/{model[:6]}"))[0] == 204
    assert [one["id"] for one in await founded.good("GET", fed)] == ["trial10"]
