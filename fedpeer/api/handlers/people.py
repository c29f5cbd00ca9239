"""Members and invites, and the users of this node."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import msgspec

from fedpeer.api.auth import user_token
from fedpeer.api.bodies import AddUser, Issue, Nothing, Permissions, Reason, RevokeKey, RotateKey
from fedpeer.api.call import Call
from fedpeer.core.errors import UnknownError
from fedpeer.node.accounts import User
from fedpeer.node.shapes import Federation, Invite, Member


async def members(call: Call[Nothing, Nothing]) -> list[Member]:
    """The roster, with what this node knows of each member."""
    return call.node.members(call.fed)


async def remove(call: Call[Nothing, Reason]) -> Federation:
    """Shut a member out at once (the admin only)."""
    return await call.node.remove(call.fed, call.named("member"), call.query.reason)


async def invites(call: Call[Nothing, Nothing]) -> list[Invite]:
    """Invites that were issued, without their secrets."""
    return [msgspec.structs.replace(invite, text="", passphrase="") for invite in call.node.invites(call.fed)]


async def invite(call: Call[Issue, Nothing]) -> Invite:
    """Issue an invite (the admin only); only this answer ever has its text and passphrase."""
    body = call.body
    return await call.node.invite(call.fed, role=body.role, expires_in_s=body.expires_in_s, passphrase=body.passphrase)


async def revoke(call: Call[Nothing, Nothing]) -> Invite:
    """Make an invite worthless (the admin only)."""
    return await call.node.revoke_invite(call.fed, call.named("invite"))


async def users(call: Call[Nothing, Nothing]) -> list[User]:
    """The users of this node with their roles, without their keys."""
    return [_user(call, cid) for cid in call.users.names()]


async def add_user(call: Call[AddUser, Nothing]) -> User:
    """Add a user; only this answer ever has the key, and the token that is made of it."""
    body = call.body
    key = await call.users.add(body.cid, body.role, _grants(call, body.grants))
    return _user(call, body.cid, key)


async def permit_user(call: Call[Permissions, Nothing]) -> User:
    """Give a user these roles in place of those it had, from now on."""
    cid = call.named("cid")
    await call.users.permit(cid, call.body.role, _grants(call, call.body.grants))
    return _user(call, cid)


async def rotate_key(call: Call[RotateKey, Nothing]) -> User:
    """Give a user a new key; the one before, and its token, are worthless from now on, or `overlap_s` seconds later."""
    cid = call.named("cid")
    return _user(call, cid, await call.users.rotate(cid, call.body.overlap_s))


async def revoke_key(call: Call[Nothing, RevokeKey]) -> User:
    """Take a user's key away, or only the `older` of two; roles and names for federations stay for the next one."""
    cid = call.named("cid")
    await call.users.revoke(cid, older=call.query.older)
    return _user(call, cid)


async def remove_user(call: Call[Nothing, Nothing]) -> None:
    """Remove a user; its key and token are worthless from now on."""
    await call.users.remove(call.named("cid"))


def _user(call: Call[Any, Any], cid: str, key: bytes = b"") -> User:
    account = call.users.get(cid)
    if account is None:
        raise UnknownError(f"there is no user {cid}")
    return User(
        cid=cid,
        role=account.role,
        grants=account.grants,
        active=bool(account.key),
        added_at=float(account.added_at),
        keyed_at=float(account.keyed_at),
        older_until=float(account.until) if len(account.keys(call.served.now())) > 1 else 0.0,
        secret_key=base64.b64encode(key).decode(),
        token=user_token(cid, key) if key else "",
    )


def _grants(call: Call[Any, Any], told: Mapping[str, str]) -> dict[str, str]:
    """The grants by the ids of the federations that they name."""
    return {call.node.resolve(name): role for name, role in told.items()}
