"""What people may see, made from the engine's snapshot: cheap, never waiting, never changing anything."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import msgspec

from fedpeer.core.errors import UnknownError
from fedpeer.core.federation.charter import Charter
from fedpeer.core.federation.decisions import Founded, described
from fedpeer.core.federation.roster import Member
from fedpeer.core.identity import PeerId, fingerprint
from fedpeer.core.peer.project import Project
from fedpeer.core.peer.state import InviteRecord, Joining, Local, Peer, State
from fedpeer.core.privacy.disclosure import width
from fedpeer.core.privacy.epsilon import UNIT
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.statistics.collect import lacking
from fedpeer.core.statistics.schema import Schema
from fedpeer.node import shapes
from fedpeer.node.authors import BY, VIA
from fedpeer.node.engine import Engine
from fedpeer.node.glance import Glances
from fedpeer.node.jobs import Jobs
from fedpeer.node.naming import called, named
from fedpeer.node.projects import Projects, project_shape
from fedpeer.node.proposals import demand
from fedpeer.node.receipts import withdrawals
from fedpeer.node.standing import Now, brought, joined_shape, joining_shape, measured, troubles
from fedpeer.ports import Clock, Entry

Metric = float | Sequence[tuple[Mapping[str, str], float]]

ERROR_KINDS = ("sync", "contract", "receive", "member", "bus", "data", "charter")
ERROR_LEVELS = ("warning", "error")
MOST_ENTRIES = 1_000

_OVER = ("left", "removed", "declined")
_DRAWN = re.compile("[0-9a-f]{16}")  # ids of models that nobody chose


class Views:
    """The read-only half of a node."""

    def __init__(self, engine: Engine, jobs: Jobs, clock: Clock, about: shapes.NodeInfo) -> None:
        """`about` is what there is to say of the node itself."""
        self._engine = engine
        self._jobs = jobs
        self._clock = clock
        self._about = about
        self._fitted: dict[str, dict[str, shapes.Fitted]] = {}
        self._glances = Glances()
        self._projects = Projects(engine, clock)

    def resolve(self, fed: str, *, whole: bool = False, seen: Callable[[str], bool] = bool) -> str:
        """The id of a federation or project, from it, a beginning of it, or a name; UnknownError if not one fits.

        Who asks for the `whole` means an id or a name, and no beginning. Of several of one name it is the one that may
        be `seen` by who asks, and the one that is not over.
        """
        if fed in self._engine.states or fed in self._projects.states:
            return fed
        names = {s: _name(state) for s, state in self._engine.states.items()}
        names |= {s: project.head.name for s, project in self._projects.states.items()}
        over = {s for s, state in self._engine.states.items() if state.phase in _OVER}
        return called(names, fed, (seen, lambda scope: scope not in over), whole=whole)

    def node(self) -> shapes.NodeInfo:
        """The node itself."""
        return msgspec.structs.replace(self._about, federations=list(self._engine.states))

    def federations(self) -> list[shapes.Federation]:
        """Every federation that this node is or was in."""
        return [self._standing(scope) for scope in self._engine.states]

    def federation(self, fed: str) -> shapes.Federation:
        """One federation as this node sees it."""
        scope = self.resolve(fed)
        if scope in self._projects.states:
            raise UnknownError(f"{fed[:64]!r} is a project of this node, and no federation")
        return self._standing(scope)

    def projects(self) -> list[shapes.Project]:
        """The projects of this node, by when they were made."""
        return sorted(map(project_shape, self._projects.states.values()), key=lambda p: (p.created_at, p.id))

    def project(self, project: str) -> shapes.Project:
        """One project."""
        return project_shape(self._projects.get(self.resolve(project)))

    def alone(self, scope: str) -> shapes.Project | None:
        """The project of this id; None if it is that of a federation, or nothing's."""
        found = self._projects.states.get(scope)
        return None if found is None else project_shape(found)

    def members(self, fed: str) -> list[shapes.Member]:
        """The roster, the admin first, past members last."""
        peer, now = self._peer(fed), self._clock.now()
        return [_present(m, peer, now) for m in self._glances.of("members", peer, None, lambda: _members(peer))]

    def invites(self, fed: str) -> list[shapes.Invite]:
        """The invites that this node issued."""
        peer = self._peer(fed)
        return [invite_shape(r) for r in sorted(peer.invites.values(), key=lambda r: r.created_at)]

    def batches(self, fed: str) -> list[shapes.Batch]:
        """What this node has counted."""
        held = self._held(fed)
        return self._glances.of("batches", held, None, lambda: _batches(held))

    def receipts(self, fed: str) -> list[shapes.Withdrawal]:
        """What was withdrawn after others had it, and who has confirmed that."""
        return withdrawals(self._peer(fed))

    def budget(self) -> shapes.Budget:
        """What noise cost of this node's privacy budget, and what is left."""
        account = self._engine.purse.account
        if account is None:
            none = shapes.Amount(rho=0.0, epsilon=0.0)
            return shapes.Budget(dataset="", delta=0.0, person_rows=0, limit=none, spent=none, left=none, charges=[])
        told = account.report()
        charges = [shapes.Charge(at=float(c.at), federation=c.federation, rho=c.cost / UNIT) for c in account.charges]
        return shapes.Budget(
            dataset=account.dataset,
            delta=float(told["delta"]),
            person_rows=account.rows,
            limit=shapes.Amount(**told["limit"]),
            spent=shapes.Amount(**told["spent"]),
            left=shapes.Amount(**told["left"]),
            charges=charges,
        )

    def jobs(self) -> list[shapes.Job]:
        """Every job of this process."""
        return self._jobs.all()

    def job(self, job_id: str) -> shapes.Job:
        """One job."""
        return self._jobs.get(job_id)

    def log(
        self,
        fed: str,
        kinds: Sequence[str] = (),
        levels: Sequence[str] = (),
        after: int = 0,
        before: int = 0,
        limit: int = 100,
    ) -> shapes.LogPage:
        """A page of the timeline, newest first; `fed` "" is the whole node."""
        scope, limit = (self.resolve(fed) if fed else ""), min(max(limit, 1), MOST_ENTRIES)
        found = self._engine.timeline.page(
            scope, kinds=kinds, levels=levels, after=after, before=before, limit=limit + 1
        )
        page = found[:limit]
        return shapes.LogPage(entries=[entry_shape(e) for e in page], next=page[-1].id if len(found) > limit else 0)

    def sync_log(self, fed: str, after: int = 0, before: int = 0, limit: int = 100) -> shapes.LogPage:
        """What was sent and received."""
        return self.log(fed, ("sync",), (), after, before, limit)

    def error_log(self, fed: str, after: int = 0, before: int = 0, limit: int = 100) -> shapes.LogPage:
        """What went wrong."""
        return self.log(fed, ERROR_KINDS, ERROR_LEVELS, after, before, limit)

    def stats(self, fed: str) -> shapes.SyncStats:
        """The counters since this node joined."""
        counters = self._peer(fed).counters
        return shapes.SyncStats(**msgspec.structs.asdict(counters))

    def charter(self, fed: str) -> list[shapes.CharterEntry]:
        """Every decision of the admin, oldest first."""
        state = self._peer(fed)
        return self._glances.of("charter", state, None, lambda: _decisions(state.charter))

    def schema(self, fed: str) -> Schema:
        """The schema of a federation or project."""
        scope = self.resolve(fed)
        if scope in self._projects.states:
            return self._projects.get(scope).schema
        state = self._engine.states[scope]
        return Schema.from_json(state.invitation.schema) if isinstance(state, Joining) else state.roster.schema

    def models(self, fed: str) -> list[shapes.Fitted]:
        """The models that are kept here, oldest first."""
        return sorted(self._fitted.get(self.resolve(fed), {}).values(), key=lambda m: m.created_at)

    def model(self, fed: str, model_id: str) -> shapes.Fitted:
        """One model, by its id, or by a beginning of one that the node has given; UnknownError if not one fits."""
        kept = self._fitted.get(self.resolve(fed), {})
        # A name that somebody chose is taken whole: model1 that is gone must not be model10.
        drawn = {each: fitted for each, fitted in kept.items() if each == model_id or _DRAWN.fullmatch(each)}
        return named(drawn, model_id, "models", "fedpeer models")

    def health(self) -> Mapping[str, Any]:
        """`status` is ok, or degraded with what is wrong."""
        trouble = [
            f for f in self.federations() if f.state in {"active", "alarmed"} and (f.alarm or not f.bus_connected)
        ]
        told = {f.name: f.alarm or "the bus is not connected" for f in trouble}
        if self._engine.fault:
            told["store"] = self._engine.fault
        return {"status": "degraded" if told else "ok", "trouble": told}

    def metrics(self) -> Mapping[str, Metric]:
        """Numbers for monitoring, by name and labels."""
        feds = self.federations()
        rows: dict[str, list[tuple[Mapping[str, str], float]]] = {}
        for fed in feds:
            for name, value in measured(fed).items():
                rows.setdefault(name, []).append(({"federation": fed.id, "name": fed.name}, value))
            if fed.state not in {"joining", "declined"}:
                for name, value in msgspec.structs.asdict(self.stats(fed.id)).items():
                    total = sum(value.values()) if isinstance(value, dict) else value
                    rows.setdefault(f"fedpeer_{name}_total", []).append(
                        ({"federation": fed.id, "name": fed.name}, total)
                    )
        return {"fedpeer_federations": float(len(feds)), **rows}

    def rules(self, fed: str) -> shapes.ReleaseRules:
        """The release rules: the charter's, those of this node's operator, and the numbers that hold here."""
        peer = self._peer(fed)
        own, kept = peer.settings.policy.tightened(peer.session.habits.policy), peer.terms.policy
        columns = width(peer.roster.schema)
        floors = demand(kept, peer.roster.exchange, columns)
        numbers = {
            "rows": floors.rows,
            "cell": kept.cell_floor,
            "change": floors.change,
            "total": kept.total_floor(columns),
            "patients": kept.patient_floor,
            "dominance": kept.share,
            "risk": kept.highest_risk,
        }
        return shapes.ReleaseRules(_rules(peer.roster.policy), _rules(own), numbers, list(kept.tests))

    def watch(self) -> AsyncIterator[shapes.LogEntry]:
        """Timeline entries from now on; ends when the node stops or the reader is too slow."""
        return self._watch()

    async def _watch(self) -> AsyncIterator[shapes.LogEntry]:
        async for entry in self._engine.timeline.watch():
            yield entry_shape(entry)

    def _peer(self, fed: str) -> Peer:
        return self._engine.peer(self.resolve(fed))

    def _held(self, fed: str) -> Peer | Project:
        scope = self.resolve(fed)
        return self._projects.states.get(scope) or self._engine.peer(scope)

    def _standing(self, scope: str) -> shapes.Federation:
        state, link = self._engine.states[scope], self._engine.links.get(scope)
        if isinstance(state, Joining):
            return joining_shape(state)
        now = Now(
            link is not None and link.connected,
            self._engine.pulses.next_at(scope),
            self._engine.purse.account,
            brought(state, self._engine.states),
            self._waiting(state),
        )
        return self._glances.of("federation", state, now, lambda: joined_shape(state, now, self._trouble(state, now)))

    def _trouble(self, state: Peer, now: Now) -> list[str]:
        return troubles(state, now)

    def _waiting(self, _state: Peer) -> list[str]:
        """What troubles a federation at the moment that is neither in its state nor in the account."""
        return []


