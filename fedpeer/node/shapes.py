"""What a node tells people: the shapes that the REST API serves, the client reads and the command line prints.

Times are UTC seconds since 1970 (0: never). Digests and ids are lower-case text.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What every answer derives from."""


class NodeInfo(Shape, frozen=True):
    """The node itself."""

    name: str
    version: str
    started_at: float
    api: str
    bus: str
    federations: list[str]


class NoisePrice(Shape, frozen=True):
    """What the noise of one release costs, as ρ and as (ε, δ), and how many more the node's privacy budget allows."""

    rho: float
    epsilon: float
    delta: float
    left: int
    declared: bool  # whether the node has a privacy budget at all: without one, nothing leaves


class Federation(Shape, frozen=True):
    """One federation as this node sees it now."""

    id: str
    name: str
    me: str
    admin: str
    role: str  # admin | member
    state: str  # joining | active | alarmed | left | removed
    alarm: str
    mode: str  # open
    profile: str  # relaxed | standard | strict
    rules: str  # the release rules that this node keeps: the profile, and what the charter or its operator raised
    schedule: str
    pulsing: bool
    next_pulse_at: float
    charter_version: int
    charter_head: str
    epoch: int
    schema_digest: str
    contract: str
    explorable: bool
    send_action: str
    receive_action: str
    bus_connected: bool
    converged: bool
    waiting_for: list[str]  # names of members that have not confirmed the same state
    differing: list[str]  # names of members that hold the same, and yet compute another total: their settings differ
    members: int
    contributors: int
    rows: int
    total_digest: str
    local_rows: int
    released_rows: int
    released_risk: float  # the chance (AUC) of telling whether somebody is in it; of the sum, if that hides its parts
    released_serial: int
    released_at: float
    fingerprint: str
    topology: str = "decentralised"  # decentralised | centralised
    part: str = ""  # under a cipher: contributor | beneficiary | coordinator
    noise: NoisePrice | None = None  # of every release, where the charter asks for it
    brings: list[str] = []  # federations whose total this node brings into this one
    brought: list[str] = []  # federations into which the admin of this one brings its total
    trouble: list[str] = []  # what this node's operator should look at


class Project(Shape, frozen=True):
    """Rows of this node without a federation, under a schema of their own; `schema_digest` is empty without one yet."""

    id: str
    name: str
    created_at: float
    changed_at: float
    frozen: bool
    histogram: bool  # whether its schema has histograms, or is to have them
    rows: int
    batches: int
    schema_digest: str
    digest: str


class Member(Shape, frozen=True):
    """One member of the roster, with what we know of it."""

    id: str
    name: str
    role: str
    me: bool
    admitted_at: float
    removed_at: float
    online: bool
    last_seen_at: float
    rows: int
    serial: int
    digest: str
    counted: bool  # whether its rows are in the total; where only sums are seen, nobody sees how many
    admitted: bool  # whether its contribution passed the contract here
    agrees: bool  # whether it reports the same charter and contributions as we hold
    explorable: bool
    fingerprint: str
    through: list[str] = []


class Invite(Shape, frozen=True):
    """An invite; `text` and `passphrase` are given once, when it is issued, and are empty in lists."""

    id: str
    role: str
    state: str  # open | redeemed | expired | revoked | contested
    created_at: float
    expires_at: float
    redeemed_by: str
    text: str = ""
    passphrase: str = ""

    def __repr__(self) -> str:
        return f"Invite(id={self.id!r}, state={self.state!r})"


class Batch(Shape, frozen=True):
    """Rows that this node counted once."""

    id: str
    source: str
    added_at: float
    rows: int
    read: int
    rejected: dict[str, dict[str, int]]
    digest: str
    withdrawn: int = 0  # rows that were taken out of it again
    missing: dict[str, int] = {}  # of each feature that some of the rows lack, how many do
    patients: int | None = None  # whose rows they are, where the schema has a column of patient ids


