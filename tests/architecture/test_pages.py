"""Pages and files that programs write are what these programs write now."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "script",
    [
        "clients",
        pytest.param("conformance", marks=pytest.mark.long),
        "diagrams",
        "reference",
        pytest.param("pictures", marks=pytest.mark.long),
        pytest.param("notebook", marks=pytest.mark.long),
    ],
)
def test_a_written_page_is_in_step(script: str) -> None:
    check = [sys.executable, str(ROOT / "scripts" / f"{script}.py"), "--check"]
    done = subprocess.run(check, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
