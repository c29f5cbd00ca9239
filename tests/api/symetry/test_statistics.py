"""Metrics and models of a project: the printed numbers of the reference where it prints some, else those of others."""

from __future__ import annotations

import math
import re
import sqlite3
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import Ridge
from sklearn.naive_bayes import GaussianNB

from fedpeer.core.errors import ModelError
from fedpeer.core.models.fit import fit
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema
from fedpeer.node import commands
from tests.api.symetry.conftest import IRIS, NAMES, iris_frame
from tests.support.symetry import Caller

MEASURES = NAMES[:4]


def at(*names: str) -> list[str]:
    return [str(NAMES.index(name)) for name in names]


async def told(user: Caller, metric: str, inputs: list[str], targets: list[str] | None = None, **extra: Any) -> Any:
    asked = {"inputAttributes": at(*inputs), "targets": at(*(targets or [])), "extraParameters": extra}
    return (await user.good("POST", "/projects/iris/explore", asked, query=f"metric={metric}"))["KSVDMap"]["values"][0]


async def test_one_attribute_has_the_printed_numbers(iris: Caller) -> None:
    found = await told(iris, "uni", ["sepal_length"])
    assert (found["count"], found["mean"]) == (150, 5.843333333333334)
    assert found["variance"] == pytest.approx(0.6811222222222204, rel=1e-13)
    assert found["skewness"] == pytest.approx(0.31808651443435426, rel=1e-12)
    assert round(found["meanMarginErrorC95"], 4) == 0.1332
    assert (await told(iris, "uni", ["Iris_setosa"]))["count"] == 150


async def test_two_attributes_have_the_printed_numbers(iris: Caller) -> None:
    found = await told(iris, "bi", ["sepal_length", "petal_width"], need_bi_conditional="true")
    printed = {"linCorr": 0.818, "covar": 0.5135, "condCount": 179.8, "condMean": 6.2717}
    assert {key: round(found[key], 4) for key in printed} == printed
    part = IRIS["sepal_length"][IRIS["Iris_setosa"] == 1]
    given = await told(iris, "bi", ["sepal_length", "Iris_setosa"])
    assert (given["condCount"], given["condVariance"]) == (50, pytest.approx(part.var(), rel=1e-12))


async def test_tests_have_the_printed_numbers(iris: Caller) -> None:
    assert round((await told(iris, "ztest", ["sepal_length", "petal_width"]))["z"], 4) == 50.6844
    columns = ["Iris_setosa", "Iris_versicolor", "Iris_virginica"]
    table = await told(iris, "chi2", ["petal_width_b1", "petal_width_b2"], columns)
    assert (table["chiStat"], table["df"], round(table["coef"], 4)) == (150.0, 2, 0.8409)
    assert table["obs$petal_width_b1:Iris_setosa"] == 50
    anova = await told(iris, "anova", ["sepal_length"], columns)
    expected = stats.f_oneway(*(IRIS["sepal_length"][IRIS[name] == 1] for name in columns))
    assert (anova["Dfb"], anova["Dfw"]) == (2, 147)
    assert anova["F"] == pytest.approx(expected.statistic, rel=1e-12)
    assert anova["P"] == pytest.approx(expected.pvalue, rel=1e-9)


@pytest.mark.parametrize(
    ("metric", "inputs", "extra", "keys"),
    [
        ("ztestp", ["petal_width_b1", "Iris_setosa"], {}, "z zp"),
        ("ztestmu", ["sepal_length"], {"sml_explore_ztest_known_mu": "5.8"}, "z zp"),
        ("ttest", ["sepal_length", "petal_length"], {}, "tn1 tn2 tm1 tm2 ts1 ts2 t tdf tp tu tdfu tpu"),
        (
            "ttest",
            ["sepal_length", "Iris_setosa", "Iris_virginica"],
            {},
            "tn1 tn2 tm1 tm2 ts1 ts2 t tdf tp tu tdfu tpu",
        ),
        ("ttestmu", ["sepal_length"], {"sml_explore_ttest_known_mu": "5.8"}, "t tp"),
        ("ftest", ["sepal_length", "petal_length"], {}, "fn1 fn2 fm1 fm2 fs1 fs2 fdf1 fdf2 f fp"),
        ("ftestmu", ["sepal_length"], {"sml_explore_ftest_known_sigma": "0.5"}, "f fp"),
        ("anova", ["sepal_length", "petal_length"], {}, "SSb SSw Dfb Dfw MSb MSw F Ssgamma Dfgamma P"),
        ("gain", ["petal_width_b1", "Iris_setosa"], {}, "gain"),
    ],
)
async def test_every_metric_has_its_keys(iris: Caller, metric: str, inputs: list[str], extra: Any, keys: str) -> None:
    found = await told(iris, metric, inputs, **extra)
    assert list(found) == keys.split()
    assert all(math.isfinite(value) for value in found.values())


