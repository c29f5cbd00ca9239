"""The page of plots shows every plot."""

from pathlib import Path

from fedpeer.plots.gallery import PLOTS

PAGE = Path(__file__).parents[2] / "docs" / "plots.md"


def test_every_plot_is_on_its_page() -> None:
    page = PAGE.read_text("utf-8")
    for name in PLOTS:
        assert f"| `{name}` |" in page
        assert f"(pictures/{name}.svg)" in page
