"""Features chosen for discriminants, against determinants and regressions of the pooled rows themselves."""

from itertools import combinations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.multivariate.manova import MANOVA

from fedpeer.core.errors import ModelError
from fedpeer.core.models.fit import fit, restore
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema
from tests.support.pooled import classes, continuous

SETS = ["iris", "wine", "breast_cancer"]


def split(name, most=7):
    """Some columns of a data set, as names, a matrix and the labels of the rows."""
    data = classes(name)
    names = list(data.table)[:most]
    names = [each for each in names if each != "class"]
    return data.summary, names, np.column_stack([data.table[each] for each in names]), np.array(data.table["class"])


def scatter(rows, labels):
    """Products within the classes, and in all."""
    parts = [rows[labels == label] for label in sorted(set(labels))]
    within = sum((part - part.mean(0)).T @ (part - part.mean(0)) for part in parts)
    return within, (rows - rows.mean(0)).T @ (rows - rows.mean(0))


def wilks(rows, labels):
    within, total = scatter(rows, labels)
    return np.exp(np.linalg.slogdet(within)[1] - np.linalg.slogdet(total)[1])


def criterion(rows, labels, chosen, key):
    n, extra = len(rows), len(set(labels)) - 1
    value = n * np.log(wilks(rows[:, list(chosen)], labels)) if chosen else 0.0
    return value + (np.log(n) if key == "bic" else 2) * extra * len(chosen)


def walked(rows, labels, key, direction):
    p = rows.shape[1]
    now = tuple(range(p)) if direction == "backward" else ()
    while True:
        more = [tuple(sorted({*now, j})) for j in range(p) if j not in now]
        fewer = [tuple(i for i in now if i != j) for j in now]
        moves = (more if direction != "backward" else []) + (fewer if direction != "forward" else [])
        best = min(moves, key=lambda chosen: criterion(rows, labels, chosen, key), default=now)
        if criterion(rows, labels, best, key) >= criterion(rows, labels, now, key):
            return now
        now = best


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("key", ["aic", "bic"])
@pytest.mark.parametrize("direction", ["both", "forward", "backward"])
def test_steps_are_those_of_determinants_of_the_rows(name, key, direction):
    summary, names, rows, labels = split(name)
    model = fit(summary, "lda_stepwise", "class", names, criterion=key, direction=direction)
    chosen = walked(rows, labels, key, direction)
    assert model.columns == [names[j] for j in chosen]
    last = model.path[-1]
    assert last["features"] == model.columns
    assert last["wilks"] == pytest.approx(wilks(rows[:, list(chosen)], labels), rel=1e-8)
    assert last[key] == pytest.approx(criterion(rows, labels, chosen, key), rel=1e-9)
    alone = fit(summary, "lda", "class", model.columns)
    assert (model.classes, model.centre) == (alone.classes, alone.centre)
    assert set(model.dropped) == set(names) - set(model.columns)
    assert restore(model.to_dict()) == model


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("key", ["aic", "bic"])
def test_the_best_subset_is_the_best_of_all(name, key):
    summary, names, rows, labels = split(name)
    model = fit(summary, "lda_subset", "class", names, criterion=key)
    every = [chosen for size in range(len(names) + 1) for chosen in combinations(range(len(names)), size)]
    best = min(every, key=lambda chosen: criterion(rows, labels, chosen, key))
    assert model.columns == [names[j] for j in best]
    for size, point in enumerate(model.path):
        told = min((each for each in every if len(each) == size), key=lambda c: criterion(rows, labels, c, key))
        assert point["features"] == [names[j] for j in told]
        assert point[key] == pytest.approx(criterion(rows, labels, told, key), rel=1e-8)


def test_wilks_lambda_is_that_of_an_analysis_of_variance():
    summary, names, rows, labels = split("wine")
    model = fit(summary, "lda_reduced", "class", names, steps=0)
    dummies = np.column_stack([labels == label for label in sorted(set(labels))[1:]]).astype(float)
    tests = MANOVA(rows, sm.add_constant(dummies)).mv_test([("class", np.eye(3)[1:])])
    told = tests.results["class"]["stat"].loc["Wilks' lambda", "Value"]
    assert model.path[0]["wilks"] == pytest.approx(float(told), rel=1e-9)
    assert model.columns == names


@pytest.mark.parametrize("name", SETS)
def test_a_partial_f_is_that_of_the_classes_in_a_regression_on_the_others(name):
    summary, names, rows, labels = split(name)
    model = fit(summary, "lda_stepwise", "class", names, criterion="f", direction="forward", enter="0.01")
    dummies = np.column_stack([labels == label for label in sorted(set(labels))[1:]]).astype(float)
    now = []
    for step in model.path[1:]:
        tests = {}
        for j in set(range(len(names))) - set(now):
            plain = sm.OLS(rows[:, j], sm.add_constant(rows[:, now]) if now else np.ones(len(rows))).fit()
            whole = sm.OLS(rows[:, j], np.column_stack([np.ones(len(rows)), rows[:, now], dummies])).fit()
            tests[j] = whole.compare_f_test(plain)[:2]
        best = max(tests, key=lambda j: tests[j][0])
        assert step["entered"] == names[best]
        assert step["f"] == pytest.approx(tests[best][0], rel=1e-7)
        assert step["p"] == pytest.approx(tests[best][1], rel=1e-5, abs=1e-300)
        now.append(best)
    assert set(model.columns) == {names[j] for j in now}
    assert all(step["p"] <= 0.01 for step in model.path[1:])


