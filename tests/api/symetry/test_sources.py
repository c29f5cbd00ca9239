"""Data sources of the dialect: named, looked at, learned from and forgotten, below the node's own directories only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fedpeer.adapters.scribe import FileScribe
from tests.support.served import SCHEMA, Served, looking
from tests.support.symetry import Caller


@pytest.fixture
def beds(served: Served, tmp_path: Path) -> Path:
    """A file of rows that the node may read and show."""
    path = tmp_path / "beds.csv"
    path.write_text("age,dose,sick\n" + "".join(f"{20 + i},1.5,{i % 2}\n" for i in range(200)))
    looking(served, tmp_path)
    return path


def told(path: Path, name: str = "beds", **more: Any) -> dict[str, Any]:
    return {"type": "localfile", "name": name, "info": {"path": str(path)}, "extra": {}, **more}


async def test_a_source_is_named_shown_learned_and_forgotten(user: Caller, beds: Path) -> None:
    status, answer, _ = await user.ask("POST", "/dss/create", told(beds))
    assert (status, answer["statusString"]) == (201, "Data Source Created with name:beds")
    await user.bad("POST", "/dss/create", told(beds), status=409)
    assert (await user.good("GET", "/dss/list"))["stringList"]["values"] == ["beds"]
    info = (await user.good("GET", "/dss/beds/info"))["dsinfo"]
    assert info == told(beds)
    frame = (await user.good("GET", "/dss/beds/sample"))["dataframe"]
    assert frame["attributeNames"] == ["age", "dose", "sick"]
    assert (len(frame["data"]), frame["data"][0]) == (128, ["20", "1.5", "0"])
    assert (await user.good("POST", "/dss/sample/preview", told(beds, "")))["dataframe"] == frame
    listing = {"type": "localfile", "path": str(beds.parent)}
    beds.with_name("inner").mkdir()
    found = (await user.good("POST", "/projects/dsbrowse", listing))["dsdirectoryListing"]
    assert (found["ok"], found["files"], found["dirs"]) == (True, ["beds.csv"], ["inner"])
    assert found["path"] == listing["path"]
    await user.good("POST", "/projects", {"sml_schema": SCHEMA}, query="pid=p")
    await user.good("GET", "/projects/p/addds/beds")
    for rest in ("learn", "forget"):
        values = await user.done("GET", f"/projects/p/dss/beds/{rest}")
        assert values["jobinfo"]["isDone"]
        rows = (await user.good("GET", "/projects/p/info"))["smlInfo"]["params"]["sml_rows"]
        assert rows == {"learn": "101", "forget": "0"}[rest]  # older than 120 years is beyond the schema
    types = {"attributeNames": ["age"], "attributeTypes": ["C"], "data": []}
    for rest in ("learn", "forget"):
        await user.done("POST", f"/projects/p/dss/beds/{rest}", types)
        for names, letters, text in (
            (["age", "bmi"], ["C", "C"], "'bmi' is not in the schema of this project: `fedpeer schema propose`"),
            (["age"], ["T"], "'age' is of type T, and continuous in the schema"),
            (["age"], ["P"], "patient ids are not in the schema"),
            (["age"], [], "of one length"),
        ):
            wrong = {"attributeNames": names, "attributeTypes": letters}
            assert text in await user.bad("POST", f"/projects/p/dss/beds/{rest}", wrong)
    await user.good("GET", "/projects/p/detachds/beds")
    assert "keeps its name 'beds'" in await user.bad("PUT", "/dss/beds", told(beds, "another"))
    other = beds.with_name("other.csv")
    other.write_text("age,dose,sick\n30,2,1\n")
    await user.good("PUT", "/dss/beds", told(other))
    assert (await user.good("GET", "/dss/beds/sample"))["dataframe"]["data"] == [["30", "2", "1"]]
    await user.good("DELETE", "/dss/beds")
    assert "Cannot Find Data Source [beds]" in await user.bad("GET", "/dss/beds/info", status=404)
    await user.bad("PUT", "/dss/beds", told(beds), status=404)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"type": "s3"}, "type 's3' is not supported"),
        ({"info": {}}, "where is the source"),
        ({"info": {"path": 5}}, "where is the source"),
        ({"info": {"path": "sqlite:/x.db"}}, "is a file"),
        ({"info": {"path": "http://elsewhere/x.csv"}}, "is a file"),
        ({"info": {"path": "/x.csv", "separator": ";"}}, "'separator' is not a key of info"),
        ({"info": {"path": "/x.csv", "file": "/y.csv"}}, "info has 2 paths"),
        ({"name": "a/b"}, "a source's name has"),
        ({"surprise": 1}, "unknown field"),
    ],
)
async def test_what_is_no_source_is_refused(user: Caller, beds: Path, change: dict[str, Any], text: str) -> None:
    assert text in await user.bad("POST", "/dss/create", told(beds, **change))


async def test_nothing_is_shown_of_other_places(user: Caller, served: Served, beds: Path) -> None:
    outside = beds.parent.parent / "secret.csv"
    outside.write_text("a\n1\n")
    for path in (outside, Path("/etc/hostname.csv"), beds.parent / ".." / "secret.csv"):
        assert "data.roots" in await user.bad("POST", "/dss/sample/preview", told(path))
        assert "data.roots" in await user.bad("POST", "/projects/dsbrowse", {"type": "localfile", "path": str(path)})
    key = (await served.good("POST", "/v1/users", {"cid": "c2", "role": "viewer"}))["secret_key"]
    viewer = Caller(served.session, served.url, served.clock, cid="c2", key=key)
    await viewer.bad("POST", "/dss/sample/preview", told(beds), status=403)
    await viewer.bad("GET", "/dss/list", status=403)
    await user.good("POST", "/projects", {"sml_schema": SCHEMA}, query="pid=p")
    for name in ("beds", "nobody"):  # nor is it told which names there are
        await viewer.bad("GET", f"/projects/p/addds/{name}", status=403)
    looking(served)
    assert "names no directories" in await user.bad("POST", "/dss/sample/preview", told(beds))


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines()


async def test_rows_of_a_source_are_predicted_into_another(user: Caller, beds: Path, served: Served) -> None:
    served.node.drafts._scribe = FileScribe((beds.parent,))
    await user.good("POST", "/dss/create", told(beds))
    await user.good("POST", "/dss/create", told(beds.with_name("out.csv"), "out"))
    await user.good("POST", "/projects", {"sml_schema": SCHEMA}, query="pid=p")
    await user.done("GET", "/projects/p/dss/beds/learn")
    asked = {"inputAttributes": ["1", "2"], "targets": ["0"]}
    await user.good("POST", "/projects/p/build", asked, query="algo=ridge&modelid=m&async=false")
    names = {"attributeNames": ["dose", "sick"], "attributeTypes": ["C", "B"]}
    query = "indsname=beds&outdsname=out&impute=true"
    values = await user.done("POST", "/projects/p/dss/predict/m", names, query=query)
    assert values["jobinfo"]["details"]["rows"] == "200"
    lines = lines_of(beds.with_name("out.csv"))
    assert (lines[0], len(lines)) == ("res_Result,age,dose,sick", 201)
    assert [line.split(",", 1)[1] for line in lines[1:]] == lines_of(beds)[1:]
    again = await user.bad("POST", "/projects/p/dss/predict/m", names, query=query, status=409)
    assert "not overwritten" in again
    await user.good("POST", "/projects/p/dss/predict/m", query=f"{query}&overwrite=true&async=false")
    for bad, status, says in (
        ("indsname=beds", 400, "outdsname is missing"),
        ("indsname=beds&outdsname=nobody", 404, "Cannot Find Data Source [nobody]"),
    ):
        assert says in await user.bad("POST", "/projects/p/dss/predict/m", names, query=bad, status=status)
    assert "Cannot Find model" in await user.bad("POST", "/projects/p/dss/predict/x", names, query=query)
