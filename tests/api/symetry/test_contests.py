"""Models of the dialect that are chosen by the rows of a source, beside the same choice by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fedpeer.core.models.choose import choose
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema
from tests.api.symetry.conftest import IRIS, NAMES, iris_frame
from tests.support.served import Served, looking
from tests.support.symetry import Caller

MEASURES = NAMES[:4]
LEARNT, HELD = range(0, 150, 2), range(1, 150, 2)
USED = [*MEASURES, "species", "Iris_versicolor"]


@pytest.fixture
async def flowers(user: Caller, served: Served, tmp_path: Path) -> Caller:
    """A user whose project learned every second flower, and who named the others `others`."""
    await user.good("POST", "/projects", {}, query="pid=iris")
    await user.good("POST", "/projects/iris/learn", iris_frame(LEARNT, USED))
    lines = [",".join(USED), *(",".join(str(IRIS[name][i]).lower() for name in USED) for i in HELD)]
    path = tmp_path / "others.csv"
    path.write_text("\n".join(lines) + "\n")
    source = {"type": "localfile", "name": "others", "info": {"path": str(path)}, "extra": {}}
    await user.good("POST", "/dss/create", source)
    looking(served, tmp_path)
    return user


def by_hand(kinds: Any, target: str, **how: Any) -> Any:
    """The same from the rows themselves."""
    features = [Feature(name, min=-100, max=100, resolution="0.1") for name in MEASURES]
    levels = sorted({label.lower() for label in IRIS["species"].tolist()})
    goals = [Feature("species", "category", levels=levels), Feature("Iris_versicolor", "binary")]
    schema = Schema([*features, *goals])
    parts = []
    for rows in (LEARNT, HELD):
        table: dict[str, Any] = {name: np.array(IRIS[name])[list(rows)] for name in [*MEASURES, "Iris_versicolor"]}
        parts.append(table | {"species": [str(IRIS["species"][i]).lower() for i in rows]})
    return choose(collect(schema, parts[0]), parts[1], kinds=kinds, target=target, features=how.pop("features"), **how)


@pytest.mark.parametrize(
    ("query", "targets", "extra", "kinds", "how"),
    [
        ("algo=mlr", ["petal_width"], {}, ["ols"], {"search": "stepwise"}),
        (
            "algo=mlr",
            ["petal_width"],
            {"sml_model_assessment_type": "r2"},
            ["ols"],
            {"search": "stepwise", "measure": "r2"},
        ),
        ("algo=mlda", ["species"], {"selector_type": "selector_type_brute"}, ["lda"], {"search": "subsets"}),
        (
            "algo=bayes",
            ["species"],
            {"selector_type": "selector_type_simple", "sml_model_assessment_type": "mkappa", "rnd_seed": 3},
            ["gaussian_nb"],
            {"search": "order", "measure": "kappa"},
        ),
        (
            "algo=ridge",
            ["petal_width"],
            {"autoselect_grid_type": "autoselect_grid_type_tiny"},
            ["ridge"],
            {"search": "stepwise", "grid": {"lam": ["1e-4", "1e-2", "1e0"]}},
        ),
    ],
)
async def test_inputs_are_chosen_by_the_rows_of_a_source(
    flowers: Caller, query: str, targets: list[str], extra: Any, kinds: Any, how: Any
) -> None:
    inputs = [name for name in MEASURES if name not in targets]
    body = {"inputAttributeNames": inputs, "targetAttributeNames": targets, "extraParameters": extra}
    where = "/projects/iris/selectModel/others"
    told = (await flowers.good("POST", where, body, query=f"modelid=m&async=false&{query}"))["modelInfo"]
    model, _ = by_hand(kinds, targets[0], features=inputs, **how)
    assert set(told["attributeNames"]) == set(model.columns)
    assert (await flowers.good("GET", "/projects/iris/models/m"))["modelInfo"] == told
    later = await flowers.done("POST", where, body, query=f"modelid=n&{query}")
    assert later["modelInfo"]["attributeNames"] == told["attributeNames"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("task", "target", "kinds"),
    [
        ("regression", "petal_width", {"ols": {}, "ridge": {}, "elastic_net": {}}),
        ("multiclass_classifier", "species", {"lda": {}, "gaussian_nb": {}, "ridge_classifier": {}}),
        (
            "binary_classifier",
            "Iris_versicolor",
            {"lda": {"form": "symetry"}, "gaussian_nb": {}, "ridge_classifier": {}},
        ),
    ],
)
async def test_a_model_is_chosen_by_the_rows_of_a_source(flowers: Caller, task: str, target: str, kinds: Any) -> None:
    inputs = [name for name in MEASURES if name != target]
    body = {"inputAttributeNames": inputs, "targetAttributeNames": [target]}
    query = f"modelid=m&async=false&task={task}"
    told = (await flowers.good("POST", "/projects/iris/autoSelect/others", body, query=query))["modelInfo"]
    grid = {"lam": ["1e-4", "1e-2", "1e0"]} | ({"mix": ["0.5"]} if task == "regression" else {})
    model, choice = by_hand(kinds, target, features=inputs, search="stepwise", grid=grid)
    names = {"ols": "mlr", "elastic_net": "elasticnet", "gaussian_nb": "bayes"}
    assert told["modelType"] == names.get(model.kind, model.kind)
    assert told["attributeNames"] == model.columns == choice.best[0].features


async def test_what_cannot_be_chosen_by_rows_is_refused(flowers: Caller) -> None:
    body = {"inputAttributeNames": MEASURES[:2], "targetAttributeNames": ["species"]}
    for where, query, extra, text, status in (
        ("selectModel/nowhere", "algo=mlda", {}, "Cannot Find Data Source [nowhere]", 404),
        (
            "selectModel/others",
            "algo=mlda",
            {"sml_model_assessment_type": "rmslogp1e"},
            "is not one: there are auc",
            400,
        ),
        ("selectModel/others", "algo=mlda", {"sml_model_assessment_type": "rmse"}, "measure is 'rmse'", 400),
        (
            "selectModel/others",
            "algo=mlda",
            {"autoselect_grid_type": "autoselect_grid_type_huge"},
            "there are tiny",
            400,
        ),
        ("selectModel/others", "algo=mlda", {"selector_type": "selector_type_genetic"}, "not drawn at random", 400),
        ("selectModel/others", "algo=oospca", {}, "predicts no target", 400),
        ("selectModel/others", "algo=lr", {}, "more of each row than sums", 400),
        ("autoSelect/others", "task=binary_classifier", {}, "two classes", 400),
        ("autoSelect/others", "task=clustering", {}, "is not one", 400),
    ):
        asked = {**body, "extraParameters": extra}
        path = f"/projects/iris/{where}"
        assert text in await flowers.bad("POST", path, asked, query=f"modelid=m&async=false&{query}", status=status)
    assert (await flowers.good("GET", "/projects/iris/info"))["smlInfo"]["modelsList"] == []
