"""`data`: adding rows, listing them, taking them back out."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import msgspec

from fedpeer import daemon
from fedpeer.cli import frame, progress, prompt, render
from fedpeer.cli.federation import read_schema
from fedpeer.client import ApiError, Client
from fedpeer.core.errors import SourceError, UnknownError
from fedpeer.core.statistics.collect import Collected, tally
from fedpeer.core.statistics.schema import Schema
from fedpeer.node.origins import DataSource, Watch
from fedpeer.node.shapes import Batch, Job, Withdrawal
from fedpeer.node.sources import NAMED
from fedpeer.ports import Source

FILE = click.Path(path_type=Path, allow_dash=True)
SCHEMA = click.Path(path_type=Path)
EVERY = click.IntRange(1, 86_400)
LOCATION = click.argument("locations", metavar="SOURCE...", nargs=-1, required=True)
QUERY = click.option("--query", metavar="SELECT", help="What to ask a database (sqlite:, postgresql:, duckdb:).")
MAP = click.option("--map", "maps", multiple=True, metavar="COLUMN=FEATURE", help="A column that is called otherwise.")
OPTION = click.option("--option", "options", multiple=True, metavar="KEY=VALUE", help="How to read it (docs/cli.md).")
_ADDRESS = re.compile(r"[a-z]+://|(source|sqlite|duckdb|postgres(ql)?):")


@click.group(cls=frame.Group)
def data() -> None:
    """Add, list and withdraw rows. Rows never leave this node: only their summary does."""


@data.command()
@LOCATION
@MAP
@QUERY
@OPTION
@click.option("--force", is_flag=True, help="Count a file again that was counted already.")
@click.option("--no-wait", is_flag=True, help="Return at once; `fedpeer jobs` shows how far it is.")
def add(locations: tuple[str, ...], force: bool, no_wait: bool, **how: Any) -> None:
    """Count the rows of files, folders, patterns and databases that the daemon can read."""
    client, told = frame.client(), reading(**how)
    fed = frame.federation(client)
    done = [
        _counted(client, client.add_source(fed, location(place), force=force, **told), no_wait=no_wait)
        for place in locations
    ]
    frame.show(done if len(done) > 1 else done[0], lambda _: _draw_jobs(done))


@data.command()
@click.argument("file", type=FILE, default="-")
@click.option("--source", default="", help="What to call these rows in the list (the file's name).")
@click.option("--force", is_flag=True, help="Count rows again that were counted already.")
def rows(file: Path, source: str, force: bool) -> None:
    """Send rows as JSON: a list of objects, an object of columns, or an object a line; - is stdin."""
    client = frame.client()
    called = source or (file.name if str(file) != "-" else "stdin")
    job = client.add_rows(frame.federation(client), read_rows(file), source=called, force=force)
    frame.show(_counted(client, job, no_wait=False), _draw_job)


@data.command(name="list")
def list_() -> None:
    """List what was counted on this node."""
    client = frame.client()
    frame.show(client.batches(frame.federation(client)), _draw_list)


@data.command()
@click.argument("batch", required=False, default="")
@click.option("--rows", "place", metavar="SOURCE", help="Take only these rows out of the batch.")
@MAP
@QUERY
@OPTION
@click.option("--yes", is_flag=True, help="Do not ask.")
def withdraw(batch: str, place: str | None, yes: bool, **how: Any) -> None:
    """Take the rows of BATCH back out, exactly; the others learn the new summary with the next pulse.

    With --rows SOURCE, only the rows that SOURCE has; BATCH may be left out if no other batch can have them.
    """
    client = frame.client()
    fed, told = frame.federation(client), reading(**how)
    if place is not None:
        which = f"batch {batch}" if batch else "the batch that has them"
        prompt.confirm(f"take the rows of {place} out of {which}?", sure=yes)
        job = _counted(client, client.withdraw_rows(fed, location(place), batch=batch, **told), no_wait=False)
        frame.show(job, _draw_left)
        return
    if not batch or told:
        raise click.UsageError("name the batch, or the rows with --rows")
    prompt.confirm(f"take the rows of batch {batch} back out?", sure=yes)
    gone = client.withdraw(fed, batch)
    frame.show(gone, lambda told: render.say(f"took {render.count(told.rows, 'row')} of {told.source} back out"))


@data.command()
@click.argument("place", metavar="SOURCE")
@MAP
@OPTION
@click.option("--every", "every_s", type=EVERY, default=60, metavar="SECONDS", help="How often to look (60).")
@click.option("--force", is_flag=True, help="Count its files anew, also those that were counted before.")
def watch(place: str, every_s: int, force: bool, **how: Any) -> None:
    """Look at a folder, a pattern or a growing file again and again, and count what is new."""
    client = frame.client()
    told = reading(query=None, **how)
    watched = client.watch(frame.federation(client), location(place), every_s=every_s, force=force, **told)
    frame.show(watched, lambda w: render.say(f"watches {w.location} every {w.every_s} s (watch {w.id})", "green"))


@data.command()
def watches() -> None:
    """List the places that are watched."""
    client = frame.client()
    frame.show(client.watches(frame.federation(client)), _draw_watches)


@data.command()
@click.argument("watch")
def unwatch(watch: str) -> None:
    """Look at a place no more; what was counted stays."""
    client = frame.client()
    gone = client.unwatch(frame.federation(client), watch)
    frame.show(gone, lambda told: render.say(f"watches {told.location} no more"))


@data.command()
def receipts() -> None:
    """List what was withdrawn after others had it, who has confirmed that it holds it no longer, and who has not."""
    client = frame.client()
    frame.show(client.receipts(frame.federation(client)), _draw_receipts)


@data.command()
@click.argument("location", metavar="SOURCE")
@MAP
@QUERY
@OPTION
@click.option("--schema", "schema_file", type=SCHEMA, help="Against this schema instead of the federation's.")
def check(location: str, schema_file: Path | None, **how: Any) -> int:
    """Say how SOURCE differs from the schema, with a mapping that may settle it, without counting anything.

    Exit code 3 when a feature has no column, or no row fits.
    """
    if schema_file is not None:
        agreed = read_schema(schema_file)
    else:
        client = frame.client()
        agreed = Schema.from_dict(client.schema(frame.federation(client), counted=True))
    found = here(location, agreed, reading(**how))
    fit = daemon.compared(found, agreed)
    tried = None if fit["missing"] else tally(agreed, found.batches(agreed.needed))
    account = None if tried is None else tried.report()
    frame.show(fit | {"account": account}, lambda _: _draw_fit(fit, tried))
    return frame.DONE if tried is not None and tried.counted else frame.NO


def pairs(options: tuple[str, ...]) -> dict[str, Any]:
    """KEY=VALUE options as a mapping; a value that is JSON is read as such, any other as text."""
    told: dict[str, Any] = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"{option!r} is not of the form KEY=VALUE", param_hint="--option")
        try:
            told[key] = msgspec.json.decode(value)
        except msgspec.DecodeError:
            told[key] = value
    return told


def read_rows(file: Path) -> Any:
    """Rows of a JSON file, or of one with an object on each line."""
    with click.open_file(str(file), "rb") as stream:
        text = stream.read()
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        try:
            return msgspec.json.Decoder(dict[str, Any]).decode_lines(text)
        except msgspec.DecodeError:
            hint = "give a list of objects, an object of columns, or one object a line"
            raise SourceError(f"{file} holds no JSON rows: {error}", hint=hint) from None


def draw_faults(read: int, counted: int, rejected: dict[str, dict[str, int]]) -> None:
    """Say how many rows were left out, and why, by feature."""
    if read == counted and not rejected:
        return
    render.say(f"{render.count(read - counted, 'row')} left out; values that could not be counted:", "yellow")
    reasons = [(name, reason, render.count(n)) for name, told in rejected.items() for reason, n in told.items()]
    render.table(("FEATURE", "REASON", ">VALUES"), reasons)


def draw_gaps(missing: dict[str, int]) -> None:
    """Say how many of the rows that count lack each feature."""
    if missing:
        render.say("counted without a feature that they lack:", "yellow")
        render.table(("FEATURE", ">ROWS"), ((name, render.count(rows)) for name, rows in missing.items()))


def reading(maps: tuple[str, ...], query: str | None, options: tuple[str, ...]) -> dict[str, Any]:
    """The options of a source that --map, --query and --option say."""
    told = pairs(options) | ({} if query is None else {"query": query})
    named = {}
    for each in maps:
        column, equals, feature = each.rpartition("=")
        if not equals or not column or not feature:
            raise click.BadParameter(f"{each!r} is not of the form COLUMN=FEATURE", param_hint="--map")
        named[column] = feature
    return told | ({"map": named} if named else {})


def named(client: Client, name: str) -> DataSource:
    """The place that has this name."""
    found = next((each for each in client.sources() if each.name == name), None)
    if found is None:
        raise UnknownError(f"there is no source {name!r}", hint="`fedpeer source list` lists them")
    return found


def here(place: str, agreed: Schema | None, told: dict[str, Any]) -> Source:
    """The rows at a place, or at one that has a name, as this machine reads them."""
    if place.startswith(NAMED):
        kept = named(frame.client(), place.removeprefix(NAMED))
        place, told = kept.location, kept.options | told
    return daemon.source(place, agreed, told)


def location(place: str) -> str:
    """A path as the daemon sees it; with --url the daemon is elsewhere, and the path is its own."""
    ours = frame.settings().url is None and not _ADDRESS.match(place)
    return str(Path(place).resolve()) if ours else place


def _counted(client: Client, job: Job, *, no_wait: bool) -> Job:
    if no_wait:
        return job
    ended = progress.follow(client, job)
    if ended.error is not None:
        raise ApiError.of(ended.error)
    return ended


def _draw_fit(fit: dict[str, Any], tried: Collected | None) -> None:
    for name in fit["missing"]:
        column = next((column for column, meant in fit["suggested"].items() if meant == name), None)
        render.say(f"no column {name}" + (f"; {column} may be it" if column else ""), "yellow")
    for note in fit["notes"]:
        render.say(note, "yellow")
    unused = ", ".join(fit["unused"])
    if unused:
        render.say(f"not used: {unused}", "dim")
    if fit["suggested"]:
        maps = " ".join(f"--map {shlex.quote(f'{column}={name}')}" for column, name in fit["suggested"].items())
        render.say(f"try: {maps}")
    if tried is not None:
        render.say(f"{render.count(tried.counted)} of {render.count(tried.read, 'row')} would be counted")
        draw_faults(tried.read, tried.counted, tried.rejected)
        draw_gaps(tried.gaps)


def _draw_jobs(jobs: list[Job]) -> None:
    for job in jobs:
        _draw_job(job)


def _draw_job(job: Job) -> None:
    if job.state != "done":
        render.say(f"job {job.id} is {job.state}")
        return
    batch = msgspec.convert(job.result, Batch)
    render.say(f"counted {render.count(batch.rows, 'row')} of {batch.source} (batch {batch.id})", "green")
    draw_faults(batch.read, batch.rows, batch.rejected)
    draw_gaps(batch.missing)


def _draw_left(job: Job) -> None:
    batch = msgspec.convert(job.result, Batch)
    left = render.count(batch.rows, "row")
    render.say(f"batch {batch.id} of {batch.source} has {left} left, {batch.withdrawn:,} were taken out", "green")


def _draw_watches(watches: list[Watch]) -> None:
    drawn = ((w.id, w.location, f"{w.every_s} s", f"{w.files:,}", f"{w.rows:,}") for w in watches)
    render.table(("WATCH", "SOURCE", ">EVERY", ">FILES", ">ROWS"), drawn, empty="nothing is watched")


def _draw_receipts(withdrawals: list[Withdrawal]) -> None:
    drawn = (
        (w.serial or "-", f"{w.rows:,}", render.moment(w.at), w.state, len(w.receipts), ", ".join(w.waiting_for) or "-")
        for w in withdrawals
    )
    heads = (">CONTRIBUTION", ">ROWS OUT", "SINCE", "STATE", ">RECEIPTS", "MISSING")
    render.table(heads, drawn, empty="nothing was withdrawn that others had")


def _draw_list(batches: list[Batch]) -> None:
    left_out = {b.id: b.read - b.rows - b.withdrawn for b in batches}
    persons = any(b.patients is not None for b in batches)
    drawn = (
        (b.id, b.source, render.moment(b.added_at), f"{b.rows:,}", f"{left_out[b.id]:,}")
        + ((f"{b.patients or 0:,}",) if persons else ())
        + (render.short(b.digest),)
        for b in batches
    )
    heads = ("BATCH", "SOURCE", "ADDED", ">ROWS", ">LEFT OUT", *((">PATIENTS",) if persons else ()), "DIGEST")
    render.table(heads, drawn, empty="no rows yet: `fedpeer data add FILE`")
