"""The benches of secure sums run, and each checks that what it measures is right."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "scripts" / "bench.py"


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("secure", "secure round of 50 peers, 5 gone"),
        ("flower", "largest error of the sum: ours 0;"),
        ("ckks", "largest error of the sum: 0,"),
    ],
)
def test_a_bench_tried_with_little_tells_what_it_measures(name: str, told: str) -> None:
    done = subprocess.run(
        [sys.executable, str(BENCH), "--smoke", name], check=True, capture_output=True, text=True, timeout=240
    )
    assert told in done.stdout
