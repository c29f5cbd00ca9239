"""Secrets that people type: asked hidden, or read from a file or the environment; never from the command line."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

VARIABLE = "FEDPEER_PASSPHRASE"

_MODE = 0o600


def passphrase(file: Path | None, *, prompt: str = "Passphrase of the invite", twice: bool = False) -> str:
    """The passphrase from `file` (`-`: stdin), else from FEDPEER_PASSPHRASE, else typed at the terminal."""
    if file is not None:
        text = sys.stdin.readline() if str(file) == "-" else file.read_text("utf-8")
        return _checked(text.strip(), f"{file} holds no passphrase")
    if VARIABLE in os.environ:
        return _checked(os.environ[VARIABLE].strip(), f"{VARIABLE} is empty")
    if not sys.stdin.isatty():
        missing = f"a passphrase is needed, and no terminal to ask at: give --passphrase-file or {VARIABLE}"
        raise click.UsageError(missing, _here())
    typed: str = click.prompt(prompt, hide_input=True, err=True, confirmation_prompt=twice)
    return _checked(typed.strip(), "no passphrase was typed")


def unused(*paths: Path | None) -> None:
    """Refuse files that are there already, before anything is made that would go into them."""
    for path in paths:
        if path is not None and path.exists():
            raise click.BadParameter(f"{path} exists already; name a new file")


def keep(path: Path, text: str) -> None:
    """Write a secret to a new file that only its owner can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "w", encoding="utf-8") as file:
        file.write(text)


def confirm(question: str, *, sure: bool) -> None:
    """Ask before what is not taken back by another command, or not in full; `sure` (--yes) answers beforehand."""
    if sure:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} there is no terminal to ask at: say --yes", _here())
    click.confirm(question, abort=True, err=True)


def _checked(text: str, missing: str) -> str:
    if not text:
        raise click.UsageError(missing, click.get_current_context(silent=True))
    return text


def _here() -> click.Context | None:
    return click.get_current_context(silent=True)
