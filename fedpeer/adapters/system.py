"""The system's clock and randomness: the only place that reads either."""

from __future__ import annotations

import os
import time


class SystemClock:
    """Wall time of this machine."""

    def now(self) -> float:
        """UTC seconds since 1970."""
        return time.time()


class SystemEntropy:
    """The kernel's generator, which is seeded before any process of ours can run."""

    def draw(self, size: int) -> bytes:
        """Return `size` unpredictable bytes."""
        return os.urandom(size)
