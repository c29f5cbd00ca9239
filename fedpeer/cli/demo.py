"""`demo`: the stage on which three hospitals federate: a folder, four daemons, and what becomes of them."""

from __future__ import annotations

import importlib
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from fedpeer.cli import frame, render
from fedpeer.cli.crew import Running, crew

SITES = ("screening", "general", "referral", "practice")

_HEADLINE = "Three hospitals, one question, and no patient leaves the house"
_QUESTION = """\
How strongly does the size of a tumour point to cancer? Three hospitals could tell, if they put their patients into one
table. They must not. With fedpeer each keeps its rows and sends sums only, and all get the result of the one table.
What follows really happens on this machine: every site is a process of its own, and they meet on a real NATS bus."""


@click.command(cls=frame.Command)
@click.option("--keep", is_flag=True, help="Leave everything running at the end, and say how to look at it.")
@click.option("--home", type=click.Path(path_type=Path), metavar="DIR", help="Work in this new directory.")
def demo(keep: bool, home: Path | None) -> int:
    """Watch three hospitals federate, on this machine, in 20 seconds.

    Four daemons and a message bus are started, used and ended. Exit code 1 if the federated result is not, bit for
    bit, that of the pooled rows.
    """
    began = time.monotonic()
    render.say(_HEADLINE, "bold cyan")
    render.say(_QUESTION)
    with _folder(home, keep=keep) as root, crew(root, SITES, keep=keep) as start:
        # The story needs the numerical libraries: they are loaded while the daemons start.
        story = importlib.import_module("fedpeer.cli.story")
        daemons: Mapping[str, Running] = start()
        true: bool = story.tell(daemons, root)
        render.say(
            f"\n{'All of it is true' if true else 'NOT TRUE'}, in {time.monotonic() - began:.0f} seconds.", "bold"
        )
        if keep:
            _leave(daemons, root)
    return frame.DONE if true else frame.FAILED


@contextmanager
def _folder(wanted: Path | None, *, keep: bool) -> Iterator[Path]:
    """A new folder for homes and files; it goes away at the end if nobody named it and nothing goes on in it."""
    if wanted is not None:
        if wanted.exists() and any(wanted.iterdir()):
            raise click.BadParameter(f"{wanted} is not empty: name a new directory", param_hint="--home")
        wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield wanted.resolve()
        return
    root = Path(tempfile.mkdtemp(prefix="fedpeer-demo-"))
    done = False
    try:
        yield root
        done = True
    finally:
        if not (keep and done):
            shutil.rmtree(root, ignore_errors=True)


def _leave(daemons: Mapping[str, Running], root: Path) -> None:
    """Say how to look at what goes on running, and how to end it."""
    first, second = (shlex.quote(str(daemons[name].home)) for name in SITES[:2])
    numbers = " ".join(str(one.process.pid) for one in daemons.values())
    render.say("\nEverything goes on running. Look at it:")
    for line in (
        f"fedpeer --home {first} status",
        f"fedpeer --home {first} peers",
        f"fedpeer --home {second} explore",
        f"fedpeer --home {second} fit ols malignant 'mean radius' 'mean texture'",
        f"fedpeer --home {second} log",
    ):
        render.say(f"    {line}", "bold")
    render.say("End it:")
    render.say(f"    kill {numbers}; rm -r {shlex.quote(str(root))}", "bold")
