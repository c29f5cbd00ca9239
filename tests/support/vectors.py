"""One message of each kind with fixed content, as its annotated file has it."""

from __future__ import annotations

from pathlib import Path

from fedpeer.core import canonical
from fedpeer.core.envelope import messages as ms
from fedpeer.core.envelope.messages import Kind, Message

CONTENTS = Path(__file__).parents[1] / "vectors" / "envelope" / "v1" / "contents"

_PEER, _OTHER = "a" * 26, "b" * 26
_STANDING = ms.Standing(4, b"\xc4" * 32, 2, (ms.Holding(_PEER, 7, b"\xd1" * 32), ms.Holding(_OTHER, 1, b"\xd2" * 32)))
_ROUND = ms.Round("fedpeerfedpeerfedpeerfedpe", b"\xc4" * 32, 42, 1)


def content(kind: Kind) -> Message:
    """What the file of this kind says."""
    every: tuple[Message, ...] = (
        ms.Status(_STANDING, b"\x70" * 32, True, 3, (ms.Answer(_PEER, 2),)),
        ms.Share(b"a signed contribution"),
        ms.Hello(_STANDING),
        ms.CatchUp((b"an entry", b"another"), 2, b"\x5e" * 32, (b"a signed contribution",)),
        ms.Farewell("moving house"),
        ms.Recall((ms.Rank(6, b"\xd0" * 32),)),
        ms.Receipt(b"a signed confirmation"),
        ms.Call(_ROUND),
        ms.Talk(_ROUND, True, b"a word", ""),
        ms.Inquiry(_ROUND),
        ms.Evidence(_ROUND, b"a transcript"),
        ms.Visit("the mean of x"),
        ms.Motion("0123456789ab", '{"levels":{"stage":["IV"]}}', "of use to us"),
        ms.Ruling("0123456789ab", "declined", "not now"),
    )
    return next(each for each in every if ms.KINDS[type(each)] == kind)


def written(kind: Kind) -> str:
    """The text of the file."""
    body = canonical.encode(content(kind))
    lines = [body[i : i + 32].hex() for i in range(0, len(body), 32)]
    about = f"# The content of kind {int(kind)}, {kind.name.lower()}, before it is padded and sealed: MessagePack."
    return "\n".join([about, f"@ kind {int(kind)}", "", *lines, ""])
