"""Who may do what, in both dialects: the one place that says yes or no, and that logs every no and every change.

1. A role is had on the whole node, or on single federations and projects; the stronger one counts.
2. A viewer looks, explores and predicts. An operator also works with rows and models, and pulses. An admin also
   decides: who is in, on what terms, and who the users are.
3. What somebody may not even look at is not there: the answer is that of a name that nobody has.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Literal

import msgspec

from fedpeer.api.faults import RoleError
from fedpeer.core.errors import UnknownError
from fedpeer.node.shapes import Job
from fedpeer.node.users import Account

Role = Literal["anyone", "viewer", "operator", "admin"]

_log = logging.getLogger("fedpeer.api.access")

_RANKS = {"none": 0, "anyone": 0, "viewer": 1, "operator": 2, "admin": 3}


class Who(msgspec.Struct, frozen=True):
    """Somebody whose credential was found good: `role` on the whole node, `grants` by federation or project.

    `via` is what the credential is, or that it came through the command line, as that says.
    """

    name: str
    role: str
    grants: Mapping[str, str] = {}
    via: str = ""

    def may(self, need: Role, scope: str = "") -> bool:
        """Whether what needs this role is allowed in a federation or project, or on the whole node."""
        return max(_RANKS[self.role], _RANKS[self.grants.get(scope, "none")]) >= _RANKS[need]

    def somewhere(self, need: Role) -> bool:
        """Whether the role is had anywhere."""
        return self.may(need) or any(_RANKS[role] >= _RANKS[need] for role in self.grants.values())


ANYONE = Who("anyone", "none")


def of_user(cid: str, account: Account, via: str) -> Who:
    """Return a user as one who asks."""
    return Who(f"user {cid}", account.role, account.grants, via)


def check(who: Who, need: Role, scope: str = "", *, what: object) -> None:
    """Refuse what is not allowed; `what` says it for the log. UnknownError for a scope that `who` may not look at."""
    if who.may(need, scope):
        return
    _log.warning("refused %s: %s needs the role %s%s", who.name, what, need, f" in {scope}" if scope else "")
    if scope and not who.may("viewer", scope):
        raise UnknownError(f"{who.name} has nothing of this name here")
    raise RoleError(f"this needs the role {need}, which {who.name} does not have{' here' if scope else ''}")


def sees(who: Who, job: Job) -> bool:
    """Whether somebody may look at a job: where it works, or, if that is no one place, everywhere, or at its own."""
    return who.may("viewer", job.federation) or (not job.federation and job.by == who.name)


def check_job(who: Who, need: Role, job: Job, *, what: object) -> None:
    """Refuse what is not allowed with a job; UnknownError for one that `who` may not look at."""
    if not sees(who, job):
        raise UnknownError(f"there is no job {job.id}")
    if job.federation or job.by != who.name:
        check(who, need, job.federation, what=what)


def check_somewhere(who: Who, need: Role, *, what: object) -> None:
    """Refuse who has the role nowhere; what is shown or done must then be checked, or left out, one by one."""
    if not who.somewhere(need):
        check(who, need, what=what)


def done(who: Who, what: object) -> None:
    """Log that something was done that changes something, and by whom."""
    _log.info("%s (%s): %s", who.name, who.via, what)


def refused(who: str, what: object, why: str) -> None:
    """Log that a credential was refused, without it."""
    _log.warning("refused %r: %s: %s", who[:80], what, why)
