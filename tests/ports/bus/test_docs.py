"""The page on the bus says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fedpeer.adapters import connection, tls
from fedpeer.core.envelope import grants

PAGE = (Path(__file__).parents[3] / "docs" / "protocol" / "bus.md").read_text()
FED = "f" * 26


def short(subject: str) -> str:
    return subject.removeprefix(f"fp.{FED}.")


def row(holder: str) -> list[list[str]]:
    """The subjects in the two cells of a holder's row of the table of passes."""
    cells = next(line for line in PAGE.splitlines() if line.startswith(f"| {holder} |")).split("|")[2:4]
    return [re.findall("`([^`]+)`", cell) for cell in cells]


@pytest.mark.parametrize(
    ("holder", "rights", "of"),
    [
        ("member *p*", grants.permissions_for_member(FED, "p"), "all.>"),
        ("send-only member *p*, of admin *a*", grants.permissions_for_sender(FED, "p", "a"), "to.p.>"),
        ("invite *i*", grants.permissions_for_joiner(FED, "i"), "welcome.i.>"),
    ],
)
def test_the_table_of_passes_lists_the_grants(holder, rights, of):
    publishes, hears = row(holder)
    newest = [short(p.removeprefix(f"$JS.API.DIRECT.GET.FP_{FED}.")) for p in rights.publish]
    assert newest == publishes
    assert of in newest
    assert [short(s) for s in rights.subscribe] == hears


def test_the_admins_row_is_what_it_has_beyond_a_member():
    member, admin = grants.permissions_for_member(FED, "p"), grants.permissions_for_admin(FED, "p")
    publishes, hears = row("admin")
    more = [p for p in admin.publish if p not in member.publish and "STREAM" not in p]
    assert [short(p.removeprefix(f"$JS.API.DIRECT.GET.FP_{FED}.")) for p in more] == publishes
    assert [short(s) for s in admin.subscribe if s not in member.subscribe] == hears


def test_the_numbers_are_those_of_the_code():
    timings = connection.Timings()
    assert f"{connection._MAX_WAITING:,} messages or {connection._MAX_WAITING_BYTES >> 20} MiB" in PAGE
    assert f"{connection._MAX_LINE >> 10} KiB of line" in PAGE
    assert f"A body is at most {connection.MAX_BODY >> 20} MiB" in PAGE
    assert f"from {timings.first_wait_s * 1000:g} ms to {timings.longest_wait_s:g} s" in PAGE
    assert f"within {3 * timings.ping_s:g} s" in PAGE
    assert f"lasts {tls._SERVER_DAYS} days" in PAGE
    assert f"{tls._RENEW_DAYS} days before" in PAGE
