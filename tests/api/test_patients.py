"""A schema with a column of patient ids, through the API: shown as numbers, ruled upon, and never as an id."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.served import CONTRACT, SCHEMA, Served, rows

FED = "/v1/federations/persons"


def visits(patients: int, times: int, first: int = 0) -> dict[str, list[Any]]:
    return rows(patients * times, first) | {"pid": [f"person-{first + i % patients}" for i in range(patients * times)]}


@pytest.fixture
async def founded(served: Served) -> Served:
    told = {"schema": SCHEMA | {"patient": "pid"}, "contract": CONTRACT, "schedule": "d7", "profile": "standard"}
    await served.good("POST", "/v1/federations", {"name": "persons"} | told)
    return served


async def posted(served: Served, table: dict[str, list[Any]]) -> dict[str, Any]:
    job = await served.good("POST", f"{FED}/data/rows?wait=30", {"rows": table, "force": True})
    assert job["state"] == "done", job
    return job["result"]


async def test_patients_are_shown_and_ruled_upon_and_no_id_is_in_any_answer(founded: Served) -> None:
    table = visits(24, 20)
    table["pid"][3] = None
    batch = await posted(founded, table)
    assert (batch["patients"], batch["read"], batch["rows"]) == (24, 480, 479)
    assert batch["rejected"] == {"pid": {"missing": 1}}
    told = await founded.good("GET", f"{FED}/preview")
    rule = {"rule": "patients >= 25", "measured": "24", "passed": False}
    text = "the rows are of 24 patients, and at least 25 must stand behind a release"
    assert rule | {"feature": "", "since": "", "text": text} in told["rules"]
    await founded.good("POST", f"{FED}/sync")
    await posted(founded, visits(12, 20, 23))
    told = [told, await founded.good("GET", f"{FED}/preview"), await founded.good("GET", f"{FED}/data")]
    assert [b["patients"] for b in told[-1]] == [24, 12]
    assert next(r for r in told[1]["rules"] if r["rule"] == "patients >= 25")["measured"] == "35"
    told += [await founded.good("POST", f"{FED}/sync"), await founded.good("GET", f"{FED}/log")]
    told += [await founded.good("POST", f"{FED}/explore", {}), await founded.good("GET", f"{FED}/schema")]
    assert "person-" not in json.dumps(told)
    assert "sent contribution 1" in json.dumps(told)


async def test_rows_are_only_taken_out_of_their_own_patients(founded: Served) -> None:
    table = visits(30, 4)
    batch = await posted(founded, table)
    one = {name: column[:1] for name, column in table.items()}
    others = one | {"pid": ["somebody"]}
    job = await founded.good("POST", f"{FED}/data/withdrawn?wait=30", {"batch": batch["id"], "rows": others})
    assert (job["state"], job["error"]["code"]) == ("failed", "FP110")
    job = await founded.good("POST", f"{FED}/data/withdrawn?wait=30", {"batch": batch["id"], "rows": one})
    assert (job["result"]["rows"], job["result"]["patients"]) == (119, 30)
