from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from fedpeer.core.envelope import passes
from fedpeer.core.envelope.access import Access
from fedpeer.core.envelope.passes import Rights
from fedpeer.core.errors import BusError, MalformedError

KINDS = ("operator", "account", "user")
OPERATOR, ACCOUNT, USER = (passes.seed(kind, bytes([n]) * 32) for n, kind in enumerate(KINDS, 1))
ACCOUNT_KEY, USER_KEY = passes.public_key(ACCOUNT, "account"), passes.public_key(USER, "user")
RIGHTS = Rights(("fp.x.all.me.>",), ("fp.x.all.>", "_INBOX_me.>"))


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def claims(jwt: str, signer: str) -> dict:
    """The claims of a JWT, its signature checked against an nkey that is taken apart here by hand."""
    head, body, signature = jwt.split(".")
    key = base64.b32decode(signer)[1:33]
    Ed25519PublicKey.from_public_bytes(key).verify(unpadded(signature), f"{head}.{body}".encode())
    assert json.loads(unpadded(head)) == {"typ": "JWT", "alg": "ed25519-nkey"}
    return json.loads(unpadded(body))


def test_the_example_of_the_nats_documentation() -> None:
    seed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
    assert passes.public_key(seed, "user") == "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"


@given(st.binary(min_size=32, max_size=32), st.sampled_from(KINDS))
def test_seeds_and_keys_say_what_they_are_for(entropy: bytes, kind: str) -> None:
    seed = passes.seed(kind, entropy)
    letter = kind[0].upper()
    assert seed.startswith("S" + letter)
    assert len(seed) == 58
    public = passes.public_key(seed, kind)
    assert public.startswith(letter)
    assert len(public) == 56
    assert passes.check_public(public, kind) == public
    expected = Ed25519PrivateKey.from_private_bytes(entropy).public_key().public_bytes_raw()
    assert base64.b32decode(public)[1:33] == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_a_key_for_one_thing_is_refused_for_another(kind: str, other: str) -> None:
    if kind == other:
        return
    seed = passes.seed(kind, bytes(32))
    with pytest.raises(BusError, match=other) as caught:
        passes.public_key(seed, other)
    assert seed not in str(caught.value)
    with pytest.raises(MalformedError):
        passes.check_public(passes.public_key(seed, kind), other)


def altered(text: str, i: int) -> str:
    return text[:i] + ("B" if text[i] == "A" else "A") + text[i + 1 :]


def test_a_damaged_key_is_refused_wherever_the_damage_is() -> None:
    for i in range(len(USER)):
        for wrong in (
            USER[:i],
            USER[:i] + ("A" if USER[i] != "A" else "B") + USER[i + 1 :],
            USER[:i] + USER[i:].lower(),
        ):
            with pytest.raises(BusError):
                passes.public_key(wrong, "user")
    for i in range(len(USER_KEY)):
        for wrong in (USER_KEY[:i], altered(USER_KEY, i)):
            with pytest.raises(MalformedError):
                passes.check_public(wrong, "user")


@given(st.text(max_size=80))
def test_texts_that_are_no_keys_are_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        passes.check_public(text, "user")
    with pytest.raises(BusError):
        passes.sign_nonce(text, "nonce")


def test_a_nonce_is_answered_by_the_user_key() -> None:
    answer = base64.b64decode(passes.sign_nonce(USER, "nonce"))
    Ed25519PublicKey.from_public_bytes(base64.b32decode(USER_KEY)[1:33]).verify(answer, b"nonce")
    assert passes.sign_nonce(USER, b"nonce") == passes.sign_nonce(USER, "nonce")


def test_an_operator_signs_itself_and_always_the_same() -> None:
    public = passes.public_key(OPERATOR, "operator")
    body = claims(passes.operator_jwt(OPERATOR, 5), public)
    assert (body["iss"], body["sub"], body["iat"], body["nats"]["type"]) == (public, public, 5, "operator")
    assert passes.operator_jwt(OPERATOR, 5) == passes.operator_jwt(OPERATOR, 5) != passes.operator_jwt(OPERATOR, 6)


def test_an_account_is_signed_by_the_operator_and_names_whom_it_revokes() -> None:
    operator = passes.public_key(OPERATOR, "operator")
    body = claims(passes.account_jwt(OPERATOR, ACCOUNT_KEY, "fed", {USER_KEY: 9}, 5), operator)
    assert (body["iss"], body["sub"]) == (operator, ACCOUNT_KEY)
    assert body["nats"]["revocations"] == {USER_KEY: 9}
    assert body["nats"]["limits"]["disk_storage"] == -1
    assert "revocations" not in claims(passes.account_jwt(OPERATOR, ACCOUNT_KEY, "fed", {}, 5), operator)["nats"]


def test_the_servers_own_account_gets_no_storage() -> None:
    body = claims(passes.account_jwt(OPERATOR, ACCOUNT_KEY, "SYS", {}, 5), passes.public_key(OPERATOR, "operator"))
    assert not {"mem_storage", "disk_storage", "streams", "consumer"} & set(body["nats"]["limits"])


def test_a_pass_allows_what_is_listed_and_denies_by_listing_nothing_else() -> None:
    body = claims(passes.user_jwt(ACCOUNT, USER_KEY, "me", rights=RIGHTS, now=5), ACCOUNT_KEY)
    assert (body["iss"], body["sub"], body["name"]) == (ACCOUNT_KEY, USER_KEY, "me")
    assert body["nats"]["pub"] == {"allow": ["fp.x.all.me.>"]}
    assert body["nats"]["sub"] == {"allow": ["fp.x.all.>", "_INBOX_me.>"]}
    assert "exp" not in body
    ending = Rights(RIGHTS.publish, RIGHTS.subscribe, expires=77)
    assert claims(passes.user_jwt(ACCOUNT, USER_KEY, "me", rights=ending, now=5), ACCOUNT_KEY)["exp"] == 77


@pytest.mark.parametrize(("publish", "subscribe"), [((), ("a",)), (("a",), ()), ((), ())])
def test_an_empty_list_is_refused_because_it_would_allow_everything(publish: tuple, subscribe: tuple) -> None:
    with pytest.raises(ValueError, match="everything"):
        Rights(publish, subscribe)


def test_passes_are_minted_only_by_and_for_the_right_kind_of_key() -> None:
    with pytest.raises(BusError):
        passes.user_jwt(OPERATOR, USER_KEY, "me", rights=RIGHTS, now=5)
    with pytest.raises(MalformedError):
        passes.user_jwt(ACCOUNT, ACCOUNT_KEY, "me", rights=RIGHTS, now=5)
    with pytest.raises(BusError):
        passes.account_jwt(ACCOUNT, ACCOUNT_KEY, "x", {}, 5)
    with pytest.raises(MalformedError):
        passes.account_jwt(OPERATOR, USER_KEY, "x", {}, 5)
    with pytest.raises(ValueError, match="32"):
        passes.seed("user", bytes(31))


def test_an_access_never_shows_its_secret() -> None:
    access = Access(("nats://127.0.0.1:1",), kind="pass", user="someone", secret=USER, jwt="eyJsecret")
    assert USER not in repr(access)
    assert "eyJsecret" not in repr(access)
    assert "127.0.0.1" in repr(access)
