"""The store on disk: one SQLite file, one connection, one change at a time.

1. The connection holds the file's exclusive lock from opening to closing, so no second process can write beside it and
   the shared-memory index of the write-ahead log does not exist.
2. A change is one BEGIN IMMEDIATE transaction with synchronous=FULL: when `commit` returns, the log has been synced.
3. Records named `secret/...` are sealed with AES-256-GCM-SIV under a key derived from the home's wrapping key. The
   place (scope, name) is authenticated, so sealed values cannot be swapped; a repeated random nonce would only show
   that two values are equal.
4. The schema is the sum of the steps in `_STEPS`; `user_version` says how many a file has had.
5. That a pledge stays what it was is the file's own rule: triggers refuse whatever would change one, from whomever.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fedpeer.adapters.system import SystemEntropy
from fedpeer.core.canonical import digest
from fedpeer.core.errors import PledgeError, StoreError
from fedpeer.ports import KEPT_PLEDGES, Commit, Entropy, Entry, Outgoing

_APPLICATION_ID = 0x46645072
_SEALED = "secret/"
_NONCE_BYTES = 12
_BUSY_MS = 1_000
_LOG_BYTES = 64 * 2**20

_STEPS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE node (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT",
        """CREATE TABLE record (
             scope TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (scope, name)
           ) STRICT""",
        """CREATE TABLE outbox (
             id INTEGER PRIMARY KEY AUTOINCREMENT,
             scope TEXT NOT NULL, slot TEXT NOT NULL, subject TEXT NOT NULL, body BLOB NOT NULL
           ) STRICT""",
        "CREATE UNIQUE INDEX outbox_slot ON outbox (scope, slot) WHERE slot <> ''",
        """CREATE TABLE timeline (
             id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL,
             scope TEXT NOT NULL, kind TEXT NOT NULL, level TEXT NOT NULL, text TEXT NOT NULL,
             peer TEXT NOT NULL, pulse INTEGER NOT NULL, data TEXT NOT NULL
           ) STRICT""",
        "CREATE INDEX timeline_kind ON timeline (scope, kind)",
        "CREATE INDEX timeline_scope ON timeline (scope)",
    ),
    (
        """CREATE TABLE pledge (
             id INTEGER PRIMARY KEY CHECK (id > 0), scope TEXT NOT NULL, name TEXT NOT NULL,
             value BLOB NOT NULL CHECK (length(value) <= 64), UNIQUE (scope, name)
           ) STRICT""",
        "CREATE INDEX pledge_age ON pledge (scope, id)",
        """CREATE TRIGGER pledge_unchanged BEFORE UPDATE ON pledge
           BEGIN SELECT RAISE(ABORT, 'a pledge cannot be changed'); END""",
        # Also for a given id, or REPLACE would take away the pledge that has it without asking the triggers of DELETE.
        """CREATE TRIGGER pledge_once BEFORE INSERT ON pledge
           WHEN EXISTS (SELECT 1 FROM pledge WHERE scope = NEW.scope AND name = NEW.name AND value <> NEW.value)
             OR EXISTS (SELECT 1 FROM pledge WHERE id = NEW.id)
           BEGIN SELECT RAISE(ABORT, 'another value was pledged'); END""",
        """CREATE TRIGGER pledge_kept BEFORE DELETE ON pledge
           WHEN OLD.id > coalesce((SELECT id FROM pledge WHERE scope = OLD.scope
                                   ORDER BY id DESC LIMIT 1 OFFSET 100000), 0)
           BEGIN SELECT RAISE(ABORT, 'a pledge cannot be taken back'); END""",
    ),
)

_PAGE_ALL = """SELECT at, scope, kind, level, text, peer, pulse, data, id FROM timeline
  WHERE id > :after AND id < :before
    AND (:kinds = '[]' OR kind IN (SELECT value FROM json_each(:kinds)))
    AND (:levels = '[]' OR level IN (SELECT value FROM json_each(:levels)))
  ORDER BY id DESC LIMIT :limit"""
_PAGE_SCOPE = _PAGE_ALL.replace("WHERE ", "WHERE scope = :scope AND ")
_TRIM = """DELETE FROM timeline WHERE id IN
  (SELECT id FROM timeline WHERE scope = ? AND kind = ? ORDER BY id LIMIT ?)"""
_PLEDGE = "INSERT INTO pledge (scope, name, value) VALUES (?, ?, ?) ON CONFLICT (scope, name) DO NOTHING"
_OLD_PLEDGES = """DELETE FROM pledge WHERE scope = :scope AND id <=
  (SELECT id FROM pledge WHERE scope = :scope ORDER BY id DESC LIMIT 1 OFFSET :kept)"""
_CLEAR = """DELETE FROM timeline WHERE scope = :scope AND kind IN (SELECT value FROM json_each(:kinds))
  AND (:levels = '[]' OR level IN (SELECT value FROM json_each(:levels)))"""
_LAST_ID = 2**63 - 1


class SqliteStore:
    """A Store in the file `path`; `wrapping_key` (32 bytes) seals the secret records."""

    def __init__(
        self, path: Path | str, *, wrapping_key: bytes, keep_entries: int = 10_000, entropy: Entropy | None = None
    ) -> None:
        """Open or make the file; StoreError if it is in use, damaged, newer than this program or of another key."""
        self._path = Path(path)
        self._keep = keep_entries
        self._entropy = entropy or SystemEntropy()
        self._cipher = AESGCMSIV(
            HKDF(SHA256(), length=32, salt=None, info=b"fedpeer/secret records of the store").derive(wrapping_key)
        )
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str], int] = {}
        self._db = _connected(self._path)
        try:
            with self._using("open"):
                self._prepare()
        except BaseException:
            self._db.close()
            raise

    def scopes(self) -> list[str]:
        """Every scope that has records, sorted."""
        with self._using("read") as db:
            return [scope for (scope,) in db.execute("SELECT DISTINCT scope FROM record ORDER BY scope")]

    def load(self, scope: str) -> dict[str, bytes]:
        """Every record of a scope by name; StoreError for a secret that was altered."""
        with self._using("read") as db:
            rows = db.execute("SELECT name, value FROM record WHERE scope = ?", (scope,)).fetchall()
        return {name: self._revealed(scope, name, value) for name, value in rows}

    def commit(self, change: Commit) -> list[int]:
        """Apply a change in one synced transaction; return the outbox ids given to `change.outbox`, in order."""
        kept = [(s, n, self._concealed(s, n, v)) for (s, n), v in change.records.items() if v is not None]
        gone = [place for place, value in change.records.items() if value is None]
        lines = [_line(entry) for entry in change.entries]
        with self._using("write") as db, _transaction(db):
            db.executemany("DELETE FROM record WHERE scope = ? AND name = ?", gone)
            db.executemany(
                "INSERT INTO record VALUES (?, ?, ?) ON CONFLICT (scope, name) DO UPDATE SET value = excluded.value",
                kept,
            )
            db.executemany("DELETE FROM outbox WHERE id = ?", [(number,) for number in change.sent])
            ids = _enqueued(db, change.outbox)
            _pledge(db, change.pledges)
            counts = self._appended(db, lines)
        self._counts.update(counts)
        return ids

    def pending(self) -> list[tuple[int, Outgoing]]:
        """The outbox, oldest first."""
        with self._using("read") as db:
            rows = db.execute("SELECT id, scope, slot, subject, body FROM outbox ORDER BY id")
            return [(number, Outgoing(*rest)) for number, *rest in rows]

    def entries(
        self,
        scope: str | None = None,
        *,
        kinds: Sequence[str] = (),
        levels: Sequence[str] = (),
        after: int = 0,
        before: int = 0,
        limit: int = 100,
        newest_first: bool = True,
    ) -> list[Entry]:
        """Page through the timeline by entry ids, both ends excluded; 0 for an open end."""
        page = _PAGE_ALL if scope is None else _PAGE_SCOPE
        asked = {
            "scope": scope,
            "kinds": json.dumps(list(kinds)),
            "levels": json.dumps(list(levels)),
            "after": after,
            "before": before or _LAST_ID,
            "limit": max(limit, 0),
        }
        with self._using("read") as db:
            rows = db.execute(page if newest_first else page.replace("DESC", "ASC"), asked).fetchall()
        return [_entry(row) for row in rows]

    def clear_entries(self, scope: str, kinds: Sequence[str], levels: Sequence[str] = ()) -> int:
        """Forget the entries of these kinds and levels; return how many there were."""
        names = {"scope": scope, "kinds": json.dumps(list(kinds)), "levels": json.dumps(list(levels))}
        with self._using("write") as db, _transaction(db):
            gone = db.execute(_CLEAR, names).rowcount
        for kind in kinds:
            self._counts.pop((scope, kind), None)
        return gone

    def close(self) -> None:
        """Close for good; the write-ahead log is folded into the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _using(self, doing: str) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._db
            except (sqlite3.Error, UnicodeError, OverflowError) as error:
                raise StoreError(f"cannot {doing} {self._path}: {error}") from error

    def _prepare(self) -> None:
        db = self._db
        for setting in ("locking_mode = EXCLUSIVE", f"busy_timeout = {_BUSY_MS}", "foreign_keys = ON"):
            db.execute(f"PRAGMA {setting}")
        _recognise(db, self._path)
        for setting in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
            db.execute(f"PRAGMA {setting}")
        db.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
        faults = [text for (text,) in db.execute("PRAGMA quick_check(3)") if text != "ok"]
        if faults:
            raise StoreError(f"{self._path} is damaged: {'; '.join(faults)}", hint="restore the home from a backup")
        _migrate(db)
        self._check_key()

    def _check_key(self) -> None:
        row = self._db.execute("SELECT value FROM node WHERE name = 'key check'").fetchone()
        if row is None:
            with _transaction(self._db):
                self._db.execute("INSERT INTO node VALUES ('key check', ?)", (self._sealed("", "key check", b"ok"),))
            return
        try:
            self._opened("", "key check", row[0])
        except InvalidTag:
            raise StoreError(
                f"{self._path} was sealed with another key than this home's",
                hint="the file and home.key belong together: restore both from the same backup",
            ) from None

    def _concealed(self, scope: str, name: str, value: bytes) -> bytes:
        return self._sealed(scope, name, value) if name.startswith(_SEALED) else value

    def _revealed(self, scope: str, name: str, value: bytes) -> bytes:
        if not name.startswith(_SEALED):
            return value
        try:
            return self._opened(scope, name, value)
        except InvalidTag:
            raise StoreError(
                f"the record {name} of {scope or 'the node'} in {self._path} was altered",
                hint="restore the home from a backup",
            ) from None

    def _sealed(self, scope: str, name: str, value: bytes) -> bytes:
        nonce = self._entropy.draw(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, value, _place(scope, name))

    def _opened(self, scope: str, name: str, value: bytes) -> bytes:
        return self._cipher.decrypt(value[:_NONCE_BYTES].ljust(_NONCE_BYTES), value[_NONCE_BYTES:], _place(scope, name))

    def _appended(
        self, db: sqlite3.Connection, lines: list[tuple[float, str, str, str, str, str, int, str]]
    ) -> dict[tuple[str, str], int]:
        """Add timeline lines and drop the oldest beyond the bound; return the new counts per (scope, kind)."""
        db.executemany(
            "INSERT INTO timeline (at, scope, kind, level, text, peer, pulse, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            lines,
        )
        counts: dict[tuple[str, str], int] = {}
        for key, added in Counter((line[1], line[2]) for line in lines).items():
            known = self._counts.get(key)
            count = _counted(db, *key) if known is None else known + added
            if count > self._keep:
                db.execute(_TRIM, (*key, count - self._keep))
            counts[key] = min(count, self._keep)
        return counts


