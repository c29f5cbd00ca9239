"""A contract's text to its rules, by recursive descent with a bounded depth.

    contract    = { line } ;                              one rule a line; blank lines and comments (#) are passed over
    rule        = conjunction, { "OR", conjunction } ;
    conjunction = condition, { "AND", condition } ;       so AND binds tighter than OR
    condition   = "(", rule, ")" | comparison ;
    comparison  = operand, operator, operand ;            at least one operand is a call
    operator    = "<" | "<=" | "==" | "!=" | ">=" | ">" ;
    operand     = number | call ;
    call        = name, "(", [ feature, { ",", feature } ], ")" ;
    feature     = name | quoted ;

Keywords and function names are read in either case; names of features are taken as they stand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from fedpeer.core.contract import functions
from fedpeer.core.contract.rules import Call, Comparison, Junction, Name, Number, Rule
from fedpeer.core.contract.tokens import OPERATORS, WORDS, Line, Span, Token, number, tokens
from fedpeer.core.errors import ContractError
from fedpeer.core.statistics.schema import Schema

LONGEST_TEXT = 64 * 1024
MOST_RULES = 1000
DEEPEST = 16

# Control and surrogate code points, and those that reorder or hide text: a contract must read as it is understood.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)


@dataclass(frozen=True, slots=True)
class Contract:
    """What a summary must satisfy before it is sent or merged: every rule must hold."""

    text: str
    rules: tuple[Rule, ...] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Contract:
        """Read a contract; ContractError shows the line, underlines the place and says what was expected."""
        lines = _lines(text)
        parsers = (_Parser(line) for line in lines)
        rules = tuple(parser.rule() for parser in parsers if not parser.blank)
        if not rules:
            raise ContractError("the contract has no rule: an empty contract is invalid", hint='try "ROWS() >= 100"')
        if len(rules) > MOST_RULES:
            raise ContractError(f"the contract has {len(rules)} rules, more than {MOST_RULES}")
        return cls(text, rules)

    def validate(self, schema: Schema) -> None:
        """Raise ContractError unless every feature named is in the schema and of the kind its function needs."""
        for rule in self.rules:
            for call in rule.calls():
                functions.check(call, rule.line, schema)

    def __str__(self) -> str:
        return "\n".join(map(str, self.rules))


class _Parser:
    """Reads one line; `depth` counts the parentheses that are open."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.tokens = list(tokens(line))
        self.place = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.place]

    @property
    def blank(self) -> bool:
        return self.token.kind == "end"

    def rule(self) -> Rule:
        condition = self.junction("OR", 0)
        if self.token.kind == "operator":
            raise self.fault("AND, OR or the end of the line", hint="join two comparisons with AND: 1 < F AND F < 2")
        if self.token.kind == ")":
            raise self.line.fault(self.token.span, "this parenthesis was never opened")
        if self.token.kind != "end":
            raise self.fault("AND, OR or the end of the line")
        return Rule(self.line, condition)

    def junction(self, word: str, depth: int) -> Comparison | Junction:
        terms = [self.term(word, depth)]
        while self.at(word):
            self.place += 1
            terms.append(self.term(word, depth))
        return _joined(word, terms)

    def term(self, word: str, depth: int) -> Comparison | Junction:
        return self.junction("AND", depth) if word == "OR" else self.condition(depth)

    def condition(self, depth: int) -> Comparison | Junction:
        if self.token.kind != "(":
            return self.comparison()
        if depth == DEEPEST:
            raise self.line.fault(self.token.span, f"more than {DEEPEST} parentheses inside each other")
        opening = self.take("(")
        inside = self.junction("OR", depth + 1)
        if self.token.kind == "end":
            raise self.line.fault(opening.span, "this parenthesis is never closed")
        self.take(")", "AND, OR or )")
        return inside

    def comparison(self) -> Comparison:
        first = self.token.span
        left = self.operand()
        operator = self.take("operator", f"a comparison ({' '.join(OPERATORS)})").text
        right = self.operand()
        if isinstance(left, Number) and isinstance(right, Number):
            span = Span(first.start, self.tokens[self.place - 1].span.end)
            raise self.line.fault(span, "two numbers say nothing about the data: one side must be a function")
        return Comparison(left, operator, right)

    def operand(self) -> Number | Call:
        if self.token.kind == "number":
            token = self.take("number")
            return Number(number(self.line, token), token.text)
        return self.call()

    def call(self) -> Call:
        name = self.token
        if name.kind != "name" or name.text.upper() in WORDS:
            raise self.fault("a function or a number", hint="a comparison looks like this: COUNT(age) >= 100")
        self.place += 1
        if self.token.kind != "(" and name.text.upper() not in functions.FUNCTIONS:
            raise self.bare(name)
        self.take("(")
        arguments = self.arguments()
        call = Call(name.text.upper(), arguments, Span(name.span.start, self.take(")", ", or )").span.end))
        functions.check_shape(call, name.span, self.line)
        return call

    def arguments(self) -> tuple[Name, ...]:
        if self.token.kind == ")":
            return ()
        found = [self.feature()]
        while self.token.kind == ",":
            self.place += 1
            found.append(self.feature())
        return tuple(found)

    def feature(self) -> Name:
        token = self.token
        if token.kind not in ("name", "quoted") or token.text.upper() in WORDS:
            raise self.fault("the name of a feature", hint='names like age, "mean radius", species$setosa')
        self.place += 1
        if not token.name:
            raise self.line.fault(token.span, "a feature's name is not empty")
        return Name(token.name, token.span)

    def bare(self, name: Token) -> ContractError:
        if name.text.upper() == "NOT":
            return self.line.fault(name.span, "there is no NOT", hint="turn the comparison round: != instead of ==")
        problem = f"expected a function or a number, found {name.text[:40]}"
        return self.line.fault(name.span, problem, hint=f"a feature stands inside a function: MEAN({name.text[:40]})")

    def at(self, word: str) -> bool:
        return self.token.kind == "name" and self.token.text.upper() == word

    def take(self, kind: str, expected: str | None = None) -> Token:
        token = self.token
        if token.kind != kind:
            raise self.fault(expected or kind)
        self.place += 1
        return token

    def fault(self, expected: str, *, hint: str | None = None) -> ContractError:
        found = self.token.text[:40] or "the end of the line"
        return self.line.fault(self.token.span, f"expected {expected}, found {found}", hint=hint)


def _joined(word: str, terms: list[Comparison | Junction]) -> Comparison | Junction:
    """Join terms, taking in those that are joined by the same word already."""
    if len(terms) == 1:
        return terms[0]
    flat: list[Comparison | Junction] = []
    for term in terms:
        flat.extend(term.terms if isinstance(term, Junction) and term.word == word else (term,))
    return Junction(word, tuple(flat))


def _lines(text: str) -> list[Line]:
    if len(text) > LONGEST_TEXT or len(text.encode("utf-8", "surrogatepass")) > LONGEST_TEXT:
        raise ContractError(f"a contract has at most {LONGEST_TEXT // 1024} KiB")
    lines = [Line(number, line) for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1)]
    for line in lines:
        if found := _HIDDEN.search(line.text):
            visible = Line(line.number, _HIDDEN.sub("�", line.text))
            problem = f"the character U+{ord(found.group()):04X} controls or hides text"
            raise visible.fault(Span(*found.span()), problem, hint="retype the line; save the file as plain UTF-8")
    return lines
