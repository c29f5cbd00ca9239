"""The log for collectors: one JSON object a line, whatever is said."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from fedpeer.adapters.logs import JsonLines
from tests.support.daemons import daemons

HOSTILE = [
    'say "no"',
    "it's\nnew\r\nlines",
    "back\\slash",
    "{}%s",
    "é \u2028 \x00 \x1b[31m",
    "lone \ud800",
    '"}\n{"a":1}',
]


@pytest.fixture
def written() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("fedpeer.tried")
    logger.addHandler(handler)
    yield logger, stream
    logger.removeHandler(handler)


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_whatever_is_said_is_one_line_that_says_it(number):
    # Formatted and not logged: a surrogate in what pytest captures ends its workers.
    text, lines = HOSTILE[number], []
    for level, said, given in ((logging.WARNING, "told: %s", (text,)), (logging.ERROR, text, ())):
        record = logging.LogRecord("fedpeer.tried", level, __file__, 1, said, given, None)
        (line,) = JsonLines().format(record).splitlines()
        assert line.isascii()
        lines.append(json.loads(line))
    assert [line["text"] for line in lines] == [f"told: {text}", text]
    assert [(line["level"], line["logger"]) for line in lines] == [
        ("warning", "fedpeer.tried"),
        ("error", "fedpeer.tried"),
    ]
    assert all(line["at"].endswith("+00:00") and "exception" not in line for line in lines)


def test_an_exception_is_text_within_its_line(written):
    logger, stream = written
    try:
        raise ValueError('a "bad"\nvalue')
    except ValueError:
        logger.exception("it failed")
    logger.warning("where", stack_info=True)
    failed, where = (json.loads(line) for line in stream.getvalue().splitlines())
    assert failed["text"] == "it failed"
    assert failed["exception"].startswith("Traceback")
    assert failed["exception"].endswith('ValueError: a "bad"\nvalue')
    assert "test_logs.py" in where["exception"]


def test_every_line_of_a_daemon_is_json(tmp_path):
    settings = {"log.format": "json", "log.level": "debug"}
    with daemons(tmp_path, "alfa", settings=settings) as (alfa,):
        alfa.client.node()
    lines = [json.loads(line) for line in alfa.said.splitlines()]
    assert {"at", "level", "logger", "text"} <= set(lines[0])
    assert "debug" in {line["level"] for line in lines}
