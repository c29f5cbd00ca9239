"""Signed contributions with fixed content, good and hostile, as their annotated files have them."""

from __future__ import annotations

from pathlib import Path

import msgspec

from fedpeer.core import canonical
from fedpeer.core.envelope.contributions import LABEL, MOST_THROUGH, Signed
from fedpeer.core.envelope.keys import Identity
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema
from tests.support.letters import ALICE, EVE, FEDERATION, NOW

CONTRIBUTIONS = Path(__file__).parents[1] / "vectors" / "envelope" / "v1" / "contributions"

_SCHEMA = Schema([Feature("x", min=0, max=9, resolution=1), Feature("ill", "binary")])
_THROUGH = ("citycitycitycitycitycityci", "lungslungslungslungslungsl")


def written() -> dict[str, str]:
    """The text of every file, by its name."""
    bridged = _signed(through=_THROUGH)
    plain = Signed(ALICE.peer, _read(_signed()).body, _read(bridged).signature)
    long, many = ("a" * 27,), tuple(f"{n:026d}" for n in range(MOST_THROUGH + 1))
    return {
        "good": _filed("Rows of the peer's own: `through` is not written.", _signed(), "7"),
        "good_bridged": _filed("Another federation's total, in which is a third one's.", bridged, "7", *_THROUGH),
        "bad_through_moved": _filed("It came from elsewhere than was signed.", _moved(bridged), "ForgedError"),
        "bad_through_left_out": _filed("It does not say where it came from.", canonical.encode(plain), "ForgedError"),
        "bad_through_empty": _filed("From nowhere else, and yet written.", _signed(through=()), "MalformedError"),
        "bad_through_many": _filed("From more federations than can be.", _signed(through=many), "MalformedError"),
        "bad_through_long": _filed("From what no federation is called.", _signed(through=long), "MalformedError"),
        "bad_serial": _filed("A serial that nobody counts from.", _signed(serial=0), "MalformedError"),
        "bad_author": _filed("Signed by another peer.", _signed(EVE), "ForgedError"),
        "bad_origin": _filed("Of another peer than it says.", _signed(origin=EVE.peer), "MismatchError"),
        "bad_federation": _filed("To another federation.", _signed(federation="a" * 26), "MismatchError"),
        "bad_schema": _filed("Under a schema that never was.", _signed(schema="ab" * 32), "MismatchError"),
    }


def _signed(by: Identity = ALICE, **changes: object) -> bytes:
    """Written without the program's own type, so that some can be had that it does not write."""
    told = {
        "federation": FEDERATION,
        "origin": ALICE.peer,
        "serial": 7,
        "pulse": 42,
        "made_at": NOW,
        "schema": _SCHEMA.digest,
        "summary": collect(_SCHEMA, {"x": [3, 4, 4], "ill": [0, 1, 1]}).to_bytes(),
        **changes,
    }
    body = msgspec.msgpack.encode(told)
    return canonical.encode(Signed(ALICE.peer, body, by.sign(LABEL, body)))


def _read(signed: bytes) -> Signed:
    return canonical.decode(signed, Signed)


def _moved(signed: bytes) -> bytes:
    at = signed.index(_THROUGH[0].encode())
    return signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :]


def _filed(about: str, signed: bytes, expect: str, *through: str) -> str:
    facts = {
        "federation": FEDERATION,
        "sign-key": ALICE.card("alice").sign.hex(),
        "schema": msgspec.json.encode(_SCHEMA.to_dict()).decode(),
        "expect": expect,
    }
    facts |= {"through": " ".join(through)} if through else {}
    lines = [signed[i : i + 32].hex() for i in range(0, len(signed), 32)]
    return "\n".join([f"# {about}", *(f"@ {name} {value}" for name, value in facts.items()), "", *lines, ""])
