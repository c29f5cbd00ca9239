"""A process that does one task under limits and ends: what parses bytes of others with a library written in C++."""

from __future__ import annotations

import subprocess  # what is run is this package's own module, with no argument from outside
import sys

from fedpeer.core.errors import MalformedError

_SPARE_S = 30  # beyond its processor time, on a machine that is busy


def dispose(module: str, request: bytes, *, memory: int, seconds: int) -> bytes:
    """Return what a module's process answers to a request; MalformedError if it dies, or needs more than it may.

    `memory` is of addresses, in bytes; `seconds` are of processor time.
    """
    command = [sys.executable, "-P", "-m", module, str(memory), str(seconds)]
    environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": ":".join(filter(None, sys.path))}
    try:
        done = subprocess.run(  # noqa: S603 see the import
            command, input=request, capture_output=True, timeout=seconds + _SPARE_S, check=False, env=environment
        )
    except subprocess.TimeoutExpired:
        raise MalformedError(f"what was received could not be read in {seconds} seconds") from None
    if done.returncode != 0:
        raise MalformedError(f"what was received ended the process that read it, with status {done.returncode}")
    return done.stdout
