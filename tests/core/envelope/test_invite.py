from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fedpeer.core import canonical
from fedpeer.core.canonical import digest
from fedpeer.core.envelope import invite
from fedpeer.core.envelope.access import Access
from fedpeer.core.envelope.invite import Invitation, passphrase, read, write
from fedpeer.core.envelope.padding import pad
from fedpeer.core.errors import InviteError, MalformedError
from tests.support.letters import ALICE, FEDERATION, NOW

WORDS = passphrase(bytes(32))
INVITATION = Invitation(
    federation=FEDERATION,
    federation_name="Three hospitals",
    admin=ALICE.card("Alice"),
    access=Access(
        ("tls://bus.example:4222",), ca="-----BEGIN CERTIFICATE-----", kind="pass", secret="SUSECRET", jwt="eyJ"
    ),
    invite="ab12cd34",
    token=b"token-that-nobody-may-see-at-all",
    role="member",
    expires_at=NOW + 259_200,
    schema="{}",
)
# The real stretching, but of the same input only once.
stretch = lru_cache(None)(invite._stretch)
TEXT = write(INVITATION, WORDS, bytes(range(32)))


@pytest.fixture(autouse=True, scope="module")
def stretched_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(invite, "_stretch", stretch)
        yield


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever begins to stretch fails the test."""

    def refuse(*_: object) -> None:
        pytest.fail("work was done for an invite that should have been refused before")

    monkeypatch.setattr(invite, "_stretch", refuse)


def blob(text: str = TEXT) -> bytes:
    return base64.b64decode("".join(text.splitlines()[1:-1]))


def armoured(locked: bytes) -> str:
    """What an attacker can always make: a good checksum and a good armour."""
    body = base64.b64encode(locked + digest("invite checksum", locked)[:8]).decode()
    return f"-----BEGIN FEDPEER INVITE-----\n{body}\n-----END FEDPEER INVITE-----\n"


def test_an_invite_is_read_as_it_was_written() -> None:
    assert read(TEXT, WORDS, now=NOW) == INVITATION
    lines = TEXT.splitlines()
    assert lines[0] == "-----BEGIN FEDPEER INVITE-----"
    assert lines[-1] == "-----END FEDPEER INVITE-----"
    assert max(map(len, lines)) <= 64


@pytest.mark.parametrize(
    "carried",
    [
        TEXT.replace("\n", "\r\n"),
        "Dear Bob,\n\nhere it is:\n\n" + TEXT + "\nRegards\n",
        "".join(f"> {line}\n" for line in TEXT.splitlines()),
        "".join(f">> > {line}   \n\n" for line in TEXT.splitlines()),
        "\ufeff\t" + TEXT.replace("\n", "\n    "),
        TEXT.replace("\n", " "),
    ],
    ids=["crlf", "in a letter", "quoted", "quoted thrice", "indented", "one line"],
)
def test_mail_does_not_hurt_it(carried: str) -> None:
    assert read(carried, WORDS, now=NOW) == INVITATION


@pytest.mark.long
def test_a_passphrase_may_be_typed_with_other_spaces() -> None:
    assert read(TEXT, f"  {WORDS.replace(' ', '   ')}\n", now=NOW) == INVITATION
    wide = WORDS.translate({ord("a"): "ａ", ord(" "): "\u00a0"})
    assert read(TEXT, wide, now=NOW) == INVITATION


@pytest.mark.long
@pytest.mark.parametrize("wrong", ["", "x", WORDS[:-1], WORDS + "x", WORDS.upper(), "\ud800", "x" * 100_000])
def test_another_passphrase_is_told_to_be_wrong(wrong: str) -> None:
    with pytest.raises(InviteError, match="not the passphrase"):
        read(TEXT, wrong, now=NOW)


def test_an_expired_invite_says_since_when() -> None:
    read(TEXT, WORDS, now=INVITATION.expires_at - 1)
    for now, since in ((INVITATION.expires_at, "0 minutes"), (INVITATION.expires_at + 90_000, "25 hours")):
        with pytest.raises(InviteError, match=f"Three hospitals expired {since} ago"):
            read(TEXT, WORDS, now=now)


@pytest.mark.usefixtures("no_work")
def test_damage_is_seen_at_every_place_before_any_work() -> None:
    locked = base64.b64decode("".join(TEXT.splitlines()[1:-1]))
    for i in range(len(locked)):
        altered = locked[:i] + bytes([locked[i] ^ 0x40]) + locked[i + 1 :]
        body = base64.b64encode(altered).decode()
        with pytest.raises(InviteError, match="damaged"):
            read(f"-----BEGIN FEDPEER INVITE-----\n{body}\n-----END FEDPEER INVITE-----", WORDS, now=NOW)


@pytest.mark.usefixtures("no_work")
def test_a_part_of_an_invite_is_refused_before_any_work() -> None:
    for i in range(len(TEXT) - 1):
        for part in (TEXT[:i], TEXT[i + 1 :] if i else ""):
            with pytest.raises(InviteError, match="whole"):
                read(part, WORDS, now=NOW)
    without_a_line = "\n".join(TEXT.splitlines()[:3] + TEXT.splitlines()[4:])
    with pytest.raises(InviteError, match="damaged"):
        read(without_a_line, WORDS, now=NOW)


@given(st.text(max_size=300))
def test_any_text_between_the_lines_is_refused(text: str) -> None:
    for whole in (text, f"-----BEGIN FEDPEER INVITE-----{text}-----END FEDPEER INVITE-----"):
        with pytest.raises(InviteError):
            read(whole, WORDS, now=NOW)


@given(st.binary(max_size=300))
@settings(max_examples=50)
def test_any_bytes_with_a_good_checksum_are_refused_without_much_work(data: bytes) -> None:
    with pytest.raises(InviteError):
        read(armoured(data), WORDS, now=NOW)


@pytest.mark.parametrize(
    ("place", "data"),
    [
        (slice(4, 8), (64 * 1024 - 1).to_bytes(4, "big")),
        (slice(4, 8), bytes(4)),
        (slice(4, 8), (256 * 1024 + 1).to_bytes(4, "big")),
        (slice(4, 8), b"\xff" * 4),
        (slice(8, 9), b"\2"),
        (slice(8, 9), b"\0"),
        (slice(8, 9), b"\x09"),
        (slice(9, 10), b"\0"),
        (slice(9, 10), b"\x09"),
        (slice(0, 4), b"FPI2"),
    ],
)
@pytest.mark.usefixtures("no_work")
def test_costs_and_versions_out_of_bounds_are_refused_before_any_work(place: slice, data: bytes) -> None:
    locked = bytearray(blob()[:-8])
    locked[place] = data
    with pytest.raises(InviteError, match=r"work|version"):
        read(armoured(bytes(locked)), WORDS, now=NOW)


def test_an_altered_invite_with_a_good_checksum_does_not_open() -> None:
    locked = blob()[:-8]
    for i in [*range(26, 58, 5), *range(58, len(locked), 37), len(locked) - 1]:
        altered = locked[:i] + bytes([locked[i] ^ 1]) + locked[i + 1 :]
        with pytest.raises(InviteError, match="altered" if i >= 58 else "not the passphrase"):
            read(armoured(altered), WORDS, now=NOW)


def test_the_commitment_is_checked_before_the_text_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the cipher would say: with another commitment the passphrase is wrong."""
    monkeypatch.setattr(invite, "_stretch", lambda *_: (bytes(32), bytes(32)))
    monkeypatch.setattr(invite, "ChaCha20Poly1305", lambda _: pytest.fail("opened before the commitment was compared"))
    with pytest.raises(InviteError, match="not the passphrase"):
        read(TEXT, WORDS, now=NOW)


