"""Federations of real daemons: certified numbers, another's message server, other schemas, many joiners."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import fedpeer as fp
from fedpeer.client import ApiError
from tests.support.daemons import Daemon, daemons, eventually, federate
from tests.support.nats import answers, free_port
from tests.support.simulation import SCHEMA

NUMBER = r"-?\d+\.?\d*(?:E[-+]\d+)?"
DIGITS = 13.0


def agreement(measured: float, certified: float) -> float:
    """The log relative error of NIST, in digits, at most 15."""
    return 15.0 if measured == certified else min(15.0, -math.log10(abs(measured - certified) / abs(certified)))


def test_norris_through_three_daemons_is_met_to_thirteen_digits(tmp_path):
    text = files("scipy.stats.tests").joinpath("data/nist_linregress/Norris.dat").read_text()
    lines = text.splitlines()
    rows = np.array([[float(v) for v in line.split()] for line in lines[60:96]])
    certified = [[float(v) for v in re.findall(NUMBER, line)[1:]] for line in lines if re.match(r"\s+B[01] ", line)]
    schema = fp.Schema([fp.Feature(n, "continuous", min=-10, max=1100, resolution="0.1") for n in ("y", "x")])
    with daemons(tmp_path, "alfa", "bravo", "charlie") as crew:
        fed = federate(*crew, schema=schema.to_dict(), contract="ROWS() >= 5", profile="relaxed").id
        for daemon, at in zip(crew, (slice(0, 8), slice(8, 20), slice(20, 36)), strict=True):
            daemon.add(fed, {"y": rows[at, 0].tolist(), "x": rows[at, 1].tolist()}, "norris")
            daemon.client.sync(fed)
        assert crew[2].client.sync(fed, wait_s=120).converged
        tables = [daemon.client.fit(fed, "ols", target="y").model["table"] for daemon in crew]
    assert tables[0] == tables[1] == tables[2]
    for row, (estimate, error) in zip(tables[0], certified, strict=True):
        assert agreement(row["coefficient"], estimate) >= DIGITS
        assert agreement(row["std_error"], error) >= DIGITS


def test_a_federation_meets_on_another_s_message_server(tmp_path):
    port = free_port()
    config = tmp_path / "nats.conf"
    lines = [f'listen: "127.0.0.1:{port}"', 'authorization { token: "s3cret-of-the-bus" }']
    config.write_text("\n".join([*lines, f'jetstream {{ store_dir: "{tmp_path}/js" }}']))
    (tmp_path / "token").write_text("s3cret-of-the-bus\n")
    server = subprocess.Popen([Path(sys.executable).parent / "nats-server", "-c", config], stderr=subprocess.DEVNULL)
    settings = {
        "bus.kind": "external",
        "bus.servers": f'["nats://127.0.0.1:{port}"]',
        "bus.token_file": str(tmp_path / "token"),
    }
    try:
        eventually(lambda: answers(port))
        with daemons(tmp_path, "alfa", "bravo", settings=settings) as crew:
            fed = federate(*crew, schema=SCHEMA.to_dict(), contract="ROWS() >= 5", profile="relaxed").id
            for i, daemon in enumerate(crew):
                daemon.add(fed, {"x": [i + 0.5] * 9 + [0.0], "y": [float(i)] * 10}, "rows")
                daemon.client.sync(fed)
            assert crew[0].client.sync(fed, wait_s=120).converged
            assert {d.client.federation(fed).rows for d in crew} == {20}
            assert not any("s3cret-of-the-bus" in d.said for d in crew)
    finally:
        server.kill()
        server.wait()


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    with daemons(tmp_path_factory.mktemp("pair"), "alfa", *(f"peer{i}" for i in range(4))) as crew:
        yield crew, federate(crew[0], schema=SCHEMA.to_dict(), contract="ROWS() >= 5", profile="relaxed").id


def test_a_joiner_with_another_schema_is_told_the_difference_and_nothing_is_sent(pair):
    (alfa, peer, *_), fed = pair
    other = fp.Schema(
        [
            fp.Feature("x", "continuous", min=-100, max=90, resolution="0.5"),
            fp.Feature("y", "continuous", min=0, max=1000, resolution=1),
        ]
    )
    invite = alfa.client.invite(fed)
    with pytest.raises(ApiError, match=r"x.*(100.*90|90.*100)"):
        peer.client.join(invite.text, invite.passphrase, display="peer", schema=other.to_dict())
    assert peer.client.federations() == []
    assert next(i for i in alfa.client.invites(fed) if i.id == invite.id).state == "open"


def test_of_several_daemons_with_one_invite_exactly_one_joins(pair):
    (alfa, *others), fed = pair
    invite = alfa.client.invite(fed)

    def join(peer: Daemon) -> str:
        try:
            return peer.client.join(invite.text, invite.passphrase, display=peer.name, wait_s=120).state
        except ApiError as error:
            return str(error)

    with ThreadPoolExecutor(len(others)) as pool:
        states = sorted(pool.map(join, others))
    refusal = "trial did not admit this node: the invite was used already, by someone else"
    assert states == ["active", refusal, refusal, refusal]
    assert len(alfa.client.members(fed)) == 2
    kept = next(i for i in alfa.client.invites(fed) if i.id == invite.id)
    assert kept.state == "contested"


def test_in_a_centralised_federation_the_admin_alone_has_the_rows_of_all(tmp_path):
    with daemons(tmp_path, "alfa", "bravo", "charlie") as crew:
        options = {"profile": "relaxed", "exchange": {"topology": "centralised"}}
        fed = federate(*crew, schema=SCHEMA.to_dict(), contract="ROWS() >= 5", **options).id
        for i, daemon in enumerate(crew):
            daemon.add(fed, {"x": [i + 0.5] * 9 + [0.0], "y": [float(i)] * 10}, "rows")
            daemon.client.sync(fed)
        admin, *others = crew
        assert admin.client.sync(fed, wait_s=120).converged
        assert admin.client.federation(fed).rows == 30
        for member in others:
            eventually(lambda member=member: member.client.federation(fed).converged)
            assert member.client.federation(fed).rows == 10
            with pytest.raises(ApiError, match="its admin alone receives"):
                member.client.explore(fed, [])
            assert member.client.explore(fed, [], of="local").rows == 10


def test_a_node_bridges_two_federations(tmp_path):
    terms = {"schema": SCHEMA.to_dict(), "contract": "ROWS() >= 5", "profile": "relaxed"}
    with daemons(tmp_path, "alfa", "bravo", "charlie", "delta") as crew:
        alfa, bravo, charlie, delta = crew
        source, target = federate(alfa, bravo, **terms).id, federate(charlie, delta, alfa, **terms).id
        for i, (daemon, fed) in enumerate(((alfa, source), (bravo, source), (charlie, target), (delta, target))):
            daemon.add(fed, {"x": [i + 0.5] * 9 + [0.0], "y": [float(i)] * 10}, "rows")
            daemon.client.sync(fed)
        assert alfa.client.sync(source, wait_s=120).converged
        alfa.client.bridge(target, source)
        assert alfa.client.sync(target).outcome == "sent"
        assert charlie.client.sync(target, wait_s=120).converged
        assert {d.client.federation(target).rows for d in (alfa, charlie, delta)} == {40}
        assert [m.through for m in delta.client.members(target) if m.through] == [[source]]
        eventually(lambda: any(target in entry.text for entry in bravo.client.charter(source)))
        with pytest.raises(ApiError, match="only the admin of trial, charlie, may"):
            alfa.client.bridge(source, target)
        with pytest.raises(AssertionError, match="no rows of its own"):
            alfa.add(target, {"x": [0.5] * 10, "y": [1.0] * 10}, "more")
        alfa.kill()
        alfa.start().ready()
        bravo.add(source, {"x": [7.5] * 9 + [0.0], "y": [3.0] * 10}, "more")
        bravo.client.sync(source)
        assert bravo.client.sync(source, wait_s=120).converged
        eventually(lambda: alfa.client.federation(target).local_rows == 30)
        alfa.client.sync(target)
        assert delta.client.sync(target, wait_s=120).converged
        assert delta.client.federation(target).rows == 50
        alfa.client.bridge(target, source, on=False)
        eventually(lambda: delta.client.federation(target).rows == 20)
        assert alfa.client.batches(target) == []
