"""Draws the pictures of docs/plots.md from data that ship with scikit-learn and statsmodels.

`--check` writes nothing and exits with 1 if a picture is not what the code draws.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import statsmodels.api as sm
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

import fedpeer as fp
from fedpeer.core.models.evaluate import evaluate
from fedpeer.plots.gallery import picture

PLACE = Path(__file__).resolve().parents[1] / "docs" / "pictures"


def pictures() -> dict[str, bytes]:
    """Every picture, by the name of its plot."""
    return {name: picture(name, answer) for name, answer in (_flowers() | _diabetes() | _tumours() | _hearts()).items()}


def _flowers() -> dict[str, Mapping[str, Any]]:
    frame = load_iris(as_frame=True).frame
    frame.columns = ["sepal_length", "sepal_width", "petal_length", "petal_width", "species"]
    frame["species"] = frame["species"].map({0: "setosa", 1: "versicolor", 2: "virginica"})
    measured = [fp.Feature(name, "continuous", min=0, max=10, resolution="0.1") for name in frame.columns[:4]]
    species = fp.Feature("species", "category", levels=["setosa", "versicolor", "virginica"])
    blocks = ["histogram", "conditional_histogram"]
    summary = fp.collect(fp.Schema([*measured, species], blocks=blocks, bins=40), frame)
    names = list(frame.columns[:4])
    return {name: fp.measure(summary, name, names) for name in ("density", "box")} | {
        "correlation": fp.measure(summary, "correlation"),
        "conditional_density": fp.measure(summary, "conditional_density", ["petal_length", "species"]),
    }


def _diabetes() -> dict[str, Mapping[str, Any]]:
    frame = load_diabetes(as_frame=True, scaled=False).frame
    schema = fp.Schema(fp.Schema.infer(frame).features, blocks=["histogram"], bins=16)
    ages = {"Ash": (0, 40), "Birch": (40, 50), "Cedar": (50, 60), "Elm": (60, 110)}
    sites = {name: fp.collect(schema, frame[frame["age"].between(*ends, "left")]) for name, ends in ages.items()}
    here, there = sites["Cedar"] + sites["Elm"], sites["Ash"] + sites["Birch"]
    total, inputs = here + there, [name for name in frame.columns if name != "target"]
    others = [name for name in inputs if name != "age"]
    return {
        "scree": fp.measure(total, "components", inputs),
        "loadings": fp.measure(total, "components", inputs),
        "inflation": fp.measure(total, "vif", inputs),
        "drift": fp.measure(here, "drift", others, other=there),
        "drift_by_member": {
            "parts": {name: fp.measure(site, "drift", others, other=total - site) for name, site in sites.items()}
        },
        "coefficients": fp.fit(total, "ols", target="target").to_dict(),
        "diagnostics": fp.fit(total, "ols", target="target").to_dict(),
        "path": fp.fit(total, "lasso", target="target", standardise=True).to_dict(),
    }


def _tumours() -> dict[str, Mapping[str, Any]]:
    frame = load_breast_cancer(as_frame=True).frame.iloc[:, [*range(10), 30]]
    frame = frame.rename(columns=lambda name: name.replace(" ", "_"))
    learnt, held_out = frame.iloc[::2], frame.iloc[1::2]
    limits = [
        fp.Feature(name, "continuous", min=0, max=float(frame[name].max()) * 2, resolution="0.00001")
        for name in frame.columns[:-1]
    ]
    summary = fp.collect(fp.Schema([*limits, fp.Feature("target", "binary")]), learnt)
    return {"roc": evaluate(fp.fit(summary, "lda", target="target"), held_out).to_dict()}


def _hearts() -> dict[str, Mapping[str, Any]]:
    frame = sm.datasets.heart.load_pandas().data
    frame = frame.assign(months=(frame["survival"] // 30).astype(int), died=frame["censors"], young=frame["age"] < 48)
    schema = fp.Schema(
        [
            fp.Feature("months", "continuous", min=0, max=119, resolution=1, unit="months"),
            fp.Feature("died", "binary"),
            fp.Feature("young", "binary"),
            fp.Feature("died_young", "product", of=["died", "young"]),
        ],
        blocks=["histogram", "conditional_histogram"],
        bins=120,
    )
    return {"survival": fp.measure(fp.collect(schema, frame), "kaplan_meier", ["months", "died", "young"])}


def main(arguments: list[str]) -> int:
    """Draw, or check; the exit code."""
    if arguments not in ([], ["--check"]):
        print("usage: python scripts/pictures.py [--check]", file=sys.stderr)
        return 2
    PLACE.mkdir(exist_ok=True)
    stale = []
    for name, data in pictures().items():
        path = PLACE / f"{name}.svg"
        if not path.exists() or path.read_bytes() != data:
            stale.append(name)
            if not arguments:
                path.write_bytes(data)
    for name in stale:
        print(f"{name} {'is not what the code draws' if arguments else 'was drawn anew'}")
    return 1 if arguments and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
