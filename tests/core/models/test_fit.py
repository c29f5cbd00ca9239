"""The one door: names, options, refusals; and what a fitted model can do."""

import json
from concurrent.futures import ThreadPoolExecutor

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from fedpeer.core.errors import ModelError, TableError
from fedpeer.core.models.fit import KINDS, fit, restore
from fedpeer.core.models.model import Model
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema
from fedpeer.core.statistics.summary import Summary

SCHEMA = Schema(
    [
        Feature("age", "continuous", min=0, max=120, resolution=1, unit="years"),
        Feature("dose", "continuous", min=0, max=10, resolution="0.1"),
        Feature("sex", "binary", levels=["M", "F"]),
        Feature("site", "category", levels=["north", "south", "east"]),
        Feature("cost", "continuous", min=0, max=1000, resolution="0.01"),
    ]
)
RNG = np.random.default_rng(5)
ROWS = 120
TABLE = {
    "age": RNG.integers(20, 90, ROWS),
    "dose": np.round(RNG.uniform(0, 10, ROWS), 1),
    "sex": RNG.choice(["M", "F"], ROWS),
    "site": RNG.choice(["north", "south", "east"], ROWS),
}
TABLE["cost"] = np.round(200 + 3 * TABLE["age"] + 20 * (TABLE["site"] == "east") + RNG.normal(size=ROWS), 2)
SUMMARY = collect(SCHEMA, TABLE)
NAMES = ["intercept", "age", "dose", "sex", "site$south", "site$east"]


def part(rows):
    return collect(SCHEMA, {name: values[rows] for name, values in TABLE.items()})


def design(table):
    site = np.asarray(table["site"])
    return np.column_stack(
        [table["age"], table["dose"], np.asarray(table["sex"]) == "F", site == "south", site == "east"]
    ).astype(float)


def test_all_other_features_are_the_default_and_a_category_gives_its_levels_but_the_first():
    model = fit(SUMMARY, "ols", "cost")
    assert list(model.coefficients) == NAMES == [row["name"] for row in model.table]
    told = LinearRegression().fit(design(TABLE), TABLE["cost"])
    np.testing.assert_allclose(list(model.coefficients.values()), [told.intercept_, *told.coef_], rtol=1e-10)
    np.testing.assert_allclose(model.predict(TABLE), told.predict(design(TABLE)), rtol=1e-12)


def test_features_are_used_as_named_and_a_binary_target_is_a_probability():
    model = fit(SUMMARY, "ols", target="sex", features=["dose", "age"])
    assert list(model.coefficients) == ["intercept", "dose", "age"]
    inputs = np.column_stack([TABLE["dose"], TABLE["age"]])
    told = LinearRegression().fit(inputs, TABLE["sex"] == "F")
    np.testing.assert_allclose(model.predict(TABLE), told.predict(inputs), rtol=1e-10)


@given(owners=st.lists(st.integers(0, 5), min_size=ROWS, max_size=ROWS), kind=st.sampled_from(["ols", "ridge"]))
@settings(max_examples=15, deadline=None)
def test_a_fit_of_the_sum_is_the_fit_of_the_whole_bit_for_bit(owners, kind):
    parts = [part(np.array(owners) == owner) for owner in range(6)]
    assert fit(sum(parts, Summary.zero(SCHEMA)), kind, "cost") == fit(SUMMARY, kind, "cost")


def test_fits_in_several_threads_do_not_disturb_each_other():
    alone = [fit(SUMMARY, "ols", "cost", ["age", name]) for name in ("dose", "sex", "site")] * 4
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda name: fit(SUMMARY, "ols", "cost", ["age", name]), ["dose", "sex", "site"] * 4))
    assert together == alone


@pytest.mark.parametrize(
    ("arguments", "options", "said"),
    [
        (("forest", "cost"), {}, "no model called 'forest'"),
        (("ols", "cost"), {"lam": 3}, "ols has no option 'lam'"),
        (("ridge", "cost"), {"singular": "drop"}, "ridge has no option 'singular'"),
        (("ols", "cots"), {}, "did you mean 'cost'"),
        (("ols", "cost", ["aeg"]), {}, "did you mean 'age'"),
        (("ols", "cost", ["site$south"]), {}, "no feature 'site$south'"),
        (("ols", "cost", "age"), {}, "give a list of names"),
        (("ols", "cost", ["age", "cost"]), {}, "among its own features"),
        (("ols", "cost", ["age", "age"]), {}, "named twice"),
        (("ols", "site"), {}, "'site' is a category"),
        (("ols", "cost"), {"singular": "hide"}, "must be 'refuse', 'drop' or 'pinv'"),
        (("ols", "cost"), {"confidence": 95}, "between 0 and 1"),
        (("ols", "cost"), {"confidence": "much"}, "not a number"),
        (("ridge", "cost"), {"lam": 0}, "above zero"),
        (("ridge", "cost"), {"lam": float("nan")}, "not a number"),
        (("ridge", "cost"), {"lam": float("inf")}, "not a number"),
    ],
)
def test_what_cannot_be_is_refused_by_name(arguments, options, said):
    with pytest.raises(ModelError) as refused:
        fit(SUMMARY, *arguments, **options)
    assert said in str(refused.value)


