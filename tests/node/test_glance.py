"""What was made of a state is made anew with another state, and holds none."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from fedpeer.node.glance import Glances


class State:
    def __init__(self, federation: str = "f") -> None:
        self.federation = federation


def test_it_is_made_once_for_a_state_and_what_else_it_is_made_of() -> None:
    glances, made = Glances(), []

    def told(state: Any, more: object = None, kind: str = "k") -> Any:
        return glances.of(kind, state, more, lambda: made.append(state) or object())

    one, other, elsewhere = State(), State(), State("g")
    first = told(one)
    assert (told(one), len(made)) == (first, 1)
    assert told(elsewhere) is not first
    assert told(one, kind="l") is not first
    assert told(one) is first
    assert told(one, (True, 0.0)) is not first
    assert told(other) is not first
    assert told(one) is not first


def test_a_state_that_is_gone_is_not_held_and_no_other_is_taken_for_it() -> None:
    glances, state = Glances(), State()
    gone = weakref.ref(state)
    glances.of("k", state, None, lambda: "old")  # type: ignore[arg-type]
    del state
    gc.collect()
    assert gone() is None
    for _ in range(100):  # one of them may lie where it lay
        assert glances.of("k", State(), None, lambda: "new") == "new"  # type: ignore[arg-type]
