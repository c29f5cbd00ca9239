"""Models of every family on the terminal: what a person needs to see is there."""

import pytest

import fedpeer as fp
from fedpeer.cli.regression import draw_model
from fedpeer.node.shapes import Fitted
from tests.support.pooled import classes, numbers


def drawn(model, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    draw_model(
        Fitted(
            id="m1",
            federation="f1",
            kind=model.kind,
            created_at=0.0,
            of="total",
            rows=model.n,
            digest=model.summary,
            model=model.to_dict(),
        )
    )
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("lda", ["weights of the scores", "class ~ alcohol + ", "form likelihood, priors data", "0 class_0", "59"]),
        ("gaussian_nb", ["variances", "means", "13.745"]),
        ("pca", ["COMPONENT", "36.2%", "loadings", "pc8", "5 more columns are in the JSON form"]),
        ("oas", ["shrinkage", "0.0121", "covariance", "precision"]),
    ],
)
def test_a_model_of_classes_or_matrices_is_shown(kind, shown, capsys, monkeypatch):
    data = classes("wine")
    names = list(data.table)[:-1]
    target = "class" if kind in {"lda", "gaussian_nb"} else None
    text = drawn(fp.fit(data.summary, kind, target, names), capsys, monkeypatch)
    for part in [f"{kind} (id m1)", *shown]:
        assert part in text


def test_a_chosen_penalty_is_shown(capsys, monkeypatch):
    text = drawn(fp.fit(numbers("diabetes").summary, "lasso", "target", standardise=True), capsys, monkeypatch)
    assert "criterion bic" in text
    assert "lam 0.97294" in text
    assert "adjusted R²" in text


def test_chains_and_tails_are_shown(capsys, monkeypatch):
    sky = list("ssrrcsscrrsscsrcssrrc" * 3)
    features = [fp.Feature(name, "category", levels=["s", "c", "r"]) for name in ("today", "before")]
    numbers = fp.Feature("x", min=0, max=100, resolution=1)
    schema = fp.Schema([*features, fp.Feature("did", "category", levels=["w", "b"]), numbers], blocks=["histogram"])
    table = {"today": sky[1:], "before": sky[:-1], "did": ["w" if day == "s" else "b" for day in sky[1:]]}
    summary = fp.collect(schema, table | {"x": [k * k % 101 for k in range(len(sky) - 1)]})
    for kind, target, features, options, shown in (
        ("markov", "today", ["before"], {}, ["weights of the scores", "in the long run", "today ~ before$s"]),
        ("hmm", "today", ["before", "did"], {}, ["start", "next state, by state", "symbol, by state", "today ~ did"]),
        ("evt", None, ["x"], {"level": "0.7", "tail": "upper"}, ["TAIL", "upper", "LIMIT", "~ x"]),
    ):
        text = drawn(fp.fit(summary, kind, target, features, **options), capsys, monkeypatch)
        for part in [f"{kind} (id m1)", *shown]:
            assert part in text
