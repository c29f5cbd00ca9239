"""The pictures of the documentation are those that the code draws."""

import subprocess
import sys
from pathlib import Path

import pytest

from fedpeer.plots.gallery import PLOTS

ROOT = Path(__file__).parents[2]


@pytest.mark.long
def test_the_gallery_is_in_step() -> None:
    check = [sys.executable, str(ROOT / "scripts" / "pictures.py"), "--check"]
    done = subprocess.run(check, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_plot_is_on_its_page() -> None:
    page = (ROOT / "docs" / "plots.md").read_text("utf-8")
    for name in PLOTS:
        assert f"| `{name}` |" in page
        assert f"(pictures/{name}.svg)" in page
