"""What was heard before: the replay windows of one sender, saved together with the effect of what they let in.

A sender numbers its messages within a boot, through all epochs, so (sender, boot, sequence) never repeats.

1. A boot that is remembered has a window of the last 1024 numbers: a bit says seen. Below it all counts as seen.
2. At most eight boots are remembered, or a member that restarts for ever would fill our store. The one forgotten is
   that whose messages expire first. `floor` becomes the latest expiry that was let in from a forgotten boot; from a
   boot met from then on, only what expires after it is let in. So nothing that a forgotten boot said is let in twice,
   even if that boot is met again, and an honest sender, whose later messages expire later, is never held up.
3. That would hold up for weeks what the broker keeps for weeks. Therefore *lasting* messages, which expire more than
   two hours from now, are let in from unknown boots and from below a window, and raise no floor. This is safe because
   whatever is kept must be idempotent: a contribution has a serial, a charter entry a version, and hearing one again
   changes nothing. Only what matters now, and expires soon, relies on being heard once.
"""

from __future__ import annotations

from msgspec.structs import replace

from fedpeer.core.canonical import Value
from fedpeer.core.envelope.header import Header
from fedpeer.core.errors import ReplayError

LASTING_S = 7_200

_WIDTH = 1024
_MASK = (1 << _WIDTH) - 1
_MOST_BOOTS = 8


class Window(Value, frozen=True, array_like=True):
    """The numbers seen of one boot: the bits of `seen` count down from `top`, the highest.

    `floor` is the sender's when the boot was met; `until` the latest expiry let in of what does not last.
    """

    boot: bytes
    floor: int = 0
    until: int = 0
    top: int = 0
    seen: bytes = b""

    def admit(self, sequence: int) -> Window:
        """The window that has seen `sequence` too; ReplayError if it had, or if that is too far back to know."""
        if self.is_below(sequence):
            raise ReplayError(f"message {sequence} after message {self.top}: too far back to know that it is new")
        ahead = max(0, sequence - self.top)
        bits = int.from_bytes(self.seen, "big") << min(ahead, _WIDTH)
        bit = 1 << (self.top + ahead - sequence)
        if bits & bit:
            raise ReplayError(f"message {sequence} again")
        bits = (bits | bit) & _MASK
        return replace(self, top=self.top + ahead, seen=bits.to_bytes((bits.bit_length() + 7) // 8, "big"))

    def is_below(self, sequence: int) -> bool:
        """Whether `sequence` is too far back to know whether it was seen."""
        return sequence <= self.top - _WIDTH


class Windows(Value, frozen=True):
    """The windows of one sender's boots, and the expiry up to which what is from none of them was heard before."""

    boots: tuple[Window, ...] = ()
    floor: int = 0

    def admit(self, header: Header, now: int) -> Windows:
        """The windows after this message; ReplayError if it, or another with its number, was let in before."""
        lasting = header.expires_at > now + LASTING_S
        known = next((w for w in self.boots if w.boot == header.boot), None)
        window = known or Window(header.boot, floor=self.floor)
        if lasting and (window.is_below(header.sequence) or (known is None and self._is_full)):
            return self
        window = window.admit(header.sequence)
        if not lasting:
            if header.expires_at <= window.floor:
                raise ReplayError("a message of a process that ended long ago")
            window = replace(window, until=max(window.until, header.expires_at))
        return self._with(known, window)

    @property
    def _is_full(self) -> bool:
        return len(self.boots) == _MOST_BOOTS

    def _with(self, known: Window | None, window: Window) -> Windows:
        gone, floor = known, self.floor
        if gone is None and self._is_full:
            gone = min(self.boots, key=lambda w: w.until)
            floor = max(floor, gone.until)
        return Windows((*(w for w in self.boots if w is not gone), window), floor)
