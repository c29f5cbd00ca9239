"""Models chosen by rows that they have not seen, against fits and scores of other programs."""

from itertools import combinations

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn import metrics
from sklearn.linear_model import Ridge

from fedpeer.core.errors import ModelError
from fedpeer.core.models.agreement import measures, scored
from fedpeer.core.models.choose import Contest, choose
from fedpeer.core.models.evaluate import evaluate
from fedpeer.core.models.fit import fit
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature
from tests.support.pooled import classes, numbers


def parts(data):
    """Two thirds of the rows as a summary, and the others."""
    kept = np.arange(len(data.target)) % 3 > 0
    learnt = {name: np.array(values)[kept] for name, values in data.table.items()}
    held = {name: np.array(values)[~kept] for name, values in data.table.items()}
    return collect(data.summary.schema, learnt), learnt, held


DATA = numbers("diabetes")
NAMES = list(DATA.table)[:6]
LEARNT, ROWS, HELD = parts(DATA)


def rmse(names, fitter=None):
    def design(table):
        return np.column_stack([np.ones(len(table["target"])), *(table[name] for name in names)])

    fitter = fitter or (lambda x, y: sm.OLS(y, x).fit().params)
    beta = fitter(design(ROWS), ROWS["target"])
    return float(np.sqrt(np.mean((HELD["target"] - design(HELD) @ beta) ** 2)))


@pytest.mark.long
def test_the_best_of_all_subsets_is_that_of_least_errors_on_the_rows():
    model, told = choose(LEARNT, HELD, Contest({"ols": {}}, "target", NAMES, "subsets"))
    every = [list(c) for size in range(1, 7) for c in combinations(NAMES, size)]
    order = sorted(every, key=rmse)
    assert model.columns == order[0] == told.best[0].features
    assert [each.features for each in told.best] == order[:10]
    assert [each.score for each in told.best] == pytest.approx([rmse(names) for names in order[:10]], rel=1e-10)
    assert (told.tried, told.rows, told.measure) == (63, len(HELD["target"]), "rmse")
    assert model == fit(LEARNT, "ols", "target", order[0])


def stepped(now, moves):
    while moves(now) and (not now or rmse(min(moves(now), key=rmse)) < rmse(now)):
        now = min(moves(now), key=rmse)
    return now


def test_features_in_order_and_step_by_step():
    _, told = choose(LEARNT, HELD, Contest({"ols": {}}, "target", NAMES, "order"))
    prefixes = [NAMES[:size] for size in range(1, 7)]
    assert told.best[0].features == min(prefixes, key=rmse)
    assert told.tried == 6
    _, told = choose(LEARNT, HELD, Contest({"ols": {}}, "target", NAMES, "stepwise"))
    now: list[str] = []
    for _ in range(5):
        now = stepped(now, lambda now: [[n for n in NAMES if n in now or n == one] for one in NAMES if one not in now])
        now = stepped(now, lambda now: [[n for n in now if n != one] for one in now if len(now) > 1])
    assert told.best[0].features == now


def test_all_models_are_compared_on_the_same_rows():
    """The body mass index is known where the simplest model errs least: a model of it must not profit from that."""
    first, other = NAMES[0], "bmi"
    slope, base = np.polyfit(ROWS[first], ROWS["target"], 1)
    off = np.abs(HELD["target"] - base - slope * HELD[first])
    there = off < np.median(off)
    held = {**HELD, other: [value if known else None for value, known in zip(HELD[other], there, strict=True)]}
    _, told = choose(LEARNT, held, Contest(["ols"], "target", [first, other], "subsets"))
    whole = {name: values[there] for name, values in HELD.items()}
    assert (told.rows, told.left_out) == (there.sum(), (~there).sum())
    for each in told.best:
        assert each.score == evaluate(fit(LEARNT, "ols", "target", each.features), whole).regression.rmse.value
    contest = Contest({"ols": {}}, "target", [first, other], "subsets", grid={"missing": ["mean", "gaussian"]})
    _, told = choose(LEARNT, held, contest)
    assert (told.rows, told.left_out, told.tried) == (len(HELD["target"]), 0, 6)
    with pytest.raises(ModelError, match=f"none of {len(there)} rows has every feature"):
        choose(LEARNT, held | {other: [None] * len(there)}, Contest(["ols"], "target", [first, other], "subsets"))


def test_options_are_chosen_from_a_grid():
    grid = {"lam": ["0.01", "0.1", "1", "10"]}
    _, told = choose(LEARNT, HELD, Contest({"ridge": {}, "ols": {}}, "target", NAMES, grid=grid))
    assert told.tried == 5  # least squares has no such option
    assert not told.refused
    model, told = choose(LEARNT, HELD, Contest({"ridge": {}}, "target", NAMES, grid=grid, measure="r2"))
    x, y = np.column_stack([ROWS[name] for name in NAMES]), ROWS["target"]
    z = np.column_stack([HELD[name] for name in NAMES])
    best = {lam: metrics.r2_score(HELD["target"], Ridge(float(lam)).fit(x, y).predict(z)) for lam in grid["lam"]}
    assert model.options["lam"] == max(best, key=best.get)
    assert told.best[0].score == pytest.approx(max(best.values()), rel=1e-9)
    assert told.best[0].options == {"lam": max(best, key=best.get)}


