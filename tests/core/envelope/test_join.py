from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fedpeer.core import canonical
from fedpeer.core.canonical import digest
from fedpeer.core.envelope import join
from fedpeer.core.envelope.access import Access
from fedpeer.core.envelope.invite import Invitation
from fedpeer.core.envelope.join import JoinRequest, check_proof, open_reply, open_request, reply, request, verifier
from fedpeer.core.envelope.keys import Card, Identity, seal_to
from fedpeer.core.envelope.padding import pad
from fedpeer.core.envelope.seal import MOST_MESSAGE
from fedpeer.core.errors import ForgedError, MalformedError, MismatchError, RemoteError
from tests.support.letters import ALICE, BOB, EVE, FEDERATION, NOW

TOKEN = bytes(range(32))
INVITATION = Invitation(
    FEDERATION, "Three", ALICE.card("Alice"), Access(()), "ab12cd34", TOKEN, "member", NOW + 100, "{}"
)
VERIFIER = verifier(TOKEN)


def opened(
    sealed: bytes, admin: Identity = ALICE, federation: str = FEDERATION, invite: str = "ab12cd34"
) -> JoinRequest:
    return open_request(sealed, admin, federation, invite)


@dataclass
class Forger:
    """Makes requests as `request` does, with anything in them replaced."""

    signer: Identity = EVE
    token: bytes = TOKEN
    info: tuple[str, str] = (FEDERATION, "ab12cd34")

    def request(self, **changes: object) -> bytes:
        honest = JoinRequest(FEDERATION, "ab12cd34", ALICE.peer, self.signer.card("Eve"), b"")
        changed = replace(honest, **changes)
        if "proof" not in changes:
            changed = replace(changed, proof=Identity.from_secret(self.token).sign("join proof", changed.transcript))
        body = canonical.encode(changed)
        return self.sealed(body, self.signer.sign("join request", body))

    def sealed(self, body: bytes, signature: bytes) -> bytes:
        content = pad(canonical.encode(join._Signed(body, signature)))
        return seal_to(ALICE.card("").seal, digest("join request", *(i.encode() for i in self.info)), content)


def test_a_holder_of_the_invite_is_recognised_and_answered() -> None:
    asked = opened(request(INVITATION, BOB, "Bob"))
    check_proof(asked, VERIFIER)
    assert asked.card == BOB.card("Bob")
    assert open_reply(reply(b"welcome", asked, ALICE), INVITATION, BOB, "Bob") == b"welcome"


def test_the_forger_of_these_tests_can_make_an_honest_request() -> None:
    check_proof(opened(Forger().request()), VERIFIER)


def test_asking_again_says_the_same() -> None:
    first, second = request(INVITATION, BOB, "Bob"), request(INVITATION, Identity.from_secret(BOB.secret()), "Bob")
    assert opened(first) == opened(second)
    assert first != second


def test_without_the_token_there_is_no_proof() -> None:
    for wrong in (bytes(32), VERIFIER):
        with pytest.raises(ForgedError, match="proof"):
            check_proof(opened(Forger(token=wrong).request()), VERIFIER)
    for proof in (b"", bytes(64), EVE.sign("join proof", b"")):
        with pytest.raises(ForgedError, match="proof"):
            check_proof(opened(Forger().request(proof=proof)), VERIFIER)


def test_what_the_admin_keeps_is_not_enough_to_join() -> None:
    """A thief of the admin's records has the verifier, and the requests that came; neither proves another card."""
    assert VERIFIER != TOKEN
    seen = opened(request(INVITATION, BOB, "Bob"))
    for proof in (seen.proof, Identity.from_secret(VERIFIER).sign("join proof", seen.transcript)):
        with pytest.raises(ForgedError):
            check_proof(opened(Forger().request(proof=proof)), VERIFIER)


def test_a_proof_is_good_for_one_federation_invite_admin_and_card_only() -> None:
    good = opened(request(INVITATION, BOB, "Bob"))
    other = [
        {"federation": "a" * 26},
        {"invite": "zz12cd34"},
        {"admin": EVE.peer},
        {"card": EVE.card("Bob")},
        {"card": BOB.card("Bob2")},
        {"card": replace(BOB.card("Bob"), broker=EVE.card("").broker)},
        {"card": replace(BOB.card("Bob"), seal=EVE.card("").seal)},
    ]
    for change in other:
        with pytest.raises(ForgedError):
            check_proof(replace(good, **change), VERIFIER)


