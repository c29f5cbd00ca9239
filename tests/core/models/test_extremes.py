"""Tails fitted to counts of bins, against scipy's fits of the rows themselves."""

import json

import numpy as np
import pytest
from scipy import optimize, stats

from fedpeer.core.errors import ModelError
from fedpeer.core.models.fit import fit, restore
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema

pytestmark = pytest.mark.long


def schema(bins, **more):
    measured = Feature("x", min=-10, max=190, resolution="0.001")
    return Schema([measured, Feature("b", "binary")], blocks=["histogram"], bins=bins, **more)


def drawn(count=4000, shape=0.2, seed=1):
    """Rows whose upper tail is Pareto and whose lower one ends."""
    values = stats.genpareto.rvs(shape, scale=3, size=count, random_state=seed)
    return {"x": np.round(np.clip(values, -9, 189), 3), "b": np.arange(count) % 2}


def spread(count=4000, seed=1):
    """Rows with two tails."""
    values = 90 + 4 * stats.t.rvs(5, size=count, random_state=seed)
    return {"x": np.round(np.clip(values, -9, 189), 3), "b": np.arange(count) % 2}


def excesses(rows, tail):
    values = rows["x"]
    return values[values > tail.start] - tail.start


@pytest.mark.parametrize("shape", [-0.3, 0.0, 0.2, 0.5])
def test_a_tail_in_narrow_bins_is_that_of_the_rows(shape):
    rows = drawn(shape=shape)
    model = fit(collect(schema(1000), rows), "evt", features=["x"], tail="upper", level="0.9", risk="0.001")
    tail = model.tails["x"]["upper"]
    over = excesses(rows, tail)
    assert tail.rows == len(over) <= 400
    assert (rows["x"] > tail.start - 0.2001).sum() >= 400
    c, _, scale = stats.genpareto.fit(over, floc=0)
    assert (tail.shape, tail.scale) == (pytest.approx(c, abs=0.02), pytest.approx(scale, rel=0.02))
    limit = tail.start + stats.genpareto.isf(0.001 * 4000 / len(over), c, scale=scale)
    assert tail.limit == pytest.approx(limit, rel=0.02)


@pytest.mark.parametrize("bins", [100, 400])
def test_no_other_parameters_are_likelier_given_the_bins(bins):
    rows = drawn()
    model = fit(collect(schema(bins), rows), "evt", features=["x"], tail="upper", level="0.8")
    tail = model.tails["x"]["upper"]
    width = 200 / bins
    edges = np.arange(0, 190 - tail.start + width / 2, width)
    edges[-1] = np.inf
    counts = np.histogram(excesses(rows, tail), edges)[0]

    def cost(at):
        shares = np.diff(stats.genpareto.cdf(edges, at[0], scale=at[1]))
        return np.inf if (shares[counts > 0] <= 0).any() else -np.sum(counts[counts > 0] * np.log(shares[counts > 0]))

    other = optimize.differential_evolution(cost, [(-0.4, 1.5), (0.3, 20)], seed=2, tol=1e-12, maxiter=300)
    assert cost([tail.shape, tail.scale]) <= other.fun + 1e-5
    assert [tail.shape, tail.scale] == pytest.approx(other.x, rel=5e-3)


def test_the_lower_tail_is_the_upper_one_of_what_is_turned_round():
    rows = drawn()
    turned = {"x": np.round(180 - rows["x"], 3), "b": rows["b"]}
    low = fit(collect(schema(1000), turned), "evt", features=["x"], tail="lower").tails["x"]["lower"]
    high = fit(collect(schema(1000), rows), "evt", features=["x"], tail="upper").tails["x"]["upper"]
    assert (low.rows, low.shape, low.scale) == (
        high.rows,
        pytest.approx(high.shape, abs=1e-3),
        pytest.approx(high.scale, rel=1e-3),
    )
    assert 180 - low.limit == pytest.approx(high.limit, rel=1e-3)