def invite_shape(record: InviteRecord, text: str = "", passphrase: str = "") -> shapes.Invite:
    """An invite for people; its secrets only where they are given."""
    return shapes.Invite(
        id=record.id,
        role=record.role,
        state=record.state,
        created_at=float(record.created_at),
        expires_at=float(record.expires_at),
        redeemed_by=record.redeemed_by,
        text=text,
        passphrase=passphrase,
    )


def batch_shape(local: Local, held: Peer | Project) -> shapes.Batch:
    """A batch for people."""
    batch = local.batch
    patients = held.persons.of(batch.id).distinct if isinstance(held, Peer) and held.roster.schema.patient else None
    return shapes.Batch(
        id=batch.id,
        source=batch.source,
        added_at=float(batch.added_at),
        rows=batch.rows,
        read=batch.read,
        rejected=batch.rejected,
        digest=local.summary.digest,
        withdrawn=batch.withdrawn,
        missing=lacking(local.summary),
        patients=patients,
    )


def entry_shape(entry: Entry) -> shapes.LogEntry:
    """A timeline entry for people."""
    return shapes.LogEntry(
        id=entry.id,
        at=entry.at,
        federation=entry.scope,
        kind=entry.kind,
        level=entry.level,
        text=entry.text,
        peer=entry.peer,
        pulse=entry.pulse,
        data={key: value for key, value in entry.data.items() if key not in (BY, VIA)},
        by=str(entry.data.get(BY, "")),
        via=str(entry.data.get(VIA, "")),
    )


