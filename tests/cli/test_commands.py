"""What holds for every command: help, documentation, options, exit codes, secrets, colours, speed."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import msgspec
import pytest

from fedpeer.cli import frame, main, prompt
from tests.support import answers
from tests.support.world import PROJECT, STREAM, WARDS, WORLD

DOC = Path(__file__).parents[2] / "docs" / "cli.md"
SECRET = "right horse battery staple"


def _leaves(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from _leaves(found, f"{name} {inner}")


COMMANDS = dict(_leaves(main.fedpeer, "fedpeer"))
GLOBAL = {"home", "url", "token_file", "federation", "json"}


@pytest.fixture
def daemon() -> Iterator[answers.Daemon]:
    with answers.serving(WORLD) as daemon:
        yield daemon


@pytest.fixture
def home(tmp_path: Path, daemon: answers.Daemon) -> Path:
    run = tmp_path / "home" / "run"
    run.mkdir(parents=True)
    (run / "admin.token").write_text(answers.TOKEN)
    ready = {"api": daemon.url, "bus": "", "token_file": str(run / "admin.token")}
    (run / "ready.json").write_bytes(msgspec.json.encode(ready))
    return run.parent


def _environment(home: Path, more: Mapping[str, str]) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("FEDPEER_") and k not in ("NO_COLOR", "COLUMNS")}
    return clean | {"FEDPEER_HOME": str(home), "TERM": "xterm-256color"} | more


def _at_terminal(args: list[str], home: Path, typed: str = "", **more: str) -> tuple[int, str]:
    """Run the command at a terminal of its own, type when it asks; return its exit code and what the screen shows."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "fedpeer", *args]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=_environment(home, more), start_new_session=True
    ) as process:
        os.close(theirs)
        screen = ""
        while select.select([ours], [], [], 30)[0]:
            try:
                part = os.read(ours, 4096).decode()
            except OSError:  # the other side is gone
                break
            screen += part
            if typed and screen.rstrip().endswith(":"):
                os.write(ours, typed.encode() + b"\n")
                typed = ""
        code = process.wait(30)
    os.close(ours)
    return code, screen


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_is_documented(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run([*name.split()[1:], "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: {name}")
    assert COMMANDS[name].help
    if name != "fedpeer":
        assert f"`{name}" in DOC.read_text("utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented(name: str) -> None:
    about = DOC.read_text("utf-8")
    for param in COMMANDS[name].params:
        if isinstance(param, click.Option) and not param.hidden:
            assert f"`{param.opts[-1]}" in about, f"{name} {param.opts}"


def test_every_environment_variable_is_documented() -> None:
    every = (param.envvar for command in COMMANDS.values() for param in command.params)
    known = {name for name in every if isinstance(name, str)} | {prompt.VARIABLE}
    assert known == set(re.findall(r"FEDPEER_[A-Z_]+", DOC.read_text("utf-8")))


@pytest.mark.parametrize("name", COMMANDS)
def test_no_secret_can_be_given_in_the_arguments(name: str) -> None:
    for param in COMMANDS[name].params:
        told = " ".join([param.name or "", *param.opts]).lower()
        if re.search("pass|secret|token|key", told):
            assert isinstance(param.type, click.Path), f"{name} {told}"


def test_every_command_takes_the_global_options() -> None:
    for name, command in COMMANDS.items():
        assert {p.name for p in command.params} >= GLOBAL, name


def test_help_needs_no_heavy_import() -> None:
    heavy = ("numpy", "pyarrow", "scipy", "sklearn", "aiohttp", "nats", "rich", "fedpeer.core.statistics")
    code = "import sys; from fedpeer.cli.main import run; run(['--help']); "
    code += f"sys.exit(any(m in sys.modules for m in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False).returncode == 0


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["status"], frame.DONE),
        (["schedule", "often"], frame.FAILED),
        (["--version"], frame.DONE),
        ([], frame.MISUSED),
        (["status", "--nonsense"], frame.MISUSED),
        (["sync", "--wait", "0.1"], frame.NO),
        (["contract", "check"], frame.NO),
        (["status", "--url", "127.0.0.1:1", "--token-file", "{home}/run/admin.token"], frame.UNREACHABLE),
        (["status", "--url", "{url}", "--token-file", "{home}/run/ready.json"], frame.DENIED),
    ],
)
def test_exit_codes(args: list[str], code: int, home: Path, daemon: answers.Daemon) -> None:
    told = [arg.format(home=home, url=daemon.url) for arg in args]
    assert main.run(["--home", str(home), *told]) == code