def test_tests_remove_what_others_have_made_useless():
    rng = np.random.default_rng(3)
    flag = np.repeat([0, 1], 200)
    a, b = rng.normal(size=(2, 400)) + flag
    mixture = a + b + rng.normal(size=400) * 0.7
    table = {"mixture": np.round(mixture, 3), "a": np.round(a, 3), "b": np.round(b, 3)}
    schema = Schema([*(continuous(name, values) for name, values in table.items()), Feature("flag", "binary")])
    summary = collect(schema, table | {"flag": flag})
    model = fit(summary, "lda_stepwise", "flag", criterion="f", leave="0.2")
    assert model.path[1]["entered"] == "mixture"
    assert {"left"} <= {key for step in model.path for key in step}
    assert model.columns == ["a", "b"]
    backward = fit(summary, "lda_stepwise", "flag", criterion="f", direction="backward", leave="0.2")
    assert backward.columns == ["a", "b"]


@pytest.mark.parametrize("kind", ["stepwise", "best_subset"])
@pytest.mark.parametrize("key", ["aic", "bic"])
def test_of_two_classes_the_choice_is_that_of_a_regression_of_the_class(kind, key):
    summary, names, _, _ = split("breast_cancer")
    discriminant = {"stepwise": "lda_stepwise", "best_subset": "lda_subset"}[kind]
    ours = fit(summary, discriminant, "class", names, criterion=key)
    assert ours.columns == fit(summary, kind, "class", names, criterion=key).columns


def test_the_expected_auc_is_that_of_normal_classes_of_this_distance():
    summary, names, rows, labels = split("breast_cancer", 4)
    model = fit(summary, "lda_subset", "class", names, criterion="auc")
    low, high = (rows[labels == label] for label in sorted(set(labels)))
    n, p = len(rows), 4
    shared = scatter(rows, labels)[0] / (n - 2)
    apart = high.mean(0) - low.mean(0)
    square = (n - p - 3) / (n - 2) * apart @ np.linalg.solve(shared, apart) - p * n / len(low) / len(high)
    whole = model.path[-1]
    assert whole["features"] == names
    assert whole["distance"] == pytest.approx(np.sqrt(square), rel=1e-8)
    assert whole["auc"] == pytest.approx(stats.norm.cdf(np.sqrt(square / 2)), rel=1e-9)
    assert max(model.path, key=lambda point: point["auc"])["features"] == model.columns


def test_an_estimate_of_auc_is_near_that_of_new_rows():
    rng = np.random.default_rng(11)
    flag = np.tile([0, 1], 200)
    table = {name: np.round(rng.normal(size=400) + flag * 0.7, 2) for name in "abc"} | {"flag": flag}
    schema = Schema([*(continuous(name, table[name]) for name in "abc"), Feature("flag", "binary")])
    model = fit(collect(schema, table), "lda_reduced", "flag", steps=0)
    truth = stats.norm.cdf(0.7 * np.sqrt(3) / np.sqrt(2))
    assert model.path[0]["auc"] == pytest.approx(truth, abs=0.03)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("delta", ["0.001", "0.02", "0.3"])
def test_a_reduction_loses_no_more_than_it_may_and_least_at_each_step(name, delta):
    summary, names, rows, labels = split(name)
    model = fit(summary, "lda_reduced", "class", names, delta=delta)

    def trace(chosen):
        within, total = scatter(rows[:, chosen], labels)
        return float(np.trace(np.linalg.solve(within, total - within)))

    now = list(range(len(names)))
    whole = trace(now)
    for point in model.path[1:]:
        now = max(([i for i in now if i != j] for j in now), key=trace)
        assert point["features"] == [names[j] for j in now]
        assert point["trace"] == pytest.approx(trace(now), rel=1e-7)
        assert point["lost"] == pytest.approx(1 - trace(now) / whole, rel=1e-5, abs=1e-9)
    assert model.columns == [names[j] for j in now]
    assert trace(now) >= (1 - float(delta)) * whole
    if len(now) > 1:
        assert max(trace([i for i in now if i != j]) for j in now) < (1 - float(delta)) * whole
    few = fit(summary, "lda_reduced", "class", names, delta=delta, steps=1)
    assert len(few.path) == min(2, len(model.path))


