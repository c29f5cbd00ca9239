"""Every kind of model beside an independent program on the pooled rows, on at least three data sets each."""

from collections.abc import Callable

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.covariance import OAS, empirical_covariance
from sklearn.covariance import graphical_lasso as sparse_inverse
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, Ridge, RidgeClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.pipeline import make_pipeline

from fedpeer.core.models.fit import KINDS, fit
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema
from tests.support.pooled import classes, numbers

MEASURED = ["diabetes", "iris", "linnerud", "wine"]
LABELLED = ["iris", "wine", "breast_cancer", "digits"]
# Tried in test_quadratic.py, with products that they need; in test_outliers.py, test_separating.py, test_chain.py and
# test_extremes.py.
ELSEWHERE = {"qda", "ledoit_wolf", "hbos", "ecod", "evt", "markov", "hmm", "lda_stepwise", "lda_subset", "lda_reduced"}


def least(inputs, target):
    told = sm.OLS(target, sm.add_constant(inputs)).fit()
    return told.params[1:], told.fittedvalues


def by(estimator) -> Callable:
    """The slopes and predictions of a regression of scikit-learn."""

    def told(inputs, target):
        estimator.fit(inputs, target)
        return np.ravel(estimator.coef_), np.ravel(estimator.predict(inputs))

    return told


def on_components(inputs, target):
    chain = make_pipeline(PCA(2), LinearRegression()).fit(inputs, target)
    return chain[1].coef_ @ chain[0].components_, chain.predict(inputs)


STEEP = {"tol": 1e-14, "max_iter": 10**6}
REGRESSIONS = {
    "ols": ({}, least),
    "ridge": ({"lam": 2}, by(Ridge(2, solver="svd"))),
    "lasso": ({"lam": "0.1"}, by(Lasso(0.1, **STEEP))),
    "elastic_net": ({"lam": "0.1", "mix": "0.3"}, by(ElasticNet(alpha=0.1, l1_ratio=0.3, **STEEP))),
    "pcr": ({"components": 2, "standardise": False}, on_components),
    "pls": ({"components": 2}, by(PLSRegression(2, tol=1e-14))),
    "stepwise": ({}, least),
    "best_subset": ({}, least),
}
CLASSIFIERS = {
    "lda": ({}, LinearDiscriminantAnalysis()),
    "gaussian_nb": ({}, GaussianNB()),
    "bernoulli_nb": ({}, BernoulliNB(binarize=None)),
    "ridge_classifier": ({"lam": 2}, RidgeClassifier(2, solver="svd")),
    "ls_svm": ({"c": "0.5"}, RidgeClassifier(2, solver="svd")),
}
SPREADS = {"pca", "oas", "graphical_lasso"}


def test_every_kind_is_compared_here_or_elsewhere():
    assert {*REGRESSIONS, *CLASSIFIERS, *SPREADS, *ELSEWHERE} == set(KINDS)


@pytest.mark.long
@pytest.mark.parametrize("name", MEASURED)
@pytest.mark.parametrize("kind", REGRESSIONS)
def test_a_regression_is_that_of_the_pooled_rows(kind, name):
    data, (options, program) = numbers(name), REGRESSIONS[kind]
    model = fit(data.summary, kind, "target", **options)
    used = list(model.columns)
    slopes, predictions = program(np.column_stack([data.table[column] for column in used]), data.target)
    np.testing.assert_allclose([model.coefficients[column] for column in used], slopes, rtol=1e-9)
    np.testing.assert_allclose(model.predict(data.table), predictions, rtol=1e-9, atol=1e-11)


def labelled(kind, name):
    """A data set without its constant columns; for Bernoulli's naive Bayes cut at the means."""
    data = classes(name)
    kept = [column for column, values in data.table.items() if column == "class" or np.ptp(values) > 0]
    table, schema = {column: data.table[column] for column in kept}, data.summary.schema
    features = [feature for feature in schema.features if feature.name in kept]
    if kind == "bernoulli_nb":
        table = {c: v if c == "class" else v > v.mean() for c, v in table.items()}
        features = [*(Feature(column, "binary") for column in kept[:-1]), features[-1]]
    inputs = np.column_stack([table[column] for column in kept[:-1]]).astype(float)
    return collect(Schema(features), table), table, inputs


@pytest.mark.long
@pytest.mark.parametrize("name", LABELLED)
@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_a_classifier_gives_every_row_the_class_that_scikit_learn_gives(kind, name):
    (options, program), (summary, table, inputs) = CLASSIFIERS[kind], labelled(kind, name)
    model = fit(summary, kind, "class", **options)
    np.testing.assert_array_equal(model.predict(table), program.fit(inputs, table["class"]).predict(inputs))


@pytest.mark.parametrize("name", LABELLED)
def test_weights_of_classes_are_those_of_scikit_learn(name):
    summary, table, inputs = labelled("ridge_classifier", name)
    model = fit(summary, "ridge_classifier", "class", lam=2)
    told = np.atleast_2d(RidgeClassifier(2, solver="svd").fit(inputs, table["class"]).coef_)
    ours = np.array([list(group.weights.values()) for group in model.classes])[-len(told) :]
    np.testing.assert_allclose(ours, told, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", [*LABELLED, "linnerud"])
def test_matrices_are_those_of_scikit_learn(name):
    data = numbers(name) if name == "linnerud" else classes(name)
    names = [c for c in list(data.table)[: data.inputs.shape[1]] if np.ptp(data.table[c]) > 0]
    inputs = np.column_stack([data.table[c] for c in names])
    shrunk = fit(data.summary, "oas", features=names)
    np.testing.assert_allclose(shrunk.covariance, OAS().fit(inputs).covariance_, rtol=1e-9, atol=1e-12)
    main = fit(data.summary, "pca", features=names, components=2, standardise=False)
    told = PCA(2).fit(inputs)
    np.testing.assert_allclose(main.variances, told.explained_variance_, rtol=1e-9)
    np.testing.assert_allclose(np.abs(main.components), np.abs(told.components_), rtol=1e-9, atol=1e-9)
    few = min(3, len(names))
    sparse = fit(data.summary, "graphical_lasso", features=names[:few], lam=1)
    plain = empirical_covariance(inputs[:, :few])
    _, inverse = sparse_inverse(plain, alpha=1, tol=1e-6, enet_tol=1e-8, max_iter=1000)
    np.testing.assert_allclose(sparse.precision, inverse, rtol=1e-5, atol=1e-7)
