"""What people may have done: each command becomes one event, and its answer comes when the effect is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from fedpeer.core.contract.admit import SENDING, admit
from fedpeer.core.contract.grammar import Contract
from fedpeer.core.envelope import invite as invites
from fedpeer.core.envelope.access import Access
from fedpeer.core.errors import (
    ConfigError,
    ContractError,
    InviteError,
    RequestError,
    SchemaError,
    StateError,
    UnknownError,
)
from fedpeer.core.federation.exchange import Exchange
from fedpeer.core.federation.roster import Action
from fedpeer.core.federation.schedule import Schedule
from fedpeer.core.models.choose import Contest
from fedpeer.core.models.fit import completed, fitted, restore
from fedpeer.core.models.result import Result
from fedpeer.core.peer import events as ev
from fedpeer.core.peer.bridging import outflow
from fedpeer.core.peer.joining import Issued
from fedpeer.core.peer.project import Project
from fedpeer.core.peer.state import Bus, Joining, Peer, Settings
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.statistics.extension import extends
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from fedpeer.node import bridging, shapes
from fedpeer.node.assessing import HeldOut, Trial, assessed, selected, traced, validated
from fedpeer.node.choices import Chosen
from fedpeer.node.ciphers import check_able, cipher_shape
from fedpeer.node.counting import Rows, reading_job
from fedpeer.node.exploring import DIFFERENCE, Asked, answered, known, members, prepared, whose
from fedpeer.node.foreseen import foreseen
from fedpeer.node.growth import Growth
from fedpeer.node.jobs import Progress
from fedpeer.node.rounds import audit_shape
from fedpeer.node.standalone import checked_name
from fedpeer.node.views import ERROR_KINDS, ERROR_LEVELS, invite_shape
from fedpeer.node.writing import predicted
from fedpeer.ports import Commit

LONGEST_INVITE_S = 30 * 86_400
CONNECT_S = 2.0  # that a new federation's bus is waited for before people are told of it


class Node(Growth):
    """A running node: its views, what it does with its rows and projects, and the commands here."""

    # Beginning

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
    ) -> shapes.Federation:
        """Found a federation with this node as its admin; without `exchange` in the open."""
        exchange = (exchange or Exchange()).check()
        if exchange.release:
            Contract.parse(exchange.release).validate(schema)
        Contract.parse(contract).validate(schema)
        Schedule.parse(schedule)
        await asyncio.to_thread(check_able, self._world.ciphers, exchange, schema, name)
        event = ev.Found(
            name=checked_name(name),
            display=checked_name(display),
            schema=schema,
            contract=contract,
            schedule=schedule,
            policy=await asyncio.to_thread(_kept, policy or Policy(), schema, exchange),
            settings=Settings(send_action=send_action, receive_action=receive_action),
            bus=self._bus(),
            exchange=exchange,
        )
        fed = await self._engine.begin(event)
        # So that who has just founded a federation is not told that its bus is not there.
        await self._engine.until(lambda: fed in self._engine.links and self._engine.links[fed].connected, CONNECT_S)
        return self.federation(fed)

    async def invite(
        self, fed: str, *, role: str = "", expires_in_s: int | None = None, passphrase: str | None = None
    ) -> shapes.Invite:
        """Issue an invite; its text and passphrase are in the answer and nowhere else. No role is the usual one."""
        expires_in_s = self._means.invite_s if expires_in_s is None else expires_in_s
        if not 0 < expires_in_s <= LONGEST_INVITE_S:
            raise RequestError(f"an invite lasts between a second and {LONGEST_INVITE_S // 86_400} days")
        role = self._peer(fed).roster.exchange.role(role)
        issued = await self._ask(fed, ev.IssueInvite(role, expires_in_s, passphrase))
        if not isinstance(issued, Issued):
            raise TypeError("an invite was not answered with one")
        return invite_shape(issued.record, issued.text, issued.passphrase)

    async def revoke_invite(self, fed: str, invite_id: str) -> shapes.Invite:
        """Make an open invite worthless."""
        return invite_shape(await self._ask(fed, ev.RevokeInvite(invite_id)))

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
    ) -> shapes.Federation:
        """Redeem an invite, with `schema` only if the federation has the same; goes on by itself after the wait."""
        now = int(self._world.clock.now())
        invitation = await asyncio.to_thread(invites.read, text, passphrase, now=now)
        if schema is not None:
            _check_same(schema, Schema.from_json(invitation.schema), invitation.federation_name)
        theirs, where = Schema.from_json(invitation.schema), invitation.federation_name
        await asyncio.to_thread(check_able, self._world.ciphers, Exchange.read(invitation.exchange), theirs, where)
        settings = Settings(send_action=send_action, receive_action=receive_action)
        fed = await self._engine.begin(ev.Join(invitation, checked_name(display), settings))
        await self._engine.until(lambda: self._is_settled(fed), wait_s)
        state = self._engine.states[fed]
        if isinstance(state, Joining) and state.phase == "declined":
            raise InviteError(f"{invitation.federation_name} did not admit this node: {state.reason}")
        return self.federation(fed)

    # Deciding

    async def remove(self, fed: str, member: str, reason: str = "") -> shapes.Federation:
        """Shut a member out, at once."""
        scope = self.resolve(fed)
        await self._ask(scope, ev.RemoveMember(known(self._engine.peer(scope), member), reason[:200]))
        return self.federation(scope)

    async def leave(self, fed: str) -> shapes.Federation:
        """Leave a federation for good, or stop asking to join it."""
        return await self._change(fed, ev.Leave())

    async def set_schedule(self, fed: str, schedule: str) -> shapes.Federation:
        """Change when pulses are due, for everyone."""
        return await self._change(fed, ev.SetSchedule(schedule))

    async def set_contract(self, fed: str, text: str) -> shapes.Federation:
        """Change what contributions must meet, for everyone."""
        return await self._change(fed, ev.SetContract(text))

    async def set_pulsing(self, fed: str, pulsing: bool) -> shapes.Federation:
        """Start or stop this node's pulse."""
        return await self._change(fed, ev.SetPulsing(pulsing))

    async def set_rules(self, fed: str, policy: Policy) -> shapes.ReleaseRules:
        """Keep release rules that are stricter than the charter's; what was set before is replaced."""
        scope = self.resolve(fed)
        await self._ask(scope, ev.SetPolicy(_kept(policy, self._engine.peer(scope).roster.schema)))
        return self.rules(scope)

    async def set_explorable(self, fed: str, explorable: bool) -> shapes.Federation:
        """Let others explore this node's contribution by itself, or not."""
        return await self._change(fed, ev.SetExplorable(explorable))

    async def bridge(self, fed: str, source: str, *, on: bool) -> shapes.Federation:
        """Bring the total of another federation into this one as this node's contribution, or no longer."""
        target = self._peer(fed)
        await bridging.bridge(self._engine.ask, self._peer(source), target, on=on)
        return self.federation(target.federation)

    def check_bridge(self, source: str, schema: Schema) -> None:
        """LocalError unless this node can bring the total of a federation into another one with this schema."""
        peer = self._peer(source)
        outflow(peer)
        if not extends(peer.roster.schema, schema):
            raise StateError(f"{peer.roster.name} cannot be brought into a federation with another schema")

    async def check_contract(self, fed: str, text: str) -> shapes.ContractCheck:
        """Try a contract against the schema and this node's own rows."""
        peer = self._peer(fed)
        check = await self.check_contract_text(text, peer.roster.schema)
        if not check.valid or not peer.batches:
            return check
        verdict = admit(peer.local, Contract.parse(text), SENDING, peers=len(peer.roster.active), action="allow")
        verdicts = [
            shapes.Verdict(line=v.line, rule=v.rule, passed=v.passed, measured=dict(v.measured))
            for v in verdict.verdicts
        ]
        passed = all(v.passed for v in verdicts)
        return msgspec.structs.replace(check, rows=peer.local.rows, verdicts=verdicts, passed=passed)

    async def check_contract_text(self, text: str, schema: Schema) -> shapes.ContractCheck:
        """Try a contract against a schema."""
        try:
            Contract.parse(text).validate(schema)
        except ContractError as error:
            return shapes.ContractCheck(valid=False, error=f"{error}\n{error.hint}", passed=False, rows=0, verdicts=[])
        return shapes.ContractCheck(valid=True, error="", passed=False, rows=0, verdicts=[])

    # Pulsing

    async def sync(self, fed: str, *, wait_s: float = 0) -> shapes.Synced:
        """Pulse now if there is something new, ask the others for theirs, and wait until all agree."""
        scope = self.resolve(fed)
        outcome, detail = await self._ask(scope, ev.SyncNow())
        if wait_s > 0:
            await self._engine.until(lambda: not self._engine.peer(scope).disagreeing, wait_s)
        now = self.federation(scope)
        return shapes.Synced(
            converged=not now.waiting_for,
            waiting_for=now.waiting_for,
            outcome=outcome,
            detail=detail,
            rows=now.rows,
            total_digest=now.total_digest,
        )

    async def cipher(self, fed: str) -> shapes.Cipher:
        """What sums are made with."""
        return await asyncio.to_thread(cipher_shape, self._world.ciphers, self._peer(fed).roster)

    async def audit_round(self, fed: str, *, wait_s: float = 30) -> shapes.Audit:
        """Have the sum that is shown here opened again from what its collector kept of the round."""
        scope = self.resolve(fed)
        rank = await self._ask(scope, ev.AuditRound())
        done = await self._engine.until(lambda: rank in self._engine.peer(scope).session.audits, wait_s)
        if not done:
            raise UnknownError(
                "the collector of this sum has not answered, or does not keep its evidence any more",
                hint="ask again when it is connected; after two more rounds there is nothing left to ask for",
            )
        return audit_shape(self._engine.peer(scope))

    async def preview(self, fed: str) -> shapes.Preview:
        """What would leave this node if it pulsed now; nothing does."""
        return await asyncio.to_thread(
            foreseen, self._peer(fed), self._world.clock.now(), self._engine.purse, self._world.ciphers
        )

    async def clear_errors(self, fed: str) -> int:
        """Empty the error log; the counters stay."""
        scope = self.resolve(fed)
        cleared = await self._engine.clear(scope, ERROR_KINDS, ERROR_LEVELS)
        told = self._engine.entry(scope, "node", f"forgot {cleared} entries of the error log")
        await self._engine.store(Commit(entries=[told]))
        return cleared

    # Learning

    async def explore(
        self,
        fed: str,
        features: Sequence[str],
        of: str = "total",
        *,
        metric: str = "",
        options: Mapping[str, Any] | None = None,
        against: str = "",
    ) -> shapes.Explored:
        """Statistics of one feature, of two, or, for none, of each; or a metric, perhaps against other rows."""
        metric = metric or (DIFFERENCE if against else "")
        peer, asked = self._held(fed), Asked(tuple(features), metric, options or {})
        if against and isinstance(peer, Project):
            summary, other = whose(peer, of), whose(self._held(against), "local")
            values = await asyncio.to_thread(answered, asked, summary, other)
        else:
            summary, work = prepared(peer, asked, of, against)
            await self._say_so(peer, of, f"{metric or 'statistics'} of {', '.join(features) or 'all features'}")
            values = await asyncio.to_thread(work)
        return shapes.Explored(
            of=of, rows=summary.rows, digest=summary.digest, values=values, metric=metric, against=against
        )

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
        anew: bool = False,
    ) -> shapes.Fitted:
        """Fit a model and keep it, under an id of its own unless one is given; `anew` in place of the one of that."""
        if not anew:
            self._check_new_model(fed, model_id)
        peer = self._held(fed)
        summary = whose(peer, of)
        await self._say_so(peer, of, f"a model: {kind} of {target or ', '.join(features or []) or 'all features'}")
        chosen = None if features is None else list(features)
        model = await asyncio.to_thread(fitted, summary, kind, target, chosen, options)
        return await self._keep_made(fed, model, summary, of, model_id)

    async def choose(
        self, fed: str, contest: Contest, held: HeldOut, of: str = "total", *, model_id: str = ""
    ) -> shapes.Job:
        """Fit what a contest says, judge each on rows that none has seen, and keep the best; none of them is kept."""
        self._check_new_model(fed, model_id)
        summary, schema = whose(self._held(fed), of), self.schema(fed)
        source = await asyncio.to_thread(held.opened, self._open, self._means.open_rows, schema)
        await self._say_so(self._held(fed), of, f"a model: the best of {', '.join(contest.entrants())} on other rows")

        async def work(progress: Progress) -> Chosen:
            model, choice = await asyncio.to_thread(selected, summary, source, contest, progress)
            kept = await self._keep_made(fed, model, summary, of, model_id)
            return Chosen(model=kept, source=source.name, choice=choice.to_dict())

        job = msgspec.structs.replace(reading_job("choice", self.resolve(fed), source), maximum=0, unit="models")
        return self._jobs.start(job, work)

    async def _keep_made(self, fed: str, model: Result, summary: Summary, of: str, model_id: str) -> shapes.Fitted:
        return await self._keep_fitted(
            shapes.Fitted(
                id=model_id or self._world.entropy.draw(8).hex(),
                federation=self.resolve(fed),
                kind=model.kind,
                created_at=self._world.clock.now(),
                of=of,
                rows=summary.rows,
                digest=summary.digest,
                model=traced(model, self._held(fed), of, self._about.version).to_dict(),
            )
        )

    async def _say_so(self, peer: Peer | Project, of: str, what: str) -> None:
        """Tell a member that its contribution is looked at by itself."""
        if isinstance(peer, Project) or of in {"total", "local", "each"}:
            return
        looked_at = [member for member in members(peer, of) if member != peer.me.peer]
        if len(looked_at) == 1:
            await self._engine.ask(peer.federation, ev.LookAt(looked_at[0], what))

    async def forget_model(self, fed: str, model_id: str) -> None:
        """Delete a model."""
        fitted = self.model(fed, model_id)
        told = self._engine.entry(fitted.federation, "model", f"forgot the model {fitted.id}")
        await self._engine.store(Commit({(fitted.federation, f"model/{fitted.id}"): None}, entries=[told]))
        del self._fitted[fitted.federation][fitted.id]

    async def predict(self, fed: str, model_id: str, rows: Rows, *, missing: str = "") -> shapes.Predicted:
        """Predict with a kept model, a number or a class a row; None where an input is missing and not completed."""
        model = restore(self.model(fed, model_id).model)
        if missing:
            summary = whose(self._held(fed), self.model(fed, model_id).of)
            model = await asyncio.to_thread(completed, model, summary, missing)
        return await asyncio.to_thread(predicted, model, _columns(rows))

    async def evaluate(self, fed: str, model_id: str, held: HeldOut) -> shapes.Job:
        """Compare a kept model's predictions with the truth in rows that it has not seen; none of them is kept."""
        kept, schema = self.model(fed, model_id), self.schema(fed)
        model = restore(kept.model)
        source = await asyncio.to_thread(held.opened, self._open, self._means.open_rows, schema)

        async def work(progress: Progress) -> shapes.Evaluated:
            told = await asyncio.to_thread(assessed, model, source, held.terms, progress)
            return shapes.Evaluated(model=kept.id, source=source.name, evaluation=told.to_dict())

        return self._jobs.start(reading_job("evaluation", kept.federation, source), work)

    async def validate(self, fed: str, trial: Trial) -> shapes.Validated:
        """Fit a kind of model to all parts of the total but one, and score it on that one, for each."""
        peer = self._peer(fed)
        total = peer.ledger.total
        found = await asyncio.to_thread(validated(peer, trial))
        return shapes.Validated(rows=total.rows, digest=total.digest, validation=found.to_dict())

    async def load(self) -> None:
        """Read the projects, the named sources and the kept models; once, at the start."""
        await self._projects.load()
        await self.sources.load()
        await self.drafts.sweep()
        await self.load_credentials()
        await self.cells.load(list(self._engine.states))
        for scope in [*self._engine.states, *self._projects.states]:
            records = await self._engine.records(scope)
            kept = [msgspec.json.decode(r, type=shapes.Fitted) for n, r in records.items() if n.startswith("model/")]
            self._fitted[scope] = {f.id: f for f in kept}

    # Inside

    async def _ask(self, fed: str, event: ev.Event) -> Any:
        return await self._engine.ask(self.resolve(fed), event)

    async def _change(self, fed: str, event: ev.Event) -> shapes.Federation:
        scope = self.resolve(fed)
        await self._ask(scope, event)
        return self.federation(scope)

    def _bus(self) -> Bus:
        if self._means.external is not None:
            return Bus(self._means.external)
        broker = self._world.broker
        if broker is None:
            raise RequestError("this node has no bus", hint="serve with an embedded bus, or with the address of one")
        label = self._world.entropy.draw(8).hex()
        access = Access(servers=(broker.url,), ca=broker.ca, kind="pass")
        return Bus(access, broker.urls, label, broker.account_seed(label))

    def _is_settled(self, scope: str) -> bool:
        state = self._engine.states[scope]
        if isinstance(state, Joining):
            return state.phase != "joining"
        return state.secret is not None and state.roster.member(state.me.peer) is not None


def _kept(policy: Policy, schema: Schema, exchange: Exchange | None = None) -> Policy:
    if policy.noise is not None and exchange is not None:
        policy.noise.plan(schema)
        if exchange.ciphered:
            raise RequestError(f"noise is not offered in {exchange.mode} mode", hint="choose open or secure")
        if exchange.summed and policy.noise.colluders >= exchange.least:
            colluders = policy.noise.colluders
            raise RequestError(f"of {exchange.least} contributors {colluders} may collude: nobody's noise is left")
    try:
        return policy.check(schema)
    except ConfigError as error:
        raise RequestError(str(error), hint=error.hint) from None


def _check_same(mine: Schema, theirs: Schema, name: str) -> None:
    different = theirs.difference(mine)
    if different:
        raise SchemaError(
            f"your schema is not that of {name}: " + "; ".join(different),
            hint="take the federation's schema, or ask its admin to change it: nothing was sent",
        )


def _columns(rows: Rows) -> Mapping[str, Sequence[Any]]:
    if isinstance(rows, Mapping):
        return rows
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: [row.get(name) for row in rows] for name in names}
