"""What the disposable process does with TenSEAL: one task from standard input, one answer to standard output.

Every context is held to the parameters that were agreed on, and every ciphertext to its context, before it is used.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from fedpeer.core.canonical import Value, decode, encode


class Task(Value, frozen=True):
    """What is to be done; `degree`, `moduli` and `scale` (both in bits) are CKKS's parameters."""

    verb: str
    degree: int
    moduli: tuple[int, ...]
    scale: int
    key: bytes = b""
    values: tuple[int, ...] = ()
    parts: tuple[tuple[bytes, ...], ...] = ()

    def __repr__(self) -> str:
        return f"Task(verb={self.verb!r})"


class Answer(Value, frozen=True):
    """What came of it; `fault` is empty, or says what is wrong with what was received."""

    key: bytes = b""
    values: tuple[int, ...] = ()
    parts: tuple[bytes, ...] = ()
    fault: str = ""

    def __repr__(self) -> str:
        return f"Answer(fault={self.fault!r})"


class _UnfitError(Exception):
    pass


def done(task: Task) -> Answer:
    """Do a task."""
    try:
        return _VERBS[task.verb](task)
    except _UnfitError as unfit:
        return Answer(fault=str(unfit))
    except (ValueError, RuntimeError, TypeError, IndexError, MemoryError) as error:
        return Answer(fault=f"TenSEAL cannot read it: {type(error).__name__}")


def _generate(task: Task) -> Answer:
    return Answer(key=_written(_fresh(task), secret=True))


def _public(task: Task) -> Answer:
    return Answer(key=_written(_context(task, secret=True), secret=False))


def _encrypt(task: Task) -> Answer:
    context, slots = _context(task, secret=False), task.degree // 2
    made = []
    for at in range(0, len(task.values), slots):
        padded = [*task.values[at : at + slots], *([0] * slots)][:slots]
        made.append(_library().ckks_vector(context, [float(value) for value in padded], scale=2.0**task.scale))
    return Answer(parts=tuple(vector.serialize() for vector in made))


def _add(task: Task) -> Answer:
    context = _context(task, secret=False)
    totals = [_ciphertext(task, context, part) for part in task.parts[0]]
    for parts in task.parts[1:]:
        for total, part in zip(totals, parts, strict=True):
            total += _ciphertext(task, context, part)
    return Answer(parts=tuple(total.serialize() for total in totals))


def _decrypt(task: Task) -> Answer:
    """Round to whole numbers; refuse where one is farther away than the proof of rounding has it."""
    context, found = _context(task, secret=True), []
    for part in task.parts[0]:
        for value in _ciphertext(task, context, part).decrypt():
            # An error beyond a quarter is none that honest contributors' ciphertexts have.
            if not -0.25 <= value < 2**52 or abs(value - round(value)) > 0.25:
                raise _UnfitError("what it hides is no sum of whole numbers")
            found.append(round(value))
    return Answer(values=tuple(found))


def _fresh(task: Task) -> Any:
    library = _library()
    kind = library.SCHEME_TYPE.CKKS
    return library.context(kind, task.degree, coeff_mod_bit_sizes=list(task.moduli), n_threads=1)


def _context(task: Task, *, secret: bool) -> Any:
    context = _library().context_from(task.key, n_threads=1)
    if context.is_private() is not secret or not context.has_public_key():
        raise _UnfitError("it is not the half of a key that belongs here")
    theirs, ours = (each.seal_context().data for each in (context, _fresh(task)))
    if theirs.key_parms_id() != ours.key_parms_id() or theirs.first_parms_id() != ours.first_parms_id():
        raise _UnfitError("the key has other parameters than were agreed on")
    return context


def _ciphertext(task: Task, context: Any, data: bytes) -> Any:
    vector = _library().ckks_vector_from(context, data)
    (inner,) = vector.ciphertext()
    first = context.seal_context().data.first_parms_id()
    if vector.size() != task.degree // 2 or inner.size() != 2 or inner.is_transparent():
        raise _UnfitError("it is no ciphertext of the agreed form")
    if inner.parms_id() != first or inner.scale != 2.0**task.scale:
        raise _UnfitError("the ciphertext has another level or scale than was agreed on")
    return vector


def _written(context: Any, *, secret: bool) -> bytes:
    written: bytes = context.serialize(
        save_public_key=True, save_secret_key=secret, save_galois_keys=False, save_relin_keys=False
    )
    return written


def _library() -> Any:
    return import_module("tenseal")


_VERBS: dict[str, Callable[[Task], Answer]] = {
    "generate": _generate,
    "public": _public,
    "encrypt": _encrypt,
    "add": _add,
    "decrypt": _decrypt,
}


def _limit(memory: int, seconds: int) -> None:
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        resource.setrlimit(what, (most, most))


def _main() -> None:
    # The library writes warnings to standard output, where only the answer may stand.
    answers = os.dup(1)
    os.dup2(2, 1)
    _limit(int(sys.argv[1]), int(sys.argv[2]))
    with os.fdopen(answers, "wb") as out:
        out.write(encode(done(decode(sys.stdin.buffer.read(), Task))))


if __name__ == "__main__":
    _main()