def mixed():
    rng = np.random.default_rng(8)
    table = {name: rng.integers(-99, 99, 90) / 10 for name in "ab"}
    table |= {"twin": table["a"], "flat": np.full(90, 2.0), "site": rng.choice(["n", "s", "e"], 90)}
    table["kind"] = np.where(table["site"] == "e", "u", np.where(table["a"] + rng.normal(size=90) * 4 > 0, "v", "w"))
    table["kind"][:6] = ["v", "w", "u", "u", "w", "v"]
    features = [continuous(name, table[name]) for name in ("a", "b", "twin", "flat")]
    features += [
        Feature("site", "category", levels=["n", "s", "e"]),
        Feature("kind", "category", levels=["u", "v", "w"]),
    ]
    return collect(Schema(features), table)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("lda_stepwise", {"criterion": "bic"}),
        ("lda_stepwise", {"criterion": "f"}),
        ("lda_stepwise", {"criterion": "f", "enter": 1, "leave": 1}),
        ("lda_subset", {"criterion": "bic"}),
    ],
)
def test_a_category_goes_in_as_a_whole_and_what_is_singular_stays_out(kind, options):
    model = fit(mixed(), kind, "kind", **options)
    assert {"site$s", "site$e"} <= set(model.columns)
    assert ("a" in model.columns) != ("twin" in model.columns)
    assert "flat" not in model.columns


def test_what_cannot_be_is_refused_by_name():
    summary, wide = mixed(), {f"x{i}": np.arange(40.0) * (i + 1) % 7 for i in range(18)}
    with pytest.raises(ModelError, match="no model with all features"):
        fit(summary, "lda_stepwise", "kind", direction="backward")
    with pytest.raises(ModelError, match="'twin' is determined exactly by 'a'"):
        fit(summary, "lda_reduced", "kind", ["a", "b", "twin"])
    rng = np.random.default_rng(2)
    near = {name: rng.integers(-(10**8), 10**8, 40) for name in "ab"} | {"k": np.arange(40) % 2}
    near["c"] = near["a"] + near["b"] + rng.integers(-2, 3, 40)
    whole = [Feature(name, min=-(10**9), max=10**9, resolution=1) for name in "abc"]
    with pytest.raises(ModelError, match="others determine to 13 digits"):
        fit(collect(Schema([*whole, Feature("k", "binary")]), near), "lda_reduced", "k")
    for kind, options, text in (
        ("lda_stepwise", {"criterion": "p"}, "criterion is 'p'"),
        ("lda_subset", {"criterion": "f"}, "criterion is 'f'"),
        ("lda_stepwise", {"criterion": "auc"}, "for two classes, and 'kind' has 3"),
        ("lda_stepwise", {"direction": "up"}, "direction is 'up'"),
        ("lda_stepwise", {"enter": 2}, "enter is 2"),
        ("lda_stepwise", {"criterion": "f", "enter": "0.3"}, "what enters would leave again"),
        ("lda_reduced", {"delta": 1}, "delta is 1"),
        ("lda_reduced", {"steps": "0.5"}, "steps is '0.5'"),
    ):
        with pytest.raises(ModelError, match=text):
            fit(summary, kind, "kind", ["a", "b"], **options)
    schema = Schema([*(continuous(name, values) for name, values in wide.items()), Feature("k", "binary")])
    with pytest.raises(ModelError, match="at most 17"):
        fit(collect(schema, wide | {"k": np.arange(40) % 2}), "lda_subset", "k")


def test_where_no_feature_tells_the_classes_apart_there_is_no_model():
    table = {"a": np.tile([1.0, 2.0], 20), "k": np.repeat([0, 1], 20)}
    summary = collect(Schema([continuous("a", table["a"]), Feature("k", "binary")]), table)
    for kind in ("lda_stepwise", "lda_subset", "lda_reduced"):
        with pytest.raises(ModelError, match="no feature tells the classes of 'k' apart"):
            fit(summary, kind, "k")
    two = {name: values[::20] for name, values in table.items()}
    with pytest.raises(ModelError, match="2 rows are too few to choose features by auc"):
        fit(collect(summary.schema, two), "lda_stepwise", "k", criterion="auc")


@pytest.mark.parametrize("name", SETS)
def test_features_in_their_order_are_taken_as_far_as_is_best(name):
    summary, names, rows, labels = split(name)
    model = fit(summary, "lda_stepwise", "class", names, direction="order")
    values = [criterion(rows, labels, range(size), "bic") for size in range(len(names) + 1)]
    assert model.columns == names[: int(np.argmin(values))]
    assert [len(point["features"]) for point in model.path] == list(range(len(names) + 1))
    flag, _, *others = names
    line = fit(summary, "stepwise", flag, others, direction="order")
    told = [fit(summary, "ols", flag, others[:size]).bic for size in range(1, len(others) + 1)]
    assert line.columns == others[: 1 + int(np.argmin(told))]
    with pytest.raises(ModelError, match="direction is 'order'"):
        fit(summary, "lda_stepwise", "class", names, direction="order", criterion="f")
