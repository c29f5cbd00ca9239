"""`cipher`: what sums are made with, where a cipher hides what is summed."""

from __future__ import annotations

import click

from fedpeer.cli import frame, render
from fedpeer.node.shapes import Cipher


@click.command(cls=frame.Command)
def cipher() -> None:
    """Show what sums are made with: parameters, sizes, and digests to compare with other nodes'."""
    client = frame.client()
    frame.show(client.cipher(frame.federation(client)), _draw)


def _draw(told: Cipher) -> None:
    named = ", ".join(f"{name} {_numbers(value)}" for name, value in told.parameters.items())
    render.pairs(
        [
            ("scheme", f"{told.scheme}, a key of {told.key_bits} bits"),
            ("parameters", named),
            ("a vector", f"{told.entries} numbers, at most {told.bytes} bytes when encrypted"),
            ("contributors", str(told.addends)),
            ("layout", told.layout),
            ("digest", told.digest),
        ]
    )


def _numbers(value: int | list[int]) -> str:
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)
