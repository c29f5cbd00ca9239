"""`project`: rows of this node without a federation."""

from __future__ import annotations

from pathlib import Path

import click

from fedpeer.cli import frame, prompt, render
from fedpeer.cli.federation import read_schema
from fedpeer.node.shapes import Project

FILE = click.Path(path_type=Path, allow_dash=True)


@click.group(cls=frame.Group)
def project() -> None:
    """Keep rows under a schema of their own, without a federation.

    The commands for data, statistics and models take a project in the place of a federation: --federation NAME.
    """


@project.command()
@click.argument("name")
@click.option("--schema", "schema_file", type=FILE, required=True, metavar="FILE", help="What is measured.")
def create(name: str, schema_file: Path) -> None:
    """Make the project NAME."""
    made = frame.client().create_project(name, read_schema(schema_file).to_dict())
    frame.show(made, lambda told: render.say(f"made the project {told.name} ({told.id})", "green"))


@project.command(name="list")
def list_() -> None:
    """List the projects."""
    frame.show(frame.client().projects(), _draw)


@project.command()
@click.argument("name")
@click.argument("new")
def rename(name: str, new: str) -> None:
    """Call the project NAME from now on NEW."""
    frame.show(frame.client().change_project(name, name=new), lambda told: render.say(f"it is called {told.name} now"))


@project.command()
@click.argument("name")
@click.argument("state", type=click.Choice(["on", "off"]))
def freeze(name: str, state: str) -> None:
    """Take no more rows in the project NAME, and give none back (on), or do so again (off)."""
    told = frame.client().change_project(name, frozen=state == "on")
    frame.show(told, lambda _: render.say(f"{told.name} is {'frozen' if told.frozen else 'open'}"))


@project.command()
@click.argument("name")
@click.argument("other")
@click.option("--force", is_flag=True, help="Also rows that are here already.")
def merge(name: str, other: str, force: bool) -> None:
    """Count the rows of OTHER in NAME too; both must have one schema. OTHER stays as it is."""
    told = frame.client().merge_projects(name, other, force=force)
    frame.show(told, lambda _: render.say(f"{told.name} has {render.count(told.rows, 'row')} now"))


@project.command()
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
def export(name: str, file: Path) -> None:
    """Write the sums and models of NAME to a new FILE, for another node."""
    prompt.unused(file)
    file.write_bytes(frame.client().export_project(name))
    frame.show({"file": str(file)}, lambda _: render.say(f"wrote {file}: whoever has it has every sum of {name}"))


@project.command(name="import")
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.option("--name", default="", help="A name of its own.")
def import_(file: Path, name: str) -> None:
    """Make a project out of FILE, which `project export` wrote."""
    made = frame.client().import_project(file.read_bytes(), name)
    frame.show(made, lambda told: render.say(f"made the project {told.name} ({told.id})", "green"))


@project.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(name: str, yes: bool) -> None:
    """Delete the project NAME, its rows and its models."""
    prompt.confirm(f"delete the project {name} with its rows and models?", sure=yes)
    frame.client().delete_project(name)
    frame.show(None, lambda _: render.say(f"deleted {name}"))


def _draw(projects: list[Project]) -> None:
    rows = ((p.name, p.rows, p.batches, "frozen" if p.frozen else "", p.id) for p in projects)
    render.table(("PROJECT", ">ROWS", ">BATCHES", "", "ID"), rows, empty="no projects yet: `fedpeer project create`")
