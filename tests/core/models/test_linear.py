"""Linear models against certified values, statsmodels, scikit-learn and exact elimination, all on the pooled rows."""

import math
import re
import warnings
from fractions import Fraction
from importlib.resources import files

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import Ridge

from fedpeer.core.errors import ModelError
from fedpeer.core.models.fit import fit
from fedpeer.core.models.model import Model
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema
from tests.support.elimination import least_squares, square_root

NUMBER = r"-?\d+\.?\d*(?:E[+-]\d+)?"
DIGITS = 13


def agreement(value: float, certified: float) -> float:
    """The log relative error: how many digits are right."""
    return 16.0 if value == certified else -math.log10(abs(value - certified) / abs(certified))


def pooled(columns: dict[str, np.ndarray], resolution: str, *, binary: tuple[str, ...] = ()):
    most = max(1.0, *(float(np.max(np.abs(values))) for values in columns.values()))
    schema = Schema(
        [
            Feature(name, "binary")
            if name in binary
            else Feature(name, "continuous", min=-math.ceil(most), max=math.ceil(most), resolution=resolution)
            for name in columns
        ]
    )
    return collect(schema, columns)


def column(model, key):
    return np.array([row[key] for row in model.table], float)


def test_norris_is_met_to_thirteen_digits():
    text = files("scipy.stats.tests").joinpath("data/nist_linregress/Norris.dat").read_text()
    lines = text.splitlines()
    rows = np.array([[float(v) for v in line.split()] for line in lines[60:96]])
    model = fit(pooled({"y": rows[:, 0], "x": rows[:, 1]}, "0.1"), "ols", target="y")
    certified = [[float(v) for v in re.findall(NUMBER, line)[1:]] for line in lines if re.match(r"\s+B[01] ", line)]
    deviation = float(re.search(rf"Residual\s+Standard Deviation\s+({NUMBER})", text)[1])
    square = float(re.search(rf"R-Squared\s+({NUMBER})", text)[1])
    ratio = float(re.search(rf"Regression\s+1\s+{NUMBER}\s+{NUMBER}\s+({NUMBER})", text)[1])
    pairs = [(model.residual_std, deviation), (model.r2, square), (model.f, ratio)]
    for row, (estimate, error) in zip(model.table, certified, strict=True):
        pairs += [(row["coefficient"], estimate), (row["std_error"], error)]
    assert len(pairs) == 7
    assert min(agreement(*pair) for pair in pairs) >= DIGITS


# NIST's certified values of the Longley set, whose condition number defeats most float64 programs
LONGLEY = {
    "intercept": (-3482258.63459582, 890420.383607373),
    "GNPDEFL": (15.0618722713733, 84.9149257747669),
    "GNP": (-0.358191792925910e-01, 0.334910077722432e-01),
    "UNEMP": (-2.02022980381683, 0.488399681651699),
    "ARMED": (-1.03322686717359, 0.214274163161675),
    "POP": (-0.511041056535807e-01, 0.226073200069370),
    "YEAR": (1829.15146461355, 455.478499142212),
}


def test_longley_is_met_to_thirteen_digits_and_to_the_last_bit():
    data = sm.datasets.longley.load_pandas().data
    summary = pooled({name: data[name].to_numpy() for name in data.columns}, "0.1")
    model = fit(summary, "ols", target="TOTEMP")
    for row in model.table:
        estimate, error = LONGLEY[row["name"]]
        assert agreement(row["coefficient"], estimate) >= DIGITS
        assert agreement(row["std_error"], error) >= DIGITS
    assert agreement(model.residual_std, 304.854073561965) >= DIGITS
    assert agreement(model.r2, 0.995479004577296) >= DIGITS
    assert agreement(model.f, 330.285339234588) >= DIGITS

    rows = [[Fraction(str(v)) for v in line] for line in data.drop(columns="TOTEMP").to_numpy()]
    beta, error, spread = least_squares(rows, [Fraction(str(v)) for v in data["TOTEMP"]])
    assert list(model.coefficients.values()) == [float(b) for b in beta]
    assert [row["std_error"] for row in model.table] == [square_root(error / 9 * v) for v in spread]


def diabetes():
    data = load_diabetes(scaled=False)
    names = [str(name) for name in data.feature_names]
    return {name: data.data[:, i] for i, name in enumerate(names)} | {"target": data.target}, "0.0001"