def _name(state: State) -> str:
    return state.invitation.federation_name if isinstance(state, Joining) else state.roster.name


def _batches(held: Peer | Project) -> list[shapes.Batch]:
    return [batch_shape(b, held) for b in sorted(held.batches.values(), key=lambda b: b.batch.added_at)]


def _members(peer: Peer) -> list[shapes.Member]:
    """The members but for whether they are there now."""
    counted, disagreeing = frozenset(peer.ledger.contributors), frozenset(peer.disagreeing)
    members = sorted(
        peer.roster.members.values(), key=lambda m: (m.removed_at, m.role != "admin", m.admitted_at, m.peer)
    )
    return [_member(peer, m, counted=m.peer in counted, agrees=m.peer not in disagreeing) for m in members]


def _member(peer: Peer, member: Member, *, counted: bool, agrees: bool) -> shapes.Member:
    held, heard = peer.ledger.held.get(member.peer), peer.session.heard.get(member.peer)
    me = member.peer == peer.me.peer
    return shapes.Member(
        id=member.peer,
        name=member.card.name,
        role=member.role,
        me=me,
        admitted_at=float(member.admitted_at),
        removed_at=float(member.removed_at),
        online=me,
        last_seen_at=heard.at if heard else 0.0,
        rows=held.summary.rows if held else 0,
        serial=held.contribution.serial if held else 0,
        digest=held.summary.digest if held else "",
        counted=counted,
        admitted=held is not None and held.admitted,
        agrees=me or agrees,
        explorable=peer.settings.explorable if me else bool(heard and heard.status.explorable),
        fingerprint=fingerprint(member.peer),
        through=list(held.contribution.through) if held else [],
    )


