"""Markov chains, observed and hidden, against plain counting of the rows and against all paths, one by one."""

import json
import math
from collections import Counter
from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest

from fedpeer.core.errors import ModelError
from fedpeer.core.models.evaluate import evaluate
from fedpeer.core.models.fit import fit, restore
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema

STATES, SYMBOLS = ["dry", "rain", "snow"], ["walk", "read"]
STEPS = np.array([[0.7, 0.3, 0.0], [0.4, 0.4, 0.2], [0.1, 0.5, 0.4]])
SHOWN = np.array([[0.8, 0.2], [0.3, 0.7], [0.05, 0.95]])
SCHEMA = Schema(
    [
        Feature("state", "category", levels=STATES),
        Feature("before", "category", levels=STATES[::-1]),
        Feature("does", "category", levels=SYMBOLS),
        Feature("ill", "binary"),
    ]
)


def days(count=400, seed=3):
    """A sequence of states and what is done in each."""
    rng = np.random.default_rng(seed)
    found = [0]
    for _ in range(count):
        found.append(int(rng.choice(3, p=STEPS[found[-1]])))
    states = [STATES[k] for k in found]
    return states, [SYMBOLS[int(rng.choice(2, p=SHOWN[k]))] for k in found]


def table(states, does):
    return {
        "state": states[1:],
        "before": states[:-1],
        "does": does[1:],
        "ill": [k % 2 for k in range(len(states) - 1)],
    }


def test_transitions_are_those_that_are_counted():
    states, does = days()
    model = fit(collect(SCHEMA, table(states, does)), "markov", "state", ["before"])
    seen, began = Counter(pairwise(states)), Counter(states[:-1])
    for a in STATES:
        for b in STATES:
            assert model.counts[a][b] == seen[a, b]
            assert model.transitions[a][b] == float(Fraction(seen[a, b], began[a]))
    assert model.n == 400
    assert fit(collect(SCHEMA, table(states, does)), "markov", "state") == model
    assert restore(json.loads(json.dumps(model.to_dict(), allow_nan=False))) == model


def test_the_parts_of_a_federation_give_the_model_of_all_rows():
    rows = table(*days())
    whole, parts = collect(SCHEMA, rows), [{k: v[i::3] for k, v in rows.items()} for i in range(3)]
    together = sum((collect(SCHEMA, part) for part in parts[1:]), collect(SCHEMA, parts[0]))
    for kind, features in (("markov", ["before"]), ("hmm", ["before", "does"])):
        assert fit(together, kind, "state", features) == fit(whole, kind, "state", features)


def test_a_row_is_predicted_by_what_followed_most():
    rows = table(*days())
    model = fit(collect(SCHEMA, rows), "markov", "state", ["before"])
    asked = {"before": ["dry", "rain", "snow", None, "hail"]}
    best = [max(STATES, key=lambda b: model.transitions[a][b]) for a in STATES]
    assert model.predict(asked).tolist() == [*best, None, None]
    told = model.explain(asked)
    assert [told[b][1] for b in STATES] == [model.transitions["rain"][b] for b in STATES]
    told = evaluate(model, rows).classes
    right = sum(best[STATES.index(a)] == b for a, b in zip(rows["before"], rows["state"], strict=True))
    assert told.measures["accuracy"].value == right / 400


def test_the_stationary_distribution_stays_as_it_is():
    model = fit(collect(SCHEMA, table(*days())), "markov", "state", ["before"])
    matrix = np.array([[model.transitions[a][b] for b in STATES] for a in STATES])
    share = np.array([model.stationary[a] for a in STATES])
    np.testing.assert_allclose(share @ matrix, share, atol=1e-15)
    np.testing.assert_allclose(np.linalg.matrix_power(matrix, 500)[0], share, atol=1e-12)
    assert math.fsum(share) == pytest.approx(1, abs=1e-15)
    assert model.closed == [STATES]