def test_exit_codes_are_documented() -> None:
    codes = (frame.DONE, frame.FAILED, frame.MISUSED, frame.NO, frame.UNREACHABLE, frame.DENIED, frame.INTERRUPTED)
    assert [int(n) for n in re.findall(r"^\| (\d+) \|", DOC.read_text("utf-8"), re.MULTILINE)] == list(codes)


@pytest.mark.parametrize("args", [["--json", "peers"], ["peers", "--json"], ["peers", "--json", "--home", "{home}"]])
def test_json_is_the_answer_of_the_api(args: list[str], home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--home", str(home), *(arg.format(home=home) for arg in args)]) == 0
    assert msgspec.json.decode(capsys.readouterr().out) == msgspec.to_builtins(WORLD["GET", "members"])


def test_a_flag_wins_over_the_environment(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDPEER_HOME", str(tmp_path / "nowhere"))
    assert main.run(["status"]) == frame.UNREACHABLE
    assert main.run(["--home", str(home), "status"]) == frame.DONE
    assert main.run(["status", "--home", str(home)]) == frame.DONE
    monkeypatch.setenv("FEDPEER_HOME", str(home))
    assert main.run(["status"]) == frame.DONE
    assert main.run(["status", "--home", str(tmp_path)]) == frame.UNREACHABLE


@pytest.mark.parametrize(("every", "hint"), [([], "fedpeer create"), ([1, 2], "--federation NAME")])
def test_which_federation(every: list[int], hint: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    several = [msgspec.structs.replace(answers.FEDERATION, id=f"fed{i}", name=f"name{i}") for i in every]
    with answers.serving({("GET", "/v1/federations"): several}) as daemon:
        token = str(home / "run" / "admin.token")
        assert main.run(["--url", daemon.url, "--token-file", token, "peers"]) == frame.FAILED
    assert hint in capsys.readouterr().err


def test_a_left_federation_is_not_in_the_way(home: Path) -> None:
    left = msgspec.structs.replace(answers.FEDERATION, id="other", state="left")
    more: dict[tuple[str, str], answers.Answer] = {("GET", "/v1/federations"): [left, answers.FEDERATION]}
    with answers.serving(WORLD | more) as daemon:
        token = str(home / "run" / "admin.token")
        assert main.run(["--url", daemon.url, "--token-file", token, "peers"]) == frame.DONE


def test_a_typed_passphrase_is_sent_and_not_shown(home: Path, daemon: answers.Daemon, tmp_path: Path) -> None:
    (tmp_path / "invite").write_text("FEDPEER-INVITE-1 x")
    code, screen = _at_terminal(["join", str(tmp_path / "invite")], home, typed=SECRET)
    assert code == 0, screen
    assert SECRET not in screen
    assert daemon.asked[-1][3]["passphrase"] == SECRET


def test_a_passphrase_from_the_environment(home: Path, daemon: answers.Daemon, tmp_path: Path) -> None:
    (tmp_path / "invite").write_text("FEDPEER-INVITE-1 x")
    code, screen = _at_terminal(["join", str(tmp_path / "invite")], home, FEDPEER_PASSPHRASE=SECRET)
    assert (code, SECRET in screen) == (0, False)
    assert daemon.asked[-1][3]["passphrase"] == SECRET


def test_an_invite_is_written_for_its_owner_alone(home: Path, tmp_path: Path) -> None:
    out, word = tmp_path / "invite", tmp_path / "passphrase"
    assert main.run(["--home", str(home), "invite", "--out", str(out), "--passphrase-out", str(word)]) == 0
    assert out.read_text() == "FEDPEER-INVITE-1 x7Yz\n"
    assert word.read_text() == "seven good words\n"
    assert {path.stat().st_mode & 0o777 for path in (out, word)} == {0o600}


def test_parts_under_a_cipher_are_asked_for(home: Path, daemon: answers.Daemon, tmp_path: Path) -> None:
    schema, contract = tmp_path / "schema.json", tmp_path / "contract.txt"
    schema.write_text('{"features": [{"name": "sick", "kind": "binary"}]}')
    contract.write_text("ROWS() >= 10")
    files = ["--schema", str(schema), "--contract", str(contract)]
    how = ["--mode", "ckks", "--least", "4", "--part", "beneficiary", "--primes", "usual"]
    assert main.run(["--home", str(home), "create", "hearts", *files, *how]) == frame.DONE
    told = {"mode": "ckks", "least": 4, "part": "beneficiary", "primes": "usual", "bits": 3072, "release": ""}
    assert daemon.asked[-1][3]["exchange"].items() >= told.items()
    assert main.run(["--home", str(home), "invite", "--role", "coordinator"]) == frame.DONE
    assert daemon.asked[-1][3]["role"] == "coordinator"


@pytest.mark.parametrize("args", [["status"], ["status", "--federation", "lungs"]])
def test_colours_can_be_switched_off(args: list[str], home: Path) -> None:
    colour = re.compile(r"\x1b\[(?:\d;)?3\d")
    assert colour.search(_at_terminal(args, home)[1])
    assert not colour.search(_at_terminal(args, home, NO_COLOR="1")[1])


def test_long_work_shows_how_far_it_is(home: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text('[{"age": 50.5, "sick": 1}]')
    code, screen = _at_terminal(["data", "rows", str(tmp_path / "rows.json")], home)
    assert code == 0, screen
    assert "0 of 1 rows" in screen
    assert "counted 800 rows" in screen


def test_a_reader_that_goes_away_is_no_error(home: Path) -> None:
    command = f"{sys.executable} -m fedpeer log --json | true; exit ${{PIPESTATUS[0]}}"
    ran = subprocess.run(["bash", "-c", command], env=_environment(home, {}), capture_output=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")


@pytest.mark.parametrize("args", [[], ["data"], ["source"]])
def test_a_command_that_has_others_lists_them(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(args) == frame.MISUSED
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.startswith(f"Usage: {' '.join(['fedpeer', *args])} ")


def test_who_may_see_some_federations_only_is_shown_these(
    home: Path, daemon: answers.Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_body: object) -> None:
        raise answers.RefusalError(403, "FP130", "this needs the role viewer, which user ward3 does not have", "ask")

    daemon.answers = {**WORLD, ("GET", "/v1/node"): refuse}
    assert main.run(["--home", str(home), "status"]) == frame.DONE
    told = capsys.readouterr()
    assert told.out.startswith("federation   hearts")
    assert told.err == ""


def test_the_doctor_says_what_to_look_at_in_federations_and_streams(
    home: Path, daemon: answers.Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    token = home / "run" / "admin.token"
    streams = ("GET", f"/v1/federations/{PROJECT.id}/streams")
    daemon.answers = {**WORLD, ("GET", "/v1/federations"): [WARDS], streams: [STREAM]}
    assert main.run(["--url", daemon.url, "--token-file", str(token), "doctor"]) == frame.DONE
    lines = capsys.readouterr().out.splitlines()
    assert "warn federation wards: stream ward1 waits: cannot connect to nats://localhost:4222: refused" in lines
    assert f"warn project ward: stream {STREAM.name} waits: {STREAM.error}" in lines
    daemon.answers = {**WORLD, ("GET", "/v1/federations"): [WARDS], streams: []}
    assert main.run(["--url", daemon.url, "--token-file", str(token), "doctor"]) == frame.DONE
    assert "project" not in capsys.readouterr().out