def test_refusals_list_what_there_is():
    with pytest.raises(ModelError) as refused:
        fit(SUMMARY, "forest", "cost")
    assert refused.value.hint == f"there are {', '.join(KINDS)}"
    with pytest.raises(ModelError) as refused:
        fit(SUMMARY, "ridge", "cost", alpha=1)
    assert refused.value.hint == "it has lam, confidence, missing"


def test_too_few_rows_are_refused_with_the_numbers():
    with pytest.raises(ModelError, match="6 rows are too few for 5 columns and an intercept: at least 7"):
        fit(part(slice(0, 6)), "ols", "cost")
    with pytest.raises(ModelError, match="3 rows are too few"):
        fit(part(slice(0, 3)), "ols", "cost")
    with pytest.raises(ModelError, match="4 rows are too few for 3 columns"):
        fit(part(slice(0, 4)), "ols", "cost", ["age", "dose", "sex", "site"], singular="drop")
    with pytest.raises(ModelError, match="0 rows"):
        fit(Summary.zero(SCHEMA), "ridge", "cost")
    assert fit(part(slice(0, 6)), "ridge", "cost").n == 6


def test_a_target_without_variation_is_refused():
    summary = collect(SCHEMA, TABLE | {"cost": [7.5] * ROWS})
    with pytest.raises(ModelError, match=f"'cost' has the same value in all {ROWS} rows"):
        fit(summary, "ols", "cost")


def test_constant_columns_are_named_or_dropped():
    summary = collect(SCHEMA, TABLE | {"dose": [1.5] * ROWS, "site": ["south"] * ROWS})
    with pytest.raises(ModelError, match=r"without variation in all 120 rows: 'dose', 'site\$south', 'site\$east'"):
        fit(summary, "ols", "cost")
    model = fit(summary, "ols", "cost", singular="drop")
    assert model.dropped == ["dose", "site$south", "site$east"]
    assert list(model.coefficients) == ["intercept", "age", "sex"]
    assert len(model.predict({"age": [30, 40], "sex": ["M", "F"]})) == 2
    assert fit(summary, "ridge", "cost").coefficients["dose"] == 0.0


ALIASES = Schema([Feature(n, "continuous", min=-1000, max=1000, resolution="0.01") for n in "abcdy"])


def aliased():
    a, b = RNG.integers(0, 50, 30), RNG.integers(0, 50, 30)
    return {
        "a": a,
        "b": b,
        "c": np.round(2.54 * a - b / 4 + 1, 2),
        "d": RNG.integers(0, 9, 30),
        "y": a + RNG.integers(0, 9, 30),
    }


def test_aliased_columns_are_named_with_what_determines_them():
    table = aliased() | {"c": aliased()["d"]}
    table["c"] = np.round(2.54 * table["a"] - table["b"] / 2 + 1, 2)
    summary = collect(ALIASES, table)
    with pytest.raises(ModelError, match="aliased: 'c'; 'c' is determined exactly by 'a', 'b'"):
        fit(summary, "ols", "y")
    model = fit(summary, "ols", "y", singular="drop")
    assert model.dropped == ["c"]
    assert model == fit(summary, "ols", "y", ["a", "b", "d"], singular="drop").__class__.from_dict(
        fit(summary, "ols", "y", singular="drop").to_dict()
    )
    without = fit(summary, "ols", "y", ["a", "b", "d"])
    assert without.table == model.table
    assert abs(fit(summary, "ridge", "y").coefficients["c"]) < 1


def test_a_column_that_is_almost_aliased_is_not():
    table = aliased()
    table["c"] = np.round(2.54 * table["a"], 2)
    table["c"][3] += 0.01
    assert fit(collect(ALIASES, table), "ols", "y").dropped == []


