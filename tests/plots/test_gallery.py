"""Pictures: each is a real file of its kind, shows what the answer says, and is the same each time."""

import io
import re
import xml.etree.ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import image
from scipy import stats

import fedpeer as fp
from fedpeer.core.errors import RequestError, UnknownError
from fedpeer.plots import canvas, gallery
from fedpeer.plots.gallery import PLOTS, picture

SVG = "{http://www.w3.org/2000/svg}"


def rows(seed: int, count: int = 300):
    rng = np.random.default_rng(seed)
    months = np.minimum(rng.exponential(20, count).astype(int), 59)
    died, site = rng.random(count) < 0.6, rng.choice(["north", "south"], count)
    return {"months": months, "died": died, "site": site, "age": 40 + months + rng.integers(0, 20, count)}


SCHEMA = fp.Schema(
    [
        fp.Feature("months", "continuous", min=0, max=59, resolution=1),
        fp.Feature("age", "continuous", min=0, max=130, resolution=1),
        fp.Feature("died", "binary"),
        fp.Feature("site", "category", levels=["north", "south"]),
        fp.Feature("died_north", "product", of=["died", "site$north"]),
        fp.Feature("died_south", "product", of=["died", "site$south"]),
    ],
    blocks=["histogram", "conditional_histogram"],
    bins=60,
)
ONE, OTHER = fp.collect(SCHEMA, rows(1)), fp.collect(SCHEMA, rows(2))
RANKING = {
    "positives": 3,
    "negatives": 4,
    "auc": {"value": 0.75, "low": 0.5, "high": 0.9},
    "roc": [(0.0, 0.0), (0.0, 0.5), (0.5, 1.0), (1.0, 1.0)],
}
ANSWERS = {
    "density": fp.measure(ONE, "density", ["months", "age"]),
    "conditional_density": fp.measure(ONE, "conditional_density", ["age", "site"]),
    "box": fp.measure(ONE, "box", ["months", "age"]),
    "correlation": fp.measure(ONE, "correlation", ["months", "age", "died"]),
    "scree": fp.measure(ONE, "components", ["months", "age", "died"]),
    "loadings": fp.measure(ONE, "components", ["months", "age", "died"]),
    "inflation": fp.measure(ONE, "vif", ["months", "age", "died"]),
    "drift": fp.measure(ONE, "drift", ["months", "age", "site"], other=OTHER),
    "drift_by_member": {
        "parts": {
            "north": fp.measure(ONE, "drift", ["months", "age", "site"], other=OTHER),
            "south $1": fp.measure(OTHER, "drift", ["months", "age", "site"], other=ONE),
        }
    },
    "survival": fp.measure(ONE, "kaplan_meier", ["months", "died", "site"]),
    "coefficients": fp.fit(ONE, "ols", target="age", features=["months", "died"]).to_dict(),
    "diagnostics": fp.fit(ONE, "ols", target="age", features=["months", "died"]).to_dict(),
    "path": fp.fit(ONE, "lasso", target="age", features=["months", "died", "site"]).to_dict(),
    "roc": {"target": "died", "ranking": RANKING},
}


def words(data: bytes) -> list[str]:
    """The text of a picture: it stays text in SVG."""
    return ["".join(node.itertext()).strip() for node in ET.fromstring(data).iter(f"{SVG}text")]


def test_every_plot_is_drawn_here() -> None:
    assert ANSWERS.keys() == PLOTS.keys()


@pytest.mark.parametrize("name", PLOTS)
def test_a_picture_is_a_file_of_its_kind_and_the_same_each_time(name: str) -> None:
    svg = picture(name, ANSWERS[name])
    assert ET.fromstring(svg).tag == f"{SVG}svg"
    assert picture(name, ANSWERS[name]) == svg
    assert image.imread(io.BytesIO(picture(name, ANSWERS[name], "png"))).shape[2] == 4


@pytest.mark.parametrize("name", PLOTS)
def test_a_picture_reaches_for_nothing_outside(name: str) -> None:
    text = picture(name, ANSWERS[name]).decode()
    assert not re.search(r"<script|<image|<foreignObject|\bon\w+=|url\(\s*['\"]?http", text)
    links = re.findall(r'(?:xlink:)?href="([^"]*)"', text)
    assert all(link.startswith("#") for link in links)


def test_names_and_numbers_are_written_in_it() -> None:
    assert {"months", "age", "died"} <= set(words(picture("correlation", ANSWERS["correlation"])))
    assert "AUC 0.750 (0.500 to 0.900)" in words(picture("roc", ANSWERS["roc"]))
    assert "300 rows against 300" in words(picture("drift", ANSWERS["drift"]))
    assert {"north", "south $1", "(300)"} <= set(words(picture("drift_by_member", ANSWERS["drift_by_member"])))
    drawn = words(picture("conditional_density", ANSWERS["conditional_density"]))
    assert "age" in drawn
    assert sum(word.startswith("site$") for word in drawn) == 2
    assert any("site$north" in word for word in words(picture("survival", ANSWERS["survival"])))
    assert "change of age for one unit more" in words(picture("coefficients", ANSWERS["coefficients"]))


