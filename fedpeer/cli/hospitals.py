"""The demonstration's data: scikit-learn's breast cancer patients, at four sites that do not see the same people."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LinearRegression

from fedpeer.cli.demo import SITES
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema

Columns = dict[str, list[float]]

SCHEMA = Schema(
    [
        Feature("malignant", kind="binary"),
        Feature("mean radius", min=5, max=30, resolution="0.001", unit="mm"),
        Feature("mean texture", min=5, max=45, resolution="0.01", unit="grey levels"),
        Feature("mean smoothness", min="0.03", max="0.2", resolution="0.00001"),
        Feature("mean symmetry", min="0.05", max="0.4", resolution="0.0001"),
    ]
)
CONTRACT = """\
# Enough patients to say anything, of both kinds, and the unit that was agreed on.
ROWS() >= 50
COUNT_TRUE(malignant) >= 10
MEAN("mean radius") > 5 AND MEAN("mean radius") < 30
"""
TARGET, FEATURES = "malignant", ("mean radius", "mean texture", "mean smoothness")


def patients() -> dict[str, Columns]:
    """The rows of every site, by column. Small tumours are found by screening, large ones are referred."""
    known = load_breast_cancer()
    names = [str(name) for name in known.feature_names]
    columns = {name: known.data[:, names.index(name)] for name in (f.name for f in SCHEMA.features) if name in names}
    columns["malignant"] = 1 - known.target
    site = _sites(columns["mean radius"])
    return {
        name: {f.name: columns[f.name][site == i].tolist() for f in SCHEMA.features} for i, name in enumerate(SITES)
    }


def write(folder: Path, sites: dict[str, Columns]) -> dict[str, Path]:
    """Write each site's rows to its own CSV file; return the paths."""
    paths = {name: folder / f"{name}.csv" for name in sites}
    for name, columns in sites.items():
        with paths[name].open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
    return paths


def pooled(*sites: Columns) -> Columns:
    """The table that nobody has: the rows of several sites one below the other."""
    return {name: [value for site in sites for value in site[name]] for name in sites[0]}


def sklearn_coefficients(table: Columns) -> dict[str, float]:
    """Least squares by scikit-learn, in floating point, for the reader's trust."""
    x = np.column_stack([table[name] for name in FEATURES])
    fitted = LinearRegression().fit(x, np.array(table[TARGET]))
    return {"intercept": float(fitted.intercept_), **dict(zip(FEATURES, map(float, fitted.coef_), strict=True))}


def _sites(radius: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The site of every patient, as an index into SITES: mostly by the size of the tumour, and the same each time."""
    turn = np.arange(radius.size)
    medium = (radius >= 13) & (radius < 15)
    screening = ((radius < 13) & (turn % 10 != 0)) | (medium & (turn % 12 == 0))
    referral = ((radius >= 15) & (turn % 10 != 0)) | (medium & (turn % 12 == 1))
    return np.select([turn % 47 == 3, screening, referral], [3, 0, 2], 1)
