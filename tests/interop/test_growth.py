"""A schema grows while real daemons federate: one proposes, the admin accepts, and the sums are those of all rows."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Schema
from tests.support.daemons import Daemon, daemons, eventually, federate

SCHEMA = Schema.from_yaml(
    """
missing: pairwise
blocks: [powers, histogram, conditional_histogram]
bins: 4
features:
- {name: age, kind: continuous, min: 0, max: 120, resolution: 0.5}
- {name: stage, kind: category, levels: [I, II]}
- {name: ill, kind: binary}
"""
)
Rows = dict[str, list[Any]]


def drawn(seed: int, count: int, *, new: bool = False) -> Rows:
    rng = random.Random(seed)
    rows: Rows = {
        "age": [rng.choice([None, rng.randrange(240) / 2]) for _ in range(count)],
        "stage": [rng.choice(["I", "II", "IV"] if new else ["I", "II"]) for _ in range(count)],
        "ill": [rng.randrange(2) for _ in range(count)],
    }
    return rows | ({"bmi": [rng.randrange(150, 400) / 10 for _ in range(count)]} if new else {})


def pooled(schema: Schema, parts: list[Rows]) -> str:
    """The digest of all rows in one place, those of before without what they lack."""
    names = [feature.name for feature in schema.inputs]
    whole = {n: [v for part in parts for v in part.get(n, [None] * len(part["ill"]))] for n in names}
    return collect(schema, whole).digest


def fedpeer(daemon: Daemon, *words: str) -> str:
    """What the command line shows."""
    command = [sys.executable, "-m", "fedpeer", "--home", str(daemon.home), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def written(path: Path, rows: Rows) -> Path:
    lines = (",".join("" if v is None else str(v) for v in row) for row in zip(*rows.values(), strict=True))
    path.write_text("\n".join([",".join(rows), *lines, ""]))
    return path


@pytest.mark.long
def test_three_daemons_grow_their_schema_and_count_nothing_twice(tmp_path: Path) -> None:
    with daemons(tmp_path, "alfa", "bravo", "charlie") as (alfa, bravo, charlie):
        every = (alfa, bravo, charlie)
        fed = federate(*every, schema=SCHEMA.to_dict(), contract="ROWS() >= 5", profile="relaxed").id
        parts = [drawn(k, 60) for k in range(3)]
        for daemon, rows in zip(every, parts, strict=True):
            daemon.add(fed, rows, "before")
        for daemon in every:
            daemon.client.sync(fed, wait_s=120)
        eventually(lambda: {d.client.federation(fed).total_digest for d in every} == {pooled(SCHEMA, parts)})
        sent = {d.name: d.client.stats(fed).sent for d in every}

        new = drawn(9, 90, new=True)
        said = fedpeer(bravo, "schema", "propose", str(written(tmp_path / "new.csv", new)), "--comment", "since May")
        assert "proposed stage$IV, bmi" in said
        eventually(lambda: len(alfa.client.proposals(fed)) == 1)
        (proposal,) = alfa.client.proposals(fed)
        assert (proposal.by, proposal.comment, charlie.client.proposals(fed)) == ("bravo", "since May", [])
        charlie.kill()  # it hears of it when it is back
        fedpeer(alfa, "schema", "accept", proposal.id, "--yes")
        charlie.start().ready()
        eventually(lambda: len({d.client.federation(fed).schema_digest for d in every}) == 1)
        grown = Schema.from_dict(charlie.client.schema(fed))
        assert [column.name for column in grown.columns] == ["age", "stage$I", "stage$II", "stage$IV", "ill", "bmi"]
        assert "stage$IV, bmi" in charlie.client.charter(fed)[-1].text
        eventually(lambda: {d.client.federation(fed).total_digest for d in every} == {pooled(grown, parts)})
        assert {d.name: d.client.stats(fed).sent for d in every} == sent

        bravo.add(fed, new, "new")
        charlie.add(fed, drawn(7, 40), "without what is new")
        for daemon in (bravo, charlie, alfa):
            daemon.client.sync(fed, wait_s=120)
        whole = pooled(grown, [*parts, new, drawn(7, 40)])
        eventually(lambda: {d.client.federation(fed).total_digest for d in every} == {whole})
        assert [p.state for p in bravo.client.proposals(fed)] == ["accepted"]
