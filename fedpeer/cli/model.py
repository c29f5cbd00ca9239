"""`fit`, `models` and `predict`."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import click

from fedpeer.cli import frame, progress, render
from fedpeer.cli.data import OPTION, pairs, read_rows
from fedpeer.cli.regression import draw_model
from fedpeer.core.errors import SourceError
from fedpeer.core.models.kinds import TARGETLESS
from fedpeer.node.shapes import Fitted, Predicted

FILE = click.Path(path_type=Path, allow_dash=True)

_AT_ONCE = 5000


@click.command(cls=frame.Command)
@click.argument("kind")
@click.argument("target", required=False)
@click.argument("features", nargs=-1)
@click.option("--of", default="total", show_default=True, metavar="WHOM", help="total, local, rest, or members.")
@OPTION
def fit(kind: str, target: str | None, features: tuple[str, ...], of: str, options: tuple[str, ...]) -> None:
    """Fit a model and keep it: KIND is one of docs/models.md, TARGET what is predicted from FEATURES (all others).

    For example: fedpeer fit ols malignant "mean radius" "mean texture"

    Without a target, such as pca, every name is a feature.
    """
    client, told = frame.client(), pairs(options)
    if kind in TARGETLESS:
        features = (target, *features) if target else ()
        target = None
    fed = frame.federation(client)
    with progress.spin("fitting"):
        fitted = client.fit(fed, kind, target=target, features=features, of=of, **told)
    frame.show(fitted, draw_model)


@click.group(cls=frame.Group, invoke_without_command=True)
@click.pass_context
def models(ctx: click.Context) -> None:
    """List, show and forget the models that are kept on this node."""
    if ctx.invoked_subcommand is None:
        client = frame.client()
        frame.show(client.models(frame.federation(client)), _draw_list)


@models.command()
@click.argument("model")
def show(model: str) -> None:
    """Print MODEL as it was fitted."""
    client = frame.client()
    frame.show(client.model(frame.federation(client), model), draw_model)


@models.command()
@click.argument("model")
def forget(model: str) -> None:
    """Forget MODEL."""
    client = frame.client()
    client.forget(frame.federation(client), model)
    frame.show({"forgotten": model}, lambda _: render.say(f"forgot model {model}"))


@click.command(cls=frame.Command)
@click.argument("model")
@click.argument("file", type=FILE, default="-")
def predict(model: str, file: Path) -> None:
    """Predict the rows of FILE (CSV with a header line, or JSON) with MODEL: one a line, empty where one cannot.

    Prints one prediction for each row, in order: a number, or the name of a class.
    """
    client = frame.client()
    fed = frame.federation(client)
    values = [v for part in _parts(file) for v in client.predict(fed, model, part).values]
    frame.show(Predicted(values=values), _draw_predicted)


def _parts(file: Path) -> Iterator[Any]:
    """The rows in parts that fit into a request."""
    if file.suffix in (".json", ".jsonl", ".ndjson") or str(file) == "-":
        rows = read_rows(file)
        if isinstance(rows, dict):
            yield rows
            return
        for start in range(0, len(rows), _AT_ONCE):
            yield rows[start : start + _AT_ONCE]
        return
    with click.open_file(str(file), encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream, restkey="")
        if not reader.fieldnames:
            raise SourceError(f"{file} is empty", hint="give a CSV file with a header line")
        while part := list(islice(reader, _AT_ONCE)):
            yield [{name: _cell(value) for name, value in row.items()} for row in part]


def _cell(text: str | None) -> float | str | None:
    if text is None or not text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        return text


def _draw_list(every: list[Fitted]) -> None:
    rows = (
        (m.id, m.kind, m.model.get("target", "–"), m.of, render.count(m.rows), render.moment(m.created_at))
        for m in every
    )
    render.table(("MODEL", "KIND", "TARGET", "OF", ">ROWS", "FITTED"), rows, empty="no models yet: `fedpeer fit`")


def _draw_predicted(told: Predicted) -> None:
    for value in told.values:
        click.echo("" if value is None else value if isinstance(value, str) else repr(value))