class Receipt(Shape, frozen=True):
    """A member's signed word that it holds `serial` and not what it replaced; `signed` is hexadecimal."""

    peer: str
    name: str
    at: float
    serial: int
    digest: str
    signed: str


class Withdrawal(Shape, frozen=True):
    """Rows taken out after others had them, and who has confirmed that it holds them no longer."""

    serial: int  # of the contribution without them; 0: it has not left yet
    digest: str
    replaced: int  # serial of the one before
    replaced_digest: str
    at: float
    rows: int
    batches: list[str]
    state: str  # not released | waiting | confirmed
    receipts: list[Receipt]
    waiting_for: list[str]  # names of members whose receipt is missing, also of those who have left


class Failure(Shape, frozen=True):
    """Why long work failed, in the words of a problem document."""

    code: str
    detail: str
    hint: str = ""


class Job(Shape, frozen=True):
    """Long work: `current` of `maximum` in `unit`; `result` when done, `error` when failed; `by` is who began it."""

    id: str
    kind: str
    federation: str
    state: str  # running | done | failed | cancelled
    started_at: float
    ended_at: float
    current: int
    maximum: int
    unit: str
    result: Any = None
    error: Failure | None = None
    by: str = ""  # user ward3 | the admin's token | the viewer's token


class LogEntry(Shape, frozen=True):
    """One line of the timeline: `by` is whose doing it is, if not the node's own, and `via` what let them in."""

    id: int
    at: float
    federation: str
    kind: str  # sync | contract | receive | member | bus | data | charter | audit | model | node
    level: str
    text: str
    peer: str
    pulse: int
    data: dict[str, Any]
    by: str = ""  # user ward3 | the admin's token | the viewer's token
    via: str = ""  # token | signature | command line


class LogPage(Shape, frozen=True):
    """A page of entries, newest first; `next` is the `before` of the following page, 0 at the end."""

    entries: list[LogEntry]
    next: int


class SyncStats(Shape, frozen=True):
    """Counters since the node joined the federation."""

    sent: int
    send_contract_failures: int
    withheld: int
    received: int
    receive_errors: int
    receive_contract_failures: dict[str, int]  # by peer id


class Verdict(Shape, frozen=True):
    """One rule of a contract, measured."""

    line: int
    rule: str
    passed: bool
    measured: dict[str, str]


class ContractCheck(Shape, frozen=True):
    """A contract tried against the schema and, where there is data, against this node's own summary."""

    valid: bool
    error: str
    passed: bool
    rows: int
    verdicts: list[Verdict]


class CharterEntry(Shape, frozen=True):
    """One decision of the admin."""

    version: int
    at: float
    kind: str
    text: str
    hash: str
    data: dict[str, Any]


class Explored(Shape, frozen=True):
    """Statistics of one total, one peer or the local rows: keys as in docs/statistics.md."""

    of: str  # total | local | a peer id
    rows: int
    digest: str
    values: dict[str, Any]
    metric: str = ""
    against: str = ""  # rest | local | a peer id


class Fitted(Shape, frozen=True):
    """A stored model; `model` is its own JSON form (docs/models.md)."""

    id: str
    federation: str
    kind: str
    created_at: float
    of: str
    rows: int
    digest: str
    model: dict[str, Any]


class Predicted(Shape, frozen=True, omit_defaults=True):
    """Predictions, a number or a class each row, null where an input is missing; `details`: what is behind them."""

    values: list[float | str | None]
    details: dict[str, list[float | None]] = {}


class Evaluated(Shape, frozen=True):
    """What a kept model is worth on rows that were held out (docs/models.md): numbers of all rows together."""

    model: str
    source: str
    evaluation: dict[str, Any]


class Validated(Shape, frozen=True):
    """How well a kind of model predicts each part of the total from the others (docs/models.md)."""

    rows: int
    digest: str
    validation: dict[str, Any]