def _connected(path: Path) -> sqlite3.Connection:
    try:
        # Made by hand so that it is never readable by others, not even until a chmod.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"cannot open {path}: {getattr(error, 'strerror', None) or error}") from error


def _recognise(db: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that is not ours or from the future, before anything is changed in it."""
    owner = db.execute("PRAGMA application_id").fetchone()[0]
    empty = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if owner != _APPLICATION_ID and not (owner == 0 and empty):
        raise StoreError(f"{path} is a database of another program", hint="move it away, or choose another home")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(_STEPS):
        raise StoreError(
            f"{path} was written by a newer fedpeer (format {version}, this one knows {len(_STEPS)})",
            hint="install the newer version again, or restore the home from a backup made before the upgrade",
        )


def _migrate(db: sqlite3.Connection) -> None:
    done = db.execute("PRAGMA user_version").fetchone()[0]
    for version, statements in enumerate(_STEPS[done:], start=done + 1):
        with _transaction(db):
            for statement in statements:
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {version}")
            db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself after some errors (a full disk among them).
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _enqueued(db: sqlite3.Connection, outbox: Sequence[Outgoing]) -> list[int]:
    """Add messages, each in place of an unsent one in its slot; ids are never given twice."""
    if not outbox:
        return []
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'").fetchone()
    first = (row[0] if row else 0) + 1
    ids = list(range(first, first + len(outbox)))
    db.executemany(
        "INSERT OR REPLACE INTO outbox VALUES (?, ?, ?, ?, ?)",
        [(number, o.scope, o.slot, o.subject, o.body) for number, o in zip(ids, outbox, strict=True)],
    )
    return ids


def _pledge(db: sqlite3.Connection, pledges: Mapping[tuple[str, str], bytes]) -> None:
    """Keep pledges, and forget the oldest beyond the bound; PledgeError where the file holds another value."""
    for (scope, name), value in pledges.items():
        try:
            db.execute(_PLEDGE, (scope, name, value))
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorname != "SQLITE_CONSTRAINT_TRIGGER":
                raise
            raise PledgeError.of(scope, name) from None
    for scope in {scope for scope, _ in pledges}:
        db.execute(_OLD_PLEDGES, {"scope": scope, "kept": KEPT_PLEDGES})


def _counted(db: sqlite3.Connection, scope: str, kind: str) -> int:
    row = db.execute("SELECT count(*) FROM timeline WHERE scope = ? AND kind = ?", (scope, kind)).fetchone()
    return int(row[0])


def _place(scope: str, name: str) -> bytes:
    return digest("secret record", scope.encode(), name.encode())


def _line(entry: Entry) -> tuple[float, str, str, str, str, str, int, str]:
    try:
        data = json.dumps(dict(entry.data), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise StoreError(f"a timeline entry of kind {entry.kind} holds what JSON cannot: {error}") from None
    return (entry.at, entry.scope, entry.kind, entry.level, entry.text, entry.peer, entry.pulse, data)


def _entry(row: tuple[Any, ...]) -> Entry:
    at, scope, kind, level, text, peer, pulse, data, number = row
    return Entry(at, scope, kind, level, text, peer, pulse, json.loads(data), number)
