"""No secret in any log line, whatever is asked and whatever goes wrong."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace

import pytest

from fedpeer.adapters.ckks_task import Answer, Task
from fedpeer.api.bodies import Issue, Join
from fedpeer.api.symetry.door import Ask
from fedpeer.core.envelope.messages import CatchUp
from fedpeer.core.peer.joining import Issued
from fedpeer.core.privacy.traces import Past
from fedpeer.core.statistics.lineage import Lineage
from fedpeer.core.statistics.residues import Block, Residues
from fedpeer.node.accounts import User
from fedpeer.node.shapes import Invite
from fedpeer.node.users import Account
from tests.support.served import ADMIN, CONTRACT, KEY, SCHEMA, VIEWER, Served, key_text
from tests.support.symetry import Caller

PASSPHRASE = "seven quiet herons wade at dusk"


async def test_no_secret_is_logged(pair: tuple[Served, Served], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    north, south = pair
    fed = "/v1/federations/hearts"
    await north.good("POST", "/v1/federations", {"name": "hearts", "schema": SCHEMA, "contract": CONTRACT})
    invite = await north.good("POST", f"{fed}/invites", {"passphrase": PASSPHRASE})
    drawn = await north.good("POST", f"{fed}/invites", {})
    await south.ask("POST", "/v1/joins", {"text": invite["text"], "passphrase": PASSPHRASE, "extra": 1})
    await south.ask("POST", "/v1/joins", {"text": invite["text"][:-9], "passphrase": PASSPHRASE})
    await south.ask("POST", "/v1/joins?wait=30", {"text": invite["text"], "passphrase": PASSPHRASE})
    user = await north.good("POST", "/v1/users", {"cid": "c7", "role": "admin"})
    key, token = user["secret_key"], user["token"]
    await north.good("GET", "/v1/node", token=token)
    await north.ask("GET", "/v1/node", token=token + "x")
    caller = Caller(north.session, north.url, north.clock, cid="c7", key=key)
    told = {"passwd": PASSPHRASE, "fed_rest_host": "x"}
    for hidden in (False, True):
        assert (await caller.ask("POST", "/fedml/hearts/getInvitation", told, hidden=hidden))[0] == 200
    path = "/symetry/rest/c7/fedml/hearts/info"
    wrong = await caller.send("GET", path, {**caller.headers("GET", path), "Authorization": "AAAA"})
    assert wrong[0] == 401
    await north.ask("GET", "/v1/node", token=ADMIN + "x")
    nats = {"nats_sec_passwd": "swordfish-99", "fed_name": "x", "sync_sched": "h1", "surprise": "1"}
    await caller.ask("POST", "/fedml/create", nats, query="pid=p")
    told_once = (drawn["passphrase"], key, token.partition(".")[2], invite["text"][:60])
    for secret in (PASSPHRASE, *told_once, ADMIN, VIEWER, "swordfish-99"):
        assert secret not in caplog.text
        assert secret not in json.dumps(wrong[1])
        for one in pair:
            assert secret not in json.dumps((await one.good("GET", f"{fed}/log?limit=1000"))["entries"])
            assert secret not in (await one.ask("GET", "/v1/metrics"))[1]


def test_values_that_hold_secrets_do_not_show_them() -> None:
    told = SimpleNamespace(method="GET", path="/jobs", name="c1")
    shown = repr(
        [
            Join(text="the text", passphrase=PASSPHRASE),
            Issue(passphrase=PASSPHRASE),
            User(cid="c", role="admin", secret_key=key_text(), token=ADMIN),
            Account(KEY, "admin", {}, 0, 0),
            Invite("i", "member", "open", 0, 0, "", "the text", PASSPHRASE),
            Issued(None, "the text", PASSPHRASE),
            Ask(None, None, told, told, told, "c1", KEY),
            Past(KEY, {}, Lineage(())),
            Task("public", 4096, (), 1, KEY),
            Answer(KEY, (4711,)),
            CatchUp((), 1, KEY, ()),
        ]
    )
    assert PASSPHRASE not in shown
    assert "the text" not in shown
    assert key_text() not in shown
    assert ADMIN not in shown
    assert repr(KEY) not in shown
    assert "4711" not in shown
    assert "4711" not in repr(Residues.of((Block("sums", 1, 1),), [[4711]]))


async def test_lists_never_hold_what_is_given_once(founded: Served) -> None:
    await founded.good("POST", "/v1/federations/hearts/invites", {"passphrase": PASSPHRASE})
    await founded.good("POST", "/v1/users", {"cid": "c7", "role": "admin"})
    for path in ("/v1/federations/hearts/invites", "/v1/users"):
        for one in await founded.good("GET", path):
            assert not any(one.get(name) for name in ("text", "passphrase", "secret_key", "token"))
    assert (await founded.ask("GET", "/v1/users", token=VIEWER))[0] == 403
