"""Evaluation on held-out rows against scikit-learn, statsmodels, SciPy and definitions written out."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics
from statsmodels.stats.proportion import proportion_confint

from fedpeer.core.errors import ModelError, TableError
from fedpeer.core.models.confusion import classes, ranking
from fedpeer.core.models.evaluate import Terms, evaluate
from fedpeer.core.models.fit import fit
from fedpeer.core.models.residuals import regression
from fedpeer.core.models.totals import Total
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema
from tests.support import pooled

pytestmark = pytest.mark.long

FINITE = st.floats(-1e70, 1e70, allow_nan=False)
Z = stats.norm.ppf(0.975)


def held_out(data: pooled.Pooled) -> tuple[dict, dict]:
    """Every third row to evaluate on, the others to fit to."""
    apart = np.arange(len(data.target)) % 3 == 0
    return {k: v[~apart] for k, v in data.table.items()}, {k: v[apart] for k, v in data.table.items()}


def fitted(data: pooled.Pooled, kind: str, target: str, **options):
    seen, unseen = held_out(data)
    return fit(collect(data.summary.schema, seen), kind, target=target, **options), unseen


def near(estimate, expected):
    assert estimate.value == pytest.approx(expected, rel=1e-12, abs=1e-15)


def spread(estimate, low, high):
    assert (estimate.low, estimate.high) == pytest.approx((low, high), rel=1e-10)


@given(st.lists(FINITE, max_size=50), st.integers(0, 50))
def test_sums_are_exact_in_any_parts(values, cut):
    total = Total()
    for part in (values[:cut], values[cut:]):
        total.add(np.array(part, float))
    assert total.value == sum(map(Fraction, values), start=Fraction(0))


@pytest.mark.parametrize("name", ["diabetes", "iris", "linnerud"])
def test_a_regression_is_judged_as_scikit_learn_does(name):
    model, unseen = fitted(pooled.numbers(name), "ridge", "target")
    told = evaluate(model, unseen)
    truths, predicted = unseen["target"].astype(float), model.predict(unseen)
    found, n = told.regression, len(truths)
    assert (told.rows, told.evaluated, told.left_out, found.n) == (n, n, {}, n)
    near(found.rmse, metrics.root_mean_squared_error(truths, predicted))
    near(found.mae, metrics.mean_absolute_error(truths, predicted))
    near(found.bias, np.mean(predicted - truths))
    near(found.r2, metrics.r2_score(truths, predicted))
    for estimate, values in ((found.bias, predicted - truths), (found.mae, np.abs(predicted - truths))):
        spread(estimate, *stats.t.interval(0.95, n - 1, values.mean(), stats.sem(values)))
    squares = (predicted - truths) ** 2
    low, high = stats.t.interval(0.95, n - 1, squares.mean(), stats.sem(squares))
    spread(found.rmse, math.sqrt(max(low, 0)), math.sqrt(high))


def test_the_interval_of_r2_is_that_of_the_delta_method():
    rng = np.random.default_rng(1)
    truths = rng.normal(100, 3, 400)
    predicted = truths + rng.standard_t(5, 400)
    a, b = (predicted - truths) ** 2, (truths - truths.mean()) ** 2
    gradient, joint = np.array([-1 / b.mean(), a.mean() / b.mean() ** 2]), np.cov(a, b, bias=True) / 400
    reach, r2 = Z * math.sqrt(gradient @ joint @ gradient), 1 - a.mean() / b.mean()
    spread(regression(truths, predicted).r2, r2 - reach, r2 + reach)


def test_the_intervals_hold_the_truth_about_as_often_as_they_say():
    rng, hits = np.random.default_rng(7), np.zeros(3)
    for _ in range(300):
        truths = rng.normal(0, 2, 150)
        found = regression(truths, truths + rng.normal(0.5, 1, 150))
        expected = (math.sqrt(1.25), 0.5, 1 - 1.25 / 4)
        hits += [e.low <= v <= e.high for e, v in zip((found.rmse, found.bias, found.r2), expected, strict=True)]
    assert (hits >= 0.9 * 300).all()
    assert (hits <= 0.99 * 300).all()


def test_what_a_perfect_and_a_constant_prediction_are_worth():
    perfect = regression(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 4.0]))
    assert (perfect.rmse.value, perfect.rmse.high, perfect.r2.value, perfect.r2.low) == (0, 0, 1, 1)
    flat = regression(np.array([3.0, 3.0]), np.array([3.0, 4.0]))
    assert (flat.r2.value, flat.bias.value) == (None, 0.5)
    single = regression(np.array([3.0]), np.array([5.0]))
    assert (single.rmse.value, single.rmse.low, single.mae.high) == (2, None, None)


def delong(truths, scores):
    """The area and its variance straight from the definition, over all pairs."""
    pairs = np.array([[(a > b) + (a == b) / 2 for b in scores[~truths]] for a in scores[truths]])
    of_positives, of_negatives = pairs.mean(axis=1), pairs.mean(axis=0)
    return pairs.mean(), of_positives.var(ddof=1) / len(of_positives) + of_negatives.var(ddof=1) / len(of_negatives)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=4, max_size=60))
def test_the_area_and_its_interval_are_those_of_the_definition(rows):
    truths = np.array([truth for truth, _ in rows] + [True, True, False, False])
    scores = np.array([float(score) for _, score in rows] + [0.5, 1.0, 0.5, -1.0])
    area, variance = delong(truths, scores)
    found = ranking(truths, scores, positive="1")
    near(found.auc, area)
    assert found.auc.value == pytest.approx(metrics.roc_auc_score(truths, scores), rel=1e-12)
    low, high = area - Z * math.sqrt(variance), area + Z * math.sqrt(variance)
    assert (found.auc.low, found.auc.high) == pytest.approx((max(low, 0), min(high, 1)), rel=1e-9, abs=1e-12)
    false, true, _ = metrics.roc_curve(truths, scores, drop_intermediate=False)
    assert np.array(found.roc) == pytest.approx(np.column_stack([false, true]))


def test_points_of_a_long_curve_are_few_and_on_it():
    rng = np.random.default_rng(3)
    truths = rng.random(5000) < 0.3
    scores = rng.normal(size=5000) + truths
    found = ranking(truths, scores, positive="1").roc
    false, true, _ = metrics.roc_curve(truths, scores, drop_intermediate=False)
    assert len(found) == 200
    assert found[0] == (0, 0)
    assert found[-1] == (1, 1)
    assert set(found) <= set(zip(false.tolist(), true.tolist(), strict=True))


def wilson(estimate, k, n):
    near(estimate, k / n)
    low, high = proportion_confint(k, n, method="wilson")
    assert (estimate.low, estimate.high) == pytest.approx((low, high), rel=1e-11, abs=1e-15)


@pytest.mark.parametrize("kind", ["lda", "gaussian_nb", "ridge_classifier"])
def test_two_classes_are_judged_as_scikit_learn_does(kind):
    model, unseen = fitted(pooled.classes("breast_cancer"), kind, "class")
    told = evaluate(model, unseen)
    positive = "1 benign"
    truth, predicted = unseen["class"] == positive, model.predict(unseen) == positive
    (tn, fp), (fn, tp) = metrics.confusion_matrix(truth, predicted).tolist()
    found = told.classes
    assert found.confusion == {
        "0 malignant": {"0 malignant": tn, positive: fp},
        positive: {"0 malignant": fn, positive: tp},
    }
    assert (told.ranking.positives, told.ranking.negatives) == (tp + fn, tn + fp)
    shares = {"accuracy": (tp + tn, len(truth)), "sensitivity": (tp, tp + fn), "specificity": (tn, tn + fp)}
    shares |= {"ppv": (tp, tp + fp), "npv": (tn, tn + fn)}
    for name, (k, n) in shares.items():
        wilson(found.measures[name], k, n)
    near(found.measures["balanced_accuracy"], metrics.balanced_accuracy_score(truth, predicted))
    near(found.measures["f1"], metrics.f1_score(truth, predicted))
    score = model.explain(unseen)[positive]
    near(told.ranking.auc, metrics.roc_auc_score(truth, score))
    if model.probabilities:
        near(told.ranking.brier, metrics.brier_score_loss(truth, score))
        low, high = stats.t.interval(0.95, len(truth) - 1, told.ranking.brier.value, stats.sem((score - truth) ** 2))
        spread(told.ranking.brier, low, high)
    else:
        assert told.ranking.brier is None


def test_intervals_of_f1_and_balanced_accuracy_are_made_of_wilsons():
    found = classes(np.array([[50, 10], [5, 35]]), ["no", "yes"], positive="yes").measures
    low, high = proportion_confint(35, 50, method="wilson")  # hits of all that is or was said to be yes
    spread(found["f1"], 2 * low / (1 + low), 2 * high / (1 + high))
    (a, b), (c, d) = proportion_confint(35, 40, method="wilson"), proportion_confint(50, 60, method="wilson")
    middle = (35 / 40 + 50 / 60) / 2
    down, up = math.hypot(35 / 40 - a, 50 / 60 - c) / 2, math.hypot(b - 35 / 40, d - 50 / 60) / 2
    spread(found["balanced_accuracy"], middle - down, middle + up)


@pytest.mark.parametrize("threshold", [0.2, 0.9])
def test_a_threshold_moves_the_classes_and_not_the_ranking(threshold):
    model, unseen = fitted(pooled.classes("breast_cancer"), "lda", "class")
    for positive in model.explain(unseen):
        told = evaluate(model, unseen, Terms(threshold=threshold, positive=positive))
        said, truth = model.explain(unseen)[positive] >= threshold, unseen["class"] == positive
        wilson(told.classes.measures["sensitivity"], int((said & truth).sum()), int(truth.sum()))
        wilson(told.classes.measures["specificity"], int((~said & ~truth).sum()), int((~truth).sum()))
        assert told.classes.threshold == threshold
        near(told.ranking.auc, metrics.roc_auc_score(truth, model.explain(unseen)[positive]))


@pytest.mark.parametrize("name", ["iris", "wine"])
def test_several_classes_are_judged_as_scikit_learn_does(name):
    model, unseen = fitted(pooled.classes(name), "gaussian_nb", "class")
    told = evaluate(model, unseen)
    truth, predicted, labels = unseen["class"], model.predict(unseen), told.classes.labels
    matrix = metrics.confusion_matrix(truth, predicted, labels=labels)
    assert [list(row.values()) for row in told.classes.confusion.values()] == matrix.tolist()
    report = metrics.classification_report(truth, predicted, output_dict=True)
    for label, found in told.classes.by_class.items():
        wilson(found["recall"], matrix.diagonal()[labels.index(label)], report[label]["support"])
        near(found["precision"], report[label]["precision"])
        near(found["f1"], report[label]["f1-score"])
    near(told.classes.measures["accuracy"], metrics.accuracy_score(truth, predicted))
    for ours, theirs in (("macro_recall", "recall"), ("macro_precision", "precision"), ("macro_f1", "f1-score")):
        near(told.classes.measures[ours], report["macro avg"][theirs])
    assert told.ranking is None
    one = evaluate(model, unseen, Terms(positive=labels[1]))
    near(one.ranking.auc, metrics.roc_auc_score(truth == labels[1], model.explain(unseen)[labels[1]]))


def test_a_linear_model_of_a_yes_is_a_score_too():
    schema = Schema([Feature("x", "continuous", min=0, max=50, resolution=1), Feature("y", "binary")])
    table = {"x": np.arange(40.0), "y": (np.arange(40) * 7 % 40 > 15).astype(int)}
    model = fit(collect(schema, table), "ols", target="y")
    told, predicted = evaluate(model, table), model.predict(table)
    near(told.regression.rmse, metrics.root_mean_squared_error(table["y"], predicted))
    near(told.ranking.auc, metrics.roc_auc_score(table["y"], predicted))
    assert told.classes.threshold == 0.5
    near(told.classes.measures["accuracy"], metrics.accuracy_score(table["y"], predicted >= 0.5))


def test_what_has_no_target_is_judged_by_a_column_of_zero_and_one():
    data = pooled.classes("breast_cancer")
    model = fit(data.summary, "pca", features=list(data.table)[:5], components=2)
    truth = (data.target == "0 malignant").astype(int)
    table = data.table | {"ill": truth}
    told = evaluate(model, table, Terms(truth="ill"))
    near(told.ranking.auc, metrics.roc_auc_score(truth, model.predict(data.table)))
    assert told.classes is None
    assert evaluate(model, table, Terms(truth="ill", threshold=1.0)).classes is not None
    with pytest.raises(ModelError, match="pca predicts no target"):
        evaluate(model, table)


ROWS = {
    "x": ["1", None, "abc", "inf", "5", "nan", "7", "2", "1e300"],
    "site": ["a", "a", "b", "b", "c", "a", None, "b", "a"],
    "y": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, None, 1.0],
}


def of_sites(**options):
    schema = Schema(
        [
            Feature("x", "continuous", min=0, max=10, resolution=1),
            Feature("site", "category", levels=["a", "b"]),
            Feature("y", "continuous", min=0, max=10, resolution=1),
        ]
    )
    table = {"x": [1.0, 2, 3, 4, 5, 9], "site": ["a", "b", "a", "b", "a", "b"], "y": [2.0, 3, 3, 5, 6, 7]}
    return fit(collect(schema, table), "ols", target="y", **options)


def test_every_row_is_evaluated_or_left_out_for_one_reason():
    told = evaluate(of_sites(), ROWS)
    assert told.left_out == {
        "y": {"missing": 1},
        "x": {"missing": 2, "not finite": 1, "unparsable": 1},
        "site": {"missing": 1, "unknown level": 1},
        "(prediction)": {"not finite": 1},
    }
    assert (told.rows, told.evaluated, told.regression.n) == (9, 1, 1)


def test_a_model_that_completes_rows_is_judged_on_them():
    told = evaluate(of_sites(missing="mean"), ROWS)
    assert told.left_out == {"y": {"missing": 1}, "(prediction)": {"not finite": 1}}
    assert told.evaluated == 7


def test_parts_do_not_matter_and_progress_is_told():
    model, unseen = fitted(pooled.classes("breast_cancer"), "lda", "class")
    whole, counts = pa.table(unseen), []
    parts = [whole.slice(start, 7) for start in range(0, whole.num_rows, 7)]
    assert evaluate(model, parts, progress=counts.append) == evaluate(model, whole)
    assert counts[-1] == whole.num_rows
    model, unseen = fitted(pooled.numbers("diabetes"), "ols", "target")
    whole = pa.table(unseen)
    assert evaluate(model, [whole.slice(0, 50), whole.slice(50)]) == evaluate(model, whole)


def test_no_number_of_a_single_row_is_in_the_answer():
    model, unseen = fitted(pooled.classes("breast_cancer"), "lda", "class")
    told = str(evaluate(model, unseen).to_dict())
    assert not any(repr(float(value)) in told for value in model.explain(unseen)["1 benign"] if 1e-9 < value < 1 - 1e-9)


def test_a_truth_of_another_name_is_read():
    model, unseen = fitted(pooled.numbers("diabetes"), "ols", "target")
    renamed = {("outcome" if name == "target" else name): values for name, values in unseen.items()}
    assert evaluate(model, renamed, Terms(truth="outcome")) == evaluate(model, unseen)
    with pytest.raises(TableError, match="no column 'target'"):
        evaluate(model, renamed)


@pytest.mark.parametrize(
    ("terms", "match"),
    [
        (Terms(positive="sick"), "the model has the classes"),
        (Terms(threshold=0.5), "a threshold is for two classes"),
        (Terms(confidence=1), "between 0 and 1"),
    ],
)
def test_terms_that_cannot_be_met_are_refused(terms, match):
    model, unseen = fitted(pooled.classes("iris"), "lda", "class")
    with pytest.raises(ModelError, match=match):
        evaluate(model, unseen, terms)


def test_nothing_to_evaluate_gives_no_numbers():
    model, unseen = fitted(pooled.numbers("diabetes"), "ols", "target")
    told = evaluate(model, pa.table({**unseen, "target": pa.nulls(len(unseen["target"]))}))
    assert (told.evaluated, told.regression, told.left_out) == (0, None, {"target": {"missing": told.rows}})