def locked_with_words(content: bytes) -> str:
    """What someone who knows the passphrase can make: a good lock around anything."""
    head = blob()[:58]
    _, key = stretch(WORDS, head[10:26], (65536, 3, 4))
    return armoured(head + invite.ChaCha20Poly1305(key).encrypt(bytes(12), content, head))


@pytest.mark.parametrize(
    "change",
    [
        {"federation": "x"},
        {"federation_name": "\x1b[2J"},
        {"invite": "*"},
        {"invite": "a.b.c.d.e.f"},
        {"token": bytes(31)},
        {"role": ""},
        {"admin": replace(ALICE.card("Alice"), sign=b"\1" + bytes(31))},
        {"admin": ALICE.card("")},
    ],
)
def test_an_invitation_that_cannot_be_is_refused_however_well_locked(change: dict) -> None:
    content = canonical.encode(replace(INVITATION, **change))
    with pytest.raises(InviteError, match="made wrongly"):
        read(locked_with_words(pad(content)), WORDS, now=NOW)


@given(st.binary(max_size=100))
@settings(max_examples=30, deadline=None)
def test_any_content_however_well_locked_is_refused(content: bytes) -> None:
    for wrong in (content, pad(content)):
        with pytest.raises(InviteError, match="made wrongly"):
            read(locked_with_words(wrong), WORDS, now=NOW)


@pytest.mark.parametrize("short", ["", "short", "x" * 15, "a" + " " * 30 + "b"])
@pytest.mark.usefixtures("no_work")
def test_a_passphrase_that_could_be_guessed_is_refused(short: str) -> None:
    with pytest.raises(InviteError, match="guessed"):
        write(INVITATION, short, bytes(32))


def test_made_passphrases_have_ten_words_that_follow_from_the_entropy() -> None:
    made = [passphrase(bytes([n]) * 32) for n in range(200)]
    assert len(set(made)) == 200
    assert passphrase(bytes(32)) == WORDS
    assert {len(words.split()) for words in made} == {10}
    # 2000 draws of 2048 words: each place must use most of what a fair draw would.
    for place in range(10):
        assert len({words.split()[place] for words in made}) > 170
    with pytest.raises(ValueError, match="32"):
        passphrase(bytes(31))


@pytest.mark.long
def test_an_invite_that_nobody_could_read_is_not_written() -> None:
    with pytest.raises(MalformedError):
        write(replace(INVITATION, federation_name=""), WORDS, bytes(32))


def test_two_files_of_one_invitation_share_neither_salt_nor_text() -> None:
    one, two = blob(), blob(write(INVITATION, WORDS, bytes(32)))
    assert one[10:26] != two[10:26]
    assert one[58:90] != two[58:90]


def test_neither_an_invitation_nor_its_file_shows_a_secret() -> None:
    shown = f"{INVITATION!r} {INVITATION}"
    for secret in ("SUSECRET", "eyJ", "token", WORDS.split()[0]):
        assert secret not in shown
    assert b"Three hospitals" not in blob()
