"""What the API needs of a node: commands that change something, views that are cheap, and what happens as it happens.

`fed` is a federation's id, an unambiguous beginning of it, or its name. Every method raises FedpeerError subclasses:
UnknownError for an id that is not known, PermissionRefusedError for what only the admin may do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from fedpeer.core.federation.exchange import Exchange
from fedpeer.core.federation.roster import Action
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.statistics.schema import Schema
from fedpeer.node.assessing import HeldOut, Trial
from fedpeer.node.origins import Stream, Watch
from fedpeer.node.shapes import (
    Audit,
    Batch,
    Budget,
    CharterEntry,
    Cipher,
    ContractCheck,
    Explored,
    Federation,
    Fitted,
    Invite,
    Job,
    LogEntry,
    LogPage,
    Member,
    NodeInfo,
    Predicted,
    Preview,
    Project,
    ReleaseRules,
    Synced,
    SyncStats,
    Validated,
    Withdrawal,
)
from fedpeer.node.sources import Sources

Rows = Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]]
Metric = float | Sequence[tuple[Mapping[str, str], float]]


class _Commands(Protocol):
    async def create(
        self,
        name: str,
        schema: Schema,
        contract: str,
        schedule: str,
        *,
        display: str,
        policy: Policy | None = None,
        exchange: Exchange | None = None,
        send_action: Action = "block",
        receive_action: Action = "block",
    ) -> Federation: ...
    async def invite(
        self, fed: str, *, role: str = "", expires_in_s: int | None = None, passphrase: str | None = None
    ) -> Invite:
        """Issue an invite; `passphrase` None draws one, a given one of under 16 characters is refused."""

    async def cipher(self, fed: str) -> Cipher: ...
    async def audit_round(self, fed: str, *, wait_s: float = 30) -> Audit: ...
    async def revoke_invite(self, fed: str, invite_id: str) -> Invite: ...
    async def join(
        self,
        text: str,
        passphrase: str,
        *,
        display: str,
        schema: Schema | None = None,
        send_action: Action = "block",
        receive_action: Action = "block",
        wait_s: float = 30,
    ) -> Federation: ...
    async def remove(self, fed: str, member: str, reason: str = "") -> Federation: ...
    async def leave(self, fed: str) -> Federation: ...
    async def set_schedule(self, fed: str, schedule: str) -> Federation: ...
    async def set_contract(self, fed: str, text: str) -> Federation: ...
    async def check_contract(self, fed: str, text: str) -> ContractCheck: ...
    async def check_contract_text(self, text: str, schema: Schema) -> ContractCheck: ...
    async def set_pulsing(self, fed: str, pulsing: bool) -> Federation: ...
    async def set_rules(self, fed: str, policy: Policy) -> ReleaseRules: ...
    async def set_explorable(self, fed: str, explorable: bool) -> Federation: ...
    async def sync(self, fed: str, *, wait_s: float = 0) -> Synced: ...
    async def preview(self, fed: str) -> Preview: ...
    def budget(self) -> Budget: ...
    async def add_source(self, fed: str, location: str, *, options: Mapping[str, Any], force: bool = False) -> Job: ...
    async def add_rows(self, fed: str, rows: Rows, *, source: str, force: bool = False) -> Job: ...
    async def withdraw(self, fed: str, batch_id: str) -> Batch: ...
    async def withdraw_rows(self, fed: str, rows: HeldOut, batch_id: str = "") -> Job: ...
    async def watch_data(
        self, fed: str, location: str, *, every_s: int, options: Mapping[str, Any], force: bool = False
    ) -> Watch: ...
    async def unwatch_data(self, fed: str, watch_id: str) -> Watch: ...
    async def start_stream(
        self, fed: str, location: str, *, options: Mapping[str, Any], force: bool = False
    ) -> Stream: ...
    async def stop_stream(self, fed: str, stream_id: str) -> Stream: ...
    async def forget_stream(self, fed: str, stream_id: str) -> Stream: ...
    async def cancel_job(self, job_id: str) -> Job: ...
    async def clear_errors(self, fed: str) -> int: ...
    async def fit(
        self,
        fed: str,
        kind: str,
        target: str | None,
        features: Sequence[str] | None,
        options: Mapping[str, Any],
        of: str = "total",
        *,
        model_id: str = "",
    ) -> Fitted: ...
    async def forget_model(self, fed: str, model_id: str) -> None: ...
    async def predict(self, fed: str, model_id: str, rows: Rows, *, missing: str = "") -> Predicted:
        """Predict; `missing` completes rows (mean, gaussian) also where the model was fitted without that."""

    async def evaluate(self, fed: str, model_id: str, held: HeldOut) -> Job: ...
    async def validate(self, fed: str, trial: Trial) -> Validated: ...
    async def explore(
        self,
        fed: str,
        features: Sequence[str],
        of: str = "total",
        *,
        metric: str = "",
        options: Mapping[str, Any] | None = None,
        against: str = "",
    ) -> Explored: ...


class _Projects(Protocol):
    async def create_project(self, name: str, schema: Schema | None = None) -> Project: ...
    async def change_project(
        self,
        project: str,
        *,
        name: str | None = None,
        schema: Schema | None = None,
        frozen: bool | None = None,
        histogram: bool | None = None,
    ) -> Project: ...
    async def merge_projects(self, project: str, other: str, *, force: bool = False) -> Project: ...
    async def delete_project(self, project: str) -> None: ...
    async def export_project(self, project: str) -> bytes: ...
    async def import_project(self, data: bytes, name: str = "") -> Project: ...
    async def keep_model(self, fed: str, told: bytes, model_id: str = "") -> Fitted: ...
    @property
    def sources(self) -> Sources:
        """The places of rows that have a name."""

    def projects(self) -> list[Project]: ...
    def project(self, project: str) -> Project: ...
    def begin(self, kind: str, fed: str, work: Callable[[Callable[[int], None]], Awaitable[Any]]) -> Job:
        """Have something done as a job that people follow; its result is what the work returns."""


class _Views(Protocol):
    def node(self) -> NodeInfo: ...
    def federations(self) -> list[Federation]: ...
    def resolve(self, fed: str) -> str: ...
    def federation(self, fed: str) -> Federation: ...
    def members(self, fed: str) -> list[Member]: ...
    def rules(self, fed: str) -> ReleaseRules: ...
    def invites(self, fed: str) -> list[Invite]: ...
    def batches(self, fed: str) -> list[Batch]: ...
    def receipts(self, fed: str) -> list[Withdrawal]: ...
    def watches(self, fed: str) -> list[Watch]: ...
    def streams(self, fed: str) -> list[Stream]: ...
    def jobs(self) -> list[Job]: ...
    def job(self, job_id: str) -> Job: ...
    def log(
        self,
        fed: str,
        kinds: Sequence[str] = (),
        levels: Sequence[str] = (),
        after: int = 0,
        before: int = 0,
        limit: int = 100,
    ) -> LogPage:
        """A page, newest first; `fed` "" is the whole node with all its federations."""

    def sync_log(self, fed: str, after: int = 0, before: int = 0, limit: int = 100) -> LogPage: ...
    def error_log(self, fed: str, after: int = 0, before: int = 0, limit: int = 100) -> LogPage: ...
    def stats(self, fed: str) -> SyncStats: ...
    def charter(self, fed: str) -> list[CharterEntry]: ...
    def schema(self, fed: str) -> Schema: ...
    def models(self, fed: str) -> list[Fitted]: ...
    def model(self, fed: str, model_id: str) -> Fitted: ...
    def health(self) -> Mapping[str, Any]:
        """`status` is "ok" or "degraded"; the rest is for people with a token."""

    def metrics(self) -> Mapping[str, Metric]:
        """A number by name, or a list of (labels, number); a name that ends in _total is a counter."""


class Node(_Commands, _Projects, _Views, Protocol):
    """A node as the API sees it."""

    def watch(self) -> AsyncIterator[LogEntry]:
        """Timeline entries from the moment of the call; ends when the node stops or the reader is too slow."""
