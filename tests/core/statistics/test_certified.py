"""NIST's eleven certified analyses of variance, from the files that SciPy installs, read as text: no digit is lost."""

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import scipy

from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.metrics import measure
from fedpeer.core.statistics.schema import Feature, Schema

FILES = sorted((Path(scipy.__file__).parent / "stats" / "tests" / "data" / "nist_anova").glob("*.dat"))
NUMBER = r"([-+\d.]+E[-+]\d+)"


def read(path):
    """The certified values, and the rows as text."""
    text = path.read_text("ascii")
    between = re.search(rf"Between \w+ +(\d+) +{NUMBER} +{NUMBER} +{NUMBER}", text).groups()
    within = re.search(rf"Within \w+ +(\d+) +{NUMBER} +{NUMBER}", text).groups()
    r2 = re.search(rf"R-Squared +{NUMBER}", text)[1]
    deviation = re.search(rf"Standard Deviation +{NUMBER}", text)[1]
    certified = [float(v) for v in (between[1], between[3], within[1], r2, deviation)]
    rows = [line.split() for line in text.splitlines()[60:] if line.strip()]
    return certified, [int(between[0]), int(within[0])], rows


def test_all_eleven_are_here():
    assert len(FILES) == 11


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_certified_values_are_met_to_the_last_printed_digit(path):
    certified, df, rows = read(path)
    groups, values = [row[0] for row in rows], [row[1] for row in rows]
    numbers = [Fraction(v) for v in values]
    places = max(len(v.partition(".")[2]) for v in values)
    schema = Schema(
        [
            Feature("y", "continuous", min=int(min(numbers)) - 1, max=int(max(numbers)) + 2, resolution=f"1e-{places}"),
            Feature("g", "category", levels=sorted(set(groups))),
        ]
    )
    parts = [collect(schema, {"y": values[k::3], "g": groups[k::3]}) for k in range(3)]
    told = measure(parts[0] + parts[1] + parts[2], "oneway", ["y", "g"])
    here = [
        told["between"]["squares"],
        told["f"],
        told["within"]["squares"],
        told["eta_squared"],
        told["residual_std"],
    ]
    assert [told["between"]["df"], told["within"]["df"]] == df
    assert here == pytest.approx(certified, rel=5e-15, abs=0)
    assert not np.isnan(told["p"])
