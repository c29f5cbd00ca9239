"""How the numbers of a report are called and shown: names, R's marks of significance, significant digits."""

from __future__ import annotations

from typing import Final

LEGEND: Final = "signif. codes:  0 '***' 0.001 '**' 0.01 '*' 0.05 '.' 0.1 ' ' 1"
NAMES: Final[dict[str, str]] = {
    "r2": "R²",
    "adjusted_r2": "adjusted R²",
    "residual_std": "residual std. error",
    "f": "F",
    "f_p": "p of F",
    "log_likelihood": "log likelihood",
    "aic": "AIC",
    "aicc": "AICc",
    "bic": "BIC",
}

_STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"), (0.1, "."))
_TINY = 2e-16


def stars(p: float | None) -> str:
    """R's mark for a p value."""
    return "" if p is None else next((mark for limit, mark in _STARS if p <= limit), "")


def small(p: float | None) -> str:
    """A p value as R prints it."""
    return "–" if p is None else "<2e-16" if p < _TINY else f"{p:.3g}"


def real(value: float | None, digits: int = 6) -> str:
    """A number to so many significant digits, a whole one with its thousands apart; a dash for none."""
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.{digits}g}"