def test_a_feature_called_intercept_is_refused():
    schema = Schema([Feature(n, "continuous", min=0, max=9, resolution=1) for n in ("intercept", "y")])
    summary = collect(schema, {"intercept": [1, 2, 3, 5], "y": [1, 3, 2, 4]})
    with pytest.raises(ModelError, match="cannot be called 'intercept'"):
        fit(summary, "ols", "y")


def test_prediction_takes_any_table_and_ignores_other_columns():
    model = fit(SUMMARY, "ols", "cost")
    expected = model.predict(TABLE)
    frame = pd.DataFrame(TABLE).drop(columns="cost")
    assert expected.dtype == np.float64
    for table in (frame, pa.table(TABLE), frame.assign(extra=1)[["extra", "site", "sex", "dose", "age"]]):
        assert np.array_equal(model.predict(table), expected)
    halves = [frame[:50], frame[50:]]
    assert np.array_equal(model.predict(halves), expected)
    texts = {name: [str(value) for value in values] for name, values in TABLE.items()}
    assert np.array_equal(model.predict(texts), expected)
    assert np.array_equal(model.predict(frame.astype({"site": "category"})), expected)


def test_what_is_missing_or_unreadable_predicts_nan_in_its_row_only():
    model = fit(SUMMARY, "ols", "cost")
    table = {
        "age": [50, None, 50, 50, 50, "x", 500],
        "dose": ["1", "1", "inf", "1e400", "1", "1", "1"],
        "sex": ["F", "F", "F", "F", "f?", "F", "F"],
        "site": ["north", "north", "north", "north", None, "north", "north"],
    }
    values = model.predict(table)
    assert np.isnan(values).tolist() == [False, True, True, True, True, True, False]
    assert values[6] == pytest.approx(values[0] + 450 * model.coefficients["age"])
    numbers = {"age": [50.0, np.inf, np.nan], "dose": [1.0] * 3, "sex": ["F"] * 3, "site": ["north"] * 3}
    assert np.isnan(model.predict(numbers)).tolist() == [False, True, True]
    with pytest.raises(TableError, match="no column 'dose'"):
        model.predict({name: values for name, values in TABLE.items() if name != "dose"})


def test_prediction_uses_values_as_they_are_not_as_they_would_be_encoded():
    model = fit(SUMMARY, "ols", "cost", ["age"])
    low, high = model.predict({"age": [40.0, 40.4]})
    assert high - low == pytest.approx(0.4 * model.coefficients["age"])
    assert model.predict({"age": []}).shape == (0,)


def test_a_model_is_json_and_back():
    for model in (fit(SUMMARY, "ols", "cost"), fit(SUMMARY, "ridge", "cost", lam="0.1")):
        text = json.dumps(model.to_dict(), allow_nan=False)
        again = Model.from_dict(json.loads(text))
        assert again == model
        assert np.array_equal(again.predict(TABLE), model.predict(TABLE))
    assert again.options == {"lam": "0.1"}


def test_a_model_kept_before_there_were_other_kinds_is_read():
    model = fit(SUMMARY, "ols", "cost", ["age"])
    fields = """kind target coefficients table n df r2 adjusted_r2 residual_std f f_p log_likelihood aic aicc bic
        confidence dropped options schema summary"""
    form = {name: value for name, value in model.to_dict().items() if name != "certificate"}
    assert sorted(form) == sorted(fields.split())
    assert restore(form) == msgspec.structs.replace(model, certificate=None)


@pytest.mark.parametrize("kind", ["ols", "ridge"])
@pytest.mark.parametrize("strange", [{"a": [900, -900], "b": [900, -900]}, {"a": [5, -5], "b": [-5, 5]}])
def test_rows_that_were_never_there_are_noticed_when_taken_out(kind, strange):
    a = np.arange(20)
    table = {"a": a, "b": a + a % 2 / 10, "c": a % 7, "d": a % 3, "y": a % 5}
    wrong = collect(ALIASES, table) - collect(ALIASES, strange | {"c": [0, 1], "d": [0, 1], "y": [0, 1]})
    with pytest.raises(ModelError, match="no rows could give this summary"):
        fit(wrong, kind, "y")


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"coefficients": {"intercept": "one"}},
        {"coefficients": {"age": 1.0}},
        {"coefficients": {"intercept": 1.0, "weight": 1.0}},
        {"schema": {}},
        {"table": [{"name": "age"}]},
    ],
)
def test_what_is_not_a_model_is_refused(change):
    form = fit(SUMMARY, "ols", "cost").to_dict() | change
    with pytest.raises(ModelError, match="not a model"):
        Model.from_dict(form)
    with pytest.raises(ModelError, match="not a model"):
        Model.from_dict("model")
