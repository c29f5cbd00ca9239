"""Cryptography for a round under a cipher, on a thread of its own: what a machine asks for, done with the port."""

from __future__ import annotations

import logging
from collections.abc import Callable

from fedpeer.core.errors import ConfigError, FedpeerError, RemoteError
from fedpeer.core.federation.sealed.work import Add, Answer, Encrypt, Failed, Generate, Keys, Open, Task, Unfit
from fedpeer.core.privacy.cipher import Terms
from fedpeer.ports import SumCipher

_log = logging.getLogger(__name__)


Ciphers = Callable[[Terms], SumCipher]


def computed(ciphers: Ciphers, terms: Terms, task: Task) -> Answer:
    """Do a task with a cipher for these terms, made by `ciphers`."""
    try:
        cipher = ciphers(terms)
    except FedpeerError as error:
        return Failed(str(error))
    return compute(cipher, task)


def no_ciphers(terms: Terms) -> SumCipher:
    """What makes no cipher at all."""
    raise ConfigError(f"this node has no cipher {terms.scheme}")


def compute(cipher: SumCipher, task: Task) -> Answer:
    """Do a task; a fault is an answer, so that a round never waits for one that does not come."""
    try:
        return _done(cipher, task)
    except FedpeerError as error:
        return Failed(str(error))
    except Exception:  # noqa: BLE001 a bug on a thread has nobody else to tell
        # Without the trace: its lines may show what is secret.
        _log.error("a bug while computing %s for a round", type(task).__name__.lower())
        return Failed("an internal error")


def _done(cipher: SumCipher, task: Task) -> Answer:
    match task:
        case Generate():
            secret = cipher.generate(task.seed)
            return Keys(secret, cipher.public(secret))
        case Encrypt():
            return cipher.encrypt(task.public, task.vector, task.seed)
        case Add():
            return _added(cipher, task)
        case Open():
            return cipher.decrypt(task.secret, task.ciphertext, task.addends)


def _added(cipher: SumCipher, task: Add) -> Answer:
    """The sum; if it cannot be made, which of the ciphertexts stand in the way, tried one at a time."""
    try:
        return cipher.add(task.public, task.ciphertexts)
    except RemoteError as error:
        unfit = tuple(at for at, one in enumerate(task.ciphertexts) if not _fits(cipher, task.public, one))
        return Unfit(unfit) if unfit else Failed(str(error))


def _fits(cipher: SumCipher, public: bytes, ciphertext: bytes) -> bool:
    try:
        cipher.add(public, (ciphertext,))
    except RemoteError:
        return False
    return True
