"""What a federation of three looks like to the command line: every answer of a daemon, by what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from fedpeer.core.statistics.additions import Additions
from fedpeer.node import accounts, origins, shapes
from fedpeer.node.proposals import Agreement, Demand, Proposal
from tests.support import answers
from tests.support.answers import DIGEST, EAST, FED, FEDERATION, NODE, NORTH, NOW, SOUTH, RefusalError, entry, member

SCHEMA = {
    "invalid": "reject",
    "missing": "listwise",
    "row_bound": 2**40,
    "features": [
        {"name": "age", "kind": "continuous", "min": "0", "max": "120", "resolution": "0.1", "unit": "years"},
        {"name": "sick", "kind": "binary"},
    ],
}
INVITE = shapes.Invite(
    id="inv7",
    role="member",
    state="open",
    created_at=NOW - 60,
    expires_at=NOW + 72 * 3600,
    redeemed_by="",
)
BATCH = shapes.Batch(
    id="b1",
    source="/data/patients.csv",
    added_at=NOW - 3600,
    rows=800,
    read=812,
    rejected={"age": {"missing": 9, "out of range": 3}},
    digest=DIGEST,
)
C2 = accounts.User(cid="c2", role="viewer", added_at=NOW - 500, keyed_at=NOW - 60, older_until=NOW + 3540)
C1 = accounts.User(cid="c1", role="admin", added_at=NOW - 90_000, keyed_at=NOW - 90_000)
LAB7 = accounts.User(cid="lab7", role="none", grants={FED: "operator"}, active=False, added_at=NOW - 7200)
WATCH = origins.Watch(id="w1", location="/data/new", every_s=60, options={}, added_at=NOW - 3600, files=3, rows=2400)
WITHDRAWAL = shapes.Withdrawal(
    serial=3,
    digest=DIGEST,
    replaced=2,
    replaced_digest=DIGEST,
    at=NOW - 3600,
    rows=800,
    batches=["b1"],
    state="waiting",
    receipts=[shapes.Receipt(peer=EAST, name="east", at=NOW - 3000, serial=3, digest=DIGEST, signed="00")],
    waiting_for=["south"],
)
JOB = shapes.Job(
    id="j1",
    kind="count",
    federation=FED,
    state="done",
    started_at=NOW - 2,
    ended_at=NOW - 1,
    current=812,
    maximum=812,
    unit="rows",
    result=msgspec.to_builtins(BATCH),
)
METRICS = {
    "t_test": {
        "samples": [
            {"sample": "age where sick is 1", "count": 325, "mean": 59.7},
            {"sample": "age where sick is 0", "count": 975, "mean": 50.1},
        ],
        "welch": {"t": 15.25, "df": 600.5, "p": 1e-42},
        "cohen_d": None,
        "undefined": {"cohen_d": "the values do not vary"},
    },
    "difference": {"counts": [800, 500], "largest": "age", "features": {"age": {"mean": [52.5, 48.0], "smd": 0.41}}},
    "drift": {
        "counts": [800, 500],
        "largest": "age",
        "features": {
            "site": dict.fromkeys(("ks_lower", "ks_upper", "p_lower", "p_upper", "wasserstein"))
            | {"psi": 0.0042, "js_distance": 0.0301},
            "age": {
                "psi": 0.2893,
                "js_distance": 0.4188,
                "ks_lower": 0.08,
                "ks_upper": 0.16,
                "p_lower": 0.0000012,
                "p_upper": 0.0391,
                "wasserstein": 4.125,
            },
        },
        "undefined": {"site": "levels have no order, so there are no cumulative shares to compare"},
    },
    "correlation": {
        "count": 1300,
        "correlation": {
            "age": {"age": 1.0, "pressure": 0.52, "dose": None},
            "pressure": {"age": 0.52, "pressure": 1.0, "dose": None},
            "dose": {"age": None, "pressure": None, "dose": None},
        },
        "undefined": {"dose": "constant in all rows"},
    },
    "quantiles": {
        "features": {
            "age": {
                "count": 1300,
                "quantiles": {
                    "0.25": {"lower": 44.0, "value": 44.713, "upper": 45.0},
                    "0.5": {"lower": 52.0, "value": 52.0, "upper": 52.0},
                },
            }
        }
    },
    "density": {"features": {"age": {"count": 1300, "edges": [17.5, 40.5, 60.5, 80.5], "density": [0.01, 0.033, 0.0]}}},
}
VERDICTS = [
    shapes.Verdict(line=1, rule="ROWS() >= 50", passed=True, measured={"ROWS()": "800"}),
    shapes.Verdict(line=2, rule="MEAN(age) > 18", passed=False, measured={"MEAN(age)": "17.25"}),
]
MODEL = {
    "kind": "ols",
    "target": "pressure",
    "coefficients": {"intercept": 92.125, "age": 0.51, "sick": -0.033},
    "table": [
        {
            "name": "intercept",
            "coefficient": 92.125,
            "std_error": 1.5,
            "t": 61.4166,
            "p": 1e-300,
            "ci_low": 89.18,
            "ci_high": 95.07,
        },
        {
            "name": "age",
            "coefficient": 0.51,
            "std_error": 0.2,
            "t": 2.55,
            "p": 0.0109,
            "ci_low": 0.118,
            "ci_high": 0.902,
        },
        {
            "name": "sick",
            "coefficient": -0.033,
            "std_error": 0.9,
            "t": -0.0367,
            "p": 0.9707,
            "ci_low": -1.8,
            "ci_high": 1.73,
        },
    ],
    "n": 1300,
    "df": 1297,
    "r2": 0.8123456789,
    "adjusted_r2": 0.81,
    "residual_std": 9.875,
    "f": 2805.5,
    "f_p": 0.0,
    "confidence": 0.95,
    "dropped": [],
}
CERTIFICATE = {
    "digits": 15,
    "proof": "by ball arithmetic",
    "reached": 2.5e-12,
    "condition": {"of": "the inputs", "value": 12.345678, "low": 12.345677, "high": 12.345679},
    "resolution": {"age": "0.1", "sick": "exact", "pressure": "0.5"},
    "basis": {
        "rows": 1300,
        "summary": DIGEST,
        "of": "total",
        "total": DIGEST,
        "contributors": [{"peer": NORTH, "serial": 2}, {"peer": SOUTH, "serial": 1}],
    },
    "fedpeer": "0.1.0",
}
FITTED = shapes.Fitted(
    id="m1",
    federation=FED,
    kind="ols",
    created_at=NOW - 30,
    of="total",
    rows=1300,
    digest=DIGEST,
    model=MODEL | {"certificate": CERTIFICATE},
)
AGE = {"feature": "age", "kind": "continuous", "count": 1300, "mean": 52.5, "stddev_unbiased": 11.25, "ci_low": 51.9}
SICK = {"feature": "sick", "kind": "binary", "count": 1300, "mean": 0.25, "stddev_unbiased": 0.4333, "count_true": 325}
SITE = {
    "feature": "site",
    "kind": "category",
    "count": 1300,
    "levels": {"north": {"count": 800, "proportion": 0.61538}, "far east": {"count": 500, "proportion": 0.38462}},
}
EVALUATED = msgspec.structs.replace(
    JOB,
    kind="evaluation",
    result={
        "model": "m1",
        "source": "patients.csv",
        "evaluation": {
            "kind": "lda",
            "target": "sick",
            "rows": 3,
            "evaluated": 2,
            "left_out": {"age": {"missing": 1}},
            "confidence": 0.95,
            "ranking": {
                "positive": "1",
                "positives": 1,
                "negatives": 1,
                "auc": {"value": 0.75, "low": 0.5, "high": 1.0},
                "brier": None,
                "roc": [[0.0, 0.0], [1.0, 1.0]],
            },
            "classes": {
                "labels": ["0", "1"],
                "confusion": {"0": {"0": 1, "1": 0}, "1": {"0": 1, "1": 0}},
                "measures": {
                    "accuracy": {"value": 0.5, "low": 0.0945, "high": 0.9055},
                    "ppv": {"value": None, "low": None, "high": None},
                },
                "by_class": {},
                "positive": "1",
                "threshold": 0.4,
            },
        },
    },
)
CHOSEN = msgspec.structs.replace(
    JOB,
    kind="choice",
    unit="models",
    result={
        "model": msgspec.to_builtins(FITTED),
        "source": "patients.csv",
        "choice": {
            "measure": "auc",
            "target": "sick",
            "rows": 3,
            "left_out": 1,
            "tried": 7,
            "best": [
                {"kind": "lda", "features": ["age", "site"], "options": {}, "score": 0.875},
                {"kind": "ridge_classifier", "features": ["age"], "options": {"lam": "0.1"}, "score": 0.75},
            ],
            "refused": {"gaussian_nb: without variation in the class '1': 'age'": 1},
        },
    },
)
MEMBERS = [
    member(NORTH, "north", role="admin", me=True, rows=800, serial=2),
    member(SOUTH, "south", online=False, last_seen_at=NOW - 400, agrees=False),
    member(EAST, "east", rows=12, admitted=False, explorable=True),
    member("gone" + "a" * 22, "west", removed_at=NOW - 50),
]
ADMIN = {"by": "the admin's token", "via": "command line"}
LOG = shapes.LogPage(
    entries=[
        entry(99, "not sent: ROWS() >= 50: measured ROWS() = 12", level="error", kind="contract"),
        entry(98, "nothing came for a while", level="warning", kind="bus"),
        entry(97, "received 500 rows", peer=SOUTH),
        entry(96, "counted 800 rows of ward 3", kind="data", by="user lab7", via="signature"),
    ],
    next=0,
)


def _refuse(status: int, code: str, detail: str, hint: str) -> answers.Answer:
    def refuse(_body: object) -> None:
        raise RefusalError(status, code, detail, hint)

    return refuse


PREVIEW = shapes.Preview(
    outcome="sent",
    detail="contribution 9 of 860 rows",
    profile="standard",
    rows=860,
    digest=DIGEST,
    signed_bytes=412,
    sealed_bytes=[720],
    readers=["south", "east"],
    sum_readers=[],
    contract=[shapes.Verdict(line=1, rule="ROWS() >= 50", passed=True, measured={"ROWS()": "860"})],
    rules=[
        shapes.Ruled(rule="rows >= 20", feature="", measured="860", passed=True, since="", text="860 rows"),
        shapes.Ruled(
            rule="cell = 0 or >= 10 rows", feature="sick is 1", measured="112", passed=True, since="", text="112 rows"
        ),
        shapes.Ruled(
            rule="change = 0 or >= 10 rows",
            feature="",
            measured="60",
            passed=True,
            since="the last release",
            text="60 rows added",
        ),
    ],
    changes=[
        shapes.Changed(
            since="the last release", rows=60, learned="sums of 60 rows, the smallest group in which is 14 rows"
        ),
        *(
            shapes.Changed(since=f"contribution {k}", rows=9 * k, learned=f"sums of {9 * k} rows")
            for k in range(8, 2, -1)
        ),
    ],
    smallest_cell="sick is 1",
    smallest_cell_rows=112,
    membership_risk=0.5193,
)


CHARTERED = shapes.Rules(
    profile="standard", rows=0, cell=0, change=0, total=200, patients=0, dominance=0, risk=0, tests=[]
)
RULES = shapes.ReleaseRules(
    charter=CHARTERED,
    own=msgspec.structs.replace(CHARTERED, profile="relaxed", total=0),
    kept={"rows": 20, "cell": 10, "change": 10, "total": 200, "patients": 25, "dominance": 10, "risk": 100},
    tests=[],
)


def _ruled(body: Mapping[str, Any]) -> shapes.ReleaseRules:
    own, told = msgspec.structs.replace(RULES.own, **body), {k: v for k, v in body.items() if k in RULES.kept}
    return msgspec.structs.replace(RULES, own=own, kept=RULES.kept | told, tests=body.get("tests", []))


def _synced(body: object) -> shapes.Synced:
    return shapes.Synced(
        converged=False, waiting_for=["south"], outcome="sent", detail="", rows=1300, total_digest=DIGEST
    )


STREAM = origins.Stream(
    id="5e1f",
    location="tls://bus.example.org:4222/vitals.>",
    options={},
    added_at=NOW - 3600,
    state="waiting",
    error="cannot connect to tls://bus.example.org:4222: it does not answer",
    batch="b1",
    messages=1300,
    read=1310,
    rows=1298,
    rejected={"age": {"missing": 9, "out of range": 3}},
    unreadable={"not JSON": 2},
    sequence=1412,
    last_at=NOW - 60,
    name="vitals",
)
SOURCE = origins.DataSource(name="beds", location="/data/beds.csv", options={"delimiter": ";", "map": {"Alter": "age"}})
PROJECT = shapes.Project(
    id="project-0a1b2c3d4e5f6071",
    name="ward",
    created_at=NOW - 500,
    changed_at=NOW - 20,
    frozen=False,
    histogram=False,
    rows=640,
    batches=2,
    schema_digest="cc" * 32,
    digest="dd" * 32,
)
AGREEMENT = Agreement(schema="cc" * 32, newest="dd" * 32, additions={"levels": {"stage": ["IV"]}}, text="stage$IV")
PROPOSAL = Proposal(
    id="5f2c91d0a7b3",
    by="south",
    additions={"levels": {"stage": ["IV"]}},
    text="stage$IV",
    comment="told apart since May",
    at=NOW - 60,
    state="open",
    reason="",
    now=Demand(columns=15, rows=20, change=20, total=100),
    then=Demand(columns=16, rows=21, change=21, total=100),
    short=["east"],
)
_SETTLED: dict[str, Any] = {"now": None, "then": None, "short": []}


def _told(additions: dict[str, Any]) -> str:
    return Additions.from_dict(additions).told


WARDS = msgspec.structs.replace(
    FEDERATION,
    id="fedbbbbbbbbbbbbbbbbbbbbbbb",
    name="wards",
    role="admin",
    part="beneficiary",
    mode="paillier",
    send_action="allow",
    converged=True,
    waiting_for=[],
    noise=shapes.NoisePrice(rho=0.0066, epsilon=0.5, delta=1e-6, left=2, declared=True),
    brings=["lungs"],
    brought=["the city", "fed0123456"],
    trouble=["stream ward1 waits: cannot connect to nats://localhost:4222: refused"],
)
WORLD: dict[tuple[str, str], answers.Answer] = {
    ("GET", "/v1/node"): NODE,
    ("GET", "/v1/privacy/budget"): shapes.Budget(
        dataset="patients",
        delta=1e-6,
        person_rows=2,
        limit=shapes.Amount(rho=0.0244, epsilon=1.0),
        spent=shapes.Amount(rho=0.0066, epsilon=0.5),
        left=shapes.Amount(rho=0.0178, epsilon=0.84),
        charges=[shapes.Charge(at=NOW - 3600, federation=FED, rho=0.0066)],
    ),
    ("GET", "/v1/federations"): [FEDERATION],
    ("GET", f"/v1/federations/{FED}"): FEDERATION,
    ("GET", "/v1/federations/wards"): WARDS,
    ("POST", "/v1/federations"): FEDERATION,
    ("GET", "/v1/federations/lungs"): _refuse(
        404, "FP110", "no federation is called 'lungs'", "list what there is first: `fedpeer status`"
    ),
    ("GET", "/v1/sources"): [SOURCE],
    ("POST", "/v1/sources"): SOURCE,
    ("DELETE", "/v1/sources/beds"): None,
    ("GET", "/v1/sources/beds/sample"): origins.Sample(columns=["Alter", "sick"], rows=[["41", "0"], [None, "1"]]),
    ("POST", "/v1/sources/browse"): [
        origins.Place(name="beds.csv", folder=False, bytes=912),
        origins.Place(name="scans.parquet", folder=False, bytes=48_300_000),
        origins.Place(name="visits", folder=True, bytes=0),
    ],
    ("GET", "/v1/projects"): [PROJECT],
    ("POST", "/v1/projects"): lambda body: msgspec.structs.replace(PROJECT, name=body["name"], rows=0, batches=0),
    ("POST", "/v1/projects/import"): lambda body: msgspec.structs.replace(PROJECT, name=body["name"] or "ward"),
    ("GET", "/v1/projects/ward"): PROJECT,
    ("PUT", "/v1/projects/ward"): lambda body: msgspec.structs.replace(PROJECT, **body),
    ("POST", "/v1/projects/ward/merge"): msgspec.structs.replace(PROJECT, rows=900, batches=3),
    ("GET", "/v1/projects/ward/export"): b"sums",
    ("DELETE", "/v1/projects/ward"): None,
    ("POST", "/v1/joins"): lambda body: (
        msgspec.structs.replace(FEDERATION, role="member", state="active")
        if body["passphrase"] == "right horse battery staple"
        else _refuse(422, "FP108", "the passphrase does not open the invite", "check it word by word")(body)
    ),
    ("POST", "invites"): msgspec.structs.replace(INVITE, text="FEDPEER-INVITE-1 x7Yz", passphrase="seven good words"),
    ("GET", "invites"): [INVITE, msgspec.structs.replace(INVITE, id="inv6", state="redeemed", redeemed_by=SOUTH)],
    ("DELETE", "invites/inv7"): msgspec.structs.replace(INVITE, state="revoked"),
    ("GET", "members"): MEMBERS,
    ("DELETE", "members/west"): msgspec.structs.replace(FEDERATION, epoch=4, members=2),
    ("POST", "leave"): msgspec.structs.replace(FEDERATION, state="left"),
    ("GET", "charter"): [
        shapes.CharterEntry(version=1, at=NOW - 9000, kind="create", text="founded hearts", hash="aa" * 32, data={}),
        shapes.CharterEntry(version=2, at=NOW - 80, kind="admit", text="admitted south", hash="bb" * 32, data={}),
    ],
    ("GET", "schema/agreement"): AGREEMENT,
    ("PUT", "schema/agreement"): msgspec.structs.replace(AGREEMENT, schema=AGREEMENT.newest, additions={}, text=""),
    ("GET", "schema/proposals"): [
        PROPOSAL,
        msgspec.structs.replace(PROPOSAL, id="77aa01c2d3e4", state="accepted", **_SETTLED),
    ],
    ("POST", "schema/proposals"): lambda body: msgspec.structs.replace(
        PROPOSAL, state="sent", additions=body["additions"], text=_told(body["additions"]), comment=body["comment"]
    ),
    ("POST", "schema/proposals/5f2c91d0a7b3/accept"): msgspec.structs.replace(PROPOSAL, state="accepted", **_SETTLED),
    ("POST", "schema/proposals/5f2c91d0a7b3/decline"): lambda body: msgspec.structs.replace(
        PROPOSAL, state="declined", reason=body["reason"], **_SETTLED
    ),
    ("PUT", "schedule"): lambda body: (
        msgspec.structs.replace(FEDERATION, schedule=body["schedule"])
        if body["schedule"] == "m30"
        else _refuse(422, "FP106", f"{body['schedule']!r} is not a schedule", "write s10, m30, h3 or d7")(body)
    ),
    ("PUT", "pulse"): lambda body: msgspec.structs.replace(FEDERATION, pulsing=body["pulsing"]),
    ("GET", "rules"): RULES,
    ("PUT", "rules"): _ruled,
    ("PUT", "explorable"): lambda body: msgspec.structs.replace(FEDERATION, explorable=body["explorable"]),
    ("PUT", "bridge"): FEDERATION,
    ("POST", "sync"): _synced,
    ("GET", "contract"): {"text": FEDERATION.contract},
    ("PUT", "contract"): FEDERATION,
    ("POST", "contract/check"): lambda body: shapes.ContractCheck(
        valid="ROWS" in body["text"],
        error="" if "ROWS" in body["text"] else "line 1: expected a comparison\n  NONSENSE\n          ^",
        passed=False,
        rows=800 if "ROWS" in body["text"] else 0,
        verdicts=VERDICTS if "ROWS" in body["text"] else [],
    ),
    ("GET", "log"): LOG,
    ("GET", "/v1/log"): msgspec.structs.replace(
        LOG,
        entries=[
            *LOG.entries[:1],
            entry(96, "the user lab7 is now operator in fedaaaaaaa", federation="", kind="node", **ADMIN),
        ],
    ),
    ("GET", "log/errors"): msgspec.structs.replace(LOG, entries=LOG.entries[:1]),
    ("GET", "log/sync"): msgspec.structs.replace(LOG, entries=LOG.entries[2:3]),
    ("DELETE", "log/errors"): {"cleared": 3},
    ("GET", "stats"): shapes.SyncStats(
        sent=4,
        send_contract_failures=1,
        withheld=0,
        received=9,
        receive_errors=2,
        receive_contract_failures={EAST: 1},
    ),
    ("GET", "/v1/events"): [entry(100, "received 40 rows", peer=SOUTH)],
    ("GET", "data"): [BATCH],
    ("POST", "data"): lambda body: (
        JOB
        if body["location"].endswith("patients.csv") or body["location"] == "source:beds"
        else msgspec.structs.replace(
            JOB,
            state="failed",
            result=None,
            error=shapes.Failure(code="FP104", detail=f"no file {body['location']}", hint="check the path"),
        )
    ),
    ("POST", "data/rows"): msgspec.structs.replace(JOB, state="running", current=0, maximum=1, result=None),
    ("GET", "/v1/jobs/j1"): JOB,
    ("GET", "/v1/jobs"): [JOB, msgspec.structs.replace(JOB, id="j2", kind="data", current=40, maximum=0)],
    ("DELETE", "/v1/jobs/j1"): msgspec.structs.replace(JOB, state="cancelled"),
    ("DELETE", "data/b1"): BATCH,
    ("GET", "data/receipts"): [WITHDRAWAL],
    ("POST", "data/withdrawn"): msgspec.structs.replace(
        JOB, kind="withdrawal", result=msgspec.to_builtins(msgspec.structs.replace(BATCH, rows=790, withdrawn=10))
    ),
    ("GET", "data/watches"): [WATCH],
    ("POST", "data/watches"): WATCH,
    ("DELETE", "data/watches/w1"): WATCH,
    ("GET", "streams"): [STREAM],
    ("POST", "streams"): STREAM,
    ("GET", "streams/5e1f"): STREAM,
    ("POST", "models/m1/predictions"): lambda body: msgspec.structs.replace(
        JOB,
        kind="prediction",
        result=msgspec.to_builtins(origins.Written(model="m1", source=body["location"], place=body["to"], rows=800)),
    ),
    ("GET", "streams/5e1f/log"): shapes.LogPage(
        entries=[
            entry(98, f"cannot connect to {STREAM.location}", kind="data", level="error"),
            entry(97, f"listens to {STREAM.location}, after message 112", kind="data"),
        ],
        next=0,
    ),
    ("PUT", "streams/5e1f"): lambda body: msgspec.structs.replace(
        STREAM, state="connecting" if body["running"] else "stopped", error=""
    ),
    ("POST", "/v1/streams/browse"): [
        origins.Subject(subject="vitals.ward1", messages=1412),
        origins.Subject(subject="vitals.ward2", messages=9),
    ],
    ("POST", "/v1/streams/preview"): origins.Sample(
        columns=["age", "ill", "stage"], rows=[[61, True, "II"], [48, False, None]]
    ),
    ("DELETE", "streams/5e1f"): msgspec.structs.replace(STREAM, state="stopped"),
    ("DELETE", "streams/5e1f?forget=True"): msgspec.structs.replace(STREAM, state="stopped"),
    ("GET", "preview"): PREVIEW,
    ("GET", "cipher"): shapes.Cipher(
        scheme="ckks",
        key_bits=109,
        parameters={"degree": 4096, "prime_bits": [60, 49], "scale_bits": 28, "digit_bits": 17},
        addends=3,
        entries=44,
        bytes=123_456,
        layout="8f" * 32,
        digest="d1" * 32,
    ),
    ("POST", "audit/round"): shapes.Audit(
        holds=True,
        fault="",
        pulse=490123,
        attempt=1,
        collector="south",
        contributors=["north", "south", "east"],
        rows=1300,
        digest=DIGEST,
        transcript=DIGEST[::-1],
    ),
    ("GET", "schema"): SCHEMA,
    ("GET", "/v1/users"): [C1, C2, LAB7],
    ("POST", "/v1/users"): lambda body: (
        msgspec.structs.replace(C1, **body, secret_key="AAECAwQFBgcICQoLDA0ODw==", token=f"{body['cid']}.9gxl0Y")
        if body["cid"] != "c1"
        else _refuse(409, "FP112", "there is a user c1 already", "choose another name")(body)
    ),
    ("PUT", "/v1/users/c1"): lambda body: msgspec.structs.replace(C1, **body),
    ("POST", "/v1/users/c1/key"): lambda body: msgspec.structs.replace(
        C1,
        secret_key="BBECAwQFBgcICQoLDA0ODw==",
        token="c1.8kfx1Z",
        older_until=NOW + body["overlap_s"] if body["overlap_s"] else 0.0,
    ),
    ("DELETE", "/v1/users/c1/key"): msgspec.structs.replace(C1, active=False),
    ("DELETE", "/v1/users/c1"): None,
    ("POST", "explore"): lambda body: shapes.Explored(
        of=body["of"],
        rows=1300,
        digest=DIGEST,
        metric=body["metric"],
        against=body["against"],
        values=METRICS.get(body["metric"])
        or {
            0: {"univariate": {"age": AGE, "sick": SICK, "site": SITE}},
            1: AGE,
            2: {
                "a": "age",
                "b": "sick",
                "count": 1300,
                "covariance": 2.5,
                "correlation": 0.52,
                "when_true": {"count": 325, "mean": 59.7, "stddev": 9.5},
                "when_false": {"count": 975, "mean": 50.1, "stddev": None},
            },
        }[len(body["features"])],
    ),
    ("POST", "models"): FITTED,
    ("GET", "models"): [FITTED],
    ("GET", "models/m1"): FITTED,
    ("DELETE", "models/m1"): None,
    ("GET", "models/m1/export"): b'SELECT\n  t.*,\n  92.125E0 + 0.51E0 * "age" AS "prediction"\nFROM "clinic" AS t;\n',
    ("GET", "models/m1/report"): b"Ordinary least squares of pressure\n",
    ("GET", "plots/drift.svg"): b"<svg/>",
    ("GET", "plots/drift_by_member.svg"): b"<svg/>",
    ("GET", "models/m1/plots/coefficients.png"): b"PNG",
    ("GET", f"/v1/jobs/{EVALUATED.id}/plots/roc.svg"): b"<svg/>",
    ("POST", "models/m1/evaluate"): EVALUATED,
    ("POST", "choose"): CHOSEN,
    ("POST", "validate"): lambda body: shapes.Validated(
        rows=1300,
        digest=DIGEST,
        validation={
            "kind": body["kind"],
            "target": body["target"],
            "pooled": {"name": "pooled", "n": 1300, "rmse": 10.25, "r2": 0.79, "bias": 0.01},
            "folds": [
                {"name": "north", "n": 800, "rmse": 9.5, "r2": 0.81, "bias": -0.2},
                {"name": "east, south", "n": 500, "rmse": 11.5, "r2": None, "bias": 0.35},
            ],
            "option": next(iter(body["grid"]), None),
            "chosen": next((values[0] for values in body["grid"].values()), None),
            "tried": [
                {"name": value, "n": 1300, "rmse": 10.25, "r2": 0.79, "bias": 0.01}
                for values in body["grid"].values()
                for value in values
            ],
        },
    ),
    ("POST", "models/m1/predict"): lambda body: shapes.Predicted(
        values=[None if row["age"] is None else row["age"] * 2 for row in body["rows"]]
    ),
}
