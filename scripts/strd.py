"""NIST's Statistical Reference Datasets (StRD) as exact decimals, with their certified values.

The ANOVA sets and Norris are read from the files that SciPy installs, Longley's data from statsmodels; the others are
stated here. `tests/architecture/test_strd.py` recomputes every certified value from the data in exact arithmetic.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from importlib.resources import files

from statsmodels.datasets import longley

Columns = Mapping[str, list[Fraction]]

_NUMBER = re.compile(r"-?\d*\.?\d+(?:E[+-]?\d+)?")


@dataclass(frozen=True)
class Linear:
    """A regression: its columns, the certified coefficients with standard errors, and s, R² and F."""

    name: str
    columns: Columns
    certified: Mapping[str, tuple[str, str]]  # by column, "intercept" first if there is one
    spread: str
    square: str
    ratio: str | None
    target: str = "y"

    @property
    def features(self) -> list[str]:
        """The input columns."""
        return [name for name in self.certified if name != "intercept"]


@dataclass(frozen=True)
class Anova:
    """One-way analysis of variance: treatments and responses, and what is certified, by key."""

    name: str
    treatment: list[str]
    response: list[Fraction]
    certified: Mapping[str, str]


@dataclass(frozen=True)
class Univariate:
    """Numbers, their certified mean and standard deviation."""

    name: str
    values: list[Fraction]
    mean: str
    deviation: str


def _numbers(text: str) -> list[Fraction]:
    return [Fraction(word) for word in text.split()]


def norris() -> Linear:
    text = files("scipy.stats.tests").joinpath("data/nist_linregress/Norris.dat").read_text()
    lines = text.splitlines()
    rows = [_numbers(line) for line in lines[60:96]]
    pairs = [tuple(_NUMBER.findall(line)[1:]) for line in lines if re.match(r"\s+B[01] ", line)]
    found = {
        "spread": re.search(r"Residual\s+Standard Deviation\s+(\S+)", text),
        "square": re.search(r"R-Squared\s+(\S+)", text),
        "ratio": re.search(r"Regression\s+1\s+\S+\s+\S+\s+(\S+)", text),
    }
    told = {key: match[1] for key, match in found.items() if match}
    columns = {"y": [row[0] for row in rows], "x": [row[1] for row in rows]}
    return Linear("Norris", columns, dict(zip(("intercept", "x"), pairs, strict=True)), **told)


def longley_set() -> Linear:
    data = longley.load_pandas().data
    certified = {
        "intercept": ("-3482258.63459582", "890420.383607373"),
        "GNPDEFL": ("15.0618722713733", "84.9149257747669"),
        "GNP": ("-0.358191792925910E-01", "0.334910077722432E-01"),
        "UNEMP": ("-2.02022980381683", "0.488399681651699"),
        "ARMED": ("-1.03322686717359", "0.214274163161675"),
        "POP": ("-0.511041056535807E-01", "0.226073200069370"),
        "YEAR": ("1829.15146461355", "455.478499142212"),
    }
    columns = {name: [Fraction(str(value)) for value in data[name]] for name in data.columns}
    told = ("304.854073561965", "0.995479004577296", "330.285339234588")
    return Linear("Longley", columns, certified, *told, target="TOTEMP")


_DELTA = (759, -2048, 2048, -2048, 2523, -2048, 2048, -2048, 1838, -2048, 2048)
_POWERS = ("x", "x2", "x3", "x4", "x5")
_ERRORS = ("2152.32624678170", "2363.55173469681", "779.343524331583", "101.475507550350")
_ERRORS += ("5.64566512170752", "0.112324854679312")


def wampler() -> list[Linear]:
    xs = [Fraction(k) for k in range(21)]
    powers = {name: [x**k for x in xs] for k, name in enumerate(_POWERS, 1)}
    delta = [*_DELTA[:10], *reversed(_DELTA[:11])]
    ones = [sum(x**k for k in range(6)) for x in xs]
    tenths = [sum((x / 10) ** k for k in range(6)) for x in xs]
    names = ("intercept", *_POWERS)
    told = [
        Linear("Wampler1", powers | {"y": ones}, dict.fromkeys(names, ("1", "0")), "0", "1", None),
        Linear(
            "Wampler2",
            powers | {"y": tenths},
            {name: (f"1E-{k}", "0") for k, name in enumerate(names)},
            "0",
            "1",
            None,
        ),
    ]
    further = (
        ("Wampler3", 0, "2360.14502379268", "0.999995559025820", "675524.458240122"),
        ("Wampler4", 2, "236014.502379268", "0.957478440825662", "67.5524458240122"),
        ("Wampler5", 4, "23601450.2379268", "0.224668921574940E-02", "0.675524458240122E-02"),
    )
    for name, power, *rest in further:
        y = [one + 10**power * d for one, d in zip(ones, delta, strict=True)]
        errors = {key: ("1", f"{error}E{power}") for key, error in zip(names, _ERRORS, strict=True)}
        told.append(Linear(name, powers | {"y": y}, errors, *rest))
    return told


def no_intercept() -> list[Linear]:
    first = {"x": [Fraction(k) for k in range(60, 71)], "y": [Fraction(k) for k in range(130, 141)]}
    second = {"x": _numbers("4 5 6"), "y": _numbers("3 4 4")}
    return [
        Linear(
            "NoInt1",
            first,
            {"x": ("2.07438016528926", "0.165289256198347E-01")},
            "3.56753034006338",
            "0.999365492298663",
            "15750.2500000000",
        ),
        Linear(
            "NoInt2",
            second,
            {"x": ("0.727272727272727", "0.420827318078432E-01")},
            "0.369274472937998",
            "0.993348115299335",
            "298.666666666667",
        ),
    ]


_PONTIUS = """
.11019 .21956 .32949 .43899 .54803 .65694 .76562 .87487 .98292 1.09146 1.20001 1.30822 1.41599 1.52399 1.63194
1.73947 1.84646 1.95392 2.06128 2.16844 .11052 .22018 .32939 .43886 .54798 .65739 .76596 .87474 .98300 1.09150
1.20004 1.30818 1.41613 1.52408 1.63159 1.73965 1.84696 1.95445 2.06177 2.16829
"""


def pontius() -> Linear:
    xs = [Fraction(150000 * k) for k in range(1, 21)] * 2
    certified = {
        "intercept": ("0.673565789473684E-03", "0.107938612033077E-03"),
        "x": ("0.732059160401003E-06", "0.157817399981659E-09"),
        "x2": ("-0.316081871345029E-14", "0.486652849992036E-16"),
    }
    columns = {"x": xs, "x2": [x * x for x in xs], "y": _numbers(_PONTIUS)}
    return Linear("Pontius", columns, certified, "0.205177424076185E-03", "0.999999900178537", "185330865.995752")


def accuracy() -> list[Univariate]:
    def alternating(middle: str, low: str, high: str) -> list[Fraction]:
        return [Fraction(middle), *(Fraction(v) for _ in range(500) for v in (low, high))]

    return [
        Univariate("NumAcc1", _numbers("10000001 10000003 10000002"), "10000002", "1"),
        Univariate("NumAcc2", alternating("1.2", "1.1", "1.3"), "1.2", "0.1"),
        Univariate("NumAcc3", alternating("1000000.2", "1000000.1", "1000000.3"), "1000000.2", "0.1"),
        Univariate("NumAcc4", alternating("10000000.2", "10000000.1", "10000000.3"), "10000000.2", "0.1"),
    ]


def anova() -> list[Anova]:
    names = ["SiRstv", "AtmWtAg", *(f"SmLs0{k}" for k in range(1, 10))]
    return [_anova(name) for name in names]


def _anova(name: str) -> Anova:
    text = files("scipy.stats.tests").joinpath(f"data/nist_anova/{name}.dat").read_text()
    rows = [line.split() for line in text.splitlines()[60:] if line.strip()]
    between = re.search(r"Between .*?(\d+)\s+(\S+)\s+(\S+)\s+(\S+)\s*$", text, re.MULTILINE)
    within = re.search(r"Within .*?(\d+)\s+(\S+)\s+(\S+)\s*$", text, re.MULTILINE)
    square = re.search(r"Certified R-Squared\s+(\S+)", text)
    spread = re.search(r"Standard Deviation\s+(\S+)", text)
    if not (between and within and square and spread):
        raise ValueError(f"{name} is not laid out as expected")
    told = {
        "F": between[4],
        "between": between[2],
        "within": within[2],
        "R²": square[1],
        "residual deviation": spread[1],
    }
    return Anova(name, [row[0] for row in rows], [Fraction(row[1]) for row in rows], told)
