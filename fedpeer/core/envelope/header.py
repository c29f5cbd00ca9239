"""The fixed header of every message: 186 bytes that say what it is, for whom and until when, before anything is opened.

It is sent in the clear, bound to the content as associated data, and signed. Integers are big-endian; ids are their
26 letters. docs/protocol/envelope.md has the layout byte by byte.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Self

from fedpeer.core.errors import ExpiredError, MalformedError, MismatchError
from fedpeer.core.identity import checked_federation, checked_peer

HEADER_SIZE = 186
MOST_CHUNKS = 256

_LAYOUT = struct.Struct(">BBBB26sQ32s26s16sQ26sQHHIQ16s")
_VERSION = 1
_SUITE = 1
_NOBODY = bytes(26)
_MOST_NUMBER = 2**63 - 1
_LONGEST_LIFE_S = 60 * 86_400


class Mode(IntEnum):
    """Whether a message is sealed to the group, under the epoch's secret, or directly to one member."""

    GROUP = 1
    DIRECT = 2


_MODES = frozenset(Mode)


@dataclass(frozen=True, slots=True)
class Outline:
    """What the caller decides of a header; the same in every chunk of a message.

    `charter` is the sender's charter head (32 bytes); `boot` is drawn at each process start (16 bytes); `recipient` is
    empty for the group; `expires_at` is in UTC seconds.
    """

    federation: str
    epoch: int
    charter: bytes
    sender: str
    boot: bytes
    kind: int
    recipient: str
    pulse: int
    expires_at: int

    def __post_init__(self) -> None:
        # Packing would cut or fill up what is not of its size, and two boots would become one.
        sizes = (len(self.federation), len(self.charter), len(self.sender), len(self.boot))
        if sizes != (26, 32, 26, 16) or len(self.recipient) not in {0, 26}:
            raise ValueError("an id has 26 letters, a charter head 32 bytes, a boot id 16")


@dataclass(frozen=True, slots=True)
class Header(Outline):
    """A whole header: this chunk is number `index` of `count`, and `length` bytes of ciphertext follow."""

    mode: Mode
    sequence: int
    index: int
    count: int
    length: int
    salt: bytes

    @classmethod
    def of(cls, outline: Outline, *, sequence: int, index: int, count: int) -> Self:
        """The header of one chunk, whose length and salt are not known yet."""
        mode = Mode.DIRECT if outline.recipient else Mode.GROUP
        shared = {name: getattr(outline, name) for name in Outline.__slots__}
        return cls(**shared, mode=mode, sequence=sequence, index=index, count=count, length=0, salt=bytes(16))

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Read exactly HEADER_SIZE bytes; MalformedError unless `pack` could have written them."""
        fields = _LAYOUT.unpack(data)
        version, suite, mode, kind, federation, epoch, charter, sender, boot, sequence, recipient, *rest = fields
        pulse, index, count, length, expires_at, salt = rest
        if (version, suite) != (_VERSION, _SUITE):
            raise MalformedError(f"a message of version {version}, suite {suite}: this node knows version 1, suite 1")
        if mode not in _MODES or (mode == Mode.DIRECT) == (recipient == _NOBODY):
            raise MalformedError("a message neither to the group nor to one member")
        if not index < count <= MOST_CHUNKS or sequence < index:
            raise MalformedError(f"a message that says it is chunk {index + 1} of {count}, number {sequence}")
        if max(epoch, sequence, pulse, expires_at) > _MOST_NUMBER:
            raise MalformedError("a message with a number beyond 2⁶³")
        return cls(
            federation=checked_federation(_letters(federation)),
            epoch=epoch,
            charter=charter,
            sender=checked_peer(_letters(sender)),
            boot=boot,
            kind=kind,
            recipient=checked_peer(_letters(recipient)) if mode == Mode.DIRECT else "",
            pulse=pulse,
            expires_at=expires_at,
            mode=Mode(mode),
            sequence=sequence,
            index=index,
            count=count,
            length=length,
            salt=salt,
        )

    def pack(self) -> bytes:
        """The bytes of the header."""
        federation, sender, recipient = (i.encode() for i in (self.federation, self.sender, self.recipient))
        first = (_VERSION, _SUITE, self.mode, self.kind, federation, self.epoch, self.charter, sender, self.boot)
        rest = (self.pulse, self.index, self.count, self.length, self.expires_at, self.salt)
        return _LAYOUT.pack(*first, self.sequence, recipient, *rest)

    @property
    def message(self) -> Header:
        """The header that all chunks of one message share: that of its first, without length and salt."""
        return replace(self, sequence=self.sequence - self.index, index=0, length=0, salt=bytes(16))

    def meant_for(self, federation: str, peer: str, now: int) -> None:
        """MismatchError if for another federation or peer; ExpiredError if past its time."""
        if self.federation != federation:
            raise MismatchError(f"a message of another federation, {self.federation}")
        if self.recipient not in {"", peer}:
            raise MismatchError(f"a message for another peer, {self.recipient}")
        if self.expires_at <= now:
            raise ExpiredError(f"a message that expired {now - self.expires_at} s ago")
        if self.expires_at > now + _LONGEST_LIFE_S:
            days = (self.expires_at - now) // 86_400
            raise MalformedError(f"a message that expires in {days} days: the sender's clock, or ours, is wrong")


def _letters(data: bytes) -> str:
    # Latin-1 never fails, and what is not a letter of an id is refused with the id.
    return data.decode("latin-1")
