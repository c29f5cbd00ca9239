"""Models of a summary under the rule `pairwise`: the same as of complete rows where rows agree, refused where not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fedpeer.core.errors import ModelError, SchemaError
from fedpeer.core.models.fit import KINDS, fit
from fedpeer.core.models.kinds import TARGETLESS
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.metrics import measure
from fedpeer.core.statistics.schema import Schema

RNG = np.random.default_rng(5)
N = 240
FRAME = pd.DataFrame(
    {
        "x": np.round(RNG.normal(0, 10, N), 1),
        "y": np.round(RNG.normal(50, 5, N), 2),
        "b": RNG.integers(0, 2, N).astype(float),
        "goal": np.round(RNG.normal(0, 10, N), 1),
        "kind": RNG.choice(["u", "v", "w"], N),
        "sick": RNG.integers(0, 2, N).astype(float),
        "often": np.round(RNG.normal(0, 10, N), 1),
    }
)
FRAME["goal"] += FRAME.x - 3 * FRAME.b
GONE = RNG.random(N) < 0.2
GAPS = FRAME.copy()  # everything but `often` is missing in the same rows
GAPS.loc[GONE, FRAME.columns[:-1]] = None
GAPS.loc[RNG.random(N) < 0.3, "often"] = None
FEATURES = [
    *(Feature(name, min=-1000, max=1000, resolution="0.01") for name in ("x", "y", "goal", "often")),
    *(Feature(name, "binary") for name in ("b", "sick")),
    Feature("kind", "category", levels=["u", "v", "w"]),
    *(Feature(f"{name} squared", "product", of=[name, name]) for name in ("x", "y", "goal")),
    *(Feature(f"{name[-1]} in sick", "product", of=[name, "sick"]) for name in ("x", "y", "b", "kind$v")),
]
BLOCKS = ["powers", "histogram"]
PAIRWISE = Schema(FEATURES, missing="pairwise", blocks=BLOCKS)
LISTWISE = Schema(FEATURES, blocks=BLOCKS)
SUMMARY = collect(PAIRWISE, GAPS)
USED = ["x", "y", "b", "goal", "kind", "sick"]
ROWS = GAPS[USED].dropna()
COMPLETE = collect(Schema([f for f in FEATURES if f.name != "often"], blocks=BLOCKS), ROWS)

BY_PAIRS = {"gaussian_nb", "bernoulli_nb", "markov", "hmm", "evt"}


def features_of(kind: str) -> tuple[str | None, list[str]]:
    if kind in TARGETLESS:
        return None, ["x", "y", "goal"]
    if kind == "bernoulli_nb":
        return "sick", ["b", "kind"]
    if kind in {"lda_stepwise", "lda_subset"}:
        return "b", ["x", "y", "goal", "kind"]
    classes = {"lda", "lda_reduced", "qda", "gaussian_nb", "ridge_classifier", "ls_svm"}
    return ("sick" if kind in classes else "goal"), ["x", "y", "b", "kind"]


@pytest.mark.parametrize("missing", ["none", "mean", "gaussian"])
@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"markov", "hmm", "evt"}))
def test_rows_that_all_columns_share_give_the_model_of_these_rows_alone(kind, missing):
    target, features = features_of(kind)
    options = {"missing": missing}
    one, other = (fit(s, kind, target, features, **options).to_dict() for s in (SUMMARY, COMPLETE))
    assert one.pop("summary") == SUMMARY.digest
    assert one.pop("schema")["missing"] == "pairwise"
    other.pop("summary"), other.pop("schema")
    assert one["certificate"]["basis"].pop("summary") != other["certificate"]["basis"].pop("summary")
    assert one == other
    assert one["n"] == len(ROWS) < SUMMARY.rows


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - BY_PAIRS))
def test_columns_of_different_rows_are_refused_and_told_with_their_counts(kind):
    target, features = features_of(kind)
    both = int(GAPS[["often", features[0]]].dropna().shape[0])
    with pytest.raises(ModelError, match="are not present in the same rows") as caught:
        fit(SUMMARY, kind, target, [*features, "often"])
    assert f"'often' in {GAPS.often.count()}" in str(caught.value)
    assert f"'x' in {len(ROWS)}" in str(caught.value)
    assert f"'often' together in {both}" in str(caught.value) or f"'often' and 'x' together in {both}" in str(
        caught.value
    )
    assert "listwise" in caught.value.hint


def test_a_wrong_name_is_told_before_anything_else():
    with pytest.raises(ModelError, match="did you mean 'goal'"):
        fit(SUMMARY, "ols", "goal", ["goul"])
    with pytest.raises(ModelError, match="no feature 'nix'"):
        fit(SUMMARY, "ols", "nix")


def test_gaussian_naive_bayes_takes_each_columns_own_rows():
    model = fit(SUMMARY, "gaussian_nb", "sick", ["x", "often"], var_smoothing=0)
    frame = GAPS.dropna(subset=["sick"])
    for group in model.classes:
        mine = frame[frame.sick == int(group.label)]
        assert group.count == len(mine)
        assert group.prior == len(mine) / len(frame)
        for name in ("x", "often"):
            assert group.means[name] == pytest.approx(mine[name].mean(), rel=1e-12)
            assert group.variances[name] == pytest.approx(mine[name].var(ddof=0), rel=1e-12)
    assert model.n == len(frame)


def test_bernoulli_naive_bayes_takes_each_columns_own_rows():
    frame = GAPS.assign(b=GAPS.b.where(np.arange(N) % 5 > 0))
    model = fit(collect(PAIRWISE, frame), "bernoulli_nb", "kind", ["b", "sick"], alpha=1)
    for group in model.classes:
        mine = frame[frame.kind == group.label]
        for name in ("b", "sick"):
            assert group.means[name] == pytest.approx((mine[name].sum() + 1) / (mine[name].count() + 2), rel=1e-14)


def test_a_class_without_any_row_of_a_column_is_refused():
    frame = GAPS.assign(often=GAPS.often.where(GAPS.kind != "v"))
    with pytest.raises(ModelError, match="no row of the class 'v' has 'often'"):
        fit(collect(PAIRWISE, frame), "gaussian_nb", "kind", ["x", "often"])


@pytest.mark.parametrize("metric", ["vif", "components", "singular", "selection", "explorepca"])
def test_metrics_of_several_columns_keep_to_the_same_rule(metric):
    one, other = (measure(s, metric, ["x", "y", "goal", "kind"]) for s in (SUMMARY, COMPLETE))
    assert one == other
    with pytest.raises(SchemaError, match="'often' in"):
        measure(SUMMARY, metric, ["x", "often"])