class Ruled(Shape, frozen=True):
    """One release rule, measured on what would be released, or on how it differs from the release named by `since`."""

    rule: str
    feature: str
    measured: str
    passed: bool
    since: str
    text: str


class Changed(Shape, frozen=True):
    """How what would be released differs from an earlier release, and what the two of them would tell."""

    since: str
    rows: int  # added less withdrawn
    learned: str


class Rules(Shape, frozen=True):
    """Release rules as somebody set them: a profile, and what is raised beyond it; 0 raises nothing."""

    profile: str  # relaxed | standard | strict
    rows: int
    cell: int
    change: int
    total: int
    patients: int
    dominance: int  # the p of the p% rule, in percent
    risk: int  # the highest membership risk (AUC) that leaves, in percent
    tests: list[str]  # welch | ks | integral


class ReleaseRules(Shape, frozen=True):
    """What the charter asks for, what this node's operator and configuration add, and the numbers that hold here."""

    charter: Rules
    own: Rules
    kept: dict[str, int]
    tests: list[str]


class Preview(Shape, frozen=True):
    """What would leave this node if it pulsed now, and every rule that has a say in it. Nothing has left."""

    outcome: str  # sent | unchanged | refused | withheld | empty | called
    detail: str
    profile: str
    rows: int
    digest: str
    signed_bytes: int  # of the contribution, masked vector or ciphertext (at most); 0: nothing would leave
    sealed_bytes: list[int]  # of each message that would carry it
    readers: list[str]  # names of the members, who could read it; nobody else could
    sum_readers: list[str]  # where it goes into a sum of several: who would see the sum, but for this node
    contract: list[Verdict]
    rules: list[Ruled]
    changes: list[Changed]  # the last release first, then older ones; not the last if nothing has changed since
    smallest_cell: str  # the smallest group of rows that the sums tell apart, whatever the profile looks at
    smallest_cell_rows: int
    membership_risk: float  # AUC: 0.5 is a coin toss
    noise: dict[str, float] = {}  # by block, its standard deviation in rows of the largest value; nothing without noise
    noise_cost: float = 0.0  # ρ
    budget_left: float = 0.0  # ρ


class Amount(Shape, frozen=True):
    """A part of a privacy budget: ρ of zero-concentrated privacy, and the ε that it means at the budget's δ."""

    rho: float
    epsilon: float


class Charge(Shape, frozen=True):
    """One release with noise: when, in which federation, and its ρ."""

    at: float
    federation: str
    rho: float


class Budget(Shape, frozen=True):
    """The privacy budget of this node's data set, for all federations; `dataset` is empty if none is declared."""

    dataset: str
    delta: float
    person_rows: int
    limit: Amount
    spent: Amount
    left: Amount
    charges: list[Charge]  # oldest first


class Audit(Shape, frozen=True):
    """The sum that is shown here, opened again from the evidence of its round; `fault` says what does not hold."""

    holds: bool
    fault: str
    pulse: int
    attempt: int
    collector: str
    contributors: list[str]  # names of the members whose rows are in the sum
    rows: int
    digest: str  # of the sum
    transcript: str  # digest of all that it was opened from, as the collector signed it


class Cipher(Shape, frozen=True):
    """What sums are made with: the charter's parameters, what follows from them, and digests to compare."""

    scheme: str  # paillier | ckks
    key_bits: int  # of the modulus, or of the product of all primes
    parameters: dict[str, int | list[int]]
    addends: int  # contributors, as many as there are
    entries: int  # numbers in a vector
    bytes: int  # of a ciphertext, at most
    layout: str  # digest of what is counted, and how wide
    digest: str  # of everything that a ciphertext's maker must know


class Synced(Shape, frozen=True):
    """What a sync led to; `converged` is False when the wait ran out, and `waiting_for` says who is missing."""

    converged: bool
    waiting_for: list[str]
    outcome: str  # sent | unchanged | refused | withheld | empty | called (a round of the secure sum)
    detail: str
    rows: int
    total_digest: str