def _present(member: shapes.Member, peer: Peer, now: float) -> shapes.Member:
    """A member as it is now: we are here, and who was heard not long ago is too."""
    if member.me:
        return msgspec.structs.replace(member, last_seen_at=now)
    heard = peer.session.heard.get(PeerId(member.id))
    if heard is None or now - heard.at >= peer.session.habits.offline_after_s:
        return member
    return msgspec.structs.replace(member, online=True)


def _decisions(charter: Charter) -> list[shapes.CharterEntry]:
    return [
        shapes.CharterEntry(
            version=entry.version,
            at=entry.at,
            kind=str(type(entry.decision).__struct_config__.tag),
            text=described(entry.decision, lambda p: _called(charter.roster.members.get(PeerId(p)), p)),
            hash=found.hex(),
            data=_told(entry.decision),
        )
        for entry, found in zip(charter.history(), charter.hashes, strict=True)
    ]


def _called(member: Member | None, peer: str) -> str:
    return member.card.name if member else peer


def _told(decision: object) -> dict[str, Any]:
    """A decision's fields as JSON values; the founding entry's schema and keys are served elsewhere."""
    told: dict[str, Any] = msgspec.to_builtins(decision)
    for key in ("schema", "nonce") if isinstance(decision, Founded) else ():
        told.pop(key)
    return told


def _rules(policy: Policy) -> shapes.Rules:
    told = {name: getattr(policy, name) for name in shapes.Rules.__struct_fields__}
    return shapes.Rules(**told | {"tests": list(policy.tests)})
