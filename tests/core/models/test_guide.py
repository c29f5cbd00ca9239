"""Every example of docs/models.md and the pages below it runs on real data and gives what its comments say."""

import json
import re
from functools import cache
from pathlib import Path

import pytest

import fedpeer as fp
from fedpeer.core.errors import ModelError
from fedpeer.core.models.fit import KINDS

DOCS = Path(__file__).parents[3] / "docs"
MAIN = (DOCS / "models.md").read_text("utf-8")
PAGES = [MAIN, *(page.read_text("utf-8") for page in sorted((DOCS / "models").glob("*.md")))]
EXAMPLES = [block for page in PAGES for block in re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)]
(DATA,) = (block for block in EXAMPLES if block.startswith("import fedpeer as fp\n"))
BLOCKS = [block for block in EXAMPLES if block is not DATA]
FITTED = re.compile(r"fp\.fit\(\w+, \"(\w+)\"")


@cache
def world():
    """The names that the page's own data give."""
    names = {}
    exec(DATA, names)
    return names


def expected(comment):
    """What a comment says of a value: `…` stands for anything; None for prose."""
    if comment[:1] not in set('[{"-0123456789'):
        return None
    return re.escape(comment).replace("…", ".*")


@pytest.mark.parametrize("block", BLOCKS)
def test_an_example_gives_what_it_says(block):
    names, told = dict(world()), 0
    for line in block.splitlines():
        code, _, comment = (part.strip() for part in line.partition("  #"))
        if re.match(r"\w+ = ", code):
            exec(code, names)
            continue
        if comment.startswith("ModelError: "):
            told += 1
            with pytest.raises(ModelError, match=expected('"' + comment.removeprefix("ModelError: "))[1:]):
                eval(code, names)
            continue
        value, pattern = eval(code, names), expected(comment)
        if pattern is not None:
            told += 1
            text = json.dumps(value, default=lambda array: array.tolist(), ensure_ascii=False)
            assert re.fullmatch(pattern, text), (code, text)
        assert value is not None
    assert told


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_an_example_with_its_answer(kind):
    shown = [block for block in BLOCKS if kind in FITTED.findall(block)]
    assert shown
    assert not any("ModelError: " in block for block in shown)


def test_the_summaries_of_the_examples_lose_nothing():
    names = world()
    for rows, summary in (("patients", "diabetes"), ("flowers", "iris"), ("wines", "wine"), ("tumours", "cells")):
        frame = names[rows]
        for feature in names[summary].schema.features:
            if feature.kind == "continuous":
                told = fp.measure(names[summary], "univariate", [feature.name])
                assert told["mean"] == pytest.approx(frame[feature.name].mean(), rel=1e-14)


def test_every_kind_is_in_the_table():
    table = MAIN[: MAIN.index("## The data of the examples")]
    listed = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert set(listed) == set(KINDS)
