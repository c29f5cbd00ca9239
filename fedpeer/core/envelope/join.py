"""Asking to join and being answered, between the holder of an invite and the admin, over a bus nobody trusts.

    transcript = digest(federation, invite, admin's id, joiner's card)
    request    = HPKE to the admin  { transcript's parts, proof, signature by the joiner }
    reply      = HPKE to the joiner { content, signature by the admin over transcript ‖ content }

1. The invite's token is the secret of a throw-away identity, and the proof its signature of the transcript. The admin
   keeps the public half, the *verifier*: it recognises the token's holder, and whoever steals the admin's database
   cannot join with it. The token itself never travels.
2. Proof, signature and reply all cover the transcript: neither request nor reply can be moved to another joiner,
   invite, federation or admin, and the keys in it cannot be exchanged on the way.
3. Proof and signature are deterministic: a joiner that asks again, even after a restart, sends the same request.
"""

from __future__ import annotations

from fedpeer.core import canonical
from fedpeer.core.canonical import Value, digest
from fedpeer.core.envelope.invite import Invitation
from fedpeer.core.envelope.keys import Card, Identity, seal_to, verify
from fedpeer.core.envelope.padding import pad, unpad
from fedpeer.core.envelope.seal import MOST_MESSAGE
from fedpeer.core.errors import MalformedError, MismatchError

_REQUEST, _PROOF, _REPLY = "join request", "join proof", "join reply"


class JoinRequest(Value, frozen=True):
    """Who asks to join what. `proof` is by the invite's token: see `check_proof`."""

    federation: str
    invite: str
    admin: str
    card: Card
    proof: bytes

    @property
    def transcript(self) -> bytes:
        """What the proof and all signatures cover: everything but the proof."""
        return _transcript(self.federation, self.invite, self.admin, self.card)


class _Signed(Value, frozen=True):
    body: bytes
    signature: bytes


def verifier(token: bytes) -> bytes:
    """What the admin keeps of a token: enough to recognise its holder, not to pass for it."""
    return Identity.from_secret(token).card("").sign


def request(invitation: Invitation, identity: Identity, name: str) -> bytes:
    """Ask to join under a name, sealed to the invitation's admin."""
    card = identity.card(name).check()
    parts = (invitation.federation, invitation.invite, invitation.admin.peer)
    proof = Identity.from_secret(invitation.token).sign(_PROOF, _transcript(*parts, card))
    body = canonical.encode(JoinRequest(*parts, card, proof))
    signed = canonical.encode(_Signed(body, identity.sign(_REQUEST, body)))
    return seal_to(invitation.admin.seal, _info(_REQUEST, parts[0], parts[1]), pad(signed))


def open_request(sealed: bytes, identity: Identity, federation: str, invite: str) -> JoinRequest:
    """Read a request as its admin; a RemoteError unless its keys are sound, its own, and it is meant for this invite.

    That its sender holds the invite is not known before `check_proof`.
    """
    signed = _open(sealed, identity, _info(_REQUEST, federation, invite))
    request = canonical.decode(signed.body, JoinRequest)
    verify(request.card.check().sign, _REQUEST, signed.body, signed.signature)
    if (request.federation, request.invite, request.admin) != (federation, invite, identity.peer):
        raise MismatchError("a request to join something else than it was sent to")
    return request


def check_proof(request: JoinRequest, verifier: bytes) -> None:
    """ForgedError unless the sender of the request holds the token of this verifier."""
    verify(verifier, _PROOF, request.transcript, request.proof)


def reply(content: bytes, request: JoinRequest, identity: Identity) -> bytes:
    """Answer a request as its admin, sealed to the joiner."""
    transcript = request.transcript
    signed = canonical.encode(_Signed(content, identity.sign(_REPLY, transcript + content)))
    return seal_to(request.card.seal, digest(_REPLY, transcript), pad(signed))


def open_reply(sealed: bytes, invitation: Invitation, identity: Identity, name: str) -> bytes:
    """Read the admin's answer to the request of the same arguments; ForgedError if it is anything else."""
    parts = (invitation.federation, invitation.invite, invitation.admin.peer)
    transcript = _transcript(*parts, identity.card(name))
    signed = _open(sealed, identity, digest(_REPLY, transcript))
    verify(invitation.admin.sign, _REPLY, transcript + signed.body, signed.signature)
    return signed.body


def _open(sealed: bytes, identity: Identity, info: bytes) -> _Signed:
    if len(sealed) > MOST_MESSAGE:
        raise MalformedError(f"{len(sealed)} bytes about joining, of at most {MOST_MESSAGE}")
    return canonical.decode(unpad(identity.open(sealed, info)), _Signed)


def _info(label: str, federation: str, invite: str) -> bytes:
    return digest(label, federation.encode(), invite.encode())


def _transcript(federation: str, invite: str, admin: str, card: Card) -> bytes:
    parts = (part.encode() for part in (federation, invite, admin))
    return digest("join transcript", *parts, canonical.encode(card))