def test_states_that_are_left_for_good_are_told():
    rows = {"before": ["dry", "dry", "rain", "rain", "snow"], "state": ["rain", "snow", "rain", "rain", "snow"]}
    whole = rows | {"does": ["walk"] * 5, "ill": [0] * 5}
    model = fit(collect(SCHEMA, whole), "markov", "state", ["before"])
    assert (model.closed, model.stationary) == ([["rain"], ["snow"]], {})
    one = {name: values[:1] + values[2:4] + ["rain"] for name, values in rows.items()}
    one |= {"before": ["dry", "rain", "rain", "snow"], "does": ["walk"] * 4, "ill": [0] * 4}
    model = fit(collect(SCHEMA, one), "markov", "state", ["before"])
    assert (model.closed, model.stationary) == ([["rain"]], {"dry": 0.0, "rain": 1.0, "snow": 0.0})


def test_the_likelihood_of_a_sequence_is_the_product_of_its_steps():
    model = fit(collect(SCHEMA, table(*days())), "markov", "state", ["before"])
    steps = model.transitions
    told = model.likelihood(["dry", "rain", "rain", "snow"])
    assert math.exp(told) == pytest.approx(steps["dry"]["rain"] * steps["rain"]["rain"] * steps["rain"]["snow"])
    assert model.likelihood(["dry", "snow"]) == -math.inf
    assert model.likelihood(["dry"]) == 0
    with pytest.raises(ModelError, match="no state 'hail'"):
        model.likelihood(["dry", "hail"])


def test_what_was_never_seen_is_refused_or_made_a_little_likely():
    rows = {"before": ["dry", "rain"], "state": ["rain", "snow"], "does": ["walk", "read"], "ill": [0, 1]}
    summary = collect(SCHEMA, rows)
    with pytest.raises(ModelError, match="'snow' comes before nothing in 2 rows"):
        fit(summary, "markov", "state", ["before"])
    model = fit(summary, "markov", "state", ["before"], alpha="0.5")
    assert model.transitions["snow"] == dict.fromkeys(STATES, 1 / 3)
    assert model.transitions["dry"] == {"dry": 0.2, "rain": 0.6, "snow": 0.2}
    three = {"before": ["snow", "dry", "rain"], "state": ["rain", "snow", "snow"], "does": ["walk"] * 3, "ill": [0] * 3}
    with pytest.raises(ModelError, match="'dry' comes with nothing"):
        fit(collect(SCHEMA, three), "hmm", "state", ["before", "does"])


def test_gaps_leave_the_pairs_that_are_there():
    states, does = days()
    rows = table(states, does)
    rows["before"] = [None if k % 7 == 0 else state for k, state in enumerate(rows["before"])]
    rows["does"] = [None if k % 5 == 0 else each for k, each in enumerate(rows["does"])]
    summary = collect(Schema(SCHEMA.features, missing="pairwise"), rows)
    chain, hidden = fit(summary, "markov", "state", ["before"]), fit(summary, "hmm", "state", ["before", "does"])
    seen = Counter((a, b) for a, b in zip(rows["before"], rows["state"], strict=True) if a)
    assert sum(seen.values()) == chain.n == hidden.n
    assert all(chain.counts[a][b] == seen[a, b] for a in STATES for b in STATES)
    shares = Counter(rows["state"])
    assert hidden.start == {state: float(Fraction(shares[state], 400)) for state in STATES}
    with_both = Counter((b, s) for b, s in zip(rows["state"], rows["does"], strict=True) if s)
    for state in STATES:
        total = sum(with_both[state, symbol] for symbol in SYMBOLS)
        assert hidden.emissions[state]["walk"] == float(Fraction(with_both[state, "walk"], total))


def paths(model, symbols):
    """The probability of every sequence of states together with these symbols."""
    found = {}
    for path in product(STATES, repeat=len(symbols)):
        p = model.start[path[0]]
        for a, b in pairwise(path):
            p *= model.transitions[a][b]
        for state, symbol in zip(path, symbols, strict=True):
            p *= model.emissions[state][symbol] if symbol else 1
        found[path] = p
    return found


