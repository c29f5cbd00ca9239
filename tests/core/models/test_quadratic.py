"""Models of products that a schema declares: quadratic discriminants, and Ledoit and Wolf's covariance."""

import json
import re
from fractions import Fraction
from math import prod

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import LedoitWolf
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis

from fedpeer.core.errors import ModelError
from fedpeer.core.models.classifier import Classifier
from fedpeer.core.models.covariance import Covariance
from fedpeer.core.models.fit import fit, restore
from fedpeer.core.models.products import Products
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema
from tests.support.pooled import crossed

SETS = {"iris": 4, "wine": 5, "breast_cancer": 5}


def chances(model, table):
    return np.column_stack(list(model.explain(table).values()))


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("priors", ["data", "equal"])
def test_qda_is_that_of_scikit_learn(name, priors):
    data = crossed(name, SETS[name])
    model = fit(data.summary, "qda", "class", priors=priors)
    k = len(model.classes)
    told = QuadraticDiscriminantAnalysis(priors=None if priors == "data" else np.full(k, 1 / k), tol=0)
    told.fit(data.inputs, data.target)
    np.testing.assert_array_equal(model.predict(data.table), told.predict(data.inputs))
    expected = told.predict_proba(data.inputs)
    np.testing.assert_allclose(chances(model, data.table), expected, rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose([list(g.means.values()) for g in model.classes], told.means_, rtol=1e-12)
    assert restore(json.loads(json.dumps(model.to_dict()))) == model


@pytest.mark.parametrize("name", SETS)
def test_the_unbiased_form_divides_by_one_row_less(name):
    data = crossed(name, SETS[name])
    model = fit(data.summary, "qda", "class", form="unbiased")
    for group in model.classes:
        rows = data.inputs[data.target == group.label]
        factor = np.zeros((len(group.means),) * 2)
        for i, line in enumerate(group.whitening):
            factor[i, : i + 1] = line
        inside = np.cov(rows, rowvar=False)
        np.testing.assert_allclose(factor @ inside @ factor.T, np.eye(len(factor)), atol=1e-9)
        expected = np.log(group.prior) - np.linalg.slogdet(inside)[1] / 2
        assert group.constant == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", SETS)
def test_ledoit_wolf_is_that_of_scikit_learn(name):
    data = crossed(name, SETS[name])
    names = list(data.table)[: SETS[name]]
    model = fit(data.summary, "ledoit_wolf", features=names)
    told = LedoitWolf().fit(data.inputs)
    assert 0 < model.shrinkage < 1
    assert model.shrinkage == pytest.approx(told.shrinkage_, rel=1e-9)
    np.testing.assert_allclose(model.covariance, told.covariance_, rtol=1e-9)
    np.testing.assert_allclose(model.predict(data.table), told.mahalanobis(data.inputs), rtol=1e-9)
    assert restore(json.loads(json.dumps(model.to_dict()))) == model


FEATURES = [
    Feature("a", min=-10, max=30, resolution="0.1"),
    Feature("b", min=-7, max=10, resolution="0.25"),
    Feature("c", min=0, max=99, resolution=1),
    Feature("yes", "binary"),
    Feature("site", "category", levels=["north", "south", "3: east"]),
    Feature("kind", "category", levels=["x", "y", "never", "z"]),
    Feature("sick", "binary"),
]
RNG = np.random.default_rng(5)
N = 120
TABLE = {
    "a": RNG.integers(-100, 300, N) / 10,
    "b": RNG.integers(-28, 40, N) / 4,
    "c": RNG.integers(0, 99, N),
    "yes": RNG.integers(0, 2, N),
    "site": RNG.choice(["north", "south", "3: east"], N),
    "kind": RNG.choice(["x", "y", "z"], N),
    "sick": RNG.integers(0, 2, N),
}
LINE = re.compile(r"\{name: [^}]*\}")


def declared(kind, target, features, **options):
    """Fit after having declared what each refusal asks for, and how many features that were."""
    more = []
    for _ in range(9):
        summary = collect(Schema([*FEATURES, *more]), TABLE)
        try:
            return fit(summary, kind, target, features, **options), more
        except ModelError as refused:
            lines = LINE.findall(refused.hint)
            more += [Feature(**entry) for entry in yaml.safe_load("\n".join(f"- {line}" for line in lines))]
    raise AssertionError(f"still refused with {more}")


def columns(names):
    """Raw columns as Fractions."""
    parts = {"site$south": TABLE["site"] == "south", "site$3: east": TABLE["site"] == "3: east"}
    return [[Fraction(str(v)) for v in (parts[n] * 1 if n in parts else TABLE[n]).tolist()] for n in names]


@pytest.mark.parametrize(
    ("target", "features", "needed"),
    [
        ("sick", ["a"], 0),
        ("sick", ["a", "b", "c"], 2),
        ("sick", ["a", "yes", "site"], 2),
        ("kind", ["a", "b"], 2),
        ("kind", ["a", "b", "yes"], 4),
        ("sick", ["site", "a"], 2),
    ],
)
def test_what_a_refusal_asks_for_is_enough(target, features, needed):
    model, more = declared("qda", target, features)
    assert len(more) == needed
    names = model.columns
    inputs = np.array([[float(v) for v in column] for column in columns(names)]).T
    told = QuadraticDiscriminantAnalysis(tol=0).fit(inputs, TABLE[target])
    np.testing.assert_allclose(chances(model, TABLE), told.predict_proba(inputs), rtol=1e-9)
    assert model.empty == (["never"] if target == "kind" else [])


def test_every_number_is_the_float_nearest_to_the_exact_one():
    model, _ = declared("qda", "sick", ["a", "b", "c"])
    for group in model.classes:
        at = [k for k in range(N) if str(TABLE["sick"][k]) == group.label]
        rows = [[column[k] for k in at] for column in columns(["a", "b", "c"])]
        apart = [[value - sum(row) / len(at) for value in row] for row in rows]
        inside = [[sum(x * y for x, y in zip(p, q, strict=True)) / len(at) for q in apart] for p in apart]
        last = group.whitening[-1]
        minors = [minor(inside, size) for size in (2, 3)]
        for j, number in enumerate(last):  # cofactors over √(Δ₂Δ₃), by Cramer's rule
            rest = [[inside[i][k] for k in range(3) if k != j] for i in range(2)]
            exact = (-1) ** j * (rest[0][0] * rest[1][1] - rest[0][1] * rest[1][0])
            low, high = sorted(Fraction(np.nextafter(number, way)) for way in (-np.inf, np.inf))
            ends = sorted(((x + Fraction(number)) / 2) ** 2 for x in (low, high))
            square = exact**2 / (minors[0] * minors[1])
            assert ends[0] <= square <= ends[1]
            assert (exact > 0) == (number > 0)


def minor(matrix, size):
    if size == 2:
        return matrix[0][0] * matrix[1][1] - matrix[0][1] * matrix[1][0]
    return sum(
        matrix[0][i]
        * (matrix[1][(i + 1) % 3] * matrix[2][(i + 2) % 3] - matrix[1][(i + 2) % 3] * matrix[2][(i + 1) % 3])
        for i in range(3)
    )


def test_squares_are_all_that_ledoit_wolf_asks_for():
    model, more = declared("ledoit_wolf", None, ["a", "b", "yes", "c"])
    assert [feature.of for feature in more] == [("a", "a"), ("b", "b"), ("c", "c")]
    inputs = np.array([[float(v) for v in column] for column in columns(["a", "b", "yes", "c"])]).T
    told = LedoitWolf().fit(inputs)
    assert model.shrinkage == pytest.approx(told.shrinkage_, rel=1e-12)
    np.testing.assert_allclose(model.covariance, told.covariance_, rtol=1e-12)


def test_products_of_pairs_serve_as_well_as_squares_and_as_products_by_class():
    pairs = [("a", "a"), ("a", "b"), ("b", "b"), ("a", "c"), ("b", "c"), ("c", "c")]
    products = [Feature("_".join(pair), "product", of=list(pair)) for pair in pairs]
    summary = collect(Schema([*FEATURES, *products]), TABLE)
    squares = declared("ledoit_wolf", None, ["a", "b", "c"])[0]
    assert fit(summary, "ledoit_wolf", features=["a", "b", "c"]).covariance == squares.covariance
    by_class = declared("qda", "kind", ["a", "b", "c"])[0]
    assert fit(summary, "qda", "kind", ["a", "b", "c"]).classes == by_class.classes


def test_a_product_may_be_an_input_and_is_none_unless_it_is_named():
    product = Feature("a yes", "product", of=["a", "yes"])
    by_class = [Feature("1", "product", of=["a", "sick"]), Feature("2", "product", of=["a", "a", "yes"])]
    summary = collect(Schema([*FEATURES[:4], FEATURES[-1], product, *by_class]), TABLE)
    model = fit(summary, "qda", "sick", ["a", "a yes"])
    inputs = np.column_stack([TABLE["a"], TABLE["a"] * TABLE["yes"]])
    told = QuadraticDiscriminantAnalysis(tol=0).fit(inputs, TABLE["sick"])
    np.testing.assert_allclose(chances(model, TABLE), told.predict_proba(inputs), rtol=1e-9)
    with pytest.raises(ModelError) as refused:
        fit(summary, "qda", "sick")
    assert "'a yes'" not in str(refused.value)


def test_a_rounded_product_does_not_count_as_one():
    coarse = [Feature("a in sick", "product", of=["a", "sick"], resolution=1)]
    summary = collect(Schema([*FEATURES, *coarse]), TABLE)
    with pytest.raises(ModelError, match="nothing counts them in '1'") as refused:
        fit(summary, "qda", "sick", ["a", "b"])
    assert "{name: a_sick, kind: product, of: [a, sick]}" in refused.value.hint
    with pytest.raises(ModelError, match="no feature can: one of them is a rounded product"):
        fit(summary, "ledoit_wolf", features=["a in sick"])
    cubes = collect(Schema([*FEATURES, Feature("abc", "product", of=["a", "b", "c"])]), TABLE)
    with pytest.raises(ModelError, match="product of more than 4 columns"):
        fit(cubes, "ledoit_wolf", features=["abc"])


@pytest.mark.parametrize(
    ("kind", "arguments", "options", "said"),
    [
        ("qda", ("sick", ["a"]), {"form": "symetry"}, "form is 'symetry'"),
        ("qda", ("a",), {}, "'a' is continuous"),
        ("qda", ("sick", ["flat", "a"]), {}, "singular in the class '0': 'flat'; 'flat' is constant there"),
        ("qda", ("sick", ["a", "twice"]), {}, "'twice' is determined exactly by 'a' there"),
        ("qda", ("sick", ["often"]), {}, "singular in the class '1': 'often'; 'often' is constant there"),
        (
            "qda",
            ("rare", ["a", "b"]),
            {},
            "the class '1' has 2 rows, too few for the covariance of 'a', 'b': at least 3",
        ),
        ("ledoit_wolf", ("a",), {}, "no target"),
        ("ledoit_wolf", (None, ["flat"]), {}, "without variation"),
    ],
)
def test_what_cannot_be_is_refused_by_name(kind, arguments, options, said):
    more = {"flat": np.full(N, 2), "twice": TABLE["a"] * 2, "often": np.maximum(TABLE["sick"], TABLE["yes"])}
    table = TABLE | more | {"rare": [1, 1, *[0] * (N - 2)]}
    own = [*(Feature(n, min=-100, max=100, resolution="0.1") for n in ("flat", "twice")), Feature("often", "binary")]
    products = [Feature(f"{n} in", "product", of=[n, "sick"]) for n in ("a", "flat")]
    summary = collect(Schema([*FEATURES, *own, Feature("rare", "binary"), *products]), table)
    with pytest.raises(ModelError, match=re.escape(said)):
        fit(summary, kind, *arguments, **options)


def test_two_rows_leave_nothing_to_shrink():
    features = [Feature("x", min=-9, max=9, resolution=1), Feature("y", min=-9, max=9, resolution=1)]
    squares = [Feature(f"{name}2", "product", of=[name, name]) for name in "xy"]
    summary = collect(Schema([*features, *squares]), {"x": [1, 3], "y": [2, 5]})
    with pytest.raises(ModelError, match="nothing is to be shrunk"):
        fit(summary, "ledoit_wolf")
    alone = fit(summary, "ledoit_wolf", features=["x"])
    assert (alone.shrinkage, alone.covariance) == (0.0, [[1.0]])


def test_rows_that_were_never_there_are_noticed():
    names = ["a", "c"]
    products = [
        Feature("a sick", "product", of=["a", "sick"]),
        *(Feature(f"{n}2", "product", of=[n, n]) for n in names),
    ]
    schema = Schema([*FEATURES, *products])
    other = TABLE | {"a": np.full(N, 30.0), "c": np.full(N, 99)}
    some = {name: values[:40] for name, values in other.items()}
    wrong = collect(schema, TABLE) - collect(schema, some)
    for kind, target in (("qda", "sick"), ("ledoit_wolf", None)):
        with pytest.raises(ModelError, match="no rows could give this summary"):
            fit(wrong, kind, target, names)


def test_a_model_that_was_tampered_with_is_refused():
    form = declared("qda", "sick", ["a", "b"])[0].to_dict()
    for wrong in ([[1.0]], [[1.0], [1.0]], [[1.0, 2.0], [3.0]]):
        group = form["classes"][0] | {"whitening": wrong}
        with pytest.raises(ModelError, match="triangular"):
            Classifier.from_dict(form | {"classes": [group, *form["classes"][1:]]})
    with pytest.raises(ModelError):
        Covariance.from_dict(form)


NAMES = ["a", "b", "c", "yes", "sick", "site$south", "a b", "a yes", "b2"]
PRODUCTS = [
    Feature("a b", "product", of=["b", "a"]),
    Feature("a yes", "product", of=["a", "yes"]),
    Feature("b2", "product", of=["b", "b"]),
    Feature("four", "product", of=["a", "c", "sick", "site$south"]),
]
SUMS = Products.of(collect(Schema([*FEATURES, *PRODUCTS]), TABLE))


@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_a_sum_of_products_is_that_of_the_rows_or_unknown(names):
    parts = {"a b": ("a", "b"), "a yes": ("a", "yes"), "b2": ("b", "b")}
    exact = sum(prod(row) for row in zip(*columns([f for n in names for f in parts.get(n, (n,))]), strict=True))
    found = SUMS.total(names)
    assert found in (None, exact)
    if len(names) <= 2:
        assert found is not None