async def test_several_contexts_are_answered_at_once_and_later(iris: Caller) -> None:
    body = {"values": [{"inputAttributes": at(name)} for name in MEASURES]}
    values = await iris.good("POST", "/projects/iris/explore", body, query="metric=uni&returnProjectInfo=true")
    assert [one["count"] for one in values["KSVDMap"]["values"]] == [150] * 4
    assert values["smlInfo"]["pid"] == "iris"
    later = await iris.done("POST", "/projects/iris/explore", body, query="metric=uni&async=true")
    assert later["KSVDMap"] == values["KSVDMap"]
    byname = {"inputAttributeNames": ["petal_length"]}
    one = await iris.good("POST", "/projects/iris/explore", byname, query="metric=uni&useLocal=true")
    assert one["KSVDMap"]["values"] == values["KSVDMap"]["values"][2:3]


@pytest.mark.parametrize(
    ("query", "body", "text"),
    [
        ("metric=nothing", {"inputAttributes": ["0"]}, "'nothing' is not one"),
        ("", {}, "'' is not one"),
        ("metric=uni", {"inputAttributes": ["99"]}, "there is no attribute '99'"),
        ("metric=uni", {"inputAttributes": [-1]}, "there is no attribute '-1'"),
        ("metric=uni", {"inputAttributeNames": ["nobody"]}, "there is no attribute 'nobody'"),
        ("metric=uni", {"inputAttributes": ["0"], "extraParameters": {"colour": "red"}}, "no option 'colour'"),
        ("metric=uni", {"values": []}, "one MLContext or more"),
        ("metric=uni", {"values": [{"values": []}]}, "one MLContext or more"),
        ("metric=bi", {"inputAttributes": ["0"]}, "takes 2 features"),
        ("metric=vif", {"values": [{}]}, "'vif' is not one"),
        ("metric=uni", {"inputAttributes": ["0"], "surprise": 1}, "unknown field"),
        (
            "metric=uni",
            {"inputAttributes": ["0"], "extraParameters": {"fed_peer_uuid_for_explore": "x"}},
            "nobody else",
        ),
    ],
)
async def test_what_is_asked_wrongly_is_refused(iris: Caller, query: str, body: Any, text: str) -> None:
    assert text in await iris.bad("POST", "/projects/iris/explore", body, query=query)


async def test_axes_and_inflation(iris: Caller) -> None:
    asked = {"inputAttributes": at(*MEASURES)}
    table = np.array([IRIS[name] for name in MEASURES])
    pca = await iris.good("POST", "/projects/iris/explorepca", asked)
    values = np.linalg.eigvalsh(np.corrcoef(table))[::-1]
    assert pca["pcaValues"] == pytest.approx(values, rel=1e-10)
    assert pca["pcaSumValues"] == pytest.approx(4)
    assert np.array(pca["pcaVectors"]).shape == (4, 4)
    few = {**asked, "extraParameters": {"pcaNumDimension": "2"}}
    assert len((await iris.good("POST", "/projects/iris/explorepca", few))["pcaValues"]) == 2
    shared = await iris.good("POST", "/projects/iris/explorepca", few, query="explainedCovariance=true")
    covariance = np.cov(table, bias=True)
    assert shared["pcaValues"] == pytest.approx(np.linalg.eigvalsh(covariance)[::-1][:2], rel=1e-10)
    assert shared["pcaSumValues"] == pytest.approx(np.trace(covariance))
    vif = (await iris.good("POST", "/projects/iris/vif", asked))["KSVSMap"]["values"][0]
    expected = np.linalg.inv(np.corrcoef(table)).diagonal()
    assert {key: float(value) for key, value in vif.items()} == pytest.approx(dict(zip("0123", expected, strict=True)))
    svd = await iris.good("POST", "/projects/iris/exploresvd", asked)
    assert np.array(svd["svdValues"]) ** 2 / 150 == pytest.approx(values, rel=1e-10)
    kept = await iris.good("POST", "/projects/iris/exploresvdfs", asked)
    assert sorted(kept["stringList"]["values"]) == sorted(MEASURES)


