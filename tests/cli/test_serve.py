"""Making a home, running a daemon in it, and having it examined: with the real daemon."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from fedpeer import daemon
from fedpeer.adapters.system import SystemClock
from fedpeer.cli import frame, main, serve
from fedpeer.client import Client
from tests.support.symetry import Caller

SECRET = "a few unrelated words"


@contextmanager
def _daemon(home: Path, *more: str) -> Iterator[dict[str, Any]]:
    """A daemon in this home, ready; asked to end afterwards, which it must do by itself and well."""
    command = [sys.executable, "-m", "fedpeer", "serve", "--home", str(home), "--api", "127.0.0.1:0", *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()[1].decode()
        yield json.loads(line)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def _said(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    code = main.run(list(args))
    told = capsys.readouterr()
    return code, told.out, told.err


def test_a_home_is_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "home"
    code, out, _ = _said(capsys, "init", "--home", str(home))
    assert code == 0
    assert "fedpeer serve" in out
    assert home.stat().st_mode & 0o777 == 0o700
    before = (home / "home.key").read_bytes()
    code, _, err = _said(capsys, "init", "--home", str(home))
    assert (code, "already" in err, (home / "home.key").read_bytes() == before) == (1, True, True)


def test_a_daemon_from_start_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "home"
    with _daemon(home, "--init", "--name", "north") as ready:
        assert json.loads((home / "run" / "ready.json").read_bytes()) == ready
        code, out, _ = _said(capsys, "--home", str(home), "status", "--json")
        assert (code, json.loads(out)["node"]["name"]) == (0, "north")
        code, out, _ = _said(capsys, "--home", str(home), "doctor")
        assert (code, "fail" in out) == (0, False)
        assert "ok   daemon: north answers" in out
        code, _, err = _said(capsys, "--home", str(home), "serve")
        assert (code, "in use by process" in err) == (1, True)
        remote = ["--url", ready["api"], "--token-file", ready["token_file"]]
        assert _said(capsys, *remote, "doctor", "--json")[0] == 0
    assert _said(capsys, "--home", str(home), "status")[0] == frame.UNREACHABLE


def test_the_doctor_says_how_to_mend(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "home"
    code, out, _ = _said(capsys, "--home", str(home), "doctor")
    assert (code, f"fedpeer init --home {home}" in out) == (frame.NO, True)
    _said(capsys, "--home", str(home), "init")
    (home / "home.key").chmod(0o644)
    (home / "fedpeer.yaml").write_text("apo:\n  listen: 127.0.0.1:0\n")
    code, out, _ = _said(capsys, "--home", str(home), "doctor", "--json")
    found = {f["check"]: f for f in json.loads(out)}
    assert code == frame.NO
    assert found["home"]["hint"] == f"chmod 600 {home / 'home.key'}"
    assert "did you mean api" in found["settings"]["text"]
    assert found["daemon"]["state"] == "fail"


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--api", "nonsense"], "is not host:port"),
        (["--api", "0.0.0.0:0"], "beyond this machine"),
        (["--bus", "http://example.org"], "not nats://"),
        (["--set", "api.lisen=x"], "did you mean api.listen"),
        (["--set", "nonsense"], "KEY=VALUE"),
    ],
)
def test_settings_that_cannot_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], why: str
) -> None:
    code, _, err = _said(capsys, "--home", str(tmp_path / "home"), "serve", "--init", *flags)
    assert code in (1, 2)
    assert why in err


def test_a_port_in_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        code, _, err = _said(capsys, "--home", str(tmp_path / "home"), "serve", "--init", "--api", where)
    assert (code, where in err, "hint:" in err) == (1, True, True)


def test_the_host_that_is_listened_on_is_a_name_of_the_node(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with _daemon(home, "--init", "--api", "127.0.0.2:0") as ready:
        assert ready["api"].startswith("http://127.0.0.2:")
        assert Client.of_home(home).node().api == ready["api"]
        elsewhere = urllib.request.Request(f"{ready['api']}/v1/health", headers={"Host": "rebound.example"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(elsewhere, timeout=60)
        assert refused.value.code == 421
        refused.value.close()


@pytest.mark.parametrize(
    ("listen", "names"),
    [
        ("192.0.2.7:8440", ["192.0.2.7"]),
        ("node.example.org:8440", ["node.example.org"]),
        ("[2001:DB8:0::7]:8440", ["[2001:DB8:0::7]", "[2001:db8::7]"]),
        ("0.0.0.0:8440", []),
        ("[::]:8440", []),
    ],
)
def test_names_that_come_from_where_the_api_listens(listen: str, names: list[str]) -> None:
    assert daemon._own_hosts(listen) == names


@pytest.mark.parametrize("taken", [True, False])
async def test_the_vendors_form_of_bodies_is_taken_or_not(tmp_path: Path, taken: bool) -> None:
    home = tmp_path / "home"
    with _daemon(home, "--init", "--set", f"api.symetry_encryption={str(taken).lower()}") as ready:
        key = Client.of_home(home).add_user("c1", role="admin").secret_key
        async with aiohttp.ClientSession() as session:
            caller = Caller(session, ready["api"], SystemClock(), "c1", key)
            ask = ("POST", "/fedml/p1/contractValidate", ["ROWS() >= 1"])
            status, told, _ = await caller.ask(*ask, hidden=True)
            plain, _, _ = await caller.ask(*ask)
    assert status == plain == 400
    assert ("switched off" in told["statusString"]) is not taken


def test_a_home_under_a_passphrase(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, word, wrong = tmp_path / "home", tmp_path / "word", tmp_path / "wrong"
    word.write_text(SECRET)
    wrong.write_text("quite another text")
    assert _said(capsys, "--home", str(home), "init", "--protect", "--passphrase-file", str(word))[0] == 0
    code, _, err = _said(capsys, "--home", str(home), "serve", "--passphrase-file", str(wrong))
    assert (code, "not the passphrase" in err) == (1, True)
    with _daemon(home, "--passphrase-file", str(word)):
        assert _said(capsys, "--home", str(home), "status")[0] == 0


def test_a_schema_is_proposed_from_all_that_rows_are_counted_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"age": 20.5 + i, "sick": i % 2, "site": ("north", "far east")[i % 3 > 0]} for i in range(60)]
    lines = [f"{row['age']},{row['sick']},{row['site']}" for row in rows]
    text = "\n".join(["age,sick,site", *lines, ""])
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, part in (("a.csv", lines[:30]), ("b.csv", lines[30:])):
        (folder / name).write_text("\n".join(["age,sick,site", *part, ""]))
    (tmp_path / "t.csv").write_text(text)
    (tmp_path / "t.tsv").write_text(text.replace(",", "\t"))
    (tmp_path / "semi.csv").write_text(text.replace(",", ";"))
    (tmp_path / "other.csv").write_text(text.replace("age", "Alter"))
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = pa.Table.from_pylist(rows)
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    pyarrow.feather.write_feather(table, tmp_path / "t.arrow")
    query = f"SELECT * FROM read_csv('{tmp_path}/t.csv')"
    ways = [
        *([str(tmp_path / name)] for name in ("t.tsv", "t.csv.gz", "t.jsonl", "t.parquet", "t.arrow", "folder")),
        [str(folder / "*.csv")],
        [str(tmp_path / "semi.csv"), "--option", "delimiter=;"],
        [str(tmp_path / "other.csv"), "--map", "Alter=age"],
        ["duckdb:", "--query", query],
    ]
    code, first, _ = _said(capsys, "schema", "infer", str(tmp_path / "t.csv"), "--json")
    assert code == 0
    assert [f["kind"] for f in json.loads(first)["features"]] == ["continuous", "binary", "category"]
    for way in ways:
        assert _said(capsys, "schema", "infer", *way, "--json")[:2] == (0, first), way
    code, _, err = _said(capsys, "schema", "infer", str(tmp_path / "none.csv"))
    assert (code, "FP104" in err) == (1, True)


def test_a_schema_is_proposed_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, out = tmp_path / "t.csv", tmp_path / "schema.yaml"
    table.write_text("age,sick\n" + "".join(f"{20 + i}.5,{i % 2}\n" for i in range(40)))
    assert _said(capsys, "schema", "infer", str(table), "--out", str(out))[0] == 0
    code, told, _ = _said(capsys, "schema", "check", str(table), "--schema", str(out))
    assert (code, told) == (0, "40 of 40 rows would be counted\n")
    assert _said(capsys, "schema", "infer", str(table), "--out", str(out))[0] == 1
    assert _said(capsys, "schema", "infer", os.devnull)[0] != 0


def test_a_person_at_a_terminal_is_told_that_the_daemon_is_ready(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    serve._ready()
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    serve._ready()
    out, err = capsys.readouterr()
    assert (out, "Ctrl-C" in err, "fedpeer status" in err) == ("", True, True)
