"""docs/accuracy.md says what three daemons compute, and that is NIST's certified values to 13 digits."""

import subprocess
import sys
from pathlib import Path

import pytest

import fedpeer as fp

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
import accuracy
import strd

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("resolution", "slope", "worst", "square", "error"),
    [("0.1", 14, 14, 14, 14), ("1", 3, 1, 5, 0), ("10", 2, 0, 4, 0)],
)
def test_a_coarse_resolution_costs_the_digits_that_the_page_tells(resolution, slope, worst, square, error):
    norris = strd.norris()
    features = [fp.Feature(name, min=-10, max=1100, resolution=resolution) for name in ("x", "y")]
    table = {name: accuracy.pooled(values) for name, values in norris.columns.items()}
    model = fp.fit(fp.collect(fp.Schema(features), table), "ols", target="y")
    truth = accuracy.linear_truth(norris)
    beta, errors = list(model.coefficients.values()), [row["std_error"] for row in model.table]
    assert int(accuracy.digits(beta[1:], truth["coefficients"][1:])) == slope
    assert int(accuracy.digits(beta, truth["coefficients"])) == worst
    assert min(14, int(accuracy.digits([model.r2], truth["R²"]))) == square
    assert int(accuracy.digits(errors, truth["standard errors"])) == error


@pytest.mark.long
def test_the_page_says_what_three_daemons_compute_and_that_has_thirteen_digits():
    check = [sys.executable, str(ROOT / "scripts" / "accuracy.py"), "--check"]
    done = subprocess.run(check, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
