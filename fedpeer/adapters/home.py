"""The home directory: a node's keys, database and running state, readable by its owner alone.

Layout: `home.key` (the wrapping key), `node.db` (the store), `keys/`, `bus/` (the embedded server's files), `run/`
(tokens and `ready.json`), `lock` (held by the daemon). Nothing is trusted whose owner or mode would let another user
in: the message names the command that mends it.

`home.key` is 32 random bytes, or those bytes sealed under a passphrase: Argon2id gives a commitment and a key, the
commitment is compared first (so that no ciphertext can open under two passphrases), then ChaCha20-Poly1305 opens it.
"""

from __future__ import annotations

import base64
import fcntl
import hmac
import json
import os
import shlex
import stat
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from fedpeer.adapters.system import SystemEntropy
from fedpeer.core import canonical
from fedpeer.core.errors import HomeError, MalformedError
from fedpeer.ports import Entropy

Role = Literal["admin", "viewer"]
Passphrase = Callable[[], str]

_KEY_BYTES = 32
_TOKEN_BYTES = 32
_SHORTEST_PASSPHRASE = 12
_FOLDERS = ("run", "bus", "keys")
_HARMLESS = {*_FOLDERS, "lock", "fedpeer.yaml"}


class _Sealed(canonical.Value, frozen=True, array_like=True):
    """A wrapping key under a passphrase. Costs in KiB, passes and lanes."""

    form: str
    memory: int
    passes: int
    lanes: int
    salt: bytes
    commitment: bytes
    nonce: bytes
    sealed: bytes


_FORM = "fedpeer home key 1"
_MEMORY, _PASSES, _LANES = 64 * 1024, 3, 4
_MEMORY_RANGE, _PASSES_RANGE, _LANES_RANGE = (16 * 1024, 1024 * 1024), (2, 16), (1, 16)


class Home:
    """An open home: locked for this process, its wrapping key in memory."""

    def __init__(self, path: Path, lock: int, wrapping_key: bytes) -> None:
        self.path = path
        self.wrapping_key = wrapping_key
        self._lock = lock

    @classmethod
    def create(cls, path: Path | str, *, passphrase: Passphrase | None = None, entropy: Entropy | None = None) -> Home:
        """Make a home in a new or empty directory and open it; HomeError if anything is there already."""
        place = Path(path).expanduser().absolute()
        _claim(place)
        lock = _locked(place)
        try:
            if (place / "home.key").exists():
                raise HomeError(
                    f"there is a home in {place} already", hint="use it as it is, or choose another directory"
                )
            draw = (entropy or SystemEntropy()).draw
            key = draw(_KEY_BYTES)
            content = key if passphrase is None else _wrapped(key, _strong(passphrase()), draw)
            _make_folders(place)
            write_atomic(place / "home.key", content)
        except BaseException:
            os.close(lock)
            raise
        return cls(place, lock, key)

    @classmethod
    def open(cls, path: Path | str, *, passphrase: Passphrase | None = None) -> Home:
        """Check, lock and open a home; `passphrase` is only called if the key is sealed under one."""
        place = Path(path).expanduser().absolute()
        for problem, remedy in _problems(place):
            raise HomeError(problem, hint=remedy)
        if not (place / "home.key").exists():
            raise HomeError(f"there is no home in {place}", hint=f"make one: fedpeer init --home {_quoted(place)}")
        lock = _locked(place)
        try:
            key = _key_of(place / "home.key", passphrase)
            _make_folders(place)
            (place / "run" / "ready.json").unlink(missing_ok=True)
        except BaseException:
            os.close(lock)
            raise
        return cls(place, lock, key)

    @staticmethod
    def problems(path: Path | str) -> list[tuple[str, str]]:
        """Everything that would make `open` refuse this home, each with the command that mends it; for `doctor`."""
        return list(_problems(Path(path).expanduser().absolute()))

    @property
    def database(self) -> Path:
        """Where the store lies."""
        return self.path / "node.db"

    def token_file(self, role: Role) -> Path:
        """Where the API token of a role lies."""
        return self.path / "run" / f"{role}.token"

    def token(self, role: Role) -> str:
        """The API token of a role, made when first asked for."""
        place = self.token_file(role)
        return place.read_text().strip() if place.exists() else self.rotate(role)

    def rotate(self, role: Role) -> str:
        """Replace the API token of a role."""
        token = base64.urlsafe_b64encode(SystemEntropy().draw(_TOKEN_BYTES)).rstrip(b"=")
        write_atomic(self.token_file(role), token + b"\n")
        return token.decode()

    def write_ready(self, facts: Mapping[str, Any]) -> None:
        """Tell the world that the daemon is ready, in run/ready.json."""
        write_atomic(self.path / "run" / "ready.json", json.dumps(dict(facts)).encode() + b"\n")

    def close(self) -> None:
        """Withdraw run/ready.json and let another process have the home. Idempotent."""
        if self._lock >= 0:
            (self.path / "run" / "ready.json").unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = -1


