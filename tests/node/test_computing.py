"""Cryptography beside the engine: on a thread of its own, the newest first, and a fault is an answer."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from fedpeer.core.errors import ConfigError
from fedpeer.core.federation.sealed.work import Failed, Generate, Keys
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.effects import Compute
from fedpeer.core.privacy.cipher import Terms
from fedpeer.node.computing import computed, no_ciphers
from fedpeer.ports import SumCipher
from tests.support.ciphers import PlainCipher
from tests.support.engines import running
from tests.support.rounds import LAYOUT

TERMS = Terms("paillier", (3072,), LAYOUT, 3)


class _Slow(PlainCipher):
    def __init__(self, gates: tuple[threading.Event, threading.Event], seen: list[bytes]) -> None:
        super().__init__(LAYOUT, 3)
        (self._begun, self._gate), self._seen = gates, seen

    def generate(self, seed: bytes) -> bytes:
        self._seen.append(seed)
        self._begun.set()
        assert self._gate.wait(60)
        return super().generate(seed)


async def test_of_what_waits_only_the_newest_is_computed_and_the_loop_goes_on(monkeypatch: Any) -> None:
    gate, begun, seen = threading.Event(), threading.Event(), []
    posted: asyncio.Queue[ev.Event] = asyncio.Queue()

    def ciphers(terms: Terms) -> SumCipher:
        assert terms == TERMS
        return _Slow((begun, gate), seen)

    def post(_: str, event: ev.Event) -> None:
        if isinstance(event, ev.Computed):
            posted.put_nowait(event)

    async with running("alfa", ciphers=ciphers) as alfa:
        await alfa.found()
        monkeypatch.setattr(alfa.engine, "post", post)
        for number in range(4):
            wanted = Compute(bytes([number]), TERMS, Generate(bytes([number]) * 32))
            await alfa.engine._carry_out([(alfa.fed, wanted)])
            await asyncio.to_thread(begun.wait, 60)
        gate.set()
        computing = [await posted.get(), await posted.get()]
    assert [seed[0] for seed in seen] == [0, 3]
    assert [event.round for event in computing] == [b"\0", b"\3"]
    assert all(isinstance(event.answer, Keys) for event in computing)


def test_what_cannot_be_made_is_an_answer() -> None:
    assert computed(no_ciphers, TERMS, Generate(bytes(32))) == Failed("this node has no cipher paillier")

    def refused(terms: Terms) -> SumCipher:
        raise ConfigError("paillier needs gmpy2, which is not installed")

    assert computed(refused, TERMS, Generate(bytes(32))).reason.startswith("paillier needs gmpy2")
