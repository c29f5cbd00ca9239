"""A line of a contract as tokens, and the error that shows the line with the place underlined."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from fedpeer.core.errors import ContractError

OPERATORS = ("<", "<=", "==", "!=", ">=", ">")
WORDS = ("AND", "OR")

_TOKEN = re.compile(
    r"""(?P<space>[ \t]+)
      | (?P<comment>\#.*)
      | (?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![0-9A-Za-z_.$]))
      | (?P<name>[A-Za-z_][0-9A-Za-z_.$]*)
      | (?P<quoted>"(?:[^"]|"")*+"|'(?:[^']|'')*+')
      | (?P<operator>[<>=!&|≤≥≠]+)
      | (?P<mark>[(),])
      | (?P<word>[0-9.][0-9A-Za-z_.$]*)
      | (?P<other>.)""",
    re.VERBOSE,
)
_BARE = re.compile(r"[A-Za-z_][0-9A-Za-z_.$]*")
_MEANT = {
    "=": "==", "===": "==", "=>": ">=", "=<": "<=", "<>": "!=", "!==": "!=", "≥": ">=", "≤": "<=", "≠": "!=",
    "&": "AND", "&&": "AND", "|": "OR", "||": "OR",
}  # fmt: skip
_HINTS = {
    '"': "close the quotation mark, and write one that belongs to the name twice",
    "'": "close the quotation mark, and write one that belongs to the name twice",
    "“": "use straight quotation marks", "”": "use straight quotation marks",
    "‘": "use straight quotation marks", "’": "use straight quotation marks",
    "%": "leave the sign out: the PCT functions measure 0 to 100",
    ";": "write one rule a line",
    "-": "a sign stands right before its digits, and there is no arithmetic",
    "+": "a sign stands right before its digits, and there is no arithmetic",
    "*": "there is no arithmetic: compare a function with a number or with another function",
    "/": "there is no arithmetic: compare a function with a number or with another function",
}  # fmt: skip
_QUOTE_IT = "a name with other characters than A-Z a-z 0-9 _ . $ stands in quotation marks"
_WINDOW = 100
_LONGEST_NUMBER = 64
_LARGEST_EXPONENT = 400


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` up to `end`, in characters of a line."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a line: `kind` is number, name, quoted, operator, end, or the mark itself."""

    kind: str
    text: str
    span: Span

    @property
    def name(self) -> str:
        """The name that a name or quoted token stands for."""
        mark = self.text[0]
        return self.text if self.kind == "name" else self.text[1:-1].replace(mark * 2, mark)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a contract and its number, from 1."""

    number: int
    text: str

    def fault(self, span: Span, problem: str, *, hint: str | None = None) -> ContractError:
        """Return the error that shows this line with `span` underlined."""
        first = max(0, min(span.start - _WINDOW // 2, len(self.text) - _WINDOW))
        shown = self.text[first : first + _WINDOW].replace("\t", " ")
        width = max(1, min(span.end, first + _WINDOW) - span.start)
        under = " " * (span.start - first) + "^" * width
        place = f"line {self.number}, column {span.start + 1}"
        return ContractError(f"{place}: {problem}\n  {shown.rstrip()}\n  {under}", hint=hint)


def tokens(line: Line) -> Iterator[Token]:
    """Yield the tokens of a line, the last of kind `end`; ContractError at the first character that begins none."""
    end = 0
    for match in _TOKEN.finditer(line.text):
        kind, text, span = str(match.lastgroup), match.group(), Span(*match.span())
        if kind in ("space", "comment"):
            continue
        if kind in ("other", "word") or (kind == "operator" and text not in OPERATORS):
            raise _stranger(line, span)
        yield Token(text if kind == "mark" else kind, text, span)
        end = span.end
    yield Token("end", "", Span(end, end + 1))


def number(line: Line, token: Token) -> Fraction:
    """Return the exact value of a number token; its length and exponent are bounded."""
    if len(token.text) > _LONGEST_NUMBER:
        raise line.fault(token.span, f"a number has at most {_LONGEST_NUMBER} characters")
    mantissa, _, exponent = token.text.lower().partition("e")
    power = int(exponent or 0)
    if abs(power) > _LARGEST_EXPONENT:
        raise line.fault(token.span, f"an exponent lies between -{_LARGEST_EXPONENT} and {_LARGEST_EXPONENT}")
    return Fraction(mantissa) * Fraction(10) ** power


def quoted(name: str) -> str:
    """Return a feature name as a contract writes it: bare if it can be, else in quotation marks."""
    if _BARE.fullmatch(name) and name.upper() not in WORDS:
        return name
    mark = "'" if '"' in name and "'" not in name else '"'
    return mark + name.replace(mark, mark * 2) + mark


def _stranger(line: Line, span: Span) -> ContractError:
    text = line.text[span.start : span.end]
    if text in _MEANT:
        return line.fault(span, f"{text} is not an operator", hint=f"write {_MEANT[text]}")
    if text[0] in "<>=!&|≤≥≠":
        return line.fault(span, f"{text[:20]} is not an operator", hint=f"there are {' '.join(OPERATORS)} AND OR")
    if text[0] in "\"'":
        return line.fault(Span(span.start, len(line.text)), "a quoted name is not closed", hint=_HINTS[text])
    if len(text) > 1 or text == ".":
        return line.fault(span, f"{text[:20]} is neither a number nor a name", hint=_QUOTE_IT)
    return line.fault(span, f"{text} cannot stand here", hint=_HINTS.get(text, _QUOTE_IT))
