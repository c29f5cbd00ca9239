"""The home directory: who may read it, who holds it, and how its key is kept."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from fedpeer.adapters import home as home_module
from fedpeer.adapters.home import Home, write_atomic
from fedpeer.core import canonical
from fedpeer.core.errors import HomeError

WORDS = "correct horse battery staple"


@pytest.fixture
def place(tmp_path):
    return tmp_path / "home"


def made(place, passphrase=None):
    home = Home.create(place, passphrase=passphrase)
    home.close()
    return home


def mode(path):
    return path.stat().st_mode & 0o777


def never():
    raise AssertionError("nobody asked for a passphrase")


def test_a_new_home_is_private_and_keeps_its_key(place):
    old = os.umask(0)
    try:
        home = Home.create(place)
        home.token("admin")
        home.write_ready({"pid": 1})
    finally:
        os.umask(old)
    for path in (place, *place.rglob("*")):
        assert mode(path) == (0o700 if path.is_dir() else 0o600), path
    assert len(home.wrapping_key) == 32
    home.close()
    again = Home.open(place, passphrase=never)
    assert again.wrapping_key == home.wrapping_key
    again.close()


def test_two_homes_have_different_keys(tmp_path):
    assert made(tmp_path / "a").wrapping_key != made(tmp_path / "b").wrapping_key


def test_a_second_init_is_refused_without_harm(place):
    key = made(place).wrapping_key
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    with pytest.raises(HomeError, match=r"a home in .* already"):
        Home.create(place)
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before
    home = Home.open(place)
    assert home.wrapping_key == key
    with pytest.raises(HomeError, match=r"a home in .* already"):
        Home.create(place)
    home.close()


def test_a_directory_with_other_things_is_left_alone(place):
    place.mkdir(mode=0o755)
    (place / "thesis.tex").write_text("x")
    with pytest.raises(HomeError, match=r"not empty: it holds thesis\.tex"):
        Home.create(place)
    assert [path.name for path in place.iterdir()] == ["thesis.tex"]
    assert mode(place) == 0o755


def test_a_prepared_settings_file_does_not_stop_init(place):
    place.mkdir()
    (place / "fedpeer.yaml").write_text("version: 1\n")
    made(place)
    assert mode(place) == 0o700


def test_an_interrupted_init_can_be_repeated(place):
    for name in ("run", "bus", "keys"):
        (place / name).mkdir(mode=0o700, parents=True)
    (place / ".home.key.abcd").write_bytes(b"half")
    made(place)
    assert (place / "home.key").read_bytes() != b"half"
    Home.open(place).close()


def test_a_home_that_is_not_there_says_how_to_make_one(place):
    with pytest.raises(HomeError, match="there is no home") as caught:
        Home.open(place)
    assert caught.value.hint == f"make one: fedpeer init --home {place}"
    assert not place.exists()


@pytest.mark.parametrize("name", ["", "run", "keys", "bus", "home.key", "run/admin.token", "node.db", "keys/bus.nk"])
def test_loose_modes_are_refused_with_the_command_that_mends_them(tmp_path, name):
    place = tmp_path / "ho me"
    home = Home.create(place)
    home.token("admin")
    home.close()
    for extra in ("node.db", "keys/bus.nk"):
        (place / extra).touch(mode=0o600)
    path = place / name if name else place
    path.chmod(mode(path) | 0o040)
    with pytest.raises(HomeError, match="can be reached by other users") as caught:
        Home.open(place)
    assert str(path) in str(caught.value)
    assert [hint for _, hint in Home.problems(place)] == [caught.value.hint]
    subprocess.run(shlex.split(caught.value.hint), check=True)
    assert Home.problems(place) == []
    Home.open(place).close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("name", ["", "run", "home.key"])
def test_foreign_owners_are_refused(place, name):
    made(place)
    os.chown(place / name if name else place, 12345, -1)
    with pytest.raises(HomeError, match="belongs to user 12345") as caught:
        Home.open(place)
    assert "chown 0" in caught.value.hint


def test_links_and_folders_in_place_of_files_are_refused(place, tmp_path):
    made(place)
    key = place / "home.key"
    key.rename(tmp_path / "elsewhere")
    key.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HomeError, match="not a plain file"):
        Home.open(place)


def test_a_home_may_be_reached_through_a_link(place, tmp_path):
    made(place)
    (tmp_path / "link").symlink_to(place)
    Home.open(tmp_path / "link").close()
    place.chmod(0o750)
    with pytest.raises(HomeError, match="other users"):
        Home.open(tmp_path / "link")


def test_two_processes_cannot_share_a_home(place):
    home = Home.create(place)
    code = "import sys; from fedpeer.adapters.home import Home; Home.open(sys.argv[1])"
    other = subprocess.run([sys.executable, "-c", code, place], capture_output=True, text=True, check=False)
    assert f"is in use by process {os.getpid()}" in other.stderr
    with pytest.raises(HomeError, match=f"process {os.getpid()}"):
        Home.open(place)
    home.close()
    home.close()
    Home.open(place).close()


def test_a_killed_daemon_leaves_no_lock_behind(place):
    made(place)
    code = (
        "import sys, time; from fedpeer.adapters.home import Home; h = Home.open(sys.argv[1]); h.write_ready({}); "
        "print('open', flush=True); time.sleep(600)"
    )
    other = subprocess.Popen([sys.executable, "-c", code, place], stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "open\n"
    with pytest.raises(HomeError, match=f"process {other.pid}"):
        Home.open(place)
    assert (place / "run/ready.json").exists()
    other.kill()
    other.communicate()
    home = Home.open(place)
    assert not (place / "run/ready.json").exists(), "what a dead daemon said is not true any more"
    home.close()


def test_a_passphrase_protects_the_key(place):
    home = made(place, lambda: WORDS)
    assert home.wrapping_key not in (place / "home.key").read_bytes()
    again = Home.open(place, passphrase=lambda: WORDS)
    assert again.wrapping_key == home.wrapping_key
    again.close()
    with pytest.raises(HomeError, match="not the passphrase") as caught:
        Home.open(place, passphrase=lambda: WORDS + "!")
    assert WORDS not in str(caught.value)
    with pytest.raises(HomeError, match="protected by a passphrase and none was given"):
        Home.open(place)
    Home.open(place, passphrase=lambda: WORDS).close()


def test_a_passphrase_is_the_same_however_its_accents_are_typed(place):
    made(place, lambda: "caf\u00e9 au lait, please")
    opened = Home.open(place, passphrase=lambda: "cafe\u0301 au lait, please")
    opened.close()
    assert opened.path == place


def test_a_short_passphrase_is_refused(place):
    with pytest.raises(HomeError, match="shorter than 12"):
        Home.create(place, passphrase=lambda: "hunter2")
    Home.create(place).close()


@pytest.mark.parametrize(
    "change",
    [{"memory": 8}, {"memory": 2**40}, {"passes": 0}, {"passes": 10**9}, {"lanes": 0}, {"lanes": 10**6}, {"salt": b""}],
)
def test_costs_out_of_range_are_refused_before_any_work(place, change):
    made(place, lambda: WORDS)
    key = place / "home.key"
    box = canonical.decode(key.read_bytes(), home_module._Sealed)
    key.write_bytes(canonical.encode(msgspec.structs.replace(box, **change)))
    with pytest.raises(HomeError, match="altered or is of an unknown form"):
        Home.open(place, passphrase=never)


@pytest.mark.parametrize("field", ["commitment", "nonce", "sealed", "salt"])
def test_an_altered_key_file_does_not_open(place, field):
    made(place, lambda: WORDS)
    key = place / "home.key"
    box = canonical.decode(key.read_bytes(), home_module._Sealed)
    value = getattr(box, field)
    key.write_bytes(canonical.encode(msgspec.structs.replace(box, **{field: bytes([value[0] ^ 1]) + value[1:]})))
    with pytest.raises(HomeError, match=r"not the passphrase|altered"):
        Home.open(place, passphrase=lambda: WORDS)


@pytest.mark.parametrize("content", [b"", b"short", bytes(33), b"\x98" * 64])
def test_a_file_that_is_no_key_is_refused(place, content):
    made(place)
    (place / "home.key").write_bytes(content)
    with pytest.raises(HomeError, match="not a home key"):
        Home.open(place)
    Home.problems(place)


def test_tokens_are_made_once_differ_and_can_be_replaced(place):
    home = Home.create(place)
    admin, viewer = home.token("admin"), home.token("viewer")
    assert admin != viewer
    assert len(admin) == 43
    assert home.token_file("admin").read_text() == admin + "\n"
    assert home.token("admin") == admin
    home.close()
    home = Home.open(place)
    assert home.token("admin") == admin
    assert home.rotate("admin") == home.token("admin") != admin
    assert mode(home.token_file("admin")) == 0o600
    home.close()


def test_ready_is_told_and_withdrawn(place):
    home = Home.create(place)
    home.write_ready({"api": "http://127.0.0.1:1", "pid": 7})
    path = place / "run" / "ready.json"
    assert json.loads(path.read_text()) == {"api": "http://127.0.0.1:1", "pid": 7}
    home.close()
    assert not path.exists()


def test_an_atomic_write_replaces_or_leaves(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomic(path, b"old", mode=0o640)
    assert (path.read_bytes(), mode(path)) == (b"old", 0o640)

    def broken(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_relative_and_tilde_paths_become_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    made("~/a")
    home = Home.open(Path("a"))
    assert home.path == tmp_path / "a"
    home.close()