def cancer():
    data = load_breast_cancer()
    names = [str(name).replace(" ", "_") for name in data.feature_names]
    return {name: data.data[:, i] for i, name in enumerate(names)} | {"target": data.target}, "0.0000001"


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(("data", "binary", "digits"), [(diabetes, (), 9), (cancer, ("target",), 9)])
def test_ols_agrees_with_statsmodels_on_pooled_rows(data, binary, digits, intercept):
    columns, resolution = data()
    summary = pooled(columns, resolution, binary=binary)
    model = fit(summary, "ols", target="target", confidence=0.9, intercept=intercept)
    rows = np.column_stack([values for name, values in columns.items() if name != "target"])
    told = sm.OLS(columns["target"], sm.add_constant(rows) if intercept else rows).fit()
    tolerance = {"rtol": 10.0**-digits}
    np.testing.assert_allclose(column(model, "coefficient"), told.params, **tolerance)
    np.testing.assert_allclose(column(model, "std_error"), told.bse, **tolerance)
    np.testing.assert_allclose(column(model, "t"), told.tvalues, **tolerance)
    np.testing.assert_allclose(column(model, "p"), told.pvalues, **tolerance)
    interval = np.column_stack([column(model, "ci_low"), column(model, "ci_high")])
    np.testing.assert_allclose(interval, told.conf_int(0.1), **tolerance)
    ours = [model.r2, model.adjusted_r2, model.residual_std, model.f, model.aic, model.bic, model.log_likelihood]
    theirs = [
        *(told.rsquared, told.rsquared_adj, math.sqrt(told.mse_resid), told.fvalue),
        *(told.aic, told.bic, told.llf),
    ]
    np.testing.assert_allclose(ours, theirs, **tolerance)
    with warnings.catch_warnings(action="ignore"):
        small = sm.tools.eval_measures.aicc(told.llf, told.nobs, len(told.params))
    assert model.aicc == pytest.approx(small, rel=1e-12)
    assert model.f_p == pytest.approx(told.f_pvalue, rel=1e-9)
    assert (model.n, model.df) == (len(rows), told.df_resid)
    np.testing.assert_allclose(model.predict(columns), told.fittedvalues, rtol=1e-9, atol=1e-10)


def aliases(n=40):
    rng = np.random.default_rng(7)
    a, b, c = rng.integers(0, 50, n), rng.integers(-20, 20, n), rng.integers(0, 2, n)
    columns = {
        "a": a,
        "b": b,
        "c": c,
        "twice": 2 * a,
        "flat": np.full(n, 7),
        "both": a - b + 3,
        "d": rng.integers(0, 9, n),
    }
    return columns | {"y": 3 * a - b + rng.integers(-30, 30, n)}


@pytest.mark.parametrize("intercept", [True, False])
def test_the_pseudo_inverse_is_that_of_numpy_and_its_errors_those_of_statsmodels(intercept):
    columns = aliases()
    model = fit(pooled(columns, "1"), "ols", target="y", singular="pinv", intercept=intercept)
    rows, y = np.column_stack([v for name, v in columns.items() if name != "y"]).astype(float), columns["y"]
    centre, level = (rows.mean(axis=0), y.mean()) if intercept else (np.zeros(7), 0.0)
    beta = np.linalg.pinv(rows - centre, rcond=1e-12) @ (y - level)
    found = column(model, "coefficient")
    np.testing.assert_allclose(found[-7:], beta, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        found[-7:], np.linalg.lstsq(rows - centre, y - level, rcond=1e-12)[0], rtol=1e-9, atol=1e-12
    )
    with warnings.catch_warnings(action="ignore"):  # that the rank is low
        told = sm.OLS(y - level, rows - centre).fit(method="pinv")
    rank = 4 if intercept else 5
    scale = math.sqrt(told.df_resid / (40 - rank - intercept))
    assert model.df == 40 - rank - intercept
    np.testing.assert_allclose(column(model, "std_error")[-7:], told.bse * scale, rtol=1e-9, atol=1e-12)
    if intercept:
        assert model.coefficients["flat"] == 0
        assert model.coefficients["intercept"] == pytest.approx(level - centre @ beta, rel=1e-9)
        error = math.sqrt(model.residual_std**2 * (1 / 40 + centre @ told.normalized_cov_params @ centre))
        assert model.table[0]["std_error"] == pytest.approx(error, rel=1e-9)
    np.testing.assert_allclose(model.predict(columns), rows @ beta + level - centre @ beta, rtol=1e-9)


