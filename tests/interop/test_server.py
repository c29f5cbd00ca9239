"""The embedded server as members meet it: what they may, who is cut off, and what a kill does not undo."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fedpeer.adapters.bus_nats import NatsBus
from fedpeer.adapters.program import find_server
from fedpeer.adapters.server import EmbeddedServer
from fedpeer.core.envelope import grants
from fedpeer.core.errors import BusError, HomeError
from tests.support import nats
from tests.support.nats import Ear, until

FED = "f" * 26
A, B, C = ("a" * 26, "b" * 26, "c" * 26)
INVITE = "i" * 26


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[EmbeddedServer]:
    notices = Ear()
    made = nats.embedded(tmp_path / "bus", notice=notices.notice)
    made.notices = notices
    await made.set_account(FED, {})
    await made.start()
    yield made
    await made.stop()


async def join(server: EmbeddedServer, peer: str, rights=None, **timings):
    access, public = nats.pass_for(server, FED, peer, rights or grants.permissions_for_member(FED, peer))
    bus, ear = await nats.opened(access, FED, peer)
    await until(lambda: bus.connected)
    return bus, ear, public


async def is_newest(bus, subject: str, body: bytes) -> bool:
    return await bus.newest(subject) == body


async def test_nobody_speaks_in_anothers_name(server):
    alice, ear, _ = await join(server, A)
    mallory, told, _ = await join(server, B)
    await alice.follow([f"fp.{FED}.all.>", f"fp.{FED}.now.>", f"fp.{FED}.to.{A}.>"])
    forged = [
        f"fp.{FED}.all.{A}.0", f"fp.{FED}.now.{A}", f"fp.{FED}.to.{A}.{C}.0", f"fp.{FED}.all.0", f"fp.{FED}.join.x.0",
        f"fp.{FED}.welcome.x.0", f"_INBOX_{A}.x", "$SYS.REQ.SERVER.PING", f"$JS.API.STREAM.CREATE.FP_{FED}",
        f"$JS.API.STREAM.PURGE.FP_{FED}", f"$JS.API.STREAM.DELETE.FP_{FED}", f"$JS.API.CONSUMER.CREATE.FP_{FED}",
        f"$JS.API.DIRECT.GET.FP_{FED}", f"$JS.API.STREAM.MSG.GET.FP_{FED}",
    ]  # fmt: skip
    await mallory.publish([*((s, b"forged") for s in forged), (f"fp.{FED}.all.{B}.0", b"my own")])
    await until(lambda: ear.deliveries)
    assert ear.heard == [(f"fp.{FED}.all.{B}.0", b"my own")]
    for subject in forged:
        assert told.told(f'"{subject.lower()}"'), f"{subject} was not noticed"
    assert mallory.connected
    await until(lambda: server.notices.told("Publish Violation"))


async def test_nobody_hears_what_is_addressed_to_another(server):
    mallory, _, _ = await join(server, B)
    for subject in (f"fp.{FED}.to.{A}.>", f"fp.{FED}.>", ">", f"_INBOX_{A}.>", f"fp.{FED}.join.>", "$SYS.>", "*.*.*.>"):
        with pytest.raises(BusError, match="does not let us hear"):
            await mallory.follow([subject])
    admin, _, _ = await join(server, C, grants.permissions_for_admin(FED, C))
    await admin.ensure_stream()
    await admin.publish([(f"fp.{FED}.to.{A}.{C}.0", b"secret")])
    with pytest.raises(BusError, match="does not let us ask"):
        await mallory.newest(f"fp.{FED}.to.{A}.{C}.0")
    with pytest.raises(BusError):
        await mallory.ensure_stream()
    assert await mallory.newest(f"fp.{FED}.all.{C}.0") is None


async def test_accounts_do_not_hear_each_other(server):
    await server.set_account("other", {})
    access, _ = nats.pass_for(server, "other", A, grants.permissions_for_member(FED, A))
    outsider, ear = await nats.opened(access, FED, A)
    await outsider.follow([f"fp.{FED}.all.>"])
    member, own, _ = await join(server, B)
    await member.follow([f"fp.{FED}.all.>"])
    await member.publish([(f"fp.{FED}.all.{B}.0", b"x")])
    await until(lambda: own.deliveries)
    await outsider.follow([])
    assert ear.deliveries == []
    await outsider.close()


async def test_a_joiner_can_ask_and_hear_the_answer_and_nothing_else(server):
    admin, asked, _ = await join(server, A, grants.permissions_for_admin(FED, A))
    await admin.ensure_stream()
    await admin.follow([f"fp.{FED}.join.>"])
    joiner, ear, _ = await join(server, INVITE, grants.permissions_for_joiner(FED, INVITE))
    await joiner.follow([f"fp.{FED}.welcome.{INVITE}.>"])
    await joiner.publish([(f"fp.{FED}.join.{INVITE}.0", b"may I"), (f"fp.{FED}.join.other.0", b"forged")])
    await until(lambda: asked.deliveries)
    await admin.publish([(f"fp.{FED}.welcome.other.0", b"not yours"), (f"fp.{FED}.welcome.{INVITE}.0", b"welcome")])
    await until(lambda: ear.deliveries)
    assert asked.bodies == [b"may I"]
    assert ear.bodies == [b"welcome"]
    assert await joiner.newest(f"fp.{FED}.welcome.{INVITE}.0") == b"welcome"
    for subject in (f"fp.{FED}.all.>", f"fp.{FED}.welcome.>", f"fp.{FED}.to.{INVITE}.>", f"fp.{FED}.join.>"):
        with pytest.raises(BusError, match="does not let us hear"):
            await joiner.follow([subject])
    for subject in (f"fp.{FED}.all.{A}.0", f"fp.{FED}.welcome.other.0"):
        with pytest.raises(BusError, match="does not let us ask"):
            await joiner.newest(subject)


async def test_the_welcome_can_be_fetched_by_a_joiner_that_was_away(server):
    admin, _, _ = await join(server, A, grants.permissions_for_admin(FED, A))
    await admin.ensure_stream()
    await admin.publish([(f"fp.{FED}.welcome.{INVITE}.0", b"welcome")])
    joiner, _, _ = await join(server, INVITE, grants.permissions_for_joiner(FED, INVITE))
    assert await joiner.newest(f"fp.{FED}.welcome.{INVITE}.0") == b"welcome"


async def test_a_removed_member_is_cut_off_and_stays_out_while_others_stay(server):
    stays, _, _ = await join(server, A)
    leaves, ear, public = await join(server, B)
    await server.set_account(FED, {public: int(time.time())})
    await until(lambda: ear.told("our pass was revoked") and not leaves.connected)
    await until(lambda: ear.told("cannot connect") and ear.told("refused"))
    assert not leaves.connected
    assert stays.connected
    await stays.publish([(f"fp.{FED}.all.{A}.0", b"x")])
    await leaves.close()
    await server.stop()
    await server.start()
    again, later = await nats.opened(leaves._dial.access, FED, B)
    await until(lambda: later.told("our credential is refused"))
    assert not again.connected, "a restart does not let the removed member in again"
    await again.close()


async def test_set_account_is_idempotent_and_can_come_before_start(server, tmp_path):
    member, ear, _ = await join(server, A)
    for _ in range(3):
        await server.set_account(FED, {})
    assert member.connected
    assert [n.level for n in ear.notices] == ["info"]
    with pytest.raises(BusError, match="cannot name an account"):
        await server.set_account("../x", {})
    with pytest.raises(BusError, match="cannot name an account"):
        server.account_seed("A B")


async def test_a_federation_made_while_the_server_runs_has_its_account_and_its_stream(server):
    first, ear, _ = await join(server, A)
    await server.set_account("later", {})
    access, _ = nats.pass_for(server, "later", B, grants.permissions_for_admin("later", B))
    admin = NatsBus(access, federation="later", peer=B, timings=nats.QUICK)
    await admin.open(Ear().receive, Ear().notice)
    await admin.follow([])
    await admin.ensure_stream()
    await admin.publish([(f"fp.later.all.{B}.0", b"kept")])
    await until(lambda: is_newest(admin, f"fp.later.all.{B}.0", b"kept"))
    with pytest.raises(BusError, match=r"will not keep messages.*storage"):
        await admin.ensure_stream(max_bytes=1 << 50)
    assert first.connected
    assert [n.level for n in ear.notices] == ["info"]
    await admin.close()


async def test_a_pass_cannot_follow_without_end_and_the_reason_is_told(server):
    member, ear, _ = await join(server, A)
    await member.follow([f"fp.{FED}.all.{i}" for i in range(60)])
    following = asyncio.create_task(member.follow([f"fp.{FED}.now.{i}" for i in range(60)]))
    await until(lambda: ear.told("maximum subscriptions exceeded"))
    assert not following.done()
    await member.close()
    with pytest.raises(BusError, match="closed"):
        await following


async def test_an_expired_pass_is_cut_and_said_to_have_expired(server):
    lasts = 2
    while (found := await _joined_before_the_end(server, lasts)) is None:
        lasts *= 2  # on a busy machine it can take longer to connect than a pass lasts
    member, ear = found
    await until(lambda: ear.told("our pass has expired"))
    assert not member.connected
    await member.close()


async def _joined_before_the_end(server: EmbeddedServer, lasts_s: int) -> tuple[NatsBus, Ear] | None:
    """A bus whose pass ends after some seconds, if it was let in before that."""
    rights = grants.permissions_for_member(FED, A, expires=int(time.time()) + lasts_s)
    bus, ear = await nats.opened(nats.pass_for(server, FED, A, rights)[0], FED, A)
    await until(lambda: ear.notices)
    if ear.notices[0].connected:
        return bus, ear
    await bus.close()
    return None


async def test_a_killed_server_comes_back_with_what_it_kept(server):
    admin, ear, _ = await join(server, A, grants.permissions_for_admin(FED, A))
    member, heard, _ = await join(server, B)
    await admin.ensure_stream()
    await member.follow([f"fp.{FED}.all.>"])
    await admin.publish([(f"fp.{FED}.all.{A}.0", b"kept")])
    await until(lambda: heard.deliveries)
    await until(lambda: is_newest(admin, f"fp.{FED}.all.{A}.0", b"kept"))
    for turn in range(2):
        pid = server.pid
        os.kill(pid, signal.SIGKILL)
        await until(lambda pid=pid: server.pid not in {pid, None})
        await until(lambda t=turn: len(ear.told("connected to")) == t + 2 and len(heard.told("connected to")) == t + 2)
        assert await member.newest(f"fp.{FED}.all.{A}.0") == b"kept"
        await admin.publish([(f"fp.{FED}.all.{A}.{turn + 1}", b"after %d" % turn)])
        await until(lambda t=turn: heard.bodies[-1] == b"after %d" % t)
    await until(lambda: len(server.notices.told("up again")) == 2)
    assert len(server.notices.told("starting it again")) == 2


async def test_a_change_of_members_during_a_crash_is_in_force_afterwards(server):
    member, _, public = await join(server, A)
    os.kill(server.pid, signal.SIGKILL)
    await server.set_account(FED, {public: int(time.time())})
    await until(lambda: server.notices.told("up again"))
    again, ear = await nats.opened(member._dial.access, FED, A)
    await until(lambda: ear.told("our credential is refused"))
    await again.close()
    await member.close()


async def test_the_port_stays_and_keys_are_private(server, tmp_path):
    port, folder = server.url, tmp_path / "bus"
    await server.stop()
    await server.stop()
    assert not (folder / "server.pid").exists()
    await server.start()
    assert server.url == port
    files = [p for p in folder.rglob("*") if p.is_file() and "jetstream" not in p.parts]
    assert any(p.name == "operator.seed" for p in files)
    assert {stat.S_IMODE(p.stat().st_mode) for p in files} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert server.ca == ""
    assert server.url.startswith("nats://127.0.0.1:")


async def test_a_loose_folder_is_refused(tmp_path):
    (tmp_path / "bus").mkdir(mode=0o755)
    with pytest.raises(HomeError, match="chmod 700"):
        await nats.embedded(tmp_path / "bus").start()


async def test_a_taken_port_is_said_before_anything_starts(tmp_path):
    async with nats.plain_server(tmp_path / "plain") as where:
        server = nats.embedded(tmp_path / "bus", listen=where)
        with pytest.raises(BusError, match=r"cannot listen on 127\.0\.0\.1.*in use"):
            await server.start()
        assert server.pid is None
        assert not (tmp_path / "bus" / "server.conf").exists()
    await server.start()
    await server.stop()


async def test_two_daemons_do_not_share_a_folder(server, tmp_path):
    second = nats.embedded(tmp_path / "bus")
    with pytest.raises(BusError, match="another daemon"):
        await second.start()
    assert answering(server)


@pytest.mark.parametrize("listen", ["", "4222", "localhost", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:x", ":4222"])
def test_an_address_that_cannot_be_is_refused(listen, tmp_path):
    with pytest.raises(BusError, match=r"address|port"):
        nats.embedded(tmp_path, listen=listen)


async def test_an_old_or_missing_program_is_refused(tmp_path):
    old = tmp_path / "nats-server"
    old.write_text("#!/bin/sh\necho nats-server: v2.14.9\n")
    old.chmod(0o755)
    with pytest.raises(BusError, match=r"2\.14\.9: version 2\.15 or newer is needed"):
        await find_server(old)
    with pytest.raises(BusError, match="cannot be run"):
        await find_server(tmp_path / "none")
    assert await find_server() == nats.BINARY


_DAEMON = """
import asyncio, sys
from pathlib import Path
from tests.support import nats
async def main():
    server = nats.embedded(Path(sys.argv[1]))
    await server.set_account("fed", {})
    await server.start()
    print(server.pid, server.url, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.parametrize("frozen", [False, True], ids=["dies with its daemon", "does not"])
async def test_a_daemon_killed_and_restarted_has_its_bus_again(tmp_path, frozen):
    """The server normally dies with its daemon; one that cannot (here: stopped) is ended by the next daemon."""
    folder = tmp_path / "bus"
    daemon = await asyncio.create_subprocess_exec(sys.executable, "-c", _DAEMON, folder, stdout=subprocess.PIPE)
    pid, url = (await daemon.stdout.readline()).decode().split()
    if frozen:
        os.kill(int(pid), signal.SIGSTOP)
    daemon.kill()
    await daemon.wait()
    if frozen:
        assert command_of(pid), "the stopped server outlives its daemon"
        asyncio.get_running_loop().call_later(0.3, os.kill, int(pid), signal.SIGCONT)
    server = nats.embedded(folder)
    await server.start()
    assert server.url == url
    assert str(server.pid) != pid
    assert answering(server)
    assert not command_of(pid)
    await server.stop()


def answering(server: EmbeddedServer) -> bool:
    return nats.answers(int(server.url.rpartition(":")[2]))


def command_of(pid: str) -> bytes:
    path = Path(f"/proc/{pid}/cmdline")
    return path.read_bytes() if path.exists() else b""
