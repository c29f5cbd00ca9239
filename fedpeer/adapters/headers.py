"""Finding the columns that are asked for in the header that a source has, and guessing what is called otherwise."""

from __future__ import annotations

import difflib
import shlex
import unicodedata
from collections.abc import Mapping, Sequence

from fedpeer.core.errors import SourceError
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.table import lacked

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas"}
_EXACT_DIGITS = 15  # a decimal of so many digits survives a double and back
_SHORT = 2  # letters that say too little to be found within another name


def folded(name: str) -> str:
    """Return a column's name as schemas spell it: composed Unicode, no blanks at its ends."""
    return unicodedata.normalize("NFC", name).strip()


def places(header: Sequence[str], wanted: Sequence[str] | None, place: str) -> dict[str, int]:
    """Return the position of each wanted column (None: all); SourceError for one that is missing or there twice.

    A spare one that is missing is left out.
    """
    have = [folded(name) for name in header]
    asked = have if wanted is None else list(wanted)
    gone = [name for name in asked if folded(name) not in have]
    missing = lacked(gone)
    if missing:
        raise SourceError(f"{place} has no column {_listed(missing)}", hint=_hint(missing, header, have, asked))
    twice = next((name for name in asked if have.count(folded(name)) > 1), None)
    if twice is not None:
        raise SourceError(f"{place} has the column {twice!r} twice", hint="rename one of the two in the file")
    return {name: have.index(folded(name)) for name in asked if name not in gone}


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(map(repr, names[:5])) + more


def doubles(schema: Schema | None, names: Mapping[str, str] | None = None) -> frozenset[str]:
    """Return the columns of the continuous features whose values need no more digits than a double keeps."""
    found = []
    for feature in schema.features if schema else ():
        if feature.kind == "continuous":
            low, high, resolution = feature.limits()
            if max(abs(low), abs(high)).adjusted() - int(resolution.as_tuple().exponent) + 1 <= _EXACT_DIGITS:
                found.append((names or {}).get(feature.name, feature.name))
    return frozenset(found)


def suggested(header: Sequence[str], wanted: Sequence[str]) -> dict[str, str]:
    """Return, by column of the header, the wanted name that it probably means; each is used once."""
    free = {_bare(name): folded(name) for name in header if folded(name) not in wanted}
    found: dict[str, str] = {}
    for name in wanted:
        if name in map(folded, header):
            continue
        bare = _bare(name)
        inside = [have for have in free if min(len(have), len(bare)) > _SHORT and (have in bare or bare in have)]
        near = [bare] if bare in free else difflib.get_close_matches(bare, free, n=1, cutoff=0.6) or inside[:1]
        if near:
            found[free.pop(near[0])] = name
    return found


def _bare(name: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKD", name).casefold() if sign.isalnum()) or name


def _hint(missing: Sequence[str], header: Sequence[str], have: Sequence[str], wanted: Sequence[str]) -> str:
    if len(header) == 1:
        for sign, word in _SEPARATORS.items():
            if sign in header[0]:
                return f"its columns look separated by {word}: say so with the delimiter option"
    guess = {column: name for column, name in suggested(header, wanted).items() if name in missing}
    if guess:
        told = " ".join(f"--map {shlex.quote(f'{column}={name}')}" for column, name in list(guess.items())[:5])
        return f"the nearest that it has is {next(iter(guess))!r}; if it means the same, say so with {told}"
    return f"it has {_listed(have)}; a schema's names must be those of the source, or mapped with --map COLUMN=FEATURE"
