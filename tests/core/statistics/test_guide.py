"""The example of docs/statistics.md runs, and gives what its comments say."""

import json
import re
from pathlib import Path

import fedpeer as fp

PAGE = (Path(__file__).parents[3] / "docs" / "statistics.md").read_text("utf-8")
EXAMPLE = re.search(r"^### An example\n.*?^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[1]


def test_the_example_gives_what_it_says():
    names, told = {"fp": fp}, 0
    for line in filter(None, EXAMPLE.splitlines()):
        code, _, comment = (part.strip() for part in line.partition("  #"))
        if not comment:
            exec(code, names)
            continue
        text, told = json.dumps(eval(code, names)), told + 1
        assert re.fullmatch(re.escape(comment).replace("…", ".*"), text), (code, text)
    assert told == 9