async def test_regressions_are_built_told_of_and_predict(iris: Caller) -> None:
    body = {"inputAttributes": at("petal_length", "sepal_width"), "targets": at("petal_width")}
    built = await iris.done("POST", "/projects/iris/build", body, query="modelid=m1&algo=mlr")
    info = (await iris.good("GET", "/projects/iris/models/m1"))["modelInfo"]
    assert info == built["modelInfo"]
    assert (info["modelId"], info["modelType"], info["modelBuilt"]) == ("m1", "mlr", True)
    assert (info["attributeNames"], info["targetNames"]) == (["petal_length", "sepal_width"], ["petal_width"])
    assert (info["attributeIndexes"], info["targetindexes"]) == ([2, 1], [3])
    x = np.column_stack([np.ones(150), IRIS["petal_length"], IRIS["sepal_width"]])
    beta, (rss,), *_ = np.linalg.lstsq(x, IRIS["petal_width"], rcond=None)
    errors = np.sqrt(np.linalg.inv(x.T @ x).diagonal() * rss / 147)
    extra = info["extra"]
    assert extra["attribute"] == ["intercept", "petal_length", "sepal_width"]
    assert extra["coefficient"] == pytest.approx(beta, rel=1e-10)
    assert extra["std.error"] == pytest.approx(errors, rel=1e-10)
    assert extra["scores"] == pytest.approx(beta / errors, rel=1e-10)
    assert extra["p.values"] == pytest.approx(2 * stats.t.sf(np.abs(beta / errors), 147), rel=1e-8)
    assert extra["ci.low"] == pytest.approx(beta - stats.t.ppf(0.975, 147) * errors, rel=1e-10)
    frame = iris_frame([3, 90], ["petal_length", "sepal_width"])
    found = (await iris.good("POST", "/projects/iris/predict/m1", frame))["dataframe"]
    assert found["attributeNames"] == ["res"]
    assert [float(row[0]) for row in found["data"]] == pytest.approx((x @ beta)[[3, 90]], rel=1e-10)
    assert "already" in await iris.bad(
        "POST", "/projects/iris/build", body, query="modelid=m1&algo=mlr&async=false", status=409
    )
    listed = (await iris.good("GET", "/projects/iris/info"))["smlInfo"]
    assert (listed["modelsList"], listed["modelTypeList"]) == (["m1"], ["mlr"])


async def test_what_is_missing_in_a_row_is_completed(iris: Caller) -> None:
    body = {"inputAttributes": at("petal_length", "sepal_width"), "targets": at("petal_width")}
    await iris.good("POST", "/projects/iris/build", body, query="modelid=m1&algo=mlr&async=false")
    frame = {"attributeNames": ["petal_length", "sepal_width"], "attributeTypes": ["C", "C"], "data": [["1.4", ""]]}
    whole = {**frame, "data": [["1.4", str(IRIS["sepal_width"].mean())]]}
    one, mean = [
        (await iris.good("POST", "/projects/iris/predict/m1", f))["KSVSMap"]["values"][0] for f in (frame, whole)
    ]
    assert float(one["res"]) == pytest.approx(float(mean["res"]), rel=1e-9)
    imputed = (await iris.good("POST", "/projects/iris/predict/m1", frame, query="impute=true"))["KSVSMap"]["values"][0]
    table = np.cov(IRIS["petal_length"], IRIS["sepal_width"], bias=True)
    likely = IRIS["sepal_width"].mean() + table[0, 1] / table[0, 0] * (1.4 - IRIS["petal_length"].mean())
    same = (await iris.good("POST", "/projects/iris/predict/m1", {**frame, "data": [["1.4", str(likely)]]}))["KSVSMap"]
    assert float(imputed["res"]) == pytest.approx(float(same["values"][0]["res"]), rel=1e-9)


async def test_a_discriminant_is_the_one_that_the_reference_publishes(iris: Caller) -> None:
    body = {"inputAttributes": at(*MEASURES), "targets": at("Iris_versicolor")}
    await iris.good("POST", "/projects/iris/build", body, query="modelid=m1&algo=lda&async=false")
    table, flag = np.array([IRIS[name] for name in MEASURES]).T, IRIS["Iris_versicolor"]
    groups = [table[flag == k] for k in (0, 1)]
    shared = sum(len(g) * np.cov(g.T, bias=True) for g in groups) / 149
    beta = np.linalg.solve(shared, groups[1].mean(0) - groups[0].mean(0))
    zero = beta @ (groups[0].mean(0) + groups[1].mean(0)) / 2
    frame = iris_frame(range(150), MEASURES)
    found = (await iris.good("POST", "/projects/iris/predict/m1", frame))["dataframe"]
    assert found["attributeNames"] == ["res", "resZ", "z0", "z1LTz0", "z1GTz0"]
    columns = np.array([[float(value) for value in row] for row in found["data"]]).T
    assert columns[1] == pytest.approx(table @ beta, rel=1e-9)
    assert columns[2] == pytest.approx([zero] * 150, rel=1e-10)
    assert columns[0].tolist() == (table @ beta > zero).astype(float).tolist() == columns[4].tolist()
    assert columns[3].tolist() == (1 - columns[4]).tolist()


