"""What is written back is what was read; nothing that is fed to the parser does anything but raise ContractError."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedpeer.core.contract.functions import FUNCTIONS
from fedpeer.core.contract.grammar import DEEPEST, LONGEST_TEXT, MOST_RULES, Contract
from fedpeer.core.contract.rules import Call, Comparison, Junction, Name, Number
from fedpeer.core.contract.tokens import OPERATORS, Span
from fedpeer.core.errors import ContractError

NOWHERE = Span(0, 0)

names = st.one_of(
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=12),
    st.sampled_from(["age", "site$a b", "and", "OR", '"', "''", "a\"b'c", "x#y", "1st", "(", "MEAN"]),
)
numbers = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9).map(
    lambda d: Number(Fraction(d), f"{d:f}")
)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    function = draw(st.sampled_from(sorted(FUNCTIONS)))
    arguments = tuple(Name(draw(names), NOWHERE) for _ in FUNCTIONS[function].kinds)
    return Call(function, arguments, NOWHERE)


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    sides = draw(st.sampled_from([(calls(), numbers), (numbers, calls()), (calls(), calls())]))
    return Comparison(draw(sides[0]), draw(st.sampled_from(OPERATORS)), draw(sides[1]))


@st.composite
def trees(draw: st.DrawFn, depth: int = 3, above: str = "") -> Comparison | Junction:
    """Draw what the parser makes: two terms or more, and no junction right inside one of the same word."""
    if depth == 0 or draw(st.booleans()):
        return draw(comparisons())
    word = draw(st.sampled_from([word for word in ("AND", "OR") if word != above]))
    return Junction(word, tuple(draw(st.lists(trees(depth - 1, word), min_size=2, max_size=3))))


@pytest.mark.long
@given(st.lists(trees(), min_size=1, max_size=3))
def test_what_is_printed_reads_back_as_the_same_tree(rules: list[Comparison | Junction]) -> None:
    text = "\n".join(map(str, rules))
    contract = Contract.parse(text)
    assert [rule.condition for rule in contract.rules] == rules
    assert str(contract) == text
    assert contract.text == text


def test_precedence_and_flattening_are_those_of_the_grammar() -> None:
    same = ["ROWS() > 1 OR ROWS() > 2 AND ROWS() > 3", "ROWS() > 1 OR (ROWS() > 2 AND ROWS() > 3)"]
    assert len({Contract.parse(text).rules[0].condition for text in same}) == 1
    nested = Contract.parse("((ROWS() > 1) AND (ROWS() > 2 AND ROWS() > 3))").rules[0]
    assert str(nested) == "ROWS() > 1 AND ROWS() > 2 AND ROWS() > 3"
    other = Contract.parse("(ROWS() > 1 OR ROWS() > 2) AND ROWS() > 3").rules[0]
    assert str(other) == "(ROWS() > 1 OR ROWS() > 2) AND ROWS() > 3"


def test_an_error_shows_the_line_the_place_and_what_was_expected() -> None:
    with pytest.raises(ContractError) as caught:
        Contract.parse("# ours\nROWS() >= 5\nCOUNT(age >= 500   # too few\n")
    assert str(caught.value).split("\n") == [
        "line 3, column 11: expected , or ), found >=",
        "  COUNT(age >= 500   # too few",
        "            ^^",
    ]


def test_an_error_in_a_long_line_shows_the_part_around_it() -> None:
    text = " AND ".join(["ROWS() > 5"] * 1000) + " oops"
    with pytest.raises(ContractError) as caught:
        Contract.parse(text)
    first, source, marks = str(caught.value).split("\n")
    assert first == f"line 1, column {text.index('oops') + 1}: expected AND, OR or the end of the line, found oops"
    assert source[marks.index("^") :] == "oops"
    assert len(source) < 120


def test_numbers_are_exact() -> None:
    condition = Contract.parse("MEAN(x) > 0.1").rules[0].condition
    assert isinstance(condition, Comparison)
    assert isinstance(condition.right, Number)
    assert condition.right.value == Fraction(1, 10)


def test_bounds_are_kept_on_both_sides() -> None:
    rule = "ROWS() > 5\n"
    assert len(Contract.parse(rule * MOST_RULES).rules) == MOST_RULES
    with pytest.raises(ContractError, match="more than 1000"):
        Contract.parse(rule * (MOST_RULES + 1))
    padding = "#" * (LONGEST_TEXT - len(rule))
    Contract.parse(rule + padding)
    with pytest.raises(ContractError, match="64 KiB"):
        Contract.parse(rule + padding + "#")
    with pytest.raises(ContractError, match="64 KiB"):
        Contract.parse(rule + "#" + "é" * (LONGEST_TEXT // 2))
    Contract.parse("(" * DEEPEST + "ROWS() > 5" + ")" * DEEPEST)


HOSTILE = {
    "parentheses": "(" * LONGEST_TEXT,
    "closing": ")" * LONGEST_TEXT,
    "digits": "ROWS() > " + "1" * (LONGEST_TEXT - 20),
    "digits and a letter": "ROWS() > " + "1" * (LONGEST_TEXT - 20) + "x",
    "exponents": "ROWS() > " + "1e" * (LONGEST_TEXT // 2 - 20),
    "quotes": '"' * (LONGEST_TEXT - 1),
    "other quotes": "'" * (LONGEST_TEXT - 1),
    "operators": "<" * LONGEST_TEXT,
    "commas": "COVAR(" + "," * (LONGEST_TEXT - 20),
    "arguments": "COVAR(" + "a," * (LONGEST_TEXT // 2 - 20) + "a) > 1",
    "a long name": "A" * (LONGEST_TEXT - 10) + "() > 1",
    "a long feature": "MEAN(" + "a" * (LONGEST_TEXT - 20),
    "ands": "ROWS() > 1" + " AND ROWS() > 1" * (LONGEST_TEXT // 15 - 2) + " AND",
    "lines": "\n" * (LONGEST_TEXT - 1) + "x",
    "spaces": " " * (LONGEST_TEXT - 1) + "x",
    "a million characters": "ROWS() > 5\n" * 10**5,
    "surrogate": "ROWS() > 5 # \ud800",
}


@pytest.mark.long
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_texts_are_refused_soon(text: str) -> None:
    started = time.process_time()
    with pytest.raises(ContractError):
        Contract.parse(text)
    assert time.process_time() - started < 20


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    _read(text)


PIECES = [
    *("COUNT", "MEAN", "COVAR", "ROWS", "nothing", "AND", "or", "(", ")", ",", "()", "(a)", "(a, b)", "5", "-1e3", "."),
    *(*OPERATORS, "=", '"', "'", '"a b"', "#", "\n", "\r", "\t", " ", "ROWS() > 1", "é", "\x00", "\u202e", "((((((((("),
]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_any_soup_of_tokens_is_read_or_refused(text: str) -> None:
    contract = _read(text)
    if contract is not None:
        again = Contract.parse(str(contract))
        assert [rule.condition for rule in again.rules] == [rule.condition for rule in contract.rules]


def _read(text: str) -> Contract | None:
    try:
        return Contract.parse(text)
    except ContractError:
        return None
