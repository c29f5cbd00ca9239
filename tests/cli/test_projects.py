"""`fedpeer project`: what is asked of the daemon, and what is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fedpeer.cli import main
from tests.support import answers
from tests.support.world import SCHEMA, WORLD


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with answers.serving(WORLD) as daemon:
        (tmp_path / "token").write_text(answers.TOKEN)
        monkeypatch.setenv("FEDPEER_URL", daemon.url)
        monkeypatch.setenv("FEDPEER_TOKEN_FILE", str(tmp_path / "token"))
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.chdir(tmp_path)
        yield tmp_path


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["create", "beds", "--schema", "schema.json"], "made the project beds (project-0a1b2c3d4e5f6071)"),
        (["list"], "ward          640        2"),
        (["rename", "ward", "beds"], "it is called beds now"),
        (["freeze", "ward", "on"], "ward is frozen"),
        (["freeze", "ward", "off"], "ward is open"),
        (["merge", "ward", "beds", "--force"], "ward has 900 rows now"),
        (["export", "ward", "out.bin"], "wrote out.bin"),
        (["import", "in.bin", "--name", "copy"], "made the project copy"),
        (["delete", "ward", "--yes"], "deleted ward"),
    ],
)
def test_a_command_says_what_came_of_it(
    home: Path, capsys: pytest.CaptureFixture[str], args: list[str], said: str
) -> None:
    (home / "schema.json").write_bytes(msgspec.json.encode(SCHEMA))
    (home / "in.bin").write_bytes(b"sums")
    assert main.run(["project", *args]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert " ".join(said.split()) in shown
    if args[0] == "export":
        assert (home / "out.bin").read_bytes() == b"sums"
        assert main.run(["project", *args]) != 0
