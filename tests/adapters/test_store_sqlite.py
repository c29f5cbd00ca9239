"""What only a store on disk must survive: kills, full disks, other processes, other keys, other versions."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time

import pytest

from fedpeer.adapters import store_sqlite
from fedpeer.adapters.store_memory import MemoryStore
from fedpeer.adapters.store_sqlite import SqliteStore
from fedpeer.core.errors import PledgeError, StoreError
from fedpeer.ports import Commit, Entry, Outgoing

KEY = bytes(range(32))
PLAIN = b"the epoch secret in the clear"


def opened(path, key=KEY, **options):
    return SqliteStore(path, wrapping_key=key, **options)


def script(body, *arguments, **options):
    start = "import sys\nfrom fedpeer.adapters.store_sqlite import SqliteStore\nfrom fedpeer.ports import *\n"
    command = [sys.executable, "-c", start + textwrap.dedent(body), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def bytes_on_disk(folder):
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def test_secrets_are_never_on_disk_in_the_clear(tmp_path):
    store = opened(tmp_path / "node.db")
    store.commit(Commit(records={("f", "secret/epoch"): PLAIN, ("f", "open"): b"a record in the clear"}))
    found = bytes_on_disk(tmp_path)
    assert b"a record in the clear" in found, "the files that are searched are the ones that hold records"
    assert PLAIN not in found
    store.close()
    assert PLAIN not in bytes_on_disk(tmp_path)
    again = opened(tmp_path / "node.db")
    assert again.load("f")["secret/epoch"] == PLAIN
    again.close()


def test_the_same_secret_is_sealed_differently_each_time(tmp_path):
    store = opened(tmp_path / "node.db")
    store.commit(Commit(records={("f", "secret/a"): PLAIN, ("g", "secret/a"): PLAIN, ("f", "secret/b"): PLAIN}))
    store.close()
    db = sqlite3.connect(tmp_path / "node.db")
    values = [value for (value,) in db.execute("SELECT value FROM record")]
    db.close()
    assert len(set(values)) == 3


def test_a_secret_moved_or_altered_is_refused(tmp_path):
    for spoil in (
        "UPDATE record SET value = (SELECT value FROM record WHERE name = 'secret/b') WHERE name = 'secret/a'",
        "UPDATE record SET value = substr(value, 1, length(value) - 1) WHERE name = 'secret/a'",
        "UPDATE record SET value = x'00' WHERE name = 'secret/a'",
    ):
        path = tmp_path / "node.db"
        store = opened(path)
        store.commit(Commit(records={("f", "secret/a"): PLAIN + b"\1", ("f", "secret/b"): b"other"}))
        store.close()
        db = sqlite3.connect(path)
        db.execute(spoil)
        db.commit()
        db.close()
        store = opened(path)
        with pytest.raises(StoreError, match=r"secret/a of f in .* was altered"):
            store.load("f")
        store.close()


def test_another_key_is_refused_at_the_door(tmp_path):
    opened(tmp_path / "node.db").close()
    with pytest.raises(StoreError, match="another key"):
        opened(tmp_path / "node.db", key=bytes(32))
    opened(tmp_path / "node.db").close()


def test_another_process_cannot_open_it_meanwhile(tmp_path):
    path = tmp_path / "node.db"
    store = opened(path)
    store.commit(Commit(records={("f", "x"): b"1"}))
    other = script("SqliteStore(sys.argv[1], wrapping_key=bytes(range(32)))", path)
    errors = other.communicate(timeout=60)[1]
    assert "StoreError" in errors
    assert "locked" in errors
    with pytest.raises(StoreError, match="locked"):
        opened(path)
    store.commit(Commit(records={("f", "x"): b"2"}))
    store.close()
    again = opened(path)
    assert again.load("f") == {"x": b"2"}
    again.close()


def test_the_file_is_private(tmp_path):
    old = os.umask(0)
    try:
        store = opened(tmp_path / "node.db")
        store.commit(Commit(records={("f", "x"): b"1"}))
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
        store.close()
    finally:
        os.umask(old)
    assert modes == {"node.db": 0o600, "node.db-wal": 0o600}


def test_it_is_as_durable_as_it_says(tmp_path):
    store = opened(tmp_path / "node.db")
    asked = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "locking_mode": "exclusive"}
    assert {name: store._db.execute(f"PRAGMA {name}").fetchone()[0] for name in asked} == asked
    strict = store._db.execute("SELECT min(strict) FROM pragma_table_list WHERE name NOT LIKE 'sqlite_%'").fetchone()
    assert strict == (1,)
    store.close()


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda path: path.write_bytes(b"not a database, but long enough to be taken for one" * 99), "not a database"),
        (lambda path: sqlite3.connect(path).execute("CREATE TABLE t (x)").connection.close(), "another program"),
        (lambda path: path.mkdir(), "directory"),
    ],
)
def test_a_file_that_is_not_ours_is_left_alone(tmp_path, spoil, problem):
    path = tmp_path / "node.db"
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError, match=problem):
        opened(path)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_damaged_file_is_found_at_start(tmp_path):
    path = tmp_path / "node.db"
    store = opened(path)
    store.commit(Commit(records={("f", str(n)): bytes(500) for n in range(200)}))
    store.close()
    content = bytearray(path.read_bytes())
    content[4096 * 12 : 4096 * 20] = b"\xa5" * (4096 * 8)
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"damaged|malformed"):
        opened(path)


def test_a_newer_file_is_refused_untouched(tmp_path, monkeypatch):
    path = tmp_path / "node.db"
    with monkeypatch.context() as newer:
        newer.setattr(store_sqlite, "_STEPS", (*store_sqlite._STEPS, ("CREATE TABLE more (x TEXT) STRICT",)))
        opened(path).close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="newer fedpeer"):
        opened(path)
    assert path.read_bytes() == before


def test_an_older_file_is_brought_up_to_date_or_left_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "node.db"
    store = opened(path)
    store.commit(Commit(records={("f", "x"): b"1"}))
    store.close()
    bad = ("ALTER TABLE record ADD COLUMN more TEXT", "CREATE TABLE record (x TEXT) STRICT")
    with monkeypatch.context() as later:
        later.setattr(store_sqlite, "_STEPS", (*store_sqlite._STEPS, bad))
        with pytest.raises(StoreError, match="already exists"):
            opened(path)
    store = opened(path)
    assert store.load("f") == {"x": b"1"}
    store.close()
    good = ("CREATE TABLE more (x TEXT) STRICT", "INSERT INTO more SELECT name FROM record")
    monkeypatch.setattr(store_sqlite, "_STEPS", (*store_sqlite._STEPS, good))
    store = opened(path)
    assert store.load("f") == {"x": b"1"}
    assert store._db.execute("SELECT x FROM more").fetchall() == [("x",)]
    store.close()
    opened(path).close()


def test_a_full_database_changes_nothing_and_reads_go_on(tmp_path):
    store = opened(tmp_path / "node.db")
    store.commit(Commit(records={("f", "x"): b"1"}, outbox=[Outgoing("f", "s", "t", b"1")]))
    before = (store.load("f"), store.pending(), store.entries())
    store._db.execute("PRAGMA max_page_count = 20")
    for _ in range(3):
        with pytest.raises(StoreError, match="full"):
            store.commit(
                Commit(
                    records={("f", "x"): None, ("f", "big"): bytes(200_000)},
                    outbox=[Outgoing("f", "s", "t", b"2")],
                    entries=[Entry(0, "f", "k", "info", "t")],
                )
            )
        assert (store.load("f"), store.pending(), store.entries()) == before
    store._db.execute("PRAGMA max_page_count = 100000")
    store.commit(Commit(records={("f", "big"): bytes(200_000)}))
    assert set(store.load("f")) == {"x", "big"}
    store.close()


def test_a_write_that_the_system_refuses_changes_nothing(tmp_path):
    body = """
        import resource
        from fedpeer.core.errors import PledgeError, StoreError
        store = SqliteStore(sys.argv[1], wrapping_key=bytes(range(32)))
        store.commit(Commit(records={("f", "x"): b"1"}))
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        kept = 0
        try:
            for kept in range(1, 1000):
                entry = Entry(0, "f", "k", "info", str(kept))
                store.commit(Commit(records={("f", str(kept)): bytes(50_000)}, entries=[entry]))
        except StoreError as error:
            print(kept - 1, len(store.load("f")) - 1, len(store.entries(limit=9999)), error)
    """
    process = script(body, tmp_path / "node.db")
    output, errors = process.communicate(timeout=60)
    acknowledged, records, entries, text = output.split(maxsplit=3)
    assert int(acknowledged) == int(records) == int(entries) > 0, errors
    assert "cannot write" in text
    store = opened(tmp_path / "node.db")
    assert len(store.load("f")) - 1 == int(acknowledged)
    store.close()


@pytest.fixture
def small_disk(tmp_path):
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(tmp_path)]
    if (
        os.geteuid()
        or not shutil.which("mount")
        or subprocess.run(command, check=False, capture_output=True).returncode
    ):
        pytest.skip("a small disk needs the right to mount one")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def fill(store):
    count = 0
    try:
        while True:
            store.commit(Commit(records={("f", str(count)): bytes(30_000)}))
            count += 1
    except StoreError as error:
        return count, str(error)


def test_a_disk_without_room_changes_nothing(small_disk):
    store = opened(small_disk / "node.db")
    count, problem = fill(store)
    assert count > 0
    assert "full" in problem or "I/O" in problem
    assert len(store.load("f")) == count
    store.close()
    store = opened(small_disk / "node.db")
    assert len(store.load("f")) == count
    store.close()


COMMITTING = """
    store = SqliteStore(sys.argv[1], wrapping_key=bytes(range(32)), keep_entries=1_000_000)
    n = int(sys.argv[2])
    while True:
        n += 1
        text = str(n).encode()
        store.commit(Commit(
            records={("f", "count"): text, ("f", "secret/count"): text, ("f", f"odd/{n % 7}"): text * 1000},
            outbox=[Outgoing("f", "", "t", text), Outgoing("f", "newest", "t", text)],
            entries=[Entry(0, "f", "k", "info", "t", pulse=n)],
        ))
        print(n, flush=True)