def test_a_request_is_read_only_where_it_belongs() -> None:
    sealed = request(INVITATION, BOB, "Bob")
    for elsewhere in ({"admin": EVE}, {"federation": "a" * 26}, {"invite": "zz12cd34"}):
        with pytest.raises(ForgedError):
            opened(sealed, **elsewhere)
    for change in ({"federation": "a" * 26}, {"invite": "zz12cd34"}, {"admin": EVE.peer}):
        with pytest.raises(MismatchError):
            opened(Forger().request(**change))


def test_keys_cannot_be_exchanged_on_the_way() -> None:
    for signer, card in ((EVE, BOB.card("Bob")), (BOB, replace(BOB.card("Bob"), sign=EVE.card("").sign))):
        with pytest.raises(ForgedError, match="join request"):
            opened(Forger(signer).request(card=card))


def unsound() -> list[Card]:
    card = EVE.card("Eve")
    return [
        replace(card, sign=b"\1" + bytes(31)),
        replace(card, sign=bytes(32)),
        replace(card, sign=b""),
        replace(card, seal=b""),
        replace(card, seal=card.seal[:1184] + bytes(32)),
        replace(card, broker="OPERATOR"),
        replace(card, name="\u202e"),
    ]


@pytest.mark.parametrize("card", unsound())
def test_unsound_keys_are_refused_before_their_signature_is_believed(card: Card) -> None:
    with pytest.raises(MalformedError):
        opened(Forger().request(card=card))


def test_a_cut_or_altered_request_or_reply_does_not_open() -> None:
    sealed = request(INVITATION, BOB, "Bob")
    answer = reply(b"welcome", opened(sealed), ALICE)
    for i in [*range(0, len(sealed), 7), len(sealed) - 1]:
        for wrong in (sealed[:i], sealed[:i] + bytes([sealed[i] ^ 1]) + sealed[i + 1 :]):
            with pytest.raises(ForgedError):
                opened(wrong)
    for i in [*range(0, len(answer), 7), len(answer) - 1]:
        for wrong in (answer[:i], answer[:i] + bytes([answer[i] ^ 1]) + answer[i + 1 :]):
            with pytest.raises(ForgedError):
                open_reply(wrong, INVITATION, BOB, "Bob")


@given(st.binary(max_size=400))
@settings(max_examples=60)
def test_any_bytes_sealed_or_not_are_refused(data: bytes) -> None:
    label = digest("join request", FEDERATION.encode(), b"ab12cd34")
    sealed = [data, *(seal_to(ALICE.card("").seal, label, content) for content in (data, pad(data)))]
    for wrong in [*sealed, Forger().sealed(data, EVE.sign("join request", data))]:
        with pytest.raises(RemoteError):
            opened(wrong)


def test_an_oversized_request_is_not_even_opened() -> None:
    with pytest.raises(MalformedError, match="at most"):
        opened(bytes(MOST_MESSAGE + 1))


def test_a_reply_is_good_for_the_request_it_answers_only() -> None:
    asked = opened(request(INVITATION, BOB, "Bob"))
    answer = reply(b"welcome", asked, ALICE)
    others = [
        (replace(INVITATION, invite="zz12cd34"), BOB, "Bob"),
        (replace(INVITATION, federation="a" * 26), BOB, "Bob"),
        (replace(INVITATION, admin=EVE.card("Alice")), BOB, "Bob"),
        (INVITATION, EVE, "Bob"),
        (INVITATION, BOB, "Bobby"),
    ]
    for where in others:
        with pytest.raises(ForgedError):
            open_reply(answer, *where)


def test_only_the_admin_of_the_invitation_can_reply() -> None:
    asked = opened(request(INVITATION, BOB, "Bob"))
    with pytest.raises(ForgedError, match="join reply"):
        open_reply(reply(b"welcome", asked, EVE), INVITATION, BOB, "Bob")


def test_a_name_that_deceives_is_refused_before_asking() -> None:
    with pytest.raises(MalformedError):
        request(INVITATION, BOB, "\x1b[2J")
