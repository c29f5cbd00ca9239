"""Fisher's interval of a correlation."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import flint

from fedpeer.core.statistics.rounding import certified, rational, root
from fedpeer.core.statistics.tails import normal_quantile


def signed_root(shared: Fraction, spread: Fraction) -> float:
    """The float nearest to r = shared / √spread."""
    size = root(shared * shared / spread)
    return size if shared >= 0 else -size


def interval(shared: Fraction, spread: Fraction, n: int, confidence: Fraction) -> Sequence[float | None]:
    """tanh(artanh r ± z / √(n − 3)) of r = shared / √spread; r itself if that is ±1, None where it is not defined."""
    if spread == 0 or n < 4:
        return None, None
    if shared * shared == spread:
        return (signed_root(shared, spread),) * 2

    def ends() -> list[flint.arb]:
        centre = (rational(shared) / flint.arb(rational(spread)).sqrt()).atanh()
        reach = normal_quantile(confidence) / flint.arb(n - 3).sqrt()
        return [(centre - reach).tanh(), (centre + reach).tanh()]

    return certified(ends)