async def test_bayes_and_scores_of_the_unusual(user: Caller) -> None:
    names = [*MEASURES, "species"]
    await user.good("POST", "/projects", {}, query="pid=iris&enableHistogram=true")
    await user.good("POST", "/projects/iris/learn", iris_frame(range(150), names))
    species = [str(names.index("species") + k) for k in range(3)]
    body = {"inputAttributes": ["0", "1", "2", "3"], "targets": species}
    await user.good("POST", "/projects/iris/build", body, query="modelid=nb&algo=bayes&async=false")
    await user.good("POST", "/projects/iris/build", body, query="modelid=ml&algo=mlda&async=false")
    table = np.array([IRIS[name] for name in MEASURES]).T
    frame = iris_frame(range(150), names)
    found = (await user.good("POST", "/projects/iris/predict/nb", frame))["dataframe"]
    assert found["attributeNames"] == ["res", "Prob"]
    oracle = GaussianNB().fit(table, IRIS["species"])
    assert [row[0] for row in found["data"]] == oracle.predict(table).tolist()
    assert [float(row[1]) for row in found["data"]] == pytest.approx(oracle.predict_proba(table).max(1), rel=1e-6)
    part = {"inputAttributes": ["0"], "targets": species[:1]}
    assert "all columns of 'species' or none" in await user.bad(
        "POST", "/projects/iris/build", part, query="modelid=x&algo=bayes"
    )
    body = {"inputAttributes": ["0", "1", "2", "3"]}
    await user.good("POST", "/projects/iris/build", body, query="modelid=eco&algo=ecod&async=false")
    scores = (await user.good("POST", "/projects/iris/predict/eco", frame))["dataframe"]
    assert scores["attributeNames"] == ["res", "ecodscore"]
    for tail, keys in (("both", ["evt_threshold_upper", "evt_threshold_lower"]), ("upper", ["evt_threshold"])):
        body = {"inputAttributes": ["1"], "extraParameters": {"level": "0.8", "tail": tail}}
        query = f"modelid=evt-{tail}&algo=evt&async=false"
        told = (await user.good("POST", "/projects/iris/build", body, query=query))["modelInfo"]
        assert told["modelType"] == "evt"
        found = (await user.good("POST", f"/projects/iris/predict/evt-{tail}", frame))["dataframe"]
        assert found["attributeNames"] == ["evt_is_anomaly", *keys]
        limits = [float(value) for value in found["data"][0][1:]]
        beyond = IRIS["sepal_width"] > limits[0]
        if tail == "both":
            beyond |= IRIS["sepal_width"] < limits[1]
        assert [row[0] for row in found["data"]] == [str(float(value)) for value in beyond]


@pytest.mark.parametrize(
    ("algo", "extra"),
    [
        ("ridge", {"lambda": "2"}),
        ("lasso", {}),
        ("elasticnet", {"eta": "0.3"}),
        ("pcr", {"components": 1}),
        ("plsq", {}),
    ],
)
async def test_every_linear_algorithm_is_built(iris: Caller, algo: str, extra: dict[str, Any]) -> None:
    body = {
        "inputAttributes": at("petal_length", "sepal_width"),
        "targets": at("petal_width"),
        "extraParameters": extra,
    }
    values = await iris.good("POST", "/projects/iris/build", body, query=f"modelid=m&algo={algo}&async=false")
    assert values["modelInfo"]["modelType"] == algo
    assert values["modelInfo"]["extra"]["attribute"][0] == "intercept"


@pytest.mark.parametrize(("algo", "target"), [("oospca", []), ("covest", []), ("lsvm", ["Iris_virginica"])])
async def test_other_algorithms_are_built(iris: Caller, algo: str, target: list[str]) -> None:
    body = {"inputAttributes": at(*MEASURES), "targets": at(*target)}
    values = await iris.good("POST", "/projects/iris/build", body, query=f"modelid=m&algo={algo}&async=false")
    assert values["modelInfo"]["modelType"] == algo