def test_the_pseudo_inverse_predicts_what_dropping_does_and_shares_equally_among_equals():
    columns = aliases()
    summary = pooled(columns | {"again": columns["a"]}, "1")
    model = fit(summary, "ols", "y", ["a", "b", "again"], singular="pinv")
    dropped = fit(summary, "ols", "y", ["a", "b", "again"], singular="drop")
    assert model.coefficients["a"] == model.coefficients["again"] == dropped.coefficients["a"] / 2
    assert model.table[1]["std_error"] == model.table[3]["std_error"] == dropped.table[1]["std_error"] / 2
    assert (model.r2, model.f, model.df) == (dropped.r2, dropped.f, dropped.df)
    assert (model.dropped, model.options) == ([], {"singular": "pinv"})
    regular = fit(summary, "ols", "y", ["a", "b"], singular="pinv")
    assert regular == fit(summary, "ols", "y", ["a", "b"])
    only = fit(pooled({"flat": [3] * 9, "y": range(9)}, "1"), "ols", "y", singular="pinv")
    assert only.coefficients == {"intercept": 4.0, "flat": 0.0}


def test_a_perfect_fit_by_the_pseudo_inverse_is_exact():
    a = np.arange(12)
    model = fit(pooled({"a": a, "b": 2 * a, "y": 10 * a + 4}, "1"), "ols", "y", singular="pinv")
    assert model.coefficients == {"intercept": 4.0, "a": 2.0, "b": 4.0}
    assert (model.r2, model.residual_std) == (1.0, 0.0)


def test_without_an_intercept_numbers_are_those_of_elimination_to_the_last_bit():
    rng = np.random.default_rng(4)
    columns = {"a": rng.integers(50, 90, 12), "b": rng.integers(-5, 200, 12), "y": rng.integers(0, 100, 12)}
    summary = pooled(columns, "1")
    model = fit(summary, "ols", target="y", intercept=False)
    x = [[Fraction(int(a)), Fraction(int(b))] for a, b in zip(columns["a"], columns["b"], strict=True)]
    y = [Fraction(int(v)) for v in columns["y"]]
    aa, ab, bb = (sum(r[i] * r[j] for r in x) for i, j in ((0, 0), (0, 1), (1, 1)))
    ay, by = (sum(r[i] * v for r, v in zip(x, y, strict=True)) for i in (0, 1))
    whole = aa * bb - ab * ab
    beta = [(bb * ay - ab * by) / whole, (aa * by - ab * ay) / whole]
    error = sum((v - r[0] * beta[0] - r[1] * beta[1]) ** 2 for r, v in zip(x, y, strict=True))
    assert model.coefficients == {"intercept": 0.0, "a": float(beta[0]), "b": float(beta[1])}
    assert [row["name"] for row in model.table] == ["a", "b"]
    assert column(model, "std_error").tolist() == [square_root(error / 10 * v / whole) for v in (bb, aa)]
    assert model.r2 == float(1 - error / sum(v * v for v in y))
    assert (model.df, model.options) == (10, {"intercept": "false"})
    assert Model.from_dict(model.to_dict()) == model
    np.testing.assert_allclose(model.predict(columns), [float(r[0] * beta[0] + r[1] * beta[1]) for r in x])


def test_without_an_intercept_a_constant_column_is_one_and_a_column_of_zeros_is_refused():
    columns = {"one": np.ones(6), "zero": np.zeros(6), "y": np.arange(6.0)}
    summary = pooled(columns, "1")
    model = fit(summary, "ols", target="y", features=["one"], intercept=False)
    assert model.coefficients["one"] == 2.5
    with pytest.raises(ModelError, match="0 in all 6 rows: 'zero'"):
        fit(summary, "ols", target="y", features=["one", "zero"], intercept=False)
    with pytest.raises(ModelError, match="the target 'zero' has the value 0 in all 6 rows"):
        fit(summary, "ols", target="zero", features=["one"], intercept=False)
    with pytest.raises(ModelError, match="2 rows are too few for 2 columns: at least 3"):
        fit(pooled({n: v[:2] for n, v in columns.items()}, "1"), "ols", target="y", intercept=False)
    with pytest.raises(ModelError, match="intercept is 'perhaps'"):
        fit(summary, "ols", target="y", intercept="perhaps")


@pytest.mark.parametrize("lam", [0.1, "1", 250])
def test_ridge_agrees_with_scikit_learn_on_pooled_rows(lam):
    columns, resolution = diabetes()
    model = fit(pooled(columns, resolution), "ridge", target="target", lam=lam)
    rows = np.column_stack([values for name, values in columns.items() if name != "target"])
    told = Ridge(alpha=float(lam), tol=1e-12).fit(rows, columns["target"])
    np.testing.assert_allclose(column(model, "coefficient"), [told.intercept_, *told.coef_], rtol=1e-9)
    np.testing.assert_allclose(model.predict(columns), told.predict(rows), rtol=1e-10)
    centred = rows - rows.mean(axis=0)
    gram = centred.T @ centred
    free = len(rows) - 1 - np.trace(np.linalg.solve(gram + float(lam) * np.eye(len(gram)), gram))
    error = np.sum((columns["target"] - told.predict(rows)) ** 2)
    assert model.df == pytest.approx(free, rel=1e-10)
    assert model.residual_std == pytest.approx(math.sqrt(error / free), rel=1e-10)
    assert model.r2 == pytest.approx(told.score(rows, columns["target"]), rel=1e-10)
    assert {row[key] for row in model.table for key in ("std_error", "t", "p", "ci_low", "ci_high")} == {None}


