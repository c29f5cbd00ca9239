"""`plot`: pictures, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fedpeer.cli import frame, progress, render
from fedpeer.cli.data import location
from fedpeer.client import ApiError, Client


@click.command(cls=frame.Command)
@click.argument("name")
@click.argument("features", nargs=-1)
@click.option("--of", default="total", show_default=True, metavar="WHOM", help="total, local, rest, or members.")
@click.option("--against", default="", metavar="WHOM", help="Whose rows to compare with: rest, local, or members.")
@click.option("--model", default="", metavar="MODEL", help="Draw this kept model instead of rows.")
@click.option("--source", default="", metavar="SOURCE", help="Evaluate the model on these rows and draw that.")
@click.option("-o", "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="FILE.svg or .png.")
def plot(name: str, features: tuple[str, ...], out: Path, **how: Any) -> None:
    """Draw NAME of FEATURES (of all, if none), or of a model, into a file. docs/plots.md shows every NAME."""
    form = out.suffix.removeprefix(".")
    client = frame.client()
    fed = frame.federation(client)
    with progress.spin("drawing"):
        data = _drawn(client, fed, f"{name}.{form}", features, how)
    out.write_bytes(data)
    frame.show({"file": str(out), "bytes": len(data)}, lambda told: render.say(f"wrote {told['file']}"))


def _drawn(client: Client, fed: str, picture: str, features: tuple[str, ...], how: dict[str, Any]) -> bytes:
    model, source = how.pop("model"), how.pop("source")
    if not model:
        return client.picture(fed, picture, features=features, **how)
    if not source:
        return client.picture(fed, picture, model=model)
    job = progress.follow(client, client.evaluate(fed, model, location(source), terms={}))
    if job.error is not None:
        raise ApiError.of(job.error)
    return client.picture(fed, picture, job=job.id)