@pytest.mark.parametrize(
    ("query", "body", "text"),
    [
        ("algo=mlr", {}, "modelid is missing"),
        ("algo=rf_classifier&modelid=m", {}, "needs more of each row than sums"),
        ("algo=km&modelid=m", {}, "kaplan_meier"),
        ("algo=nothing&modelid=m", {}, "'nothing' is not one"),
        ("algo=mlr&modelid=m", {"inputAttributes": ["0"]}, "needs one target, and 0"),
        ("algo=mlr&modelid=m", {"inputAttributes": ["0"], "targets": ["1", "2"]}, "needs one target, and 2"),
        ("algo=mlr&modelid=m&svdreduce=3", {}, "svdreduce"),
        (
            "algo=covest&modelid=m",
            {"inputAttributes": ["0"], "extraParameters": {"method": "eigen_trunc"}},
            "eigen_trunc",
        ),
        ("algo=mlr&modelid=a/b&async=false", {"inputAttributes": ["0"], "targets": ["1"]}, "a model's id has"),
        (
            "algo=mlr&modelid=m&async=false",
            {"inputAttributes": ["0"], "targets": ["1"], "extraParameters": {"sml_rcond_use": "1"}},
            "rank is decided exactly",
        ),
    ],
)
async def test_what_cannot_be_built_is_refused(iris: Caller, query: str, body: Any, text: str) -> None:
    assert text in await iris.bad("POST", "/projects/iris/build", body, query=query)
    assert (await iris.good("GET", "/projects/iris/info"))["smlInfo"]["modelsList"] == []


async def test_inputs_are_chosen(iris: Caller) -> None:
    body = {"inputAttributes": at("petal_length", "sepal_width", "sepal_length"), "targets": at("petal_width")}
    for where, extra, kind in (
        ("selectModel", {}, "stepwise"),
        ("selectModel", {"selector_type": "selector_type_brute"}, "best_subset"),
        ("autoSelect", {}, "stepwise"),
    ):
        query = f"modelid=m-{where}-{kind}&async=false&task=regression"
        values = await iris.good("POST", f"/projects/iris/{where}", {**body, "extraParameters": extra}, query=query)
        assert values["modelInfo"]["modelType"] == kind
        assert "petal_length" in values["modelInfo"]["attributeNames"]
    for extra, query, text in (
        ({"selector_type": "selector_type_genetic"}, "", "not drawn at random"),
        ({"selector_type": "selector_type_bayesian"}, "", "not drawn at random"),
        ({"selector_type": "selector_type_iteration", "selector_max_iterations": 9}, "", "not drawn at random"),
        ({"selector_type": "selector_type_odd"}, "", "there are selector_type_fw_bw"),
        ({}, "&algo=bayes", "name a source"),
        ({"sml_model_assessment_type": "rmse"}, "&algo=mlr", "name a source"),
    ):
        asked = {**body, "extraParameters": extra}
        assert text in await iris.bad("POST", "/projects/iris/selectModel", asked, query=f"modelid=m{query}")
    for task, text in (("binary_classifier", "two classes"), ("clustering", "is not one")):
        query = f"task={task}&modelid=m"
        assert text in await iris.bad("POST", "/projects/iris/autoSelect", body, query=query)


async def test_inputs_of_classifiers_are_chosen_and_reduced(user: Caller) -> None:
    names = [*MEASURES, "species"]
    await user.good("POST", "/projects", {}, query="pid=iris")
    await user.good("POST", "/projects/iris/learn", iris_frame(range(150), names))
    body = {"inputAttributes": ["0", "1", "2", "3"], "targets": ["4", "5", "6"]}
    features = [Feature(name, min=-100, max=100, resolution="0.1") for name in MEASURES]
    levels = sorted(set(IRIS["species"].tolist()))
    summary = collect(Schema([*features, Feature("species", "category", levels=levels)]), {k: IRIS[k] for k in names})
    for number, (where, extra, query, kind, options) in enumerate(
        [
            ("selectModel", {}, "algo=mlda", "lda_stepwise", {}),
            ("selectModel", {"selector_type": "selector_type_simple"}, "", "lda_stepwise", {"direction": "order"}),
            ("selectModel", {"selector_type": "selector_type_brute"}, "algo=lda", "lda_subset", {}),
            ("autoSelect", {"rnd_seed": "7"}, "task=multiclass_classifier", "lda_stepwise", {}),
            ("reduce", {}, "heuristic=default&delta=0.2", "lda_reduced", {"delta": "0.2"}),
            ("reduce", {"delta": "0.9", "numIterations": "1"}, "", "lda_reduced", {"delta": "0.9", "steps": 1}),
        ]
    ):
        asked = {**body, "extraParameters": extra}
        found = await user.good(
            "POST", f"/projects/iris/{where}", asked, query=f"modelid=m{number}&async=false&{query}"
        )
        told = found["modelInfo"]
        wanted = fit(summary, kind, "species", MEASURES, **options)
        assert (told["modelType"], told["attributeNames"]) == ("lda", wanted.columns)
        label = told["extra"]["class"][0]
        assert told["extra"][f"weight_{label}"] == pytest.approx(list(wanted.classes[0].weights.values()), rel=1e-9)