SMALL = st.lists(st.tuples(*[st.integers(-30, 30)] * 4), min_size=6, max_size=14)


@pytest.mark.long
@given(rows=SMALL, penalty=st.sampled_from([None, "0.5", "30/7"]))
@settings(max_examples=80, deadline=None)
def test_every_number_is_the_float_nearest_to_the_exact_one(rows, penalty):
    columns = {name: np.array(values) / 10 for name, values in zip("abcy", zip(*rows, strict=True), strict=True)}
    exact = [[Fraction(v, 10) for v in row] for row in rows]
    lam = Fraction(penalty or 0)
    truth = least_squares([row[:3] for row in exact], [row[3] for row in exact], lam)
    summary = pooled(columns, "0.1")
    kind, options = ("ridge", {"lam": penalty}) if penalty else ("ols", {})
    if truth is None or len(set(columns["y"])) == 1:
        with pytest.raises(ModelError):
            fit(summary, kind, target="y", **options)
        return
    beta, error, spread = truth
    model = fit(summary, kind, target="y", **options)
    assert list(model.coefficients.values()) == [float(b) for b in beta]
    centre = sum(row[3] for row in exact) / len(rows)
    assert model.r2 == float(1 - error / sum((row[3] - centre) ** 2 for row in exact))
    if penalty:
        assert model.df == float(len(rows) - 1 - sum(1 - lam * v for v in spread[1:]))
        assert model.residual_std == pytest.approx(math.sqrt(error / Fraction(model.df)), rel=1e-14)
    else:
        free = len(rows) - 4
        assert model.residual_std == square_root(error / free)
        assert [row["std_error"] for row in model.table] == [square_root(error / free * v) for v in spread]
        if error:
            shares = [b * b / (error / free * v) for b, v in zip(beta, spread, strict=True)]
            signs = [math.copysign(1, b) for b in beta]
            ts = [sign * square_root(share) for sign, share in zip(signs, shares, strict=True)]
            assert [row["t"] for row in model.table] == ts


def test_a_perfect_fit_has_no_errors_and_no_tests():
    columns = {"a": np.array([1, 2, 3, 4, 7.0]), "y": np.array([0.5, 2.5, 4.5, 6.5, 12.5])}
    model = fit(pooled(columns, "0.5"), "ols", target="y")
    assert model.coefficients == {"intercept": -1.5, "a": 2.0}
    assert (model.r2, model.residual_std, model.f, model.aic) == (1.0, 0.0, None, None)
    assert list(model.table[1].values()) == ["a", 2.0, 0.0, None, None, 2.0, 2.0]


def test_no_features_at_all_give_the_mean_and_its_error():
    values = np.array([1.5, 2.0, 4.5, 7.0])
    model = fit(pooled({"y": values}, "0.5"), "ols", target="y")
    assert model.coefficients == {"intercept": values.mean()}
    assert model.table[0]["std_error"] == pytest.approx(values.std(ddof=1) / 2)
    assert (model.r2, model.df, model.f) == (0.0, 3, None)


def test_a_wide_table_of_nearly_dependent_columns_is_solved():
    rng = np.random.default_rng(3)
    base = rng.integers(-500, 500, size=(60, 4))
    columns = {f"x{i}": base[:, i] / 1e6 for i in range(4)}
    columns["near"] = (base.sum(axis=1) * 1_000_000 + np.arange(60) % 7) / 1e12  # differs in the twelfth decimal
    columns["y"] = base[:, 0] / 1e6
    columns["y"][0] += 0.25
    exact = {name: [Fraction(repr(float(v))) for v in values] for name, values in columns.items()}
    model = fit(pooled(columns, "0.000000000001"), "ols", target="y")
    inputs = list(zip(*(exact[name] for name in columns if name != "y"), strict=True))
    beta, error, spread = least_squares(inputs, exact["y"])
    assert list(model.coefficients.values()) == [float(b) for b in beta]
    assert [row["std_error"] for row in model.table] == [square_root(error / 54 * v) for v in spread]
