"""Members and invites, and the users of the second dialect."""

from __future__ import annotations

import base64

import msgspec

from fedpeer.api.bodies import AddUser, Issue, Nothing, Reason
from fedpeer.api.call import Call
from fedpeer.node.shapes import Federation, Invite, Member, User


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
    """The users of the second dialect, without their keys."""
    return [User(cid=cid) for cid in call.users.names()]


async def add_user(call: Call[AddUser, Nothing]) -> User:
    """Add a user of the second dialect; only this answer ever has the key."""
    key = await call.users.add(call.body.cid)
    return User(cid=call.body.cid, secret_key=base64.b64encode(key).decode())


async def remove_user(call: Call[Nothing, Nothing]) -> None:
    """Remove a user of the second dialect; its signatures are worthless from now on."""
    await call.users.remove(call.named("cid"))
