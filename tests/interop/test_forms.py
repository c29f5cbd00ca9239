"""Models in other forms predict what ours do: Python and SQL to the last bit, ONNX and scikit-learn to 1e-12."""

from __future__ import annotations

import datetime as dt
import math
import warnings
from urllib.parse import quote

import adbc_driver_postgresql.dbapi
import numpy as np
import pandas as pd
import polars as pl
import pytest
import skl2onnx
from hypothesis import given, settings
from hypothesis import strategies as st
from skl2onnx.common.data_types import DoubleTensorType

import fedpeer as fp
from fedpeer.core.errors import ModelError
from fedpeer.core.models import fit
from fedpeer.core.models.forms.estimator import to_sklearn
from fedpeer.core.models.forms.export import FORMS, export
from fedpeer.core.models.forms.plan import Plan
from fedpeer.core.statistics.levels import Leveled
from tests.support.forms import (
    CLASSES,
    EVERY,
    FEATURES,
    HOSTILE,
    OTHERS,
    OUTLIERS,
    as_rows,
    broken,
    clinic,
    fitted,
    in_duckdb,
    in_onnx,
    in_python,
    in_sqlite,
)
from tests.support.pooled import classes, numbers
from tests.support.postgres import PASSWORD, running


def check_equal(found, wanted, tolerance):
    """Classes identical, None for None; numbers to this relative error, NaN for NaN."""
    assert len(found) == len(wanted)
    for ours, theirs in zip(wanted, found, strict=True):
        if ours is None or isinstance(ours, str):
            assert (theirs or None) == ours
        elif math.isnan(ours):
            assert theirs is None or math.isnan(theirs)
        else:
            assert theirs == pytest.approx(ours, rel=tolerance, abs=tolerance)


@pytest.mark.parametrize("missing", ["none", "mean"])
@pytest.mark.parametrize(("kind", "target"), EVERY)
def test_python_predicts_the_same_bits(kind, target, missing):
    model = fitted(kind, target, [*FEATURES, "male dose"] if "subset" not in kind else FEATURES, missing=missing)
    for table in (clinic()[1], broken(clinic()[1])):
        exact = kind not in OTHERS  # numpy adds the parts of a distance in an order of its own
        check_equal(in_python(model, table), model.predict(table), 0 if exact else 1e-12)


@pytest.mark.parametrize("missing", ["none", "mean"])
@pytest.mark.parametrize(("kind", "target"), [k for k in EVERY if k[0] not in OTHERS])
def test_sql_predicts_the_same_bits(kind, target, missing):
    model = fitted(kind, target, [*FEATURES, "male dose"] if "subset" not in kind else FEATURES, missing=missing)
    table = broken(clinic()[1])
    for where in (in_sqlite, in_duckdb):
        check_equal(where(model, table), model.predict(table), 0)


@pytest.mark.parametrize("missing", ["none", "mean"])
@pytest.mark.parametrize(("kind", "target"), EVERY)
def test_onnx_predicts_the_same_in_float64(kind, target, missing):
    model = fitted(kind, target, [*FEATURES, "male dose"] if "subset" not in kind else FEATURES, missing=missing)
    for table in (clinic()[1], broken(clinic()[1])):
        found = in_onnx(model, table)
        check_equal(found[0].ravel(), model.predict(table), 1e-12)
        behind = {} if kind == "hbos" else model.explain(table)  # of each column, which the graph adds up
        for column, (_, values) in enumerate(behind.items()):
            check_equal(found[1][:, column], values, 1e-12)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize(("kind", "target"), [k for k in EVERY if k[0] not in (*OUTLIERS, "markov")])
def test_scikit_learn_predicts_the_same_from_the_raw_table(kind, target, frame):
    model, table = fitted(kind, target), clinic()[1]
    estimator = to_sklearn(model)
    rows = frame({name: table[name] for name in estimator.feature_names_in_})
    if kind == "pca":
        scores = estimator.transform(rows)
        check_equal(scores.ravel(), np.array(list(model.explain(table).values())).T.ravel(), 1e-11)
        return
    ask = estimator.predict if target else lambda rows: estimator[-1].mahalanobis(estimator[:-1].transform(rows))
    check_equal(list(ask(rows)), model.predict(table), 1e-12)
    if getattr(model, "probabilities", False):
        chances = dict(zip(estimator.classes_, estimator.predict_proba(rows).T, strict=True))
        for label, values in model.explain(table).items():
            check_equal(chances[label], values, 1e-11)


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
@pytest.mark.parametrize("kind", CLASSES)
def test_classes_of_real_data_are_identical_everywhere(name, kind):
    pooled = classes(name)
    model = fp.fit(pooled.summary, kind, target="class", **({"var_smoothing": 0} if kind == "gaussian_nb" else {}))
    wanted = model.predict(pooled.table).tolist()
    table = {name: list(values) for name, values in pooled.table.items()}
    estimator = to_sklearn(model)
    assert list(estimator.predict(pd.DataFrame(table)[list(estimator.feature_names_in_)])) == wanted
    assert in_onnx(model, table)[0].tolist() == wanted
    assert in_python(model, table) == in_sqlite(model, table) == in_duckdb(model, table) == wanted