async def test_two_classes_are_chosen_for_in_the_form_of_the_reference(iris: Caller) -> None:
    body = {"inputAttributes": at(*MEASURES), "targets": at("Iris_versicolor")}
    query = "task=binary_classification&modelid=m&async=false"
    extra = {"sml_model_assessment_type": "auc"}
    found = await iris.good("POST", "/projects/iris/autoSelect", {**body, "extraParameters": extra}, query=query)
    told = found["modelInfo"]["extra"]
    chosen = told["attribute"]
    rows = np.array([IRIS[name] for name in chosen]).T
    assert told["mean_Iris_versicolor"] == pytest.approx(rows[IRIS["Iris_versicolor"] == 1].mean(0), rel=1e-12)
    frame = iris_frame([3, 60], chosen)
    answer = (await iris.good("POST", "/projects/iris/predict/m", frame))["dataframe"]
    assert answer["attributeNames"] == ["res", "resZ", "z0", "z1LTz0", "z1GTz0"]


async def test_chains_are_built_and_tell_what_follows(user: Caller) -> None:
    states = [("dry", "wet", "snow")[int(k)] for k in "0010120012210001011220001"]
    does = ["walk" if state == "dry" else "read" for state in states]
    rows = [list(row) for row in zip(states[1:], states[:-1], does[1:], strict=True)]
    frame = {"attributeNames": ["state", "before", "does"], "attributeTypes": ["T"] * 3, "data": rows}
    await user.good("POST", "/projects", {}, query="pid=p")
    await user.good("POST", "/projects/p/learn", frame)
    names = {"targetAttributeNames": ["state"], "inputAttributeNames": ["before"]}
    built = await user.good("POST", "/projects/p/build", names, query="modelid=c&algo=mc&async=false")
    assert built["modelInfo"]["modelType"] == "mc"
    seen, began = Counter(pairwise(states)), Counter(states[:-1])
    extra = built["modelInfo"]["extra"]
    for a in began:
        assert extra[f"transition_{a}"] == [seen[a, b] / began[a] for b in extra["state"]]
    asked = {"attributeNames": ["before"], "attributeTypes": ["T"], "data": [["dry"], ["wet"], ["wet"], ["dry"]]}
    found = (await user.good("POST", "/projects/p/predict/c", asked))["dataframe"]
    assert found["attributeNames"] == ["next", "next.p", "seq.like"]
    likely = 1.0
    for at_row, row in enumerate(found["data"]):
        now = asked["data"][at_row][0]
        best = max(seen[now, b] for b in extra["state"])
        assert (seen[now, row[0]], float(row[1])) == (best, best / began[now])
        if at_row:
            before = asked["data"][at_row - 1][0]
            likely *= seen[before, now] / began[before]
        assert float(row[2]) == pytest.approx(likely, rel=1e-12)
    names = {"targetAttributeNames": ["state"], "inputAttributeNames": ["before", "does"]}
    await user.good("POST", "/projects/p/build", names, query="modelid=h&algo=hmm&async=false")
    asked = {"attributeNames": ["does"], "attributeTypes": ["T"], "data": [["walk"], ["read"]]}
    found = (await user.good("POST", "/projects/p/predict/h", asked))["dataframe"]
    assert found["attributeNames"] == ["seq"]
    assert found["data"][0] == ["dry"]
    for model in ("c", "h"):
        before = int((await user.good("GET", f"/projects/p/models/{model}"))["modelInfo"]["info"]["rows"])
        await user.good("POST", f"/projects/p/learnpredict/{model}", frame, query="rebuildModel=true")
        anew = (await user.good("GET", f"/projects/p/models/{model}"))["modelInfo"]
        assert int(anew["info"]["rows"]) == before + (24 if model == "c" else 48)
        assert anew["extra"][f"transition_{states[0]}"] == extra[f"transition_{states[0]}"]
    names = {"targetAttributeNames": ["state"], "inputAttributeNames": ["does"]}
    query = "modelid=x&algo=mc&async=false"
    assert "the same levels" in await user.bad("POST", "/projects/p/build", names, query=query)


ALGORITHMS = {  # every id of the reference: the inputs and target with which it is built, or why it is not
    **dict.fromkeys(("mlr", "ridge", "lasso", "elasticnet", "pcr", "plsq", "lsvr"), (MEASURES[:3], ["petal_width"])),
    **dict.fromkeys(("lda", "bayes", "lsvm"), (MEASURES, ["Iris_virginica"])),
    **dict.fromkeys(("covest", "oospca", "hba", "ecod", "evt"), (["sepal_width"], [])),
    "mlda": (MEASURES, ["species"]),
    "mc": (["before"], ["species"]),
    "hmm": (["before", "long"], ["species"]),
    "mqda": "needs the products of two columns by class",
    "powerreg": "products and powers are features of the schema",
    "km": "kaplan_meier",
    **dict.fromkeys(("lr", "kmeans", "rf_classifier", "rf_regressor", "rf_anomaly"), "more of each row than sums"),
}


