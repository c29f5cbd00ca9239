"""Interactions and powers: fitted as statsmodels fits them, and predicted from the factors alone."""

import json

import numpy as np
import pytest
import statsmodels.formula.api as smf

from fedpeer.core.errors import ModelError, TableError
from fedpeer.core.models.evaluate import Terms, evaluate
from fedpeer.core.models.fit import fit, restore
from fedpeer.core.models.forms.plan import Plan
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema

SCHEMA = Schema(
    [
        Feature("cost", min=-5000, max=5000, resolution="0.001"),
        Feature("age", min=0, max=110, resolution=1),
        Feature("dose", min=0, max=5, resolution="0.01"),
        Feature("treated", "binary"),
        Feature("site", "category", levels=["north", "south", "east"]),
        Feature("age_dose", "product", of=["age", "dose"]),
        Feature("age2", "product", of=["age", "age"]),
        Feature("treated_south", "product", of=["treated", "site$south"]),
    ]
)
FORMULA = "cost ~ age + dose + treated + I(site == 'south') + age:dose + I(age**2) + treated:I(site == 'south')"


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(11)
    age, dose = rng.integers(20, 90, 400), np.round(rng.uniform(0, 5, 400), 2)
    treated, site = rng.integers(0, 2, 400), rng.choice(["north", "south"], 400)
    cost = 3 * age - 20 * dose + 0.7 * age * dose - 0.04 * age**2 + 50 * treated * (site == "south")
    cost = np.round(cost + rng.normal(0, 30, 400), 3)
    return {"cost": cost, "age": age, "dose": dose, "treated": treated, "site": site}


@pytest.fixture(scope="module")
def summary(rows):
    return collect(SCHEMA, rows)


def test_interactions_and_powers_agree_with_statsmodels(rows, summary):
    model = fit(summary, "ols", "cost", singular="drop")
    told = smf.ols(FORMULA, rows).fit()
    names = {
        "intercept": "Intercept", "age": "age", "dose": "dose", "treated": "treated",
        "site$south": "I(site == 'south')[T.True]", "age_dose": "age:dose", "age2": "I(age ** 2)",
        "treated_south": "treated:I(site == 'south')[T.True]",
    }  # fmt: skip
    assert model.dropped == ["site$east"]
    for row in model.table:
        name = names[row["name"]]
        assert row["coefficient"] == pytest.approx(told.params[name], rel=1e-9)
        assert row["std_error"] == pytest.approx(told.bse[name], rel=1e-9)
    assert model.r2 == pytest.approx(told.rsquared, rel=1e-9)
    np.testing.assert_allclose(model.predict(rows), told.fittedvalues, rtol=1e-8)


def test_a_prediction_multiplies_the_raw_values(summary):
    model = fit(summary, "ols", "cost", ["dose", "age_dose", "treated_south"])
    new = {"age": [33.7, 200, None, "x"], "dose": [1.234, 7, 1, 2], "treated": [1] * 4, "site": ["south", "north"] * 2}
    b = model.coefficients
    expected = [
        b["intercept"] + b["dose"] * 1.234 + b["age_dose"] * (33.7 * 1.234) + b["treated_south"],
        b["intercept"] + b["dose"] * 7 + b["age_dose"] * 1400,
    ]
    told = restore(json.loads(json.dumps(model.to_dict()))).predict(new)
    np.testing.assert_allclose(told[:2], expected, rtol=1e-14)
    assert np.isnan(told[2:]).all()
    assert [feature.name for feature in model.inputs] == ["age", "dose", "treated", "site"]
    with pytest.raises(TableError, match="no column 'age'"):
        model.predict({name: values for name, values in new.items() if name != "age"})


@pytest.mark.parametrize("way", ["mean", "gaussian"])
def test_a_missing_factor_leaves_a_missing_product_which_is_completed_as_a_column(rows, summary, way):
    model = fit(summary, "ols", "cost", ["age", "dose", "age_dose"], missing=way)
    b = model.coefficients
    columns = np.array([rows["age"], rows["dose"], rows["age"] * rows["dose"]])
    told = model.predict({"age": [None], "dose": [2.5]})[0]
    if way == "mean":
        x = np.array([columns[0].mean(), 2.5, columns[2].mean()])
    else:
        slopes = [np.polyfit(columns[1], columns[i], 1) for i in (0, 2)]
        x = np.array([np.polyval(slopes[0], 2.5), 2.5, np.polyval(slopes[1], 2.5)])
    assert told == pytest.approx(b["intercept"] + x @ [b["age"], b["dose"], b["age_dose"]], rel=1e-9)


def test_what_is_made_of_the_target_is_no_feature_unless_it_is_named(summary):
    assert "age_dose" not in fit(summary, "ols", "dose", singular="drop").coefficients
    assert "dose" not in fit(summary, "ols", "age_dose", singular="drop").coefficients
    assert "age_dose" in fit(summary, "ols", "dose", ["age_dose"]).coefficients


def test_a_product_of_zeros_and_ones_has_two_classes(rows, summary):
    both = (rows["treated"] == 1) & (rows["site"] == "south")
    model = fit(summary, "gaussian_nb", "treated_south", ["age", "dose"])
    by_hand = Schema([*(SCHEMA.feature(name) for name in ("age", "dose")), Feature("treated_south", "binary")])
    plain = fit(collect(by_hand, rows | {"treated_south": both}), "gaussian_nb", "treated_south")
    assert [group.label for group in model.classes] == ["0", "1"]
    assert list(model.predict(rows)) == list(plain.predict(rows))
    with pytest.raises(ModelError, match="'age_dose' is continuous"):
        fit(summary, "gaussian_nb", "age_dose", ["age"])


def test_a_product_is_judged_by_a_column_of_its_own(rows, summary):
    model = fit(summary, "gaussian_nb", "treated_south", ["age", "dose"])
    both = (rows["treated"] == 1) & (rows["site"] == "south")
    told = evaluate(model, rows | {"both": both}, Terms(truth="both"))
    assert (told.rows, told.evaluated) == (400, 400)
    hits = np.array([label == "1" for label in model.predict(rows)]) == both
    assert told.classes.measures["accuracy"].value == pytest.approx(hits.mean(), rel=1e-12)
    with pytest.raises(TableError, match="no column 'treated_south'"):
        evaluate(model, rows)


def test_dates_are_read_by_an_evaluation_and_only_json_holds_them():
    schema = Schema([Feature("day", "date", min="2000-01-01", max="2030-12-31"), SCHEMA.feature("cost")])
    days = np.arange(12_000, 12_100)
    table = {"day": days.astype("datetime64[D]").astype(str), "cost": days % 7 + days / 8}
    model = fit(collect(schema, table), "ols", "cost")
    table["day"][3:5] = "soon", "NA"
    told = evaluate(model, table)
    assert told.left_out == {"day": {"missing": 1, "unparsable": 1}}
    with pytest.raises(ModelError, match="a model of dates, such as 'day', has no form 'sql'"):
        Plan.of(model, "sql")
