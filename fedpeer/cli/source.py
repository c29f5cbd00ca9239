"""`source`: places of rows that have a name, and a look at what is there."""

from __future__ import annotations

import shlex
from typing import Any

import click
import msgspec

from fedpeer.cli import frame, prompt, render
from fedpeer.cli.data import MAP, OPTION, QUERY, location, named, reading
from fedpeer.node.origins import DataSource, Place, Sample
from fedpeer.node.sources import SAMPLE

_UNITS = ("B", "kB", "MB", "GB", "TB")


@click.group(cls=frame.Group)
def source() -> None:
    """Give places of rows a name, and look at what is there.

    Wherever a SOURCE is asked for, `source:NAME` then stands for the place and for how it is read.
    """


@source.command()
@click.argument("name")
@click.argument("place", metavar="SOURCE")
@MAP
@QUERY
@OPTION
@click.option("--replace", is_flag=True, help="Give NAME, which another place has, to this one.")
def add(name: str, place: str, replace: bool, **how: Any) -> None:
    """Let NAME stand for SOURCE, whatever `fedpeer data add` takes, and for how it is read."""
    kept = frame.client().keep_source(name, location(place), anew=replace, **reading(**how))
    frame.show(kept, lambda told: render.say(f"source:{told.name} is {told.location}", "green"))


@source.command(name="list")
def list_() -> None:
    """List the places that have a name."""
    frame.show(frame.client().sources(), _draw_list)


@source.command()
@click.argument("name")
def show(name: str) -> None:
    """Show the place that NAME stands for, and how it is read."""
    frame.show(named(frame.client(), name), _draw_one)


@source.command()
@click.argument("name")
@click.option("--rows", type=click.IntRange(1, SAMPLE), default=10, show_default=True, help="How many, at most.")
def preview(name: str, rows: int) -> None:
    """Show the first rows at the place NAME, which must be below `data.roots` of the node's settings."""
    frame.show(frame.client().sample(name, rows=rows), _draw_rows)


@source.command()
@click.argument("folder", default="")
def browse(folder: str) -> None:
    """List what is in a FOLDER below `data.roots`; without one, the folders that these are."""
    found = frame.client().browse(location(folder) if folder else "")
    frame.show(found, _draw_places)


@source.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(name: str, yes: bool) -> None:
    """Forget NAME; the place, and what was counted of it, stay."""
    prompt.confirm(f"forget the name {name}?", sure=yes)
    frame.client().forget_source(name)
    frame.show(None, lambda _: render.say(f"source:{name} stands for nothing any more"))


def _read(how: dict[str, Any]) -> str:
    """How a source is read, as it is typed."""
    maps = how["map"] if isinstance(how.get("map"), dict) else {}
    told = [("--map", f"{column}={feature}") for column, feature in maps.items()]
    told += [("--query", _text(how["query"]))] if "query" in how else []
    told += [
        ("--option", f"{key}={_text(how[key])}") for key in sorted(how.keys() - {"query", *({"map"} if maps else ())})
    ]
    return " ".join(f"{flag} {shlex.quote(text)}" for flag, text in told)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _draw_list(sources: list[DataSource]) -> None:
    drawn = ((each.name, each.location, _read(each.options) or "-") for each in sources)
    render.table(("NAME", "SOURCE", "READ WITH"), drawn, empty="no names yet: `fedpeer source add NAME SOURCE`")


def _draw_one(told: DataSource) -> None:
    render.pairs([("name", told.name), ("source", told.location), ("read with", _read(told.options))])
    render.say(f"count it with `fedpeer data add source:{told.name}`", "dim")


def _draw_rows(sample: Sample) -> None:
    drawn = (["" if value is None else value for value in row] for row in sample.rows)
    render.table(sample.columns, drawn, empty="there are no rows")


def _draw_places(places: list[Place]) -> None:
    drawn = (
        (f"{each.name}/" if each.folder else each.name, "" if each.folder else _size(each.bytes)) for each in places
    )
    render.table(("NAME", ">SIZE"), drawn, empty="there is nothing here")


def _size(amount: float) -> str:
    """An amount of bytes to three digits or so."""
    for unit in _UNITS:
        if amount < 1000 or unit == _UNITS[-1]:
            break
        amount /= 1000
    return f"{amount:.3g} {unit}"
