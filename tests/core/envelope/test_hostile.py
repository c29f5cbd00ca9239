"""What an attacker can send in numbers: none of it has an effect, none of it raises anything but a RemoteError."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from random import Random

import pytest

from fedpeer.core.envelope.header import HEADER_SIZE
from fedpeer.core.envelope.seal import open_group, read, seal_group, verify
from fedpeer.core.envelope.window import Windows
from fedpeer.core.errors import ForgedError, MalformedError, ReplayError
from tests.support.letters import ALICE, EVE, NOW, SECRET, outline

KEY = ALICE.card("").sign
MESSAGES = [seal_group(outline(), bytes([n]) * 40 * n, sequence=n, secret=SECRET, identity=ALICE)[0] for n in range(20)]


def received(data: bytes) -> bytes:
    return open_group(verify(data, KEY), SECRET)


def random_bytes(mix: Random) -> bytes:
    data = mix.randbytes(mix.randrange(1200))
    return mix.choice(MESSAGES)[: mix.randrange(HEADER_SIZE + 1)] + data if mix.random() < 0.5 else data


def truncation(mix: Random) -> bytes:
    message = mix.choice(MESSAGES)
    start = 0 if mix.random() < 0.8 else mix.randrange(1, len(message))
    return message[start : mix.randrange(start, len(message))]


def alteration(mix: Random) -> bytes:
    message = bytearray(mix.choice(MESSAGES))
    for _ in range(mix.randint(1, 4)):
        i = mix.randrange(len(message))
        message[i] ^= mix.randint(1, 255)
    return bytes(message)


def splice(mix: Random) -> bytes:
    one, two = mix.sample(MESSAGES, 2)
    cut = mix.choice([HEADER_SIZE, len(one) - 64, mix.randrange(1, len(one))])
    return one[:cut] + two[len(two) - len(one) + cut :] if len(two) >= len(one) - cut else one[:cut]


def forgery(mix: Random) -> bytes:
    """What a member can make who holds the epoch's secret, but signs with its own key in another's name."""
    head = bytearray(mix.choice(MESSAGES)[:HEADER_SIZE])
    head[3], head[96:112] = mix.randrange(256), mix.randbytes(16)
    sealed = mix.randbytes(int.from_bytes(head[158:162], "big"))
    return bytes(head) + sealed + EVE.sign("envelope", bytes(head) + hashlib.sha256(sealed).digest())


KINDS = [random_bytes, truncation, alteration, splice, forgery]


def refuse_many(make: Callable[[Random], bytes], count: int) -> None:
    mix, accepted = Random(make.__name__), set(MESSAGES)
    for _ in range(count):
        data = make(mix)
        if data in accepted:
            continue
        with pytest.raises((MalformedError, ForgedError)):
            received(data)


def replay_many(count: int) -> None:
    mix, windows = Random("replays"), Windows()
    for message in MESSAGES:
        windows = windows.admit(read(message), NOW)
    for _ in range(count):
        with pytest.raises(ReplayError):
            windows.admit(read(mix.choice(MESSAGES)), NOW + mix.randrange(500))


@pytest.mark.long
@pytest.mark.parametrize("make", KINDS)
def test_ten_thousand_of_each_kind_are_refused(make: Callable[[Random], bytes]) -> None:
    refuse_many(make, 10_000)


def test_ten_thousand_replays_are_refused() -> None:
    replay_many(10_000)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("make", KINDS)
def test_a_million_of_each_kind_are_refused(make: Callable[[Random], bytes]) -> None:
    refuse_many(make, 1_000_000)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_million_replays_are_refused() -> None:
    replay_many(1_000_000)


def test_the_messages_themselves_are_good() -> None:
    assert [received(m) for m in MESSAGES] == [bytes([n]) * 40 * n for n in range(20)]
