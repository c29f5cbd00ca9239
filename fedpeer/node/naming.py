"""What an operator may write instead of an id: a beginning of it that no other has, long enough not to be a chance.

Ids are drawn, so a short text that means something else, as a name that is gone, would often begin one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from fedpeer.core.errors import UnknownError
from fedpeer.node.engine import PROJECT

T = TypeVar("T")

LEAST_BEGUN: Final = 4  # drawn signs: with base32 one text in a million begins a given id


def begun(ids: Iterable[str], text: str) -> list[str]:
    """The drawn ids that begin with a text of at least `LEAST_BEGUN` of their drawn signs."""
    return [each for each in ids if each.startswith(text) and len(text) >= _least(each)]


def called(names: Mapping[str, str], text: str, rather: Sequence[Callable[[str], bool]], *, whole: bool) -> str:
    """The id of what is called so, or, unless the `whole` is meant, whose id begins so; UnknownError if not one is.

    Of several of one name it is the only one that is `rather` meant: each of these, in turn, leaves some of them.
    """
    fits = [each for each, name in names.items() if name == text] or ([] if whole else begun(names, text))
    for preferred in rather:
        fits = ([each for each in fits if preferred(each)] or fits) if len(fits) > 1 else fits
    if len(fits) != 1:
        hint = (
            f"say which by its id: {', '.join(fits)}"
            if fits
            else "`fedpeer status` and `fedpeer project list` list them"
        )
        raise UnknownError(f"{len(fits) or 'no'} federations or projects here are called {text[:64]!r}", hint=hint)
    return fits[0]


def named(known: Mapping[str, T], text: str, what: str, command: str) -> T:
    """The one whose id this is, or begins so; UnknownError if none or several do."""
    fits = [text] if text in known else begun(known, text)
    if len(fits) != 1:
        told = f"{len(fits) or 'no'} {what} here are called {text[:40]!r}"
        raise UnknownError(told, hint=f"`{command}` lists them; a beginning has at least {LEAST_BEGUN} signs")
    return known[fits[0]]


def _least(drawn: str) -> int:
    return LEAST_BEGUN + (len(PROJECT) if drawn.startswith(PROJECT) else 0)