@pytest.mark.long
async def test_every_algorithm_is_built_or_refused_with_the_reason(user: Caller) -> None:
    names = [*MEASURES, "species", "Iris_virginica"]
    frame = iris_frame(range(150), names)
    order = [k * 7 % 150 for k in range(151)]
    rows = [frame["data"][k] for k in order[1:]]
    more = [[frame["data"][k][4], "yes" if float(row[2]) > 4 else "no"] for k, row in zip(order, rows, strict=False)]
    frame = {
        "attributeNames": [*names, "before", "long"],
        "attributeTypes": ["C"] * 4 + ["T", "B", "T", "T"],
        "data": [[*row, *extra] for row, extra in zip(rows, more, strict=True)],
    }
    await user.good("POST", "/projects", {}, query="pid=p&enableHistogram=true")
    await user.good("POST", "/projects/p/learn", frame)
    for algo, told in ALGORITHMS.items():
        query = f"modelid=m-{algo}&algo={algo}&async=false"
        inputs, targets = (MEASURES, ["species"]) if isinstance(told, str) else told
        extra = {"level": "0.8", "tail": "upper"} if algo == "evt" else {}
        body = {"inputAttributeNames": inputs, "targetAttributeNames": targets, "extraParameters": extra}
        if isinstance(told, str):
            assert told in await user.bad("POST", "/projects/p/build", body, query=query), algo
            continue
        info = (await user.good("POST", "/projects/p/build", body, query=query))["modelInfo"]
        assert info["modelType"] == {"mlda": "lda", "lsvr": "ridge"}.get(algo, algo)
        answer = (await user.good("POST", f"/projects/p/predict/m-{algo}", frame))["dataframe"]
        assert len(answer["data"]) == 150
        assert info["extra"] or algo in {"covest", "oospca", "hba", "ecod"}
    body = {
        "inputAttributeNames": MEASURES[:3],
        "targetAttributeNames": ["petal_width"],
        "extraParameters": {"c": "0.5"},
    }
    await user.good("POST", "/projects/p/build", body, query="modelid=svr&algo=lsvr&async=false")
    told = (await user.good("GET", "/projects/p/models/svr"))["modelInfo"]["extra"]["coefficient"]
    table = np.array([IRIS[name] for name in MEASURES[:3]]).T[order[1:]]
    line = Ridge(2).fit(table, IRIS["petal_width"][order[1:]])
    assert told == pytest.approx([line.intercept_, *line.coef_], rel=1e-9)


