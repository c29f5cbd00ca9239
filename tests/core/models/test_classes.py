"""Classifiers against scikit-learn on the pooled rows, and against the definitions computed by hand."""

import json

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import RidgeClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB

from fedpeer.core.errors import ModelError, TableError
from fedpeer.core.models.fit import fit, restore
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema
from fedpeer.core.statistics.summary import Summary
from tests.support.pooled import classes

SETS = ["iris", "wine", "breast_cancer"]


def rows(model, part):
    return np.array([list(getattr(group, part).values()) for group in model.classes])


def likelihoods(model, table):
    return np.column_stack(list(model.explain(table).values()))


def few(name, most=10):
    """Features that a float64 program can still invert the covariance of to nine digits."""
    data = classes(name)
    names = list(data.table)[: data.inputs.shape[1]][:most]
    return data, names, data.inputs[:, : len(names)]


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("priors", ["data", "equal"])
def test_lda_is_that_of_scikit_learn(name, priors):
    data, names, inputs = few(name)
    model = fit(data.summary, "lda", "class", names, priors=priors)
    k = len(model.classes)
    told = LinearDiscriminantAnalysis(priors=None if priors == "data" else np.full(k, 1 / k))
    told.fit(inputs, data.target)
    weights = rows(model, "weights")
    if k == 2:
        np.testing.assert_allclose(weights[1] - weights[0], told.coef_[0], rtol=1e-9)
    else:
        np.testing.assert_allclose(weights - weights[0], told.coef_ - told.coef_[0], rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(model.predict(data.table), told.predict(inputs))
    np.testing.assert_allclose(likelihoods(model, data.table), told.predict_proba(inputs), rtol=1e-7, atol=1e-12)
    assert [group.label for group in model.classes] == list(told.classes_)


@pytest.mark.parametrize("name", SETS)
def test_lda_with_every_feature_finds_the_same_classes(name):
    data = classes(name)
    model = fit(data.summary, "lda", "class")
    told = LinearDiscriminantAnalysis().fit(data.inputs, data.target)
    np.testing.assert_array_equal(model.predict(data.table), told.predict(data.inputs))


@pytest.mark.parametrize("name", SETS)
def test_the_unbiased_form_divides_by_what_is_left_of_the_rows(name):
    data, names, inputs = few(name)
    plain = fit(data.summary, "lda", "class", names)
    model = fit(data.summary, "lda", "class", names, form="unbiased")
    n, k = len(inputs), len(model.classes)
    np.testing.assert_allclose(rows(model, "weights"), rows(plain, "weights") * (n - k) / n, rtol=1e-13)
    for one, other in zip(model.classes, plain.classes, strict=True):
        quadratic = (other.constant - np.log(other.prior)) * (n - k) / n
        assert one.constant == pytest.approx(np.log(one.prior) + quadratic, rel=1e-12)


PAIRS = [(name, pair) for name in ("iris", "wine") for pair in ((0, 1), (1, 2), (0, 2))]


@pytest.mark.parametrize(("name", "target"), [*PAIRS, ("breast_cancer", (0, 1))])
def test_the_reference_form_is_its_formula(name, target):
    data, names, inputs = few(name, most=13)
    labels = [f"{code} {label}" for code, label in enumerate(["setosa", "versicolor", "virginica"])]
    codes = np.unique(data.target, return_inverse=True)[1]
    keep = np.isin(codes, target)
    schema = Schema([*data.summary.schema.features[:-1], Feature("class", "binary", levels=labels[:2])])
    chosen = {key: values[keep] for key, values in data.table.items()}
    chosen["class"] = np.where(codes[keep] == target[0], *labels[:2])
    model = fit(collect(schema, chosen), "lda", "class", names, form="symetry")
    one, two = inputs[codes == target[0]], inputs[codes == target[1]]
    shared = (len(one) * np.cov(one.T, ddof=0) + len(two) * np.cov(two.T, ddof=0)) / (len(one) + len(two) - 1)
    beta = np.linalg.solve(shared, two.mean(axis=0) - one.mean(axis=0))
    np.testing.assert_allclose(rows(model, "weights")[1], beta, rtol=1e-9)
    over = inputs[keep] @ beta > beta @ (one.mean(axis=0) + two.mean(axis=0)) / 2
    np.testing.assert_array_equal(model.predict(chosen), np.where(over, labels[1], labels[0]))
    assert not model.probabilities


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("smoothing", ["1e-9", 0.01, 0])
def test_gaussian_naive_bayes_is_that_of_scikit_learn(name, smoothing):
    data = classes(name)
    model = fit(data.summary, "gaussian_nb", "class", var_smoothing=smoothing)
    told = GaussianNB(var_smoothing=float(smoothing)).fit(data.inputs, data.target)
    np.testing.assert_allclose(rows(model, "means"), told.theta_, rtol=1e-12)
    np.testing.assert_allclose(rows(model, "variances"), told.var_, rtol=1e-9)
    np.testing.assert_allclose([group.prior for group in model.classes], told.class_prior_, rtol=1e-15)
    np.testing.assert_array_equal(model.predict(data.table), told.predict(data.inputs))
    np.testing.assert_allclose(likelihoods(model, data.table), told.predict_proba(data.inputs), rtol=1e-6, atol=1e-12)


def halves(name):
    """A data set cut at its medians into binary features."""
    data = classes(name)
    names = list(data.table)[:-1]
    cut = data.inputs > np.median(data.inputs, axis=0)
    schema = Schema([*(Feature(key, "binary") for key in names), data.summary.schema.features[-1]])
    table = dict(zip(names, cut.T, strict=True)) | {"class": data.target}
    return collect(schema, table), table, cut.astype(float), data.target


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("alpha", [1, "0.25"])
def test_bernoulli_naive_bayes_is_that_of_scikit_learn(name, alpha):
    summary, table, inputs, target = halves(name)
    model = fit(summary, "bernoulli_nb", "class", alpha=alpha)
    told = BernoulliNB(alpha=float(alpha)).fit(inputs, target)
    np.testing.assert_allclose(np.log(rows(model, "means")), told.feature_log_prob_, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(model.predict(table), told.predict(inputs))
    np.testing.assert_allclose(likelihoods(model, table), told.predict_proba(inputs), rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("lam", [1, "0.01"])
def test_the_ridge_classifier_is_that_of_scikit_learn(name, lam):
    data = classes(name)
    model = fit(data.summary, "ridge_classifier", "class", lam=lam)
    told = RidgeClassifier(alpha=float(lam), solver="svd").fit(data.inputs, data.target)
    weights = rows(model, "weights")
    ours = weights[1:] if len(weights) == 2 else weights
    np.testing.assert_allclose(ours, np.atleast_2d(told.coef_), rtol=1e-8)
    np.testing.assert_array_equal(model.predict(data.table), told.predict(data.inputs))
    scores = likelihoods(model, data.table)
    decided = told.decision_function(data.inputs)
    np.testing.assert_allclose(scores[:, 1] if decided.ndim == 1 else scores, decided, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("c", ["0.25", 40])
def test_the_least_squares_machine_solves_its_own_equations(name, c):
    """[XᵀX + I/c, Xᵀ1; 1ᵀX, n] (β, b) = (Xᵀy, 1ᵀy) on columns of unit spread, for each class against the others."""
    data = classes(name)
    model = fit(data.summary, "ls_svm", "class", c=c)
    spread = data.inputs.std(axis=0)
    inputs = np.column_stack([(data.inputs - data.inputs.mean(axis=0)) / spread, np.ones(len(data.inputs))])
    penalty = np.diag([*(1 / float(c) / spread**2), 0])
    scores = likelihoods(model, data.table)
    for k in range(scores.shape[1]):
        y = np.where(data.target == model.classes[k].label, 1.0, -1.0)
        solved = np.linalg.solve(inputs.T @ inputs + penalty, inputs.T @ y)
        np.testing.assert_allclose(rows(model, "weights")[k], solved[:-1] / spread, rtol=1e-9)
        np.testing.assert_allclose(scores[:, k], inputs @ solved, rtol=1e-8, atol=1e-10)
    told = RidgeClassifier(alpha=1 / float(c), solver="svd").fit(data.inputs, data.target)
    np.testing.assert_array_equal(model.predict(data.table), told.predict(data.inputs))
    assert (model.kind, model.options) == ("ls_svm", {"c": str(c)})


SCHEMA = Schema(
    [
        Feature("a", "continuous", min=-10, max=10, resolution="0.1"),
        Feature("b", "continuous", min=-10, max=10, resolution="0.1"),
        Feature("flat", "continuous", min=-10, max=10, resolution="0.1"),
        Feature("site", "category", levels=["north", "south", "east"]),
        Feature("kind", "category", levels=["x", "y", "never"]),
        Feature("sick", "binary"),
    ]
)
RNG = np.random.default_rng(11)
TABLE = {
    "a": RNG.integers(-50, 50, 60) / 10,
    "flat": np.full(60, 1.5),
    "site": RNG.choice(["north", "south", "east"], 60),
    "kind": RNG.choice(["x", "y"], 60),
    "sick": RNG.integers(0, 2, 60),
}
TABLE["b"] = -TABLE["a"]
SUMMARY = collect(SCHEMA, TABLE)


def test_a_class_without_rows_is_left_out_and_named():
    model = fit(SUMMARY, "lda", "kind", ["a", "site"])
    assert [group.label for group in model.classes] == ["x", "y"]
    assert model.empty == ["never"]
    assert list(model.centre) == ["a", "site$south", "site$east"]
    naive = fit(SUMMARY, "gaussian_nb", "sick", ["a", "site"])
    assert list(naive.centre) == ["a", "site$north", "site$south", "site$east"]
    assert [group.label for group in naive.classes] == ["0", "1"]
    where = [TABLE["site"] == level for level in ("north", "south", "east")]
    told = GaussianNB().fit(np.column_stack([TABLE["a"], *where]), TABLE["sick"])
    np.testing.assert_allclose(rows(naive, "variances"), told.var_, rtol=1e-10)


def test_priors_are_weights_by_label():
    model = fit(SUMMARY, "lda", "kind", ["a"], priors={"x": 1, "y": 3})
    assert [group.prior for group in model.classes] == [0.25, 0.75]
    codes = np.where(TABLE["kind"] == "x", 0, 1)
    told = LinearDiscriminantAnalysis(priors=[0.25, 0.75]).fit(TABLE["a"][:, None], codes)
    np.testing.assert_allclose(likelihoods(model, TABLE), told.predict_proba(TABLE["a"][:, None]), rtol=1e-9)


@pytest.mark.parametrize(
    ("kind", "arguments", "options", "said"),
    [
        ("lda", ("a",), {}, "'a' is continuous; a classifier needs"),
        ("lda", ("kind", ["a", "b"]), {}, "singular within the classes: 'b'; 'b' is determined exactly by 'a'"),
        ("lda", ("kind", ["flat", "a"]), {}, "'flat' is constant within each class"),
        ("lda", ("kind", ["flat"]), {"singular": "drop"}, "no column varies"),
        ("lda", ("kind", []), {}, "at least one feature"),
        ("lda", ("kind", ["a"]), {"form": "best"}, "form is 'best'"),
        ("lda", ("kind", ["a"]), {"form": "symetry", "priors": "equal"}, "has no priors"),
        ("lda", ("site", ["a"]), {"form": "symetry"}, "for two classes"),
        ("lda", ("kind", ["a"]), {"priors": {"x": 1}}, "for each of the classes"),
        ("lda", ("kind", ["a"]), {"priors": {"x": 1, "y": 0}}, "above zero"),
        ("lda", ("kind", ["a"]), {"singular": "hide"}, "must be 'refuse' or 'drop'"),
        ("lda", ("kidn",), {}, "did you mean 'kind'"),
        ("qda", ("kind", ["a", "b"]), {}, "products of two columns by class"),
        ("gaussian_nb", ("kind", ["a"]), {"var_smoothing": -1}, "must not be below zero"),
        ("gaussian_nb", ("kind", ["flat"]), {}, "without variation in the class 'x': 'flat'"),
        ("bernoulli_nb", ("kind", ["a"]), {}, "not 0/1 columns: 'a'"),
        ("bernoulli_nb", ("kind", ["site"]), {"alpha": 0}, "above zero"),
        ("ridge_classifier", ("kind", ["a"]), {"lam": 0}, "above zero"),
        ("ridge_classifier", ("a",), {}, "'a' is continuous; a classifier needs"),
        ("ls_svm", ("kind", ["a"]), {"c": -1}, "c is -1; it must be above zero"),
    ],
)
def test_what_cannot_be_is_refused_by_name(kind, arguments, options, said):
    with pytest.raises(ModelError) as refused:
        fit(SUMMARY, kind, *arguments, **options)
    assert said in str(refused.value)


def test_too_few_rows_and_single_classes_are_refused():
    few = collect(SCHEMA, {name: values[:4] for name, values in TABLE.items()} | {"kind": ["x", "y", "x", "y"]})
    with pytest.raises(ModelError, match="4 rows are too few for 3 columns and 2 classes: at least 5"):
        fit(few, "lda", "kind", ["a", "site"])
    alone = collect(SCHEMA, TABLE | {"kind": ["x"] * 60})
    for kind in ("lda", "gaussian_nb", "bernoulli_nb"):
        with pytest.raises(ModelError, match="has rows of 1 class"):
            fit(alone, kind, "kind")
        with pytest.raises(ModelError, match="has rows of 0 class"):
            fit(Summary.zero(SCHEMA), kind, "kind")


def test_dependent_columns_can_be_dropped():
    model = fit(SUMMARY, "lda", "kind", ["a", "b", "flat"], singular="drop")
    assert model.dropped == ["b", "flat"]
    assert model.classes == fit(SUMMARY, "lda", "kind", ["a"]).classes


def test_rows_that_were_never_there_are_noticed():
    wrong = SUMMARY - collect(SCHEMA, {name: [values[0]] * 50 for name, values in TABLE.items()})
    for kind in ("lda", "gaussian_nb", "bernoulli_nb"):
        with pytest.raises(ModelError, match="no rows could give this summary"):
            fit(wrong, kind, "kind", ["site"])


@pytest.mark.parametrize("kind", ["lda", "gaussian_nb", "bernoulli_nb", "ridge_classifier", "ls_svm"])
def test_a_sum_of_parts_gives_the_same_classifier_and_json_keeps_it(kind):
    parts = [collect(SCHEMA, {name: values[i::3] for name, values in TABLE.items()}) for i in range(3)]
    model = fit(sum(parts, Summary.zero(SCHEMA)), kind, "kind", ["site", "sick"])
    assert model == fit(SUMMARY, kind, "kind", ["site", "sick"])
    again = restore(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    assert again == model
    assert list(again.predict(TABLE)) == list(model.predict(TABLE))
    with pytest.raises(ModelError, match="not a model"):
        restore(model.to_dict() | {"centre": {"weight": 0.0}})
    with pytest.raises(ModelError, match="not a model"):
        restore(model.to_dict() | {"classes": []})
    with pytest.raises(ModelError, match="not a model"):
        restore(model.to_dict() | {"kind": "ols"})
    with pytest.raises(ModelError, match="not a model"):
        restore(model.to_dict() | {"kind": ["lda"]})


def test_a_row_that_cannot_be_read_has_no_class():
    model = fit(SUMMARY, "lda", "kind", ["a", "site"])
    table = {"a": [1.0, None, 1.0, np.inf], "site": ["north", "north", "nowhere", "north"]}
    assert [value is None for value in model.predict(table)] == [False, True, True, True]
    assert np.isnan(model.explain(table)["x"]).tolist() == [False, True, True, True]
    assert model.predict({"a": [], "site": []}).shape == (0,)
    with pytest.raises(TableError, match="no column 'site'"):
        model.predict({"a": [1.0]})