def test_an_estimator_of_numbers_alone_has_no_pipeline_and_goes_through_skl2onnx():
    pooled = numbers("diabetes")
    for kind, kept in (("ols", {}), ("ridge", {"alpha": 0.5}), ("elastic_net", {"alpha": 0.5, "l1_ratio": 0.25})):
        options = {"ols": {}, "ridge": {"lam": "0.5"}}.get(kind, {"lam": "0.5", "mix": "0.25"})
        model = fp.fit(pooled.summary, kind, target="target", **options)
        estimator = to_sklearn(model)
        assert list(estimator.feature_names_in_) == model.columns
        assert {name: getattr(estimator, name) for name in kept} == kept
        converted = skl2onnx.to_onnx(estimator, initial_types=[("x", DoubleTensorType([None, len(model.columns)]))])
        assert converted.graph.output[0].type.tensor_type.elem_type == 11  # float64


def test_dates_are_read_in_python_and_refused_where_they_are_not_known():
    days = [dt.date(2024, 2, 28), dt.date(2024, 3, 1), dt.date(2025, 1, 1), dt.date(2023, 7, 1), dt.date(2026, 7, 9)]
    table = {"born": days, "y": [1.0, 4.0, 3.0, 2.0, 9.0]}
    goal = fp.Feature("y", min=0, max=9, resolution=1)
    schema = fp.Schema([fp.Feature("born", "date", min="2020-01-01", max="2030-01-01"), goal])
    model = fp.fit(fp.collect(schema, table), "ols", target="y")
    texts = ["2024-02-28", " 2024-03-01 10:30", "2025-01-01T00:00:00", "2024-02-30", "9 July"]
    for told in ([*days, None], texts):
        check_equal(in_python(model, {"born": told}), model.predict({"born": told}), 0)
    for form in ("sql", "onnx"):
        with pytest.raises(ModelError, match="model of dates"):
            export(model, form)
    with pytest.raises(ModelError, match="model of dates"):
        to_sklearn(model)
    assert fp.restore(export(model, "json")) == model
    assert "born" in fp.report(model)


def test_a_line_through_the_origin_is_one_everywhere():
    model, table = fitted("ols", "cost", intercept=False), clinic()[1]
    wanted = model.predict(table).tolist()
    assert in_python(model, table) == in_sqlite(model, table) == wanted
    estimator = to_sklearn(model)
    assert estimator[-1].fit_intercept is False
    check_equal(list(estimator.predict(pd.DataFrame(table))), wanted, 1e-12)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_names(name):
    """A feature, its unit, a level and the table have this name; nothing of it is carried out."""
    level = f"{name} "[:40].strip()
    schema = fp.Schema(
        [
            fp.Feature(name.replace('"', "'"), min=0, max=10, resolution="0.1", unit=name),
            fp.Feature("site", "category", levels=["plain", level]),
            fp.Feature("goal", "category", levels=[level, "other"]),
            fp.Feature("cost", min=0, max=100, resolution=1),
        ]
    )
    table = {
        schema.features[0].name: [1.0, 2.5, 3.0, 4.0, 9.0, 1.5],
        "site": ["plain", level, "plain", level, level, "plain"],
        "goal": [level, level, "other", "other", "other", level],
        "cost": [1.0, 5.0, 9.0, 8.0, 20.0, 3.0],
    }
    summary = fp.collect(schema, table)
    linear = fp.fit(summary, "ols", target="cost", features=[schema.features[0].name, "site"])
    classifier = fp.fit(summary, "gaussian_nb", target="goal", features=[schema.features[0].name, "site"])
    for model in (linear, classifier):
        wanted = model.predict(table).tolist()
        assert in_python(model, table) == in_sqlite(model, table, name) == in_duckdb(model, table, name) == wanted
        assert (
            list(to_sklearn(model).predict(pd.DataFrame(table))) == pytest.approx(wanted) if model is linear else True
        )
        check_equal(in_onnx(model, table)[0].ravel(), wanted, 1e-12)


ODD = st.sampled_from([None, "", " ", "na", "north", " south ", "3", "3.0", 3, 3.0, "03", True, "TRUE", "1e400", "x"])


@given(age=ODD | st.floats() | st.integers() | st.text(max_size=5), site=ODD | st.text(max_size=5), sex=ODD, smoker=ODD)
@settings(max_examples=40, deadline=None)
def test_python_reads_raw_values_as_ours_does(age, site, sex, smoker):
    model = fitted("ols", "cost", ["age", "site", "sex", "smoker"])
    row = {"age": age, "site": site, "sex": sex, "smoker": smoker}
    with warnings.catch_warnings(action="ignore"):
        wanted = float(model.predict({name: [value] for name, value in row.items()})[0])
    (found,) = in_python(model, {name: [value] for name, value in row.items()})
    assert found == wanted or (found is None and not math.isfinite(wanted))