def write_atomic(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Put `data` in place of the file, all or nothing, also through a power cut."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _claim(place: Path) -> None:
    """Make the directory, or accept an empty one of ours, or refuse."""
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        # An interrupted attempt may have left its folders and a temporary file, never a key.
        there = {entry.name for entry in place.iterdir() if not entry.name.startswith(".home.key.")} - _HARMLESS
    except OSError as error:
        raise HomeError(
            f"cannot make a home in {place}: {error.strerror}", hint="choose a directory of your own"
        ) from None
    if "home.key" in there:
        raise HomeError(f"there is a home in {place} already", hint="use it as it is, or choose another directory")
    if there:
        raise HomeError(
            f"{place} is not empty: it holds {', '.join(sorted(there)[:3])}", hint="choose a new or empty directory"
        )
    if place.stat().st_uid != os.geteuid():
        raise HomeError(f"{place} belongs to another user", hint="choose a directory of your own")
    place.chmod(0o700)


def _make_folders(place: Path) -> None:
    for name in _FOLDERS:
        (place / name).mkdir(mode=0o700, exist_ok=True)


def _locked(place: Path) -> int:
    """Take the home's lock, which the kernel gives back however this process ends; return its descriptor."""
    descriptor = os.open(place / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise HomeError(
            f"the home {place} is in use by process {holder or 'unknown'}",
            hint="one daemon per home: stop that process first, or use another home",
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _problems(place: Path) -> Iterator[tuple[str, str]]:
    """Yield what is wrong and the command that mends it. The home may be reached by a link; nothing in it is one."""
    yield from _flaws(place.resolve(), folder=True)
    for name in _FOLDERS:
        yield from _flaws(place / name, folder=True)
    private = ("home.key", "lock", "node.db", "node.db-wal", "run/admin.token", "run/viewer.token", "run/ready.json")
    for path in (*(place / name for name in private), *_files(place / "keys")):
        yield from _flaws(path, folder=False)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() and os.access(folder, os.R_OK) else []


def _flaws(path: Path, *, folder: bool) -> Iterator[tuple[str, str]]:
    try:
        facts = path.lstat()
    except OSError:
        return
    kind, right = ("directory", 0o700) if folder else ("file", 0o600)
    if not (stat.S_ISDIR if folder else stat.S_ISREG)(facts.st_mode):
        yield f"{path} is not a plain {kind}", f"look at it: ls -la {_quoted(path.parent)}"
    elif facts.st_uid != os.geteuid():
        yield (
            f"{path} belongs to user {facts.st_uid}, and this process runs as user {os.geteuid()}",
            f"run as that user, or: chown {os.geteuid()} {_quoted(path)}",
        )
    elif stat.S_IMODE(facts.st_mode) & 0o077:
        yield (
            f"{path} can be reached by other users (mode {stat.S_IMODE(facts.st_mode):04o})",
            f"chmod {right:o} {_quoted(path)}",
        )


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _key_of(path: Path, passphrase: Passphrase | None) -> bytes:
    content = path.read_bytes()
    if len(content) == _KEY_BYTES:
        return content
    try:
        box = canonical.decode(content, _Sealed)
    except MalformedError:
        raise HomeError(f"{path} is not a home key", hint="restore it from a backup of this home") from None
    _check_costs(box, path)
    if passphrase is None:
        raise HomeError(
            f"{path} is protected by a passphrase and none was given",
            hint="start from a terminal to be asked for it, or name a file with it in FEDPEER_PASSPHRASE_FILE",
        )
    return _unwrapped(box, passphrase(), path)


def _check_costs(box: _Sealed, path: Path) -> None:
    """Refuse costs so low that the passphrase could be guessed or so high that they would stall, before any work."""
    pairs = ((box.memory, _MEMORY_RANGE), (box.passes, _PASSES_RANGE), (box.lanes, _LANES_RANGE))
    sizes = (len(box.salt), len(box.commitment), len(box.nonce), len(box.sealed))
    within = all(low <= value <= high for value, (low, high) in pairs)
    if box.form != _FORM or sizes != (16, 32, 12, _KEY_BYTES + 16) or not within:
        raise HomeError(f"{path} was altered or is of an unknown form", hint="restore it from a backup of this home")


def _wrapped(key: bytes, passphrase: str, draw: Callable[[int], bytes]) -> bytes:
    salt, nonce = draw(16), draw(12)
    commitment, secret = _stretched(passphrase, salt, (_MEMORY, _PASSES, _LANES))
    sealed = ChaCha20Poly1305(secret).encrypt(nonce, key, _FORM.encode())
    return canonical.encode(_Sealed(_FORM, _MEMORY, _PASSES, _LANES, salt, commitment, nonce, sealed))


def _unwrapped(box: _Sealed, passphrase: str, path: Path) -> bytes:
    commitment, secret = _stretched(passphrase, box.salt, (box.memory, box.passes, box.lanes))
    if not hmac.compare_digest(commitment, box.commitment):
        raise HomeError(f"that is not the passphrase of {path}", hint="check the keyboard layout and try again")
    try:
        return ChaCha20Poly1305(secret).decrypt(box.nonce, box.sealed, _FORM.encode())
    except InvalidTag:
        raise HomeError(f"{path} was altered", hint="restore it from a backup of this home") from None


def _stretched(passphrase: str, salt: bytes, costs: tuple[int, int, int]) -> tuple[bytes, bytes]:
    """Argon2id (RFC 9106) of the passphrase: a 32-byte commitment that may be stored and a 32-byte key that may not."""
    memory, passes, lanes = costs
    stretch = Argon2id(salt=salt, length=64, iterations=passes, lanes=lanes, memory_cost=memory)
    both = stretch.derive(unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogatepass"))
    return both[:32], both[32:]


def _strong(passphrase: str) -> str:
    if len(passphrase) < _SHORTEST_PASSPHRASE:
        raise HomeError(
            f"the passphrase is shorter than {_SHORTEST_PASSPHRASE} characters", hint="a few unrelated words are good"
        )
    return passphrase
