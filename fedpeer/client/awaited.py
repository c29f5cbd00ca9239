"""One method a route, awaited: scripts/clients.py writes this file, from fedpeer/client/methods.py.

An `AsyncClient` keeps its connections; use it in one event loop, and close it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from fedpeer.client.address import ApiError, Problem
from fedpeer.client.awaited_places import AsyncPlaces
from fedpeer.client.line import asked, place
from fedpeer.node.accounts import User
from fedpeer.node.proposals import Agreement, Proposal
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

_STEP_S = 0.25


class AsyncClient(AsyncPlaces):
    """Talks to the daemon at `url`; `token` is the text of its token file. Has the methods of `Client`, awaited.

    Use it as `async with AsyncClient(url, token) as client:`, or close it. It belongs to the loop of its first call.
    """

    async def node(self) -> NodeInfo:
        """Who answers."""
        return await self.call("GET", "/v1/node", shape=NodeInfo)

    async def health(self) -> dict[str, Any]:
        """How the node is, in words."""
        return await self.call("GET", "/v1/health", shape=dict[str, Any])

    async def jobs(self) -> list[Job]:
        """Long work, running and done."""
        return await self.call("GET", "/v1/jobs", shape=list[Job])

    async def job(self, job_id: str) -> Job:
        """One piece of long work."""
        return await self.call("GET", place("/v1/jobs", job_id), shape=Job)

    async def cancel(self, job_id: str) -> Job:
        """Stop long work; what it did is undone."""
        return await self.call("DELETE", place("/v1/jobs", job_id), shape=Job)

    async def done(self, job: Job, progress: Callable[[Job], None] | None = None) -> Job:
        """Wait for the end of long work and return it as it ended; ApiError says why it did not get there.

        `progress` is told the job now and then until it ends: `current` of `maximum`, in `unit`.
        """
        while job.state == "running":
            job = await self.call("GET", place("/v1/jobs", job.id), wait_s=_STEP_S, shape=Job)
            if progress is not None:
                progress(job)
        if job.error is not None:
            raise ApiError.of(job.error)
        if job.state != "done":
            raise ApiError(Problem(code="FP111", detail=f"job {job.id} was {job.state}"))
        return job

    async def federations(self) -> list[Federation]:
        """Every federation this node is, or was, in."""
        return await self.call("GET", "/v1/federations", shape=list[Federation])

    async def federation(self, fed: str) -> Federation:
        """One federation."""
        return await self.call("GET", place("/v1/federations", fed), shape=Federation)

    async def create(self, name: str, schema: Mapping[str, Any], contract: str, **options: Any) -> Federation:
        """Found a federation; `options`: schedule, display, profile, rules, noise, exchange, …_action."""
        body = {"name": name, "schema": schema, "contract": contract, **options}
        return await self.call("POST", "/v1/federations", body=body, shape=Federation)

    async def join(self, text: str, passphrase: str, *, wait_s: float = 30.0, **options: Any) -> Federation:
        """Redeem an invite; `options`: display, send_action, receive_action."""
        body = {"text": text, "passphrase": passphrase, **options}
        return await self.call("POST", "/v1/joins", body=body, wait_s=wait_s, shape=Federation)

    async def invite(self, fed: str, *, role: str = "", expires_in_s: int | None = None) -> Invite:
        """Issue an invite; only this answer ever has its text and passphrase. Unsaid, role and time are the usual."""
        return await self._post(fed, "invites", {"role": role, "expires_in_s": expires_in_s}, Invite)

    async def invites(self, fed: str) -> list[Invite]:
        """Invites that were issued, without their secrets."""
        return await self._get(fed, "invites", list[Invite])

    async def revoke(self, fed: str, invite_id: str) -> Invite:
        """Make an invite worthless."""
        return await self._delete(fed, f"invites/{quote(invite_id, safe='')}", Invite)

    async def members(self, fed: str) -> list[Member]:
        """The roster, with what this node knows of each member."""
        return await self._get(fed, "members", list[Member])

    async def remove(self, fed: str, member: str, *, reason: str = "") -> Federation:
        """Shut a member out (the admin only)."""
        query = {"reason": reason} if reason else {}
        return await self._delete(fed, f"members/{quote(member, safe='')}", Federation, query)

    async def leave(self, fed: str) -> Federation:
        """Leave the federation for good."""
        return await self._post(fed, "leave", None, Federation)

    async def charter(self, fed: str) -> list[CharterEntry]:
        """Every decision of the admin."""
        return await self._get(fed, "charter", list[CharterEntry])

    async def schema(self, fed: str, *, counted: bool = False) -> dict[str, Any]:
        """The federation's schema, or the one that this node counts under, as `Schema.from_dict` reads it."""
        return await self._get(fed, "schema", dict[str, Any], {"counted": counted} if counted else None)

    async def proposals(self, fed: str) -> list[Proposal]:
        """What this node would have the schema grow by and, at the admin, what members would."""
        return await self._get(fed, "schema/proposals", list[Proposal])

    async def propose(self, fed: str, additions: Mapping[str, Any], comment: str = "") -> Proposal:
        """Propose that the schema grow; `additions` has new `features`, and new `levels` by category."""
        return await self._post(fed, "schema/proposals", {"additions": additions, "comment": comment}, Proposal)

    async def agreement(self, fed: str) -> Agreement:
        """What this node counts its rows under, and what the federation's schema has beyond that."""
        return await self._get(fed, "schema/agreement", Agreement)

    async def agree(self, fed: str, schema: str) -> Agreement:
        """Count rows under this schema (its digest), which the federation's has grown into."""
        return await self._put(fed, "schema/agreement", {"schema": schema}, Agreement)

    async def accept(self, fed: str, proposal: str) -> Proposal:
        """Let the schema grow as proposed, for everyone (the admin only)."""
        return await self._post(fed, f"schema/proposals/{quote(proposal, safe='')}/accept", None, Proposal)

    async def decline(self, fed: str, proposal: str, reason: str = "") -> Proposal:
        """Do not let the schema grow as proposed (the admin only); the proposer reads the reason."""
        body = {"reason": reason}
        return await self._post(fed, f"schema/proposals/{quote(proposal, safe='')}/decline", body, Proposal)

    async def set_schedule(self, fed: str, schedule: str) -> Federation:
        """Change when the federation pulses (the admin only)."""
        return await self._put(fed, "schedule", {"schedule": schedule}, Federation)

    async def set_pulsing(self, fed: str, pulsing: bool) -> Federation:
        """Start or stop this node's pulse."""
        return await self._put(fed, "pulse", {"pulsing": pulsing}, Federation)

    async def cipher(self, fed: str) -> Cipher:
        """What sums are made with, and digests to compare with other programs."""
        return await self._get(fed, "cipher", Cipher)

    async def rules(self, fed: str) -> ReleaseRules:
        """The release rules: the charter's, what this node adds to them, and the numbers that hold here."""
        return await self._get(fed, "rules", ReleaseRules)

    async def set_rules(self, fed: str, **rules: Any) -> ReleaseRules:
        """Keep stricter release rules than the charter at this node; `rules` are those of `ReleaseRules.own`."""
        return await self._put(fed, "rules", rules, ReleaseRules)

    async def set_explorable(self, fed: str, explorable: bool) -> Federation:
        """Consent, or no longer, to others exploring this node's own summary."""
        return await self._put(fed, "explorable", {"explorable": explorable}, Federation)

    async def bridge(self, fed: str, source: str, *, on: bool = True) -> Federation:
        """Bring the total of another federation, whose admin this node is, into this one, or no longer."""
        return await self._put(fed, "bridge", {"source": source, "on": on}, Federation)

    async def sync(self, fed: str, *, wait_s: float = 0.0) -> Synced:
        """Pulse now and ask the others for their state; with `wait_s`, wait until all hold the same."""
        return await self.call("POST", place("/v1/federations", fed, "sync"), wait_s=wait_s, shape=Synced)

    async def budget(self) -> Budget:
        """The privacy budget of the node's data set: what noise cost so far, in every federation, and what is left."""
        return await self.call("GET", "/v1/privacy/budget", shape=Budget)

    async def preview(self, fed: str) -> Preview:
        """What would leave this node if it pulsed now, and what every rule says of it; nothing does."""
        return await self._get(fed, "preview", Preview)

    async def audit_round(self, fed: str, *, wait_s: float = 30.0) -> Audit:
        """Have the sum that is shown opened again from what its collector kept of the round."""
        return await self.call("POST", place("/v1/federations", fed, "audit", "round"), wait_s=wait_s, shape=Audit)

    async def projects(self) -> list[Project]:
        """Rows of this node without a federation."""
        return await self.call("GET", "/v1/projects", shape=list[Project])

    async def project(self, project: str) -> Project:
        """One project."""
        return await self.call("GET", place("/v1/projects", project), shape=Project)

    async def create_project(self, name: str, schema: Mapping[str, Any] | None = None) -> Project:
        """Make a project; without a schema, set one before its first rows."""
        return await self.call("POST", "/v1/projects", body={"name": name, "schema": schema}, shape=Project)

    async def change_project(self, project: str, **what: Any) -> Project:
        """Change a project; `what`: name, frozen, or schema: with rows, one that theirs grows into."""
        return await self.call("PUT", place("/v1/projects", project), body=what, shape=Project)

    async def merge_projects(self, project: str, other: str, *, force: bool = False) -> Project:
        """Count the rows of another project of the same schema in this one too."""
        body = {"other": other, "force": force}
        return await self.call("POST", place("/v1/projects", project, "merge"), body=body, shape=Project)

    async def delete_project(self, project: str) -> None:
        """Delete a project, its rows and its models."""
        await self.call("DELETE", place("/v1/projects", project), shape=object)

    async def export_project(self, project: str) -> bytes:
        """A project with its sums and models, as bytes that any node reads."""
        return await self.call("GET", place("/v1/projects", project, "export"), shape=bytes)

    async def import_project(self, data: bytes, name: str = "") -> Project:
        """A project out of such bytes, under its own name unless one is given."""
        return await self.call("POST", "/v1/projects/import", body={"project": data, "name": name}, shape=Project)

    async def contract(self, fed: str) -> str:
        """The text of the contract."""
        return str((await self._get(fed, "contract", dict[str, Any]))["text"])

    async def check_contract(self, fed: str, text: str) -> ContractCheck:
        """Try a contract against the federation's schema and this node's own rows."""
        return await self._post(fed, "contract/check", {"text": text}, ContractCheck)

    async def check_contract_text(self, text: str, schema: Mapping[str, Any]) -> ContractCheck:
        """Try a contract against a schema."""
        return await self.call("POST", "/v1/contract/check", body={"text": text, "schema": schema}, shape=ContractCheck)

    async def set_contract(self, fed: str, text: str) -> Federation:
        """Set the contract (the admin only)."""
        return await self._put(fed, "contract", {"text": text}, Federation)

    async def log(self, fed: str = "", **page: Any) -> LogPage:
        """A page of the timeline, of the whole node without `fed`; `page`: kinds, levels, after, before, limit."""
        where = place("/v1/federations", fed, "log") if fed else "/v1/log"
        return await self.call("GET", asked(where, page), shape=LogPage)

    async def sync_log(self, fed: str, **page: Any) -> LogPage:
        """A page of what was sent and received."""
        return await self._get(fed, "log/sync", LogPage, page)

    async def error_log(self, fed: str, **page: Any) -> LogPage:
        """A page of what went wrong."""
        return await self._get(fed, "log/errors", LogPage, page)

    async def clear_errors(self, fed: str) -> int:
        """Forget the error log; return how many entries there were."""
        return int((await self._delete(fed, "log/errors", dict[str, Any]))["cleared"])

    async def stats(self, fed: str) -> SyncStats:
        """Counters of the federation's traffic."""
        return await self._get(fed, "stats", SyncStats)

    async def events(self, **query: Any) -> AsyncIterator[LogEntry]:
        """What happens from now on, as it happens; ends when the daemon does. `query`: federation, after."""
        async for line in self.lines(asked("/v1/events", query)):
            if line.startswith(b"data:"):
                yield msgspec.json.decode(line[5:], type=LogEntry)

    async def batches(self, fed: str) -> list[Batch]:
        """The rows of this node, by when they were counted."""
        return await self._get(fed, "data", list[Batch])

    async def add_source(self, fed: str, location: str, *, force: bool = False, **options: Any) -> Job:
        """Count the rows at a location that the daemon can read; see `job` for the outcome."""
        return await self._post(fed, "data", {"location": location, "options": options, "force": force}, Job)

    async def add_rows(
        self, fed: str, rows: Sequence[Any] | Mapping[str, Any], *, source: str, force: bool = False
    ) -> Job:
        """Count rows sent along: a list of objects, or an object of columns."""
        return await self._post(fed, "data/rows", {"rows": rows, "source": source, "force": force}, Job)

    async def withdraw(self, fed: str, batch_id: str) -> Batch:
        """Take rows back out, exactly."""
        return await self._delete(fed, f"data/{quote(batch_id, safe='')}", Batch)

    async def withdraw_rows(
        self, fed: str, location: str = "", *, rows: Any = None, batch: str = "", **options: Any
    ) -> Job:
        """Take rows out of the batch that has them: those at a location that the daemon can read, or sent along."""
        body = {"location": location, "rows": rows, "options": options, "batch": batch}
        return await self._post(fed, "data/withdrawn", body, Job)

    async def receipts(self, fed: str) -> list[Withdrawal]:
        """What was withdrawn after others had it, with the receipts of those who hold it no longer."""
        return await self._get(fed, "data/receipts", list[Withdrawal])

    async def explore(
        self,
        fed: str,
        features: Sequence[str] = (),
        *,
        of: str = "total",
        metric: str = "",
        against: str = "",
        **options: Any,
    ) -> Explored:
        """Statistics of all features, of one, or of a pair; or a `metric`, with options of its own: docs/statistics.md.

        `of` and `against` are total, local, rest, `rest of …`, or members' ids or names with commas; `of` may be each.
        """
        body = {"features": list(features), "of": of, "metric": metric, "options": options, "against": against}
        return await self._post(fed, "explore", body, Explored)

    async def fit(
        self, fed: str, kind: str, *, target: str | None = None, features: Sequence[str] = (), **options: Any
    ) -> Fitted:
        """Fit and keep a model; `options`: `of` (total, local, rest, or members with commas) and the model's own."""
        of = options.pop("of", "total")
        body = {"kind": kind, "target": target, "features": list(features), "options": options, "of": of}
        return await self._post(fed, "models", body, Fitted)

    async def models(self, fed: str) -> list[Fitted]:
        """The models that are kept."""
        return await self._get(fed, "models", list[Fitted])

    async def model(self, fed: str, model_id: str) -> Fitted:
        """One model."""
        return await self._get(fed, f"models/{quote(model_id, safe='')}", Fitted)

    async def forget(self, fed: str, model_id: str) -> None:
        """Forget a model."""
        await self._delete(fed, f"models/{quote(model_id, safe='')}", object)

    async def predict(self, fed: str, model_id: str, rows: Sequence[Any] | Mapping[str, Any]) -> Predicted:
        """Predict rows: a list of objects, or an object of columns."""
        return await self._post(fed, f"models/{quote(model_id, safe='')}/predict", {"rows": rows}, Predicted)

    async def export(self, fed: str, model_id: str, form: str, *, table: str = "patients") -> bytes:
        """A model as json, python, sql (a query of `table`) or onnx."""
        return await self._get(fed, f"models/{quote(model_id, safe='')}/export", bytes, {"form": form, "table": table})

    async def report(self, fed: str, model_id: str, form: str = "text") -> str:
        """The report of a model as text, html or csv."""
        return (await self._get(fed, f"models/{quote(model_id, safe='')}/report", bytes, {"form": form})).decode()

    async def validate(
        self, fed: str, kind: str, *, target: str, features: Sequence[str] = (), grid: Any = None, **options: Any
    ) -> Validated:
        """Cross-validate by leaving out one part of the total after the other; `grid`: values of an option."""
        body = {"kind": kind, "target": target, "features": list(features), "options": options, "grid": grid or {}}
        return await self._post(fed, "validate", body, Validated)

    async def evaluate(
        self, fed: str, model_id: str, location: str = "", *, rows: Any = None, terms: Mapping[str, Any], **options: Any
    ) -> Job:
        """Compare predictions with the truth in rows at a location that the daemon can read, or sent along.

        `terms`: target, positive, threshold, confidence. `Job.result` is then an `Evaluated`; see `job`.
        """
        body = {"location": location, "rows": rows, "options": options, **terms}
        return await self._post(fed, f"models/{quote(model_id, safe='')}/evaluate", body, Job)

    async def choose(
        self, fed: str, kinds: Mapping[str, Mapping[str, Any]], target: str, location: str = "", **how: Any
    ) -> Job:
        """Fit kinds (with their options), judge each on rows at a location or sent along (`rows`), and keep the best.

        `how`: features, search, grid, measure, positive, of, and `options` of reading. `Job.result` is then a `Chosen`.
        """
        return await self._post(fed, "choose", {"kinds": kinds, "target": target, "location": location, **how}, Job)

    async def picture(self, fed: str, picture: str, **what: Any) -> bytes:
        """A plot as a file, `density.svg` or `drift.png`: of a `model`, of the `job` of an evaluation, or of rows.

        Of rows, `what` are `features`, `of` and `against` (docs/plots.md).
        """
        model, job, name = (what.pop("model", ""), what.pop("job", ""), quote(picture, safe=""))
        if job:
            return await self.call("GET", f"{place('/v1/jobs', job)}/plots/{name}", shape=bytes)
        where = f"models/{quote(model, safe='')}/plots" if model else "plots"
        return await self._get(fed, f"{where}/{name}", bytes, what)

    async def users(self) -> list[User]:
        """Who may ask this node with a key of its own, without the keys."""
        return await self.call("GET", "/v1/users", shape=list[User])

    async def add_user(self, cid: str, *, role: str = "none", grants: Mapping[str, str] | None = None) -> User:
        """Add a user with a role on the whole node, and roles in single federations; only this answer has its key."""
        return await self.call("POST", "/v1/users", body={"cid": cid, "role": role, "grants": grants or {}}, shape=User)

    async def permit_user(self, cid: str, *, role: str = "none", grants: Mapping[str, str] | None = None) -> User:
        """Give a user these roles in place of those it had."""
        return await self.call("PUT", place("/v1/users", cid), body={"role": role, "grants": grants or {}}, shape=User)

    async def rotate_key(self, cid: str, *, overlap_s: int = 0) -> User:
        """Give a user a new key; only this answer has it, and the one before is good for `overlap_s` seconds more."""
        return await self.call("POST", place("/v1/users", cid, "key"), body={"overlap_s": overlap_s}, shape=User)

    async def revoke_key(self, cid: str, *, older: bool = False) -> User:
        """Take a user's key away, or only the `older` of two that are good; its roles stay."""
        return await self.call("DELETE", asked(place("/v1/users", cid, "key"), {"older": older}), shape=User)

    async def remove_user(self, cid: str) -> None:
        """Remove a user and its names for federations."""
        await self.call("DELETE", place("/v1/users", cid), shape=object)
