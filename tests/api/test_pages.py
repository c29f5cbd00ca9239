"""The Python on the pages about both dialects runs as it stands there."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from tests.api.symetry.test_client import clocked, frame
from tests.support.served import ADMIN, SCHEMA, Served, key_text

DOCS = Path(__file__).parents[2] / "docs"


def run(page: str, **names: Any) -> dict[str, Any]:
    """Run the blocks of a page; an expression at the end is `last`."""
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert blocks
    for block in blocks:
        head, _, end = block.rstrip().rpartition("\n")
        exec(block if end.startswith(" ") else f"{head}\nlast = {end}\n", names)
    return names


async def test_the_page_of_the_api(founded: Served) -> None:
    names = await asyncio.to_thread(run, "api.md", url=founded.url, token=ADMIN)
    fed = await founded.good("GET", "/v1/federations/hearts")
    assert fed["local_rows"] == 40
    assert await names["watch"]()


async def test_the_page_of_the_dialect(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    clocked(monkeypatch, served.clock)
    names = {"url": served.url, "key": key_text(), "schema": SCHEMA, "frame": frame(40)}
    assert (await asyncio.to_thread(run, "symetry.md", **names))["last"] == "h1"