@pytest.mark.parametrize("name", ["wine", "breast_cancer"])
def test_the_measures_are_those_of_scikit_learn(name):
    learnt, _, held = parts(classes(name))
    model = fit(learnt, "lda", "class", list(held)[:2])
    told, said, true = evaluate(model, held), model.predict(held), held["class"]
    goal = learnt.schema.feature("class")
    yes = goal.levels[1]
    expected = {
        "kappa": metrics.cohen_kappa_score(true, said),
        "mcc": metrics.matthews_corrcoef(list(true), list(said)),
        "weighted_f1": metrics.f1_score(list(true), list(said), average="weighted"),
        "accuracy": metrics.accuracy_score(true, said),
    }
    if len(goal.levels) == 2:
        expected["auc"] = metrics.roc_auc_score(true == yes, model.explain(held)[yes])
        expected["sensitivity"] = metrics.recall_score(list(true), list(said), pos_label=yes)
    else:
        expected["macro_f1"] = metrics.f1_score(list(true), list(said), average="macro")
    assert set(expected) <= set(measures(goal))
    for measure, value in expected.items():
        assert scored(told, measure) == pytest.approx(value, rel=1e-9), measure


def test_every_measure_of_a_target_is_told_by_some_model():
    learnt, _, held = parts(classes("breast_cancer"))
    told = [evaluate(fit(learnt, kind, "class", list(held)[:2]), held) for kind in ("lda", "ols")]
    for measure in measures(learnt.schema.feature("class")):
        assert any(scored(each, measure) is not None for each in told), measure
    learnt, _, held = parts(classes("wine"))
    for measure in measures(learnt.schema.feature("class")):
        assert scored(evaluate(fit(learnt, "lda", "class", list(held)[:2]), held), measure) is not None, measure


def test_a_category_of_two_levels_is_not_judged_as_a_number():
    two = Feature("k", "category", levels=["a", "b"])
    assert set(measures(Feature("k", "binary"))) - set(measures(two)) == {"rmse", "mae", "r2"}
    assert next(iter(measures(two))) == "auc"


def test_kinds_compete_and_what_cannot_be_fitted_is_told():
    learnt, _, held = parts(classes("wine"))
    kinds = {"lda": {}, "gaussian_nb": {}, "bernoulli_nb": {}, "hmm": {}}
    model, told = choose(learnt, held, Contest(kinds, "class", list(held)[:4], measure="accuracy"))
    alone = {
        kind: np.mean(fit(learnt, kind, "class", list(held)[:4]).predict(held) == held["class"])
        for kind in list(kinds)[:2]
    }
    assert model.kind == max(alone, key=alone.get)
    assert told.best[0].score == max(alone.values())
    assert sum(told.refused.values()) == 2
    assert any("not 0/1 columns" in reason for reason in told.refused)
    with pytest.raises(ModelError, match=r"none of what was tried.*not 0/1"):
        choose(learnt, held, Contest({"bernoulli_nb": {}}, "class", list(held)[:4]))


def test_progress_can_stop_it():
    class EnoughError(Exception):
        pass

    def stop(tried):
        if tried == 4:
            raise EnoughError

    with pytest.raises(EnoughError):
        choose(LEARNT, HELD, Contest({"ols": {}}, "target", NAMES, "subsets"), progress=stop)


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"search": "random"}, "search is 'random'"),
        ({"measure": "auc"}, "of 'target' it must be one of rmse"),
        ({"kinds": {}}, "nothing to try"),
        ({"features": []}, "nothing to try"),
        ({"grid": {"lam": "1"}}, "a list of values"),
        ({"grid": {"lam": ["1"]}}, "none of ols has an option 'lam'"),
        ({"kinds": ["nothing"]}, "no model called 'nothing'"),
        ({"kinds": "ridge", "grid": {"lam": [str(k) for k in range(30_000)]}}, "30,000 models are too many"),
        ({"target": "nobody"}, "no feature 'nobody'"),
        ({"features": [*NAMES, "class"]}, "no feature 'class'"),
    ],
)
def test_what_cannot_be_tried_is_refused(how, text):
    asked = {"kinds": {"ols": {}}, "target": "target", "features": NAMES} | how
    with pytest.raises(ModelError, match=text):
        choose(LEARNT, HELD, Contest(**asked))


def test_too_many_subsets_and_too_many_rows_are_refused(monkeypatch):
    learnt, _, held = parts(classes("wine"))
    with pytest.raises(ModelError, match="13 features have too many subsets"):
        choose(learnt, held, Contest({"lda": {}}, "class", None, "subsets"))
    monkeypatch.setattr("fedpeer.core.models.choose._CELLS", 100)
    with pytest.raises(ModelError, match="more than 100 values"):
        choose(learnt, held, Contest({"lda": {}}, "class", None))
    monkeypatch.undo()
    nothing = {name: values[:0] for name, values in held.items()}
    with pytest.raises(ModelError, match="not defined on these rows"):
        choose(learnt, nothing, Contest({"lda": {}}, "class", None))
