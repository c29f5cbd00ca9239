"""Where a model came from, in lines that stand on every export and report."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from fedpeer.core.models.certificate import Certificate
from fedpeer.core.models.result import Result


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What a model does not know itself: its id, its federation, whose rows it is of, when (Unix time) it was fitted.

    `members` is how many gave rows; 0 and empty texts stand for what is not known.
    """

    model: str = ""
    federation: str = ""
    of: str = ""
    fitted_at: float = 0.0
    members: int = 0

    def lines(self, result: Result) -> list[tuple[str, str]]:
        """Labels and texts, without those that are not known."""
        when = datetime.fromtimestamp(self.fitted_at, UTC).strftime("%Y-%m-%d %H:%M UTC") if self.fitted_at else ""
        told = [
            ("model", self.model),
            ("federation", self.federation),
            ("rows of", {"total": "all members", "local": "this node alone"}.get(self.of, self.of)),
            ("members", str(self.members) if self.members else ""),
            ("fitted", when),
            ("summary", result.summary),
            *_certified(result.certificate),
        ]
        return [(label, text) for label, text in told if text]


def _certified(certificate: Certificate | None) -> list[tuple[str, str]]:
    """How exact the model is, and whose rows are in it."""
    if certificate is None:
        return []
    size, basis = certificate.condition, certificate.basis
    peers = ", ".join(f"{entry.peer} (serial {entry.serial})" for entry in basis.contributors)
    return [
        ("digits", f"{certificate.digits} proved right" if certificate.digits is not None else ""),
        ("proof", certificate.proof),
        ("condition", f"{size.value:.6g}, of {size.of}" if size.value is not None else ""),
        ("total", basis.total),
        ("peers", peers),
    ]
