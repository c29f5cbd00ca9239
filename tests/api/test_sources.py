"""Places that have a name: wherever rows are asked for, the name stands for the place and for how it is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fedpeer.adapters.catalogue import Catalogue
from fedpeer.adapters.feed_nats import NatsFeeds
from fedpeer.adapters.lookout import FileLookout
from tests.support.served import Served, looking, rows

FED = "/v1/federations/hearts"


@pytest.fixture
async def named(founded: Served, tmp_path: Path) -> Served:
    """A node with a file that is read in a way of its own, and a folder and a stream, each under a name."""
    lines = "".join(f"{a};{d};{s}\n" for a, d, s in zip(*rows(60).values(), strict=True))
    (tmp_path / "beds.csv").write_text("Alter;dose;sick\n" + lines)
    (tmp_path / "new").mkdir()
    looking(founded, tmp_path)
    node = founded.node
    node._means = replace(node._means, lookout=FileLookout(Catalogue(roots=(tmp_path,))), feeds=NatsFeeds())
    how = {"delimiter": ";", "map": {"Alter": "age"}}
    for name, location, options in (
        ("beds", str(tmp_path / "beds.csv"), how),
        ("new", str(tmp_path / "new"), {}),
        ("vitals", "nats://localhost/vitals", {"map": {"Alter": "age"}}),
    ):
        await founded.good("POST", "/v1/sources", {"name": name, "location": location, "options": options})
    return founded


async def test_a_name_is_counted_evaluated_on_watched_listened_to_and_withdrawn(named: Served, tmp_path: Path) -> None:
    beds = {"location": "source:beds"}
    batch = (await named.good("POST", f"{FED}/data?wait=30", beds))["result"]
    assert (batch["rows"], batch["source"]) == (60, str(tmp_path / "beds.csv"))
    await named.good("POST", f"{FED}/sync")
    model = await named.good("POST", f"{FED}/models", {"kind": "ols", "target": "dose", "features": ["sick"]})
    job = await named.good("POST", f"{FED}/models/{model['id']}/evaluate?wait=30", beds)
    assert (job["state"], job["result"]["evaluation"]["evaluated"]) == ("done", 60)
    watch = await named.good("POST", f"{FED}/data/watches", {"location": "source:new"})
    assert watch["location"] == str(tmp_path / "new")
    stream = await named.good("POST", f"{FED}/streams", {"location": "source:vitals", "options": {"format": "json"}})
    assert stream["location"] == "nats://localhost:4222/vitals"
    assert stream["options"] == {"map": {"Alter": "age"}, "format": "json"}
    job = await named.good("POST", f"{FED}/data/withdrawn?wait=30", beds)
    assert (job["state"], job["result"]["rows"]) == ("done", 0)


async def test_what_is_said_with_a_name_goes_before_what_was_kept_with_it(named: Served) -> None:
    job = await named.good("POST", f"{FED}/data?wait=30", {"location": "source:beds", "options": {"delimiter": ","}})
    assert (job["state"], job["error"]["code"]) == ("failed", "FP104")


@pytest.mark.parametrize(
    ("rest", "body"),
    [
        ("data", {}),
        ("data/withdrawn", {}),
        ("data/watches", {}),
        ("streams", {}),
        ("models/m/evaluate", {}),
    ],
)
async def test_a_name_that_nothing_has_is_not_found(named: Served, rest: str, body: dict[str, Any]) -> None:
    status, told, _ = await named.ask("POST", f"{FED}/{rest}", {"location": "source:bods", **body})
    assert (status, told["code"]) == (404, "FP110")


async def test_a_name_is_not_given_to_a_name(named: Served) -> None:
    status, told, _ = await named.ask("POST", "/v1/sources", {"name": "b", "location": "source:beds"})
    assert (status, "is a name already" in told["detail"]) == (400, True)