async def test_a_model_that_cannot_be_fitted_anew_stays_as_it_was(
    user: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [*MEASURES, "species"]
    await user.good("POST", "/projects", {}, query="pid=p")
    await user.good("POST", "/projects/p/learn", iris_frame(range(0, 150, 2), names))
    body = {"inputAttributeNames": MEASURES, "targetAttributeNames": ["species"]}
    await user.good("POST", "/projects/p/build", body, query="algo=lda&modelid=m&async=false")
    before = (await user.good("GET", "/projects/p/models/m"))["modelInfo"]

    def failing(*_: object) -> None:
        raise ModelError("these rows do not determine it")

    monkeypatch.setattr(commands, "fitted", failing)
    frame = iris_frame(range(1, 150, 2), names)
    assert "determine" in await user.bad("POST", "/projects/p/learnpredict/m", frame, query="rebuildModel=true")
    assert (await user.good("GET", "/projects/p/models/m"))["modelInfo"] == before


async def test_chosen_inputs_and_chains_are_fitted_anew_from_all_there_were(user: Caller) -> None:
    names = [*MEASURES, "species"]
    await user.good("POST", "/projects", {}, query="pid=p")
    mixed = [k * 7 % 150 for k in range(150)]
    await user.good("POST", "/projects/p/learn", iris_frame(mixed[:60], names))
    body = {"inputAttributeNames": MEASURES, "targetAttributeNames": ["species"]}
    await user.good("POST", "/projects/p/selectModel", body, query="modelid=m&algo=mlda&async=false")
    await user.good("POST", "/projects/p/learnpredict/m", iris_frame(mixed[60:], names), query="rebuildModel=true")
    anew = (await user.good("GET", "/projects/p/models/m"))["modelInfo"]
    await user.good("POST", "/projects/p/selectModel", body, query="modelid=n&algo=mlda&async=false")
    whole = (await user.good("GET", "/projects/p/models/n"))["modelInfo"]
    assert anew["info"]["rows"] == "150"
    assert (anew["attributeNames"], anew["extra"]) == (whole["attributeNames"], whole["extra"])


async def test_models_leave_as_code_and_as_themselves(iris: Caller) -> None:
    body = {"inputAttributes": at("petal_length", "sepal_width"), "targets": at("petal_width")}
    await iris.good("POST", "/projects/iris/build", body, query="modelid=m1&algo=mlr&async=false")
    frame = iris_frame([3], ["petal_length", "sepal_width"])
    found = (await iris.good("POST", "/projects/iris/predict/m1", frame))["KSVSMap"]["values"][0]["res"]
    text = (await iris.good("GET", "/projects/iris/models/m1/code", query="language=sql"))["string"]
    base = sqlite3.connect(":memory:")
    base.execute("CREATE TABLE patients (petal_length REAL, sepal_width REAL)")
    base.execute("INSERT INTO patients VALUES (?, ?)", [float(value) for value in frame["data"][0]])
    assert base.execute(re.sub(r";\s*$", "", text)).fetchone()[-1] == pytest.approx(float(found), rel=1e-12)
    assert "language 'java'" in await iris.bad("GET", "/projects/iris/models/m1/code", query="language=java")
    values = await iris.good("GET", "/projects/iris/model/export", query="modelid=m1")
    await iris.good("POST", "/projects/iris/model/import", values, query="modelid=m2")
    assert (await iris.good("POST", "/projects/iris/predict/m2", frame))["KSVSMap"]["values"][0]["res"] == found
    for body in ({"string": "AAAA"}, {"string": 5}, {}):
        assert (await iris.ask("POST", "/projects/iris/model/import", body, query="modelid=m3"))[0] == 400
    assert "already" in await iris.bad("POST", "/projects/iris/model/import", values, query="modelid=m2", status=409)
    assert "Cannot Find model id[m9]" in await iris.bad("GET", "/projects/iris/models/m9")


async def test_rows_are_predicted_and_then_learned(user: Caller) -> None:
    names = ["petal_length", "petal_width"]
    await user.good("POST", "/projects", {}, query="pid=p")
    await user.good("POST", "/projects/p/learn", iris_frame(range(100), names))
    body = {"inputAttributes": ["0"], "targets": ["1"]}
    await user.good("POST", "/projects/p/build", body, query="modelid=m&algo=mlr&async=false")
    query, frame = "keepColumns=true&rebuildModel=true", iris_frame(range(100, 150), names)
    found = (await user.good("POST", "/projects/p/learnpredict/m", frame, query=query))["dataframe"]
    slope, start = np.polyfit(IRIS["petal_length"][:100], IRIS["petal_width"][:100], 1)
    assert found["attributeNames"] == [*names, "res"]
    expected = start + slope * IRIS["petal_length"][100:]
    assert [float(row[2]) for row in found["data"]] == pytest.approx(expected, rel=1e-9)
    info = (await user.good("GET", "/projects/p/models/m"))["modelInfo"]
    slope, start = np.polyfit(IRIS["petal_length"], IRIS["petal_width"], 1)
    assert info["info"]["rows"] == "150"
    assert info["extra"]["coefficient"] == pytest.approx([start, slope], rel=1e-9)


async def test_columns_that_are_kept_are_named(iris: Caller) -> None:
    names = ["petal_length", "petal_width"]
    body = {"inputAttributes": ["2"], "targets": ["3"]}
    await iris.good("POST", "/projects/iris/build", body, query="modelid=m&algo=mlr&async=false")
    frame = iris_frame([100])
    kept = await iris.good("POST", "/projects/iris/learnpredict/m", frame, query="keepColumns=petal_width,petal_length")
    shown = [*reversed(names), "res"]
    assert (list(kept["KSVSMap"]["values"][0]), kept["dataframe"]["attributeNames"]) == (shown, shown)
    refused = await iris.bad("POST", "/projects/iris/learnpredict/m", frame, query="keepColumns=nothing")
    assert "which the frame has not" in refused


async def test_what_takes_one_context_takes_one(iris: Caller) -> None:
    two = {"values": [{"inputAttributes": ["0", "1"]}, {"inputAttributes": ["0", "1"]}]}
    for rest, query in (("vif", ""), ("build", "modelid=m&algo=mlr"), ("selectModel", "modelid=m"), ("explorepca", "")):
        assert "takes one" in await iris.bad("POST", f"/projects/iris/{rest}", two, query=query)