@pytest.mark.parametrize(
    "symbols", [["walk"], ["read", "read", "walk", "read"], ["walk", None, "read", "read", "read"]]
)
def test_hidden_states_are_the_most_likely_of_all_paths(symbols):
    model = fit(collect(SCHEMA, table(*days())), "hmm", "state", ["before", "does"])
    found = paths(model, symbols)
    assert tuple(model.predict({"does": symbols})) == max(found, key=found.get)
    told, whole = model.explain({"does": symbols}), sum(found.values())
    for row in range(len(symbols)):
        for state in STATES:
            share = sum(p for path, p in found.items() if path[row] == state) / whole
            assert told[state][row] == pytest.approx(share, rel=1e-12, abs=1e-15)


def test_rows_in_parts_are_one_sequence():
    rows = table(*days())
    model = fit(collect(SCHEMA, rows), "hmm", "state", ["before", "does"])
    parts = [{"does": rows["does"][:130]}, {"does": rows["does"][130:]}]
    assert model.predict(parts).tolist() == model.predict(rows).tolist()
    assert len(model.predict({"does": []})) == 0
    hits = np.mean(model.predict(rows) == np.array(rows["state"]))
    alone = np.mean(
        [
            max(STATES, key=lambda s: model.emissions[s][d]) == t
            for d, t in zip(rows["does"], rows["state"], strict=True)
        ]
    )
    assert hits > alone
    assert restore(json.loads(json.dumps(model.to_dict(), allow_nan=False))) == model


def test_symbols_that_cannot_be_have_no_states():
    rows = {"before": ["dry", "rain", "snow"], "state": STATES, "does": ["walk", "walk", "walk"], "ill": [0, 0, 1]}
    model = fit(collect(SCHEMA, rows), "hmm", "state", ["before", "does"])
    assert model.predict({"does": ["walk", "read"]}).tolist() == [None, None]
    assert np.isnan(model.explain({"does": ["walk", "read"]})["dry"]).all()


@pytest.mark.parametrize(
    ("kind", "target", "features", "options", "text"),
    [
        ("markov", "ill", ["before"], {}, "'ill' is binary; states and symbols are categories"),
        ("markov", "state", ["does"], {}, "'does' and 'state' do not have the same levels"),
        ("markov", "state", ["before", "does"], {}, "one feature, the state before, and 2 are named"),
        ("markov", "does", None, {}, "and 0 are named"),
        ("markov", "state", ["before"], {"alpha": -1}, "alpha is -1"),
        ("hmm", "state", ["before"], {}, "two features, the state before and the symbol, and 1 are named"),
        ("hmm", "state", ["does", "ill"], {}, "two features"),
        ("hmm", "state", ["before", "ill"], {}, "'ill' is binary"),
        ("hmm", "state", None, {}, "and 0 are named"),
    ],
)
def test_what_is_no_chain_is_refused(kind, target, features, options, text):
    with pytest.raises(ModelError, match=text):
        fit(collect(SCHEMA, table(*days())), kind, target, features, **options)


def test_a_hidden_chain_is_not_judged_row_by_row():
    rows = table(*days())
    with pytest.raises(ModelError, match="not predicted by itself"):
        evaluate(fit(collect(SCHEMA, rows), "hmm", "state", ["before", "does"]), rows)


@pytest.mark.parametrize("part", ["start", "transitions", "emissions", "counts"])
def test_what_is_no_chain_is_not_read(part):
    kind, features = ("markov", ["before"]) if part == "counts" else ("hmm", ["before", "does"])
    form = fit(collect(SCHEMA, table(*days())), kind, "state", features).to_dict()
    form[part] = {key: value for key, value in form[part].items() if key != "rain"}
    with pytest.raises(ModelError, match="not a model"):
        restore(form)
    form[part] = {}
    with pytest.raises(ModelError, match="not a model"):
        restore(form)
