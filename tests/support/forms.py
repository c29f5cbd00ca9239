"""Every kind of model on rows of every kind of column, and exported forms at work: in Python, databases, ONNX."""

from __future__ import annotations

import sqlite3
from functools import cache
from typing import Any

import duckdb
import numpy as np
import onnxruntime
import pandas as pd

import fedpeer as fp
from fedpeer.core.models.forms.export import export
from fedpeer.core.models.kinds import TARGETLESS
from fedpeer.core.models.result import Result

Table = dict[str, list[Any]]

# Names that would end a text, a comment or a query if they were not written with care.
HOSTILE = (
    "it's",
    "back\\slash\\",
    "*/ -- #",
    "'''; DROP TABLE patients; --",
    "{age!r} %s %(x)s",
    "naïve 年齢 🙂",
    "\\N{BULLET}",
    "class",
    "lambda",
    "found",
    "__import__('os')",
)

FEATURES = ["age", "dose", "sex", "smoker", "site"]
LINEAR = ["ols", "ridge", "lasso", "elastic_net", "pcr", "pls", "stepwise", "best_subset"]
CLASSES = ["lda", "lda_reduced", "gaussian_nb", "ridge_classifier", "ls_svm"]
CHOSEN = [("lda_stepwise", "ward"), ("lda_subset", "ward")]
CHAINS = {"markov": ["site"], "hmm": ["site", "ward"]}
SQUARED = {"qda", "ledoit_wolf"}
OTHERS = {"pca": {"components": 2}, "oas": {}, "graphical_lasso": {"lam": "0.1"}, "ledoit_wolf": {}}
OUTLIERS = ["hbos", "ecod"]
KINDS = [*((kind, "cost") for kind in LINEAR), *((k, t) for k in [*CLASSES, "qda"] for t in ("ward", "back"))]
EVERY = [
    *KINDS,
    ("bernoulli_nb", "back"),
    ("markov", "next"),
    *CHOSEN,
    *((kind, None) for kind in (*OTHERS, *OUTLIERS)),
]


@cache
def clinic(rows: int = 200) -> tuple[fp.Summary, Table]:
    """Patients: numbers, codes, sites, an interaction; `cost` is a number, `ward` a class, `back` 0 or 1."""
    draw = np.random.default_rng(7)
    age, dose = draw.integers(200, 900, rows) / 10, draw.integers(0, 400, rows) / 8
    sex, smoker = draw.choice(["F", "M"], rows), draw.integers(0, 2, rows)
    site = draw.choice(["north", "south", "3"], rows)
    cost = np.round(12 * age + 3 * dose * (sex == "M") + 40 * smoker + 90 * (site == "3") + draw.normal(0, 30, rows), 1)
    ward = np.array(["A", "B", "C"])[np.clip((cost / 400 + draw.normal(0, 0.4, rows)).astype(int), 0, 2)]
    columns = {"age": age, "dose": dose, "sex": sex, "smoker": smoker, "site": site, "cost": cost, "ward": ward}
    table = {name: values.tolist() for name, values in columns.items()} | {"back": draw.integers(0, 2, rows).tolist()}
    schema = fp.Schema(
        [
            fp.Feature("age", min=0, max=120, resolution="0.1", unit="years"),
            fp.Feature("dose", min=0, max=50, resolution="0.125", unit="mg"),
            fp.Feature("sex", "binary", levels=["F", "M"]),
            fp.Feature("smoker", "binary"),
            fp.Feature("site", "category", levels=["north", "south", "3"]),
            fp.Feature("male dose", "product", of=["dose", "sex"]),
            fp.Feature("cost", min=-1000, max=5000, resolution="0.1"),
            fp.Feature("ward", "category", levels=["A", "B", "C"]),
            fp.Feature("back", "binary"),
        ],
        blocks=["powers", "histogram"],
    )
    return fp.collect(schema, table), table


@cache
def crossed() -> fp.Summary:
    """The same patients, with the products that quadratic models of them need."""
    schema, table = clinic()[0].schema, clinic()[1]
    inputs = ["age", "dose", "sex", "smoker", "site$south", "site$3"]
    products = [
        *([name, level] for name in inputs for level in ("back", "ward$A", "ward$B")),
        *(["dose", "sex", level] for level in ("back", "ward$A", "ward$B")),
        *([name, name] for name in ("age", "dose")),
        ["dose", "dose", "sex"],
    ]
    more = [fp.Feature(f"product {k}", "product", of=names) for k, names in enumerate(products)]
    return fp.collect(fp.Schema([*schema.features, *more]), table)


@cache
def moved() -> fp.Summary:
    """The same patients, with the site where they are next."""
    schema, table = clinic()[0].schema, clinic()[1]
    site, ward = schema.feature("site"), schema.feature("ward")
    places = table["site"][3:] + table["site"][:3]
    features = [site, ward, fp.Feature("next", "category", levels=list(site.levels))]
    return fp.collect(fp.Schema(features), {"site": table["site"], "ward": table["ward"], "next": places})


def broken(table: Table) -> Table:
    """The same rows, of which some inputs are missing."""
    lost = {name: list(values) for name, values in table.items()}
    for place, name in enumerate(("age", "dose", "sex", "smoker", "site")):
        lost[name][place::17] = [None] * len(lost[name][place::17])
    return lost


def in_python(model: Result, table: Table) -> list[Any]:
    """The predictions of the Python form, row by row."""
    names: dict[str, Any] = {}
    exec(compile(export(model, "python"), "model.py", "exec"), names)
    return [names["predict"](row) for row in as_rows(table)]


def in_sqlite(model: Result, table: Table, name: str = "patients") -> list[Any]:
    """The predictions of the SQL form in SQLite."""
    with sqlite3.connect(":memory:") as connection:
        quoted = name.replace('"', '""')
        pd.DataFrame(table).to_sql(name, connection, index=False)
        found = [row[-1] for row in connection.execute(export(model, "sql", table=f'"{quoted}"').decode())]
    connection.close()
    return found


def in_duckdb(model: Result, table: Table, name: str = "patients") -> list[Any]:
    """The predictions of the SQL form in DuckDB."""
    with duckdb.connect() as connection:
        connection.register(name, pd.DataFrame(table))
        quoted = name.replace('"', '""')
        query = export(model, "sql", table=f'"{quoted}"').decode()
        return [row[-1] for row in connection.execute(query).fetchall()]


def in_onnx(model: Result, table: Table) -> list[np.ndarray]:
    """All outputs of the ONNX form."""
    session = onnxruntime.InferenceSession(export(model, "onnx"), providers=["CPUExecutionProvider"])
    given = {}
    for entry in session.get_inputs():
        values = table[entry.name]
        if "string" in entry.type:
            given[entry.name] = np.array([["" if value is None else value] for value in values], dtype=object)
        else:
            given[entry.name] = np.array([[np.nan if value is None else float(value)] for value in values])
    return session.run(None, given)


def as_rows(table: Table) -> list[dict[str, Any]]:
    """A table as one dict a row."""
    return [dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)]


def fitted(kind, target, features=FEATURES, **options):
    chosen = ["sex", "smoker", "site"] if kind == "bernoulli_nb" else CHAINS.get(kind, features)
    given = options | (OTHERS.get(kind, {}) if kind in TARGETLESS else {})
    summary = crossed() if kind in SQUARED else moved() if kind in CHAINS else clinic()[0]
    return fp.fit(summary, kind, target=target, features=chosen, **given)
