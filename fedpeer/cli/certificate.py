"""A model's certificate on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fedpeer.cli import render


def draw_certificate(model: Mapping[str, Any]) -> None:
    """Print how exact a model is and where its rows came from, if it says so."""
    told = model.get("certificate")
    if not told:
        return
    condition, basis = told["condition"], told["basis"]
    peers = basis.get("contributors", ())
    render.say()
    render.say("certificate", "bold")
    render.pairs(
        [
            (
                "digits",
                f"{told['digits']} of each coefficient, given the summary" if told.get("digits") else "not proved",
            ),
            ("proof", told["proof"]),
            ("reached", "" if told.get("reached") is None else render.real(told["reached"], 3)),
            ("condition", _condition(condition)),
            ("resolution", ", ".join(f"{name} {step}" for name, step in told["resolution"].items())),
            ("summary", f"{render.short(basis['summary'])} of {render.count(basis['rows'], 'row')}"),
            ("total", render.short(basis["total"]) if basis.get("total") else ""),
            ("contributions", ", ".join(f"{render.short(p['peer'])} serial {p['serial']}" for p in peers)),
            ("fedpeer", told.get("fedpeer", "")),
            ("noise", told.get("noise", "").removeprefix("noise: ")),
        ]
    )


def _condition(told: Mapping[str, Any]) -> str:
    if told["low"] is None:
        return f"of {told['of']}"
    if told["value"] is None:
        return f"{told['low']:.3g} or more, of {told['of']}"
    return f"{told['value']:.6g} ({told['low']:.6g} to {told['high']:.6g}) of {told['of']}"