def test_spellings_are_those_of_the_reader():
    model = fitted("gaussian_nb", "back", ["sex", "smoker", "site"])
    for entry in Plan.of(model, "python").inputs:
        known = {text: place for place, texts in enumerate(entry.spellings) for text in texts}
        assert known == Leveled(entry.feature)._index


@pytest.mark.long
def test_a_model_of_many_columns_is_a_query_that_databases_take():
    rng = np.random.default_rng(3)
    table = {f"x{i}": rng.integers(0, 9, 450).astype(float) for i in range(420)}
    table["y"] = sum(table.values()) % 7.0
    schema = fp.Schema([fp.Feature(name, min=0, max=10, resolution=1) for name in table])
    model = fp.fit(fp.collect(schema, table), "ridge", target="y")
    few = {name: values[:5].tolist() for name, values in table.items()}
    for where in (in_sqlite, in_duckdb):
        assert where(model, few) == pytest.approx(model.predict(few).tolist(), rel=1e-12)


@pytest.mark.parametrize("name", ["", "a..b", 'a"b', "a\nb", ".", "a.b.c.d.e", "x" * 600])
def test_what_is_no_table_is_refused(name):
    with pytest.raises(ModelError, match="not the name of a table"):
        export(fitted("ols", "cost"), "sql", table=name)


def test_every_kind_that_can_be_fitted_is_tried():
    assert {kind for kind, _ in EVERY} == set(fit.KINDS) - {"hmm", "evt"}


def test_what_cannot_be_had_is_refused_with_what_can():
    with pytest.raises(ModelError, match="no form called 'pmml'") as refused:
        export(fitted("ols", "cost"), "pmml")
    assert all(form in refused.value.hint for form in FORMS)
    with pytest.raises(ModelError, match="pca has no form 'sql'"):
        export(fitted("pca", None), "sql")
    model = fitted("ols", "cost", missing="gaussian")
    for form in ("python", "sql", "onnx"):
        with pytest.raises(ModelError, match="conditional means"):
            export(model, form)
    with pytest.raises(ModelError, match="completes rows has no form 'sklearn'"):
        to_sklearn(model)
    with pytest.raises(ModelError, match="hbos has no form 'sklearn'"):
        to_sklearn(fitted("hbos", None))
    with pytest.raises(ModelError, match="markov has no form 'sklearn'"):
        to_sklearn(fitted("markov", "next"))
    for form in ("python", "sql", "onnx"):
        with pytest.raises(ModelError, match=f"hmm has no form '{form}', as no row is predicted by itself"):
            export(fitted("hmm", "next"), form)
    with pytest.raises(ModelError, match="hmm has no form 'sklearn'"):
        to_sklearn(fitted("hmm", "next"))
    with pytest.raises(ModelError, match="products"):
        to_sklearn(fitted("ols", "cost", ["male dose"]))


def test_without_the_package_onnx_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ModelError, match="needs the package onnx") as refused:
        export(fitted("ols", "cost"), "onnx")
    assert "fedpeer[export]" in refused.value.hint


def test_probabilities_of_the_python_form_are_ours():
    model, table = fitted("lda", "ward"), clinic()[1]
    names = {}
    exec(export(model, "python"), names)
    found = [names["explain"](row) for row in as_rows(table)]
    for label, values in model.explain(table).items():
        check_equal([chances[label] for chances in found], values, 1e-12)


@pytest.mark.long
@pytest.mark.parametrize(("kind", "target"), [("ols", "cost"), ("lda", "ward"), ("gaussian_nb", "back")])
def test_postgres_predicts_the_same_bits(server, kind, target):
    model, table = fitted(kind, target, [*FEATURES, "male dose"]), broken(clinic()[1])
    query = export(model, "sql", table="clinic.patients").decode().rstrip().rstrip(";")
    address = server.address.replace("@", f":{quote(PASSWORD)}@")
    with adbc_driver_postgresql.dbapi.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT prediction FROM ({query}) AS told ORDER BY place")
        found = cursor.fetch_arrow_table()["prediction"].to_pylist()
    wanted = model.predict(table)
    check_equal(found[:-1], wanted, 0)
    assert found[-1] is None  # a row of NaN and infinity


@pytest.fixture(scope="module")
def server():
    table = broken(clinic()[1])
    cells = [
        ", ".join("NULL" if v is None else f"'{v}'" if isinstance(v, str) else repr(v) for v in (place, *row.values()))
        for place, row in enumerate(as_rows(table))
    ]
    odd = "999, 'NaN', 'infinity', 'F', 1, 'north', 1, 'A', 0"
    names = "place int, age float8, dose numeric, sex text, smoker bool, site char(9), cost float8, ward text, back int"
    with running() as found:
        found.run(
            f"CREATE SCHEMA clinic; CREATE TABLE clinic.patients ({names.replace('bool', 'int')});"
            f"INSERT INTO clinic.patients VALUES {', '.join(f'({row})' for row in [*cells, odd])};"
            "ALTER TABLE clinic.patients ALTER smoker TYPE bool USING smoker = 1;"
            "GRANT USAGE ON SCHEMA clinic TO reader; GRANT SELECT ON clinic.patients TO reader"
        )
        yield found
