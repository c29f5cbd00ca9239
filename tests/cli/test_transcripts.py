"""Every transcript under transcripts/ is what the commands show, to the letter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fedpeer.cli import main, render
from tests.support import answers
from tests.support.answers import FEDERATION, NOW
from tests.support.transcript import Shown, check
from tests.support.world import SCHEMA, WORLD

TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.txt"))


@pytest.fixture(scope="module")
def daemon() -> Iterator[answers.Daemon]:
    with answers.serving(WORLD) as daemon:
        yield daemon


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda p: p.stem)
def test_what_is_shown(
    path: Path,
    daemon: answers.Daemon,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home = tmp_path / "home"
    (home / "run").mkdir(parents=True)
    (home / "run" / "admin.token").write_text(answers.TOKEN)
    ready = {"api": daemon.url, "bus": "", "token_file": str(home / "run" / "admin.token")}
    (home / "run" / "ready.json").write_bytes(msgspec.json.encode(ready))
    (tmp_path / "patients.csv").write_text("age,sick\n50.5,1\n,0\n31,1\n")
    (tmp_path / "their.csv").write_text("Age (months),SICK,note\n50.5,yes,a\n31,no,b\n")
    (tmp_path / "schema.json").write_bytes(msgspec.json.encode(SCHEMA))
    (tmp_path / "gaps.json").write_bytes(msgspec.json.encode(SCHEMA | {"missing": "pairwise"}))
    (tmp_path / "more.yaml").write_text("levels: {stage: [IV]}\nfeatures: [{name: tall, kind: binary}]\n")
    (tmp_path / "contract.txt").write_text(FEDERATION.contract)
    (tmp_path / "bad.txt").write_text("NONSENSE")
    (tmp_path / "rows.jsonl").write_text('{"age": 50.5, "sick": 1}\n{"age": null, "sick": 0}\n')
    (tmp_path / "invite.txt").write_text("FEDPEER-INVITE-1 x7Yz")
    (tmp_path / "right").write_text("right horse battery staple\n")
    (tmp_path / "wrong").write_text("wrong horse\n")
    monkeypatch.setattr(render, "clock", lambda: NOW)
    monkeypatch.setenv("FEDPEER_HOME", str(home))
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("FEDPEER_PASSPHRASE", "FEDPEER_URL", "FEDPEER_FEDERATION", "FEDPEER_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)

    def run(args: list[str]) -> Shown:
        code = main.run(args)
        told = capsys.readouterr()
        return Shown(code, told.out, told.err)

    check(path, run, {"dir": str(tmp_path), "url": daemon.url})


def test_every_command_is_in_a_transcript() -> None:
    typed = "\n".join(path.read_text() for path in TRANSCRIPTS)
    missing = [name for name in main._COMMANDS if f"$ fedpeer {name}" not in typed]
    assert set(missing) <= {"demo", "init", "serve", "doctor"}