def test_the_bars_of_a_density_have_the_heights_of_the_answer() -> None:
    with mpl.rc_context():
        (axes, _) = gallery.PLOTS["density"].draw(ANSWERS["density"]).axes
    (bars,) = axes.patches
    assert bars.get_data().values.tolist() == ANSWERS["density"]["features"]["months"]["density"]


def test_a_map_of_drift_shows_the_indices_and_none_where_there_is_none() -> None:
    told = {name: {"psi": value} for name, value in (("little", 0.004), ("much", 3.5), ("none", 0.0), ("gone", None))}
    drawn = words(picture("drift_by_member", {"parts": {"north": {"counts": [7, 9], "features": told}}}))
    assert [word for word in drawn if word in {*told, "0.00", "3.50"}] == [
        *("much", "little", "none", "gone"),
        *("3.50", "0.00", "0.00"),
    ]


def test_diagnostics_put_the_farthest_first_and_mark_the_quantile() -> None:
    table = {row["name"]: row for row in ANSWERS["diagnostics"]["table"]}
    (axes,) = PLOTS["diagnostics"].draw(ANSWERS["diagnostics"]).axes
    assert [bar.get_width() for bar in axes.patches] == [table["months"]["t"], table["died"]["t"]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["months", "died"]
    ends = [line.get_xdata()[0] for line in axes.lines[1:]]
    assert ends == pytest.approx([-(limit := stats.t.ppf(0.975, 297)), limit])
    assert "R² 0." in axes.get_title()


def test_a_path_ends_where_the_model_was_chosen() -> None:
    (axes,) = PLOTS["path"].draw(ANSWERS["path"]).axes
    aic, bic, chosen = axes.lines
    assert (aic.get_label(), bic.get_label()) == ("AIC", "BIC")
    assert chosen.get_xdata()[0] == bic.get_xdata()[np.argmin(bic.get_ydata())]
    stepped = fp.fit(ONE, "stepwise", target="age", features=["months", "died"], criterion="aic").to_dict()
    (axes,) = PLOTS["path"].draw(stepped).axes
    values, chosen = axes.lines
    assert values.get_ydata().tolist() == [step["value"] for step in stepped["path"]]
    assert chosen.get_ydata() == [stepped["aic"]]


def test_a_group_without_rows_is_not_drawn() -> None:
    answer = ANSWERS["conditional_density"]
    empty = answer | {"groups": answer["groups"] | {"site$south": None}}
    assert not any("south" in word for word in words(picture("conditional_density", empty)))


def test_a_hostile_name_is_only_text() -> None:
    hostile = "<script>alert(1)</script> $\\frac{1}{0}$ \\input{x}"
    answer = {"vif": {hostile: 2.0, "b" * 200: 3.0, "undefined": None}}
    found = words(picture("inflation", answer))
    assert any(word.startswith("<script>alert(1)</script>") for word in found)
    assert not any("undefined" in word for word in found)


def test_the_process_keeps_its_own_look() -> None:
    before = dict(mpl.rcParams)
    picture("scree", ANSWERS["scree"])
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("name", "answer", "form", "said"),
    [
        ("densty", {}, "svg", "no plot 'densty'; did you mean 'density'"),
        ("density", {}, "gif", "no picture as 'gif'"),
        ("density", {}, "svg", "draws what the metric density answers"),
        ("scree", {"shares": "x"}, "svg", "draws what the metric components answers"),
        ("roc", {"target": "y"}, "svg", "no scores"),
        ("conditional_density", {"feature": "x", "groups": {"a": None}}, "svg", "no group has rows"),
        ("drift_by_member", ANSWERS["drift"], "svg", "draws what the metric drift answers"),
        ("drift", {"counts": [1, 2], "features": {"x": {"psi": None}}}, "svg", "no feature has a stability index"),
        ("diagnostics", {"kind": "pca"}, "svg", "no table of coefficients"),
        ("diagnostics", fp.fit(ONE, "ridge", target="age", features=["months"]).to_dict(), "svg", "no standard errors"),
        ("path", ANSWERS["coefficients"], "svg", "not chosen on a path"),
        ("coefficients", {"kind": "pca"}, "svg", "no table of coefficients"),
        ("correlation", {"correlation": {f"c{i}": {} for i in range(81)}}, "svg", "81 columns do not fit"),
    ],
)
def test_what_cannot_be_drawn_is_refused(name: str, answer, form: str, said: str) -> None:
    with pytest.raises((RequestError, UnknownError), match=re.escape(said)):
        picture(name, answer, form)


def test_without_the_library_the_extra_is_named(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(RequestError, match="not installed here") as refused:
        canvas.drawn(lambda: None, "svg")
    assert "fedpeer[plots]" in refused.value.hint