def test_rows_beyond_a_limit_are_told_with_how_far_out_they_are():
    rows = spread()
    summary = collect(schema(1000), rows)
    model = fit(summary, "evt", features=["x"], level="0.9", risk="0.002")
    assert set(model.tails["x"]) == {"upper", "lower"}
    upper = model.tails["x"]["upper"]
    asked = {"x": [1e4, upper.limit, upper.start, 90.0, None, -1e3]}
    assert model.predict(asked).tolist()[:4] == [1, 0, 0, 0]
    assert np.isnan(model.predict(asked)[4])
    assert model.predict(asked)[5] == 1
    told = model.explain(asked)["x upper"]
    assert told[1] == pytest.approx(0.002, rel=1e-9)
    assert (told[2], told[3]) == (1, 1)
    expected = stats.genpareto.sf(1e4 - upper.start, upper.shape, scale=upper.scale) * upper.rows / 4000
    assert told[0] == pytest.approx(expected, rel=1e-9)
    share = np.mean(model.predict(spread(200_000, seed=5)) == 1)
    assert share == pytest.approx(0.004, abs=0.0015)
    assert restore(json.loads(json.dumps(model.to_dict(), allow_nan=False))) == model
    assert fit(summary, "evt", features=["x"], level="0.9", risk="0.002") == model


def test_parts_of_the_rows_give_the_tails_of_all():
    rows = spread()
    parts = [collect(schema(500), {name: values[k::3] for name, values in rows.items()}) for k in range(3)]
    together = parts[0] + parts[1] + parts[2]
    assert fit(together, "evt", features=["x"], level="0.9") == fit(
        collect(schema(500), rows), "evt", features=["x"], level="0.9"
    )


def test_rows_without_a_value_are_of_no_tail():
    rows = spread()
    gaps = {"x": [None if k % 4 == 0 else float(value) for k, value in enumerate(rows["x"])], "b": rows["b"]}
    model = fit(collect(schema(500, missing="pairwise"), gaps), "evt", features=["x"])
    whole = {"x": [value for value in gaps["x"] if value is not None], "b": [0] * 3000}
    assert model.tails == fit(collect(schema(500), whole), "evt", features=["x"]).tails
    assert model.tails["x"]["upper"].all == 3000


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"target": "b"}, "evt has no target"),
        ({"features": ["b"]}, "0 and 1 have no tails"),
        ({"tail": "left"}, "tail is 'left'"),
        ({"level": "1"}, "level is 1"),
        ({"level": "0.9", "risk": "0.2"}, "risk below 1"),
        ({"level": "0.9999", "risk": "0.00001"}, "is 0 rows in 0 bins, which say too little"),
    ],
)
def test_what_has_no_tail_is_refused(how, text):
    with pytest.raises(ModelError, match=text):
        fit(collect(schema(500), drawn()), "evt", **({"features": ["x"]} | how))


def test_a_risk_that_is_not_in_the_tail_is_refused():
    """In bins of five the tail holds 2 % of the rows, though the level would allow 5 %."""
    rows = {"x": np.round(90 + 10 * stats.norm.rvs(size=2000, random_state=0), 3), "b": np.zeros(2000)}
    summary = collect(schema(40), rows)
    tail = fit(summary, "evt", features=["x"], tail="upper", risk="0.01").tails["x"]["upper"]
    assert tail.start < tail.limit
    assert tail.rows < 80
    with pytest.raises(ModelError, match=f"risk is 0.04.*tail of 'x' are only {tail.rows} of 2000 rows"):
        fit(summary, "evt", features=["x"], tail="upper", risk="0.04")


def test_without_histograms_there_are_no_tails():
    plain = Schema([Feature("x", min=-10, max=190, resolution="0.001")])
    with pytest.raises(ModelError, match="needs the block histogram"):
        fit(collect(plain, {"x": drawn()["x"]}), "evt")
    form = fit(collect(schema(500), spread()), "evt", features=["x"]).to_dict()
    tail = form["tails"]["x"]["upper"]
    for tails in (
        {},
        *({"x": {"upper": tail | wrong}} for wrong in ({"rows": 0}, {"all": 1}, {"scale": 0}, {"shape": -2})),
    ):
        with pytest.raises(ModelError, match="it has no tails"):
            restore(form | {"tails": tails})
