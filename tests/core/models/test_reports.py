"""Reports say the model's own numbers in every form, in full where programs read, and escape every name."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fedpeer as fp
from fedpeer.core.errors import ModelError
from fedpeer.core.models.forms.origin import Origin
from fedpeer.core.models.reports.report import SHAPES, report
from fedpeer.core.models.reports.sheet import HEADS
from tests.support.forms import EVERY, HOSTILE, fitted

ORIGIN = Origin(model="m1", federation="hearts", of="total", fitted_at=1_800_000_000.0, members=3)
NEVER_CLOSED = {"meta", "br"}


def rows_of(sheet):
    return list(csv.DictReader(io.StringIO(sheet, newline="")))


class Strict(HTMLParser):
    """Every tag is closed where it was opened, and nothing comes from elsewhere or runs."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in NEVER_CLOSED:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parsed(page):
    parser = Strict()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    tags = {tag for tag, _ in parser.seen}
    assert not tags & {"script", "iframe", "img", "link", "object", "form", "a", "base"}
    assert not any(name.startswith("on") or name in {"src", "href"} for _, attrs in parser.seen for name in attrs)
    return ET.fromstring(page)


def numbers(page):
    """The numbers that the page holds for programs, in order."""
    return [float(entry.get("value")) for entry in parsed(page).iter("data")]


@pytest.mark.parametrize(("kind", "target"), EVERY)
def test_every_kind_has_every_report(kind, target):
    model = fitted(kind, target)
    text, page, sheet = (report(model, form, origin=ORIGIN) for form in SHAPES)
    for told in (text, page, sheet):
        assert "hearts" in told
        assert model.summary in told
    assert text.isascii() or set(text) - {*map(chr, range(128))} <= set("R²–")
    root = parsed(page)
    assert root.find("head/title").text == root.find("body/main/header/h1").text == text.splitlines()[0].strip()
    assert {row["part"] for row in rows_of(sheet)} > {"model", "origin"}


@pytest.mark.parametrize("kind", ["ols", "ridge", "stepwise", "lasso"])
def test_numbers_of_a_regression_are_the_models_own_everywhere(kind):
    model = fitted(kind, "cost")
    rows = rows_of(report(model, "csv"))
    found = {row["name"]: row for row in rows if row["part"] == "coefficients"}
    for row in model.table:
        cells = {"value": row["coefficient"]} | {key: row[key] for key in HEADS if key in row and key != "name"}
        assert {key: found[row["name"]][key] for key in cells} == {
            k: "" if v is None else repr(v) for k, v in cells.items()
        }
    told = {row["name"]: row["value"] for row in rows if row["part"] == "model"}
    for name in ("r2", "adjusted_r2", "residual_std", "log_likelihood", "aic", "aicc", "bic"):
        assert float(told[name]) == getattr(model, name)
    shown = numbers(report(model, "html"))
    assert set(shown) >= {
        value for row in model.table for key, value in row.items() if key != "name" and value is not None
    }
    assert set(shown) >= {model.r2, model.aic, model.residual_std}


def test_pandas_reads_the_sheet_as_numbers():
    model = fitted("ols", "cost")
    frame = pd.read_csv(io.StringIO(report(model, "csv")))
    table = frame[frame.part == "coefficients"].set_index("name")
    assert table["value"].to_dict() == model.coefficients
    assert table["p"].to_dict() == {row["name"]: row["p"] for row in model.table}
    assert frame["value"].dtype == float


@pytest.mark.parametrize(
    ("kind", "target", "part"), [("lda", "ward", "weights"), ("pca", None, "loadings"), ("oas", None, "precision")]
)
def test_matrices_are_in_the_sheet_entry_by_entry(kind, target, part):
    model = fitted(kind, target)
    entries = {
        (row["name"], row["of"]): float(row["value"]) for row in rows_of(report(model, "csv")) if row["part"] == part
    }
    wanted = {
        "weights": lambda: {(n, g.label): w for g in model.classes for n, w in g.weights.items()},
        "loadings": lambda: {
            (n, f"pc{k + 1}"): line[i] for k, line in enumerate(model.components) for i, n in enumerate(model.columns)
        },
        "precision": lambda: {
            (a, b): model.precision[i][j] for i, a in enumerate(model.columns) for j, b in enumerate(model.columns)
        },
    }[part]()
    assert entries == wanted


def test_a_sheet_is_rfc_4180():
    sheet = report(fitted("lasso", "cost"), "csv", origin=ORIGIN)
    assert sheet.count("\r\n") == sheet.count("\n") == len(sheet.splitlines())
    assert all(len(line) == len(HEADS) for line in csv.reader(io.StringIO(sheet, newline=""), strict=True))


@pytest.mark.parametrize("name", [*HOSTILE, "<script>alert(1)</script>", "]]>", "&amp;", "=1+2", "a,b;c", "\u200fعمر"])
def test_hostile_names_are_shown_as_they_are(name):
    name = name.replace('"', "'").replace("\u200f", "")
    schema = fp.Schema([fp.Feature(name, min=0, max=9, resolution=1), fp.Feature("y", min=0, max=9, resolution="0.1")])
    model = fp.fit(fp.collect(schema, {name: [1.0, 2.0, 3.0, 5.0], "y": [1.5, 1.0, 4.0, 6.0]}), "ols", target="y")
    named = Origin(federation=name, model=name)
    root = parsed(report(model, "html", origin=named))
    assert name in [entry.text for entry in root.iter("bdi")]
    assert name in [entry.text for entry in root.find("body/main/footer").iter("dd")]
    safe = f"'{name}" if name.startswith("=") else name
    rows = rows_of(report(model, "csv", origin=named))
    assert [row["name"] for row in rows if row["part"] == "coefficients"] == ["intercept", safe]
    assert name in report(model, origin=named)


@pytest.mark.long
@given(st.text(max_size=30))
@settings(max_examples=60, deadline=None)
def test_any_text_in_an_option_stays_text(text):
    model = fp.restore(fitted("ols", "cost").to_dict() | {"options": {"odd": text}, "dropped": [text]})
    parsed(report(model, "html"))
    assert len(rows_of(report(model, "csv"))) == len(rows_of(report(fitted("ols", "cost"), "csv"))) + 2
    assert all(line.isprintable() for line in report(model).splitlines())


def test_the_text_is_laid_out_as_users_know_it():
    told = report(fitted("ols", "cost", ["age", "smoker"]), origin=ORIGIN)
    path = Path(__file__).with_name("report.txt")
    assert told == path.read_text("utf-8")


def test_whose_rows_they_are_is_told():
    form = fitted("ols", "cost").to_dict()
    form["certificate"]["basis"] |= {"total": "f00d", "contributors": [{"peer": "north", "serial": 3}]}
    model = fp.restore(form)
    for told in (report(model), report(model, "html"), report(model, "csv"), fp.export(model, "python").decode()):
        assert "f00d" in told
        assert "north (serial 3)" in told


def test_a_perfect_fit_says_so():
    schema = fp.Schema([fp.Feature("x", min=0, max=9, resolution=1), fp.Feature("y", min=0, max=99, resolution=1)])
    model = fp.fit(fp.collect(schema, {"x": [1.0, 2.0, 3.0, 4.0], "y": [2.0, 4.0, 6.0, 8.0]}), "ols", target="y")
    assert "a perfect fit has no tests" in report(model)
    assert not re.search(r"nan|inf", report(model, "csv").lower())


def test_a_report_of_another_form_is_refused():
    with pytest.raises(ModelError, match="no report of the form 'pdf'"):
        report(fitted("ols", "cost"), "pdf")