"""


def test_a_kill_loses_nothing_acknowledged_and_leaves_nothing_half_done(tmp_path):
    path = tmp_path / "node.db"
    count = 0
    for round_ in range(int(os.environ.get("FEDPEER_KILLS", "6"))):
        process = script(COMMITTING, path, count)
        for _ in range(1 + round_ * 3):
            line = process.stdout.readline()
        # A few more commits happen unseen, so that the kill lands anywhere within one.
        time.sleep(0.003 * round_)
        process.send_signal(signal.SIGKILL)
        # Not communicate(): it reads past the lines that readline has already taken into its buffer.
        rest = process.stdout.read()
        process.wait(60)
        process.stdout.close()
        process.stderr.close()
        acknowledged = int((line + rest).split()[-1])
        store = opened(path, keep_entries=1_000_000)
        count = int(store.load("f")["count"])
        assert acknowledged <= count <= acknowledged + 1
        assert int(store.load("f")["secret/count"]) == count
        pending = [sent for _, sent in store.pending()]
        assert [int(sent.body) for sent in pending if not sent.slot] == list(range(1, count + 1))
        assert [int(sent.body) for sent in pending if sent.slot] == [count]
        assert [entry.pulse for entry in store.entries(limit=count + 9, newest_first=False)] == list(
            range(1, count + 1)
        )
        store.close()


def test_a_thousand_records_at_once_are_one_fast_change(tmp_path):
    store = opened(tmp_path / "node.db")
    small = Commit(records={("f", "x"): b"1"})
    big = Commit(
        records={("f", str(n)): bytes(64) for n in range(1000)},
        outbox=[Outgoing("f", str(n), "t", bytes(64)) for n in range(1000)],
        entries=[Entry(0, "f", "k", "info", "t") for _ in range(1000)],
    )

    def fastest(change):
        times = []
        for _ in range(5):
            start = time.process_time()
            store.commit(change)
            times.append(time.process_time() - start)
        return min(times)

    assert fastest(big) < 200 * fastest(small) + 0.05, "3,000 rows must cost far less than 3,000 commits"
    store.close()


def test_the_simulated_full_disk_of_the_memory_store():
    store = MemoryStore()
    store.commit(Commit(records={("f", "x"): b"1"}))
    store.refuse = "disk full"
    for write in (lambda: store.commit(Commit(records={("f", "x"): b"2"})), lambda: store.clear_entries("f", [])):
        with pytest.raises(StoreError, match="disk full"):
            write()
    assert store.load("f") == {"x": b"1"}
    twin = store.copy()
    twin.commit(Commit(records={("f", "x"): b"3"}))
    assert store.load("f") == {"x": b"1"}


BREAKS = (
    "UPDATE pledge SET value = x'02' WHERE name = 'vote'",
    "UPDATE OR REPLACE pledge SET name = 'vote' WHERE name = 'other'",
    "UPDATE pledge SET name = 'gone' WHERE name = 'vote'",
    "INSERT OR REPLACE INTO pledge (scope, name, value) VALUES ('f', 'vote', x'02')",
    "REPLACE INTO pledge VALUES (1, 'f', 'elsewhere', x'02')",
    "INSERT INTO pledge (scope, name, value) VALUES ('f', 'vote', x'02') ON CONFLICT DO UPDATE SET value = x'02'",
    "DELETE FROM pledge WHERE name = 'vote'",
    "DELETE FROM pledge",
)


@pytest.mark.parametrize("statement", BREAKS)
def test_the_file_itself_keeps_a_word_that_was_given(tmp_path, statement):
    path = tmp_path / "node.db"
    store = opened(path)
    store.commit(Commit(pledges={("f", "vote"): b"\1"}))
    store.commit(Commit(pledges={("f", "other"): b"\1"}))
    store.close()
    db = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="pledge"):
        db.execute(statement)
    for trigger in ("pledge_once", "pledge_unchanged", "pledge_kept"):
        db.execute(f"DROP TRIGGER {trigger}")
    db.execute(statement)
    after = dict(db.execute("SELECT name, value FROM pledge WHERE scope = 'f'").fetchall())
    assert after != {"vote": b"\1", "other": b"\1"}, "it was the trigger that kept it"
    db.close()


def test_ignoring_a_conflict_changes_no_word(tmp_path):
    path = tmp_path / "node.db"
    store = opened(path)
    store.commit(Commit(pledges={("f", "vote"): b"\1"}))
    store.close()
    db = sqlite3.connect(path, isolation_level=None)
    for how in ("OR IGNORE ", "OR ROLLBACK ", ""):
        with pytest.raises(sqlite3.IntegrityError):
            db.execute(f"INSERT {how}INTO pledge (scope, name, value) VALUES ('f', 'vote', x'02')")
    db.close()
    again = opened(path)
    with pytest.raises(PledgeError):
        again.commit(Commit(pledges={("f", "vote"): b"\2"}))
    again.commit(Commit(pledges={("f", "vote"): b"\1"}))
    again.close()


def test_a_file_from_before_there_were_pledges_keeps_them_from_now_on(tmp_path, monkeypatch):
    path = tmp_path / "node.db"
    with monkeypatch.context() as before:
        before.setattr(store_sqlite, "_STEPS", store_sqlite._STEPS[:1])
        store = opened(path)
        store.commit(Commit(records={("f", "x"): b"1"}))
        store.close()
    store = opened(path)
    store.commit(Commit(pledges={("f", "vote"): b"a"}))
    with pytest.raises(PledgeError):
        store.commit(Commit(pledges={("f", "vote"): b"b"}))
    assert store.load("f") == {"x": b"1"}
    store.close()
