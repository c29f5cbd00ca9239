"""`fit`, `models` and `predict`."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import click
import msgspec

from fedpeer.cli import frame, progress, render
from fedpeer.cli.certificate import draw_certificate
from fedpeer.cli.data import OPTION, location, pairs, read_rows
from fedpeer.cli.regression import draw_model
from fedpeer.client import ApiError
from fedpeer.core.errors import SourceError
from fedpeer.core.models.kinds import TARGETLESS
from fedpeer.node.origins import Written
from fedpeer.node.shapes import Fitted, Job, Predicted

FILE = click.Path(path_type=Path, allow_dash=True)

_AT_ONCE = 5000
_FORMS, _SHAPES = ("json", "python", "sql", "onnx"), ("text", "html", "csv")
_OUT = click.option("-o", "--out", type=click.Path(path_type=Path), metavar="FILE", help="A file, instead of stdout.")


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
    """List, show, export and forget the models that are kept on this node."""
    if ctx.invoked_subcommand is None:
        client = frame.client()
        frame.show(client.models(frame.federation(client)), _draw_list)


@models.command()
@click.argument("model")
def show(model: str) -> None:
    """Print MODEL as it was fitted."""
    client = frame.client()
    frame.show(client.model(frame.federation(client), model), _draw_whole)


@models.command()
@click.argument("model")
def forget(model: str) -> None:
    """Forget MODEL."""
    client = frame.client()
    client.forget(frame.federation(client), model)
    frame.show({"forgotten": model}, lambda _: render.say(f"forgot model {model}"))


@models.command()
@click.argument("model")
@click.option("--form", type=click.Choice(_FORMS), default="json", show_default=True, help="What to write.")
@click.option("--table", default="patients", show_default=True, metavar="NAME", help="What the SQL selects from.")
@_OUT
def export(model: str, form: str, table: str, out: Path | None) -> None:
    """Write MODEL for other programs: JSON, Python or SQL that predicts, or ONNX."""
    if form == "onnx" and out is None and sys.stdout.isatty():
        raise click.UsageError("ONNX is not for a terminal: name a file with --out")
    client = frame.client()
    _write(client.export(frame.federation(client), model, form, table=table), out)


@models.command()
@click.argument("model")
@click.option("--form", type=click.Choice(_SHAPES), default="text", show_default=True, help="What to write.")
@_OUT
def report(model: str, form: str, out: Path | None) -> None:
    """Write the report of MODEL for people: a text, a page or a sheet."""
    client = frame.client()
    _write(client.report(frame.federation(client), model, form).encode(), out)


@click.command(cls=frame.Command)
@click.argument("model")
@click.argument("file", type=FILE, default="-")
@click.option("--to", metavar="PLACE", help="Have the daemon read FILE, and write rows and predictions to this file.")
@click.option("--overwrite", is_flag=True, help="Replace a file that was written so before.")
@OPTION
def predict(model: str, file: Path, to: str | None, overwrite: bool, options: tuple[str, ...]) -> None:
    """Predict the rows of FILE (CSV with a header line, or JSON) with MODEL: one a line, empty where one cannot.

    Prints one prediction for each row, in order: a number, or the name of a class. With --to, FILE is whatever
    `fedpeer data add` takes, and nothing is printed but how many rows there were.
    """
    client = frame.client()
    fed = frame.federation(client)
    if to is not None:
        told = pairs(options)
        job = client.predict_into(fed, model, location(str(file)), to=location(to), overwrite=overwrite, **told)
        ended = progress.follow(client, job)
        if ended.error is not None:
            raise ApiError.of(ended.error)
        frame.show(ended, _draw_written)
        return
    if options or overwrite:
        raise click.UsageError("--option and --overwrite go with --to")
    values = [v for part in _parts(file) for v in client.predict(fed, model, part).values]
    frame.show(Predicted(values=values), _draw_predicted)


def _write(data: bytes, out: Path | None) -> None:
    if out is None:
        click.echo(data, nl=False)
    else:
        out.write_bytes(data)
        render.say(f"wrote {out}")


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


def _draw_whole(fitted: Fitted) -> None:
    draw_model(fitted)
    draw_certificate(fitted.model)


def _draw_list(every: list[Fitted]) -> None:
    rows = (
        (m.id, m.kind, m.model.get("target", "–"), m.of, render.count(m.rows), render.moment(m.created_at))
        for m in every
    )
    render.table(("MODEL", "KIND", "TARGET", "OF", ">ROWS", "FITTED"), rows, empty="no models yet: `fedpeer fit`")


def _draw_written(ended: Job) -> None:
    told = msgspec.convert(ended.result, Written)
    render.say(f"wrote {render.count(told.rows, 'row')} of {told.source} with predictions to {told.place}", "green")


def _draw_predicted(told: Predicted) -> None:
    for value in told.values:
        click.echo("" if value is None else value if isinstance(value, str) else repr(value))
