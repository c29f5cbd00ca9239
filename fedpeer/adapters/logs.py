"""The daemon's own log on stderr: lines for people, or one JSON object a line for collectors."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

_TEXT = "%(asctime)s %(levelname)s %(name)s %(message)s"


class JsonLines(logging.Formatter):
    """One JSON object a line, in ASCII whatever was said: `at` (UTC), `level`, `logger`, `text`, maybe `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        told = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "text": record.getMessage(),
        }
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        stack = [part for part in (record.exc_text, record.stack_info) if part]
        return json.dumps({**told, "exception": "\n".join(stack)} if stack else told)


def set_up(level: str, *, as_json: bool) -> None:
    """Write what is at least this important to stderr; warnings of libraries too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if as_json else logging.Formatter(_TEXT))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    logging.captureWarnings(True)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    logging.getLogger("nats").setLevel(logging.ERROR)
    # asyncio says this whenever a TLS connection ends in the ordinary way.
    logging.getLogger("asyncio").addFilter(lambda record: "eof_received()" not in record.getMessage())
