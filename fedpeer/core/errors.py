"""The faults: ours, and theirs.

Outcomes that are part of normal work (a contract that refuses, a release rule that withholds) are values, not faults.
A fault is either *ours* (`LocalError`: we, or our operator, asked for something illegal) or *theirs* (`RemoteError`: a
peer or the bus sent something illegal). Anything else that is raised is a bug.

Every error class has a numbered `code` that is never reused and has a page under docs/errors/, and a `hint` that says
what to try.
"""

from __future__ import annotations

from typing import ClassVar


class FedpeerError(Exception):
    """What happened, in the operator's words; `code` names the kind and `hint` says what to try."""

    code: ClassVar[str] = "FP000"
    hint: str = "see the page of this code under docs/errors"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint

    def __str__(self) -> str:
        return f"{self.args[0]}"


class LocalError(FedpeerError):
    """We, or our operator, asked for something illegal; nothing was changed."""

    code = "FP100"


class RemoteError(FedpeerError):
    """A peer or the bus sent something illegal; it had no effect."""

    code = "FP200"
    hint = "nothing to do here: the message was dropped and recorded; if it repeats, ask the sender's operator"


class SchemaError(LocalError):
    """A schema that cannot be, or two that differ."""

    code = "FP101"
    hint = "`fedpeer schema infer FILE` proposes a schema to start from; docs/schema.md has every field"


class OverflowRefusedError(LocalError):
    """The schema and the row bound do not prove that no sum can overflow."""

    code = "FP102"
    hint = "declare a coarser resolution or a narrower range for the named feature, or a smaller row bound"


class TableError(LocalError):
    """A table that does not fit the schema: a missing column, a type that cannot be read."""

    code = "FP103"
    hint = "compare the table's columns with the schema: `fedpeer schema show`"


class SourceError(LocalError):
    """A file or other data source that cannot be read."""

    code = "FP104"
    hint = "check the path, its permissions and its encoding (UTF-8)"


class ContractError(LocalError):
    """A contract that cannot be parsed or does not fit the schema."""

    code = "FP105"
    hint = (
        "docs/contracts.md has the whole language on one page; `fedpeer contract check` tries a text without setting it"
    )


class ScheduleError(LocalError):
    """A schedule that is not of the form s<n>, m<n>, h<n> or d<n>."""

    code = "FP106"
    hint = "write s10 for ten seconds, m30 for half an hour, h3 for three hours, d7 for a week"


class ModelError(LocalError):
    """A model that cannot be fitted from this summary."""

    code = "FP107"
    hint = "the message names the columns or the number of rows that stand in the way"


class InviteError(LocalError):
    """An invite that cannot be opened or redeemed."""

    code = "FP108"
    hint = "ask the federation's admin for a new invite: each works once, until its expiry"


class PermissionRefusedError(LocalError):
    """An action that only the federation's admin may take."""

    code = "FP109"
    hint = "ask the federation's admin; `fedpeer peers` shows who that is"


class UnknownError(LocalError):
    """An id or a name that this node does not know."""

    code = "FP110"
    hint = "list what there is first: `fedpeer status`, `fedpeer peers`, `fedpeer data list`"


class StateError(LocalError):
    """A request that is legal, but not now."""

    code = "FP111"
    hint = "`fedpeer status` shows what state the federation is in"


class DuplicateError(LocalError):
    """Something that is there already."""

    code = "FP112"
    hint = "nothing was added; list what there is, or force it where the command offers that"


class ConfigError(LocalError):
    """A configuration that cannot be used."""

    code = "FP113"
    hint = "config/fedpeer.yaml shows every setting with its default and its unit"


class HomeError(LocalError):
    """A home directory that cannot be trusted or used."""

    code = "FP114"
    hint = "`fedpeer doctor` says what is wrong with the home and how to mend it"


class BusError(LocalError):
    """A message bus that cannot be reached or refuses us."""

    code = "FP115"
    hint = "check the address and the credentials of the bus; `fedpeer doctor` tries the connection"


class StoreError(LocalError):
    """A database that cannot be read or written."""

    code = "FP116"
    hint = "check free disk space; rounds stop and reads go on until it can be written again"


class AccessError(LocalError):
    """A request without a valid credential, or from a place that may not ask."""

    code = "FP117"
    hint = "send the token of the file named in run/ready.json as `Authorization: Bearer ...`"


class RequestError(LocalError):
    """A request that cannot be understood."""

    code = "FP118"
    hint = "the API's own description is at /v1/openapi.json"


class UnreachableError(LocalError):
    """A daemon that does not answer."""

    code = "FP119"
    hint = "is the daemon running? start it with `fedpeer serve`, or name another one with --home or --url"


class TooOftenError(LocalError):
    """Something was asked for too often within a short time."""

    code = "FP121"
    hint = "wait a minute, or ask for several things at once"


class PledgeError(StoreError):
    """A word that this node has given already, as another one; `scope` is the federation that it was given in."""

    code = "FP120"
    hint = "nothing was said; if it repeats, this node's store or program has been set back: docs/errors/FP120.md"
    scope: str = ""

    @classmethod
    def of(cls, scope: str, name: str) -> PledgeError:
        """What a store says that was asked to keep another value under a name."""
        error = cls(f"this node has given another word already as {name} of {scope or 'the node'}")
        error.scope = scope
        return error


class MalformedError(RemoteError):
    """Bytes that are not a message: truncated, oversized, not canonical, of unknown form."""

    code = "FP201"


class ForgedError(RemoteError):
    """A signature, tag or proof that does not verify."""

    code = "FP202"


class ReplayError(RemoteError):
    """A message that was seen before."""

    code = "FP203"


class ExpiredError(RemoteError):
    """A message or invite past its time."""

    code = "FP204"


class OutsiderError(RemoteError):
    """A message from someone who is not, or no longer, a member."""

    code = "FP205"


class EpochError(RemoteError):
    """A message sealed in an epoch whose secret we do not hold."""

    code = "FP206"
    hint = "nothing to do: this node asks for the newest epoch by itself"


class CharterError(RemoteError):
    """A charter entry that does not follow: forged, forked, rolled back, or not the admin's."""

    code = "FP207"
    hint = "rounds are stopped until the charter is whole again; compare `fedpeer charter` with the admin's"


class MismatchError(RemoteError):
    """A contribution that does not fit the federation: other schema, impossible counts."""

    code = "FP208"


class ForkError(CharterError):
    """Two charter entries with one number, both signed by the admin."""

    code = "FP209"
    hint = "this federation is stopped here: ask the admin's operator whether their keys or backups were misused"
