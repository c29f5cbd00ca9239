"""Tables of metrics, from real answers."""

import numpy as np
import pytest

from fedpeer.cli import render
from fedpeer.cli.answers import draw_answer, draw_parts
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.metrics import METRICS, measure
from fedpeer.core.statistics.schema import Feature, Schema

RNG = np.random.default_rng(2)
NAMES = [f"x{k}" for k in range(22)]
SCHEMA = Schema([Feature(name, min=-9, max=9, resolution="0.5") for name in NAMES], blocks=["histogram"], bins=6)


def counted(shift):
    rows = np.clip(np.round(RNG.normal(shift, 2, (50, 22)) * 2) / 2, -9, 9)
    rows[:, 21] = -rows[:, 0]
    return collect(SCHEMA, dict(zip(NAMES, rows.T, strict=True)))


HERE, THERE = counted(0), counted(1)


def lines(capsys):
    return [line.split() for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("metric", ["drift", "correlation", "quantiles", "box", "density"])
def test_an_answer_has_a_row_for_each_feature(metric, capsys):
    told = measure(HERE, metric, NAMES[:5], other=THERE if METRICS[metric].compares else None)
    assert draw_answer(metric, told)
    words = [word for line in lines(capsys) for word in line]
    assert all(words.count(name) == 1 for name in NAMES[:5])


def test_what_drifts_most_comes_first_and_each_part_has_a_column(capsys):
    told = measure(HERE, "drift", other=THERE)
    draw_answer("drift", told)
    drawn = [line[0] for line in lines(capsys)[2:]]
    assert drawn == sorted(NAMES, key=lambda name: -told["features"][name]["js_distance"])
    assert drawn[0] == told["largest"]
    assert draw_parts("drift", {"north": told, "south": told})
    _, heads, *rows = lines(capsys)
    assert heads == ["FEATURE", "north", "south"]
    assert [row[0] for row in rows] == NAMES
    assert not draw_parts("quantiles", {})


def test_of_many_columns_the_strongest_pairs_are_shown_and_of_few_with_their_intervals(capsys):
    draw_answer("correlation", measure(HERE, "correlation"))
    first, _, *rows = lines(capsys)
    assert first[:5] == ["the", "strongest", "of", "231", "pairs;"]
    assert len(rows) == 20
    assert rows[0] == ["x0", "x21", "-1.00"]
    told = measure(HERE, "correlation", ["x0", "x1"], options={"confidence": "0.9"})
    draw_answer("correlation", told)
    ends = [f"{told[key]['x0']['x1']:.2f}" for key in ("correlation", "correlation_low", "correlation_high")]
    assert lines(capsys) == [["FEATURE", "FEATURE", "R", "FROM", "TO"], ["x0", "x1", *ends]]


def test_other_answers_are_left_to_others():
    assert not draw_answer("t_test", {})


def test_terminal_codes_of_other_members_are_shown_and_not_obeyed(capsys):
    render.say("removed: \x1b[2J\x1b]0;owned\x07\nand a second line")
    render.table(["\x1b[5mname[/bold]"], [["\x1b[31mred"]])  # columns too: messages of a stream name their own
    render.pairs([("reason", "\u202egnorw")])
    out = capsys.readouterr().out
    assert all(sign.isprintable() or sign == "\n" for sign in out)
    assert "\\x1b[2J" in out
    assert "\nand a second line" in out
