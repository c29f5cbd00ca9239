"""How tests draw their examples: alike in every run, and anew in each where FEDPEER_SOAK is set."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# An example that takes long tells of the machine and of what else it does, not of what is tested.
settings.register_profile(
    "fedpeer",
    deadline=None,
    derandomize="FEDPEER_SOAK" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("fedpeer")
