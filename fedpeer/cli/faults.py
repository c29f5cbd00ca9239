"""How errors end: one line what, one line what to try, the code; or a problem document with --json."""

from __future__ import annotations

import os
import sys
from http import HTTPStatus

import click
import msgspec
from click.exceptions import NoArgsIsHelpError

from fedpeer.cli import frame
from fedpeer.client import ApiError, Problem
from fedpeer.core.errors import AccessError, FedpeerError, UnreachableError


def report(error: BaseException, *, as_json: bool) -> int:
    """Tell stderr what went wrong and return the exit code; a bug is raised again, with its traceback."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return frame.INTERRUPTED
    if isinstance(error, BrokenPipeError | SystemExit):  # click and rich make the one into the other
        return _unread()
    if isinstance(error, NoArgsIsHelpError) and error.ctx is not None:
        click.echo(error.ctx.get_help())
        return frame.MISUSED
    code, problem = _told(error)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(problem), indent=2), err=True)
    else:
        _tell(problem)
    return code


def _told(error: BaseException) -> tuple[int, Problem]:
    match error:
        case ApiError():
            denied = error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) and error.code == AccessError.code
            return frame.DENIED if denied else frame.FAILED, error.problem
        case UnreachableError():
            return frame.UNREACHABLE, _problem(error)
        case AccessError():
            return frame.DENIED, _problem(error)
        case FedpeerError():
            return frame.FAILED, _problem(error)
        case click.UsageError():
            called = error.ctx.command_path if error.ctx else "fedpeer"
            about = error.format_message()
            return frame.MISUSED, Problem(code="usage", detail=_quiet(about), hint=f"see `{called} --help`")
        case click.ClickException():
            return frame.FAILED, Problem(code="file", detail=_quiet(error.format_message()), hint="check the path")
        case OSError():
            about = f"{error.filename}: {str(error.strerror).lower()}" if error.filename else str(error)
            return frame.FAILED, Problem(code="file", detail=_quiet(about), hint="check the path and its permissions")
    raise error


def _problem(error: FedpeerError) -> Problem:
    return Problem(
        code=error.code, title=type(error).__name__.removesuffix("Error"), detail=str(error), hint=error.hint
    )


def _tell(problem: Problem) -> None:
    code = f" {problem.code}" if problem.code.startswith("FP") else ""
    mark = click.style(f"error{code}:", fg="red", bold=True)
    click.echo(
        f"{mark} {problem.detail or problem.title}", err=True, color=False if os.environ.get("NO_COLOR") else None
    )
    if problem.hint:
        click.echo(f"hint: {problem.hint}", err=True)


def _quiet(text: str) -> str:
    """Another library's message in the voice of ours: lower case, no full stop."""
    text = text.strip().removesuffix(".").replace(". Did you", "; did you")
    return text[:1].lower() + text[1:]


def _unread() -> int:
    """The reader of our output went away (`| head`): stop quietly, as other tools do."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return frame.DONE
