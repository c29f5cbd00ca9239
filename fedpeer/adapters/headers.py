"""Finding the columns that are asked for in the header that a file has."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Sequence

from fedpeer.core.errors import SourceError

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas"}


def folded(name: str) -> str:
    """Return a column's name as schemas spell it: composed Unicode, no blanks at its ends."""
    return unicodedata.normalize("NFC", name).strip()


def places(header: Sequence[str], wanted: Sequence[str] | None, place: str) -> dict[str, int]:
    """Return the position of each wanted column (None: all); SourceError for one that is missing or there twice."""
    have = [folded(name) for name in header]
    asked = have if wanted is None else list(wanted)
    missing = [name for name in asked if folded(name) not in have]
    if missing:
        raise SourceError(f"{place} has no column {_listed(missing)}", hint=_hint(missing[0], header, have))
    twice = next((name for name in asked if have.count(folded(name)) > 1), None)
    if twice is not None:
        raise SourceError(f"{place} has the column {twice!r} twice", hint="rename one of the two in the file")
    return {name: have.index(folded(name)) for name in asked}


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(map(repr, names[:5])) + more


def _hint(name: str, header: Sequence[str], have: Sequence[str]) -> str:
    if len(header) == 1:
        for sign, word in _SEPARATORS.items():
            if sign in header[0]:
                return f"its columns look separated by {word}: say so with the delimiter option"
    near = difflib.get_close_matches(name, have, n=1, cutoff=0.6)
    if near:
        return f"the nearest that it has is {near[0]!r}; a schema's names must be those of the file's first row"
    return f"it has {_listed(have)}; a schema's names must be those of the file's first row"
