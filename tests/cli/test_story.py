"""The demonstration does not claim what is not true."""

from __future__ import annotations

import io

from rich.console import Console

from fedpeer.cli.story import _Stage


def test_one_broken_claim_breaks_the_story() -> None:
    out = io.StringIO()
    stage = _Stage(Console(file=out, width=80), clients={}, sites={})
    stage.claim(True, "two and two are four")
    assert stage.true
    stage.claim(False, "two and two are five")
    stage.claim(True, "three is odd")
    assert not stage.true
    assert [line.strip() for line in out.getvalue().splitlines()] == [
        "✓ two and two are four",
        "✗ two and two are five",
        "✓ three is odd",
    ]
