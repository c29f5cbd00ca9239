"""A federation whose schema lets rows have gaps: the rule travels in the charter, the sums through the bus."""

from __future__ import annotations

import random

from fedpeer.core.peer import events as ev
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.schema import Feature, Schema
from fedpeer.core.statistics.summary import Summary
from tests.support.simulation import Simulation, totals

SCHEMA = Schema(
    [
        Feature("x", "continuous", min=-100, max=100, resolution="0.5"),
        Feature("y", "continuous", min=0, max=1000, resolution=1),
        Feature("b", "binary"),
    ],
    missing="pairwise",
)


def rows(seed: int, count: int = 120) -> dict[str, list[float | None]]:
    """Rows of which every fourth lacks x, and those of the second half of each eight lack y."""
    rng = random.Random(seed)
    return {
        "x": [rng.randrange(-200, 201) / 2 if i % 4 else None for i in range(count)],
        "y": [float(rng.randrange(1001)) if i % 8 < 4 else None for i in range(count)],
        "b": [float(i // 8 % 2) for i in range(count)],
    }


def test_three_peers_hold_the_pooled_summary_of_rows_with_gaps_bit_for_bit():
    simulation = Simulation(0)
    alfa = simulation.found("alfa", schema=SCHEMA, profile="standard")
    nodes, pooled = [alfa, simulation.join(alfa, "bravo"), simulation.join(alfa, "charlie")], Summary.zero(SCHEMA)
    for i, node in enumerate(nodes):
        assert node.peer.roster.schema.pairwise
        simulation.add(node, rows(i))
        simulation.act(node, ev.SyncNow())
        pooled = pooled + collect(SCHEMA, rows(i))
    simulation.run()
    simulation.pass_time(1)
    assert totals(simulation) == {pooled.digest}
    assert alfa.peer.ledger.total.count("x", "y") == pooled.count("x", "y") == 3 * 45


def test_rows_that_nearly_all_have_everything_stay():
    simulation = Simulation(1)
    alfa = simulation.found("alfa", schema=SCHEMA, profile="standard")
    table = rows(1)
    table["b"][0] = None
    simulation.add(alfa, table)
    simulation.act(alfa, ev.SyncNow())
    simulation.run()
    assert alfa.peer.ledger.total.rows == 0
    assert any("b is missing" in note.text for note in alfa.notes)
