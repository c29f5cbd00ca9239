"""Files that grow, a piece at a time: the pieces together are the file, wherever it was cut."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedpeer.adapters.catalogue import Catalogue
from fedpeer.adapters.lookout import FileLookout
from fedpeer.core.errors import SourceError
from fedpeer.core.peer.kept import Seen
from fedpeer.core.statistics.collect import collect, tally
from fedpeer.core.statistics.schema import Feature, Schema
from fedpeer.core.statistics.summary import Summary

SCHEMA = Schema(
    [Feature("x", "continuous", min=0, max=10**6, resolution="0.01"), Feature("s", "binary", levels=("M", "F"))]
)
NAMES = ["x", "s"]


def lookout(*roots: Path) -> FileLookout:
    return FileLookout(Catalogue(roots=roots))


def piece(path: Path, since: int, until: int) -> Summary:
    source = lookout().open(str(path), SCHEMA, {}, (since, until))
    told: list[int] = []
    found = tally(SCHEMA, source.batches(NAMES, told.append))
    assert not told or told[-1] >= source.size - 1
    assert source.size == until - since
    return found.summary


NOTES = ["", "plain", '"a\nb"', '"say ""no""\r\n"', '""']
ROW = st.tuples(st.integers(0, 10**8), st.booleans(), st.sampled_from(NOTES))
ENDS = st.sampled_from(["\n", "\r\n"])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROW, max_size=25), cuts=st.lists(st.integers(0, 1000), max_size=6), end=ENDS)
def test_the_pieces_of_a_growing_csv_file_are_the_file(tmp_path, rows, cuts, end):
    lines = ["note,x,s", *(f"{note},{x / 100},{'MF'[s]}" for x, s, note in rows)]
    whole = "".join(line + end for line in lines).encode()
    path, since, total, looks = tmp_path / "log.csv", 0, Summary.zero(SCHEMA), lookout()
    for cut in [*sorted(cuts), len(whole)]:
        path.write_bytes(whole[:cut])
        until = looks.ends(str(path), since)
        assert since <= until <= cut
        if until > since:
            total += piece(path, since, until)
        since = until
    assert since == len(whole)
    columns = {"x": [x / 100 for x, _, _ in rows], "s": ["MF"[s] for _, s, _ in rows]}
    assert total == collect(SCHEMA, columns)


def test_a_large_growing_file_is_read_in_pieces_and_counted_as_one(tmp_path):
    path = tmp_path / "log.csv"
    body = "".join(f"{i / 4},{'MF'[i % 3 == 0]}\n" for i in range(40_000))
    path.write_text("x,s\n" + body + "partial")
    until = lookout().ends(str(path), 0)
    half = len("x,s\n") + body.index("\n", len(body) // 2) + 1
    assert until == len("x,s\n") + len(body)
    assert piece(path, 0, half) + piece(path, half, until) == piece(path, 0, until)
    assert piece(path, 0, until).rows == 40_000


@pytest.mark.parametrize("bad", ["1\n", "1,M,3\n", '1,"M\n'])
def test_a_faulty_row_says_from_where_on_it_is_counted(tmp_path, bad):
    path = tmp_path / "log.csv"
    path.write_text("x,s\n1,M\n" + bad)
    with pytest.raises(SourceError, match=r"log\.csv from byte 8 on"):
        piece(path, 8, 8 + len(bad))


def test_json_lines_and_a_byte_order_mark(tmp_path):
    lines = tmp_path / "log.jsonl"
    lines.write_text('{"x": 1, "s": "F"}\n{"x": 2, "s": "\\"M"}\n{"x": 3, "s": "M"}\n{"x"')
    until = lookout().ends(str(lines), 0)
    assert until == lines.read_text().rindex("\n") + 1
    assert piece(lines, 0, until) == collect(SCHEMA, {"x": [1, 3], "s": ["F", "M"]})
    table = tmp_path / "log.csv"
    table.write_bytes(b"\xef\xbb\xbf\r\n\r\nx,s\r\n1,F\r\n2,M\r\n")
    assert piece(table, 0, 20) + piece(table, 20, 25) == collect(SCHEMA, {"x": [1, 2], "s": ["F", "M"]})


@pytest.mark.parametrize("whole", [False, True])
def test_what_was_counted_is_told_from_what_was_not(tmp_path, whole):
    path = tmp_path / "log.csv"
    content = os.urandom(300_000)
    path.write_bytes(content)
    seen = Seen(str(path), 0, 0, 250_000, lookout().mark(str(path), 250_000, whole=whole), whole, "b", "w")
    for after, same in (
        (content, True),
        (content + b"x", True),
        (content[:250_000], True),
        (content[:249_999], False),
        (b"\0" * 9 + content[9:], False),
        (content[:249_990] + b"\0" * 10 + content[250_000:], False),
        (content[:120_000] + b"\0" * 9 + content[120_009:], not whole),  # the middle: docs/data.md
        (b"", False),
    ):
        path.write_bytes(after)
        assert lookout().same(seen) is same


def test_a_file_counted_up_to_half_a_row_is_not_continued(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("x,s\n1,M\n2,F")
    path.write_text("x,s\n1,M\n2,F0\n")
    with pytest.raises(SourceError, match="had no end"):
        lookout().ends(str(path), 11)
    path.write_text("x,s\n1,M\n2,F\n3,M\n")
    assert lookout().ends(str(path), 11) == 16


def test_only_allowed_directories_are_looked_into(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "a.csv").write_text("x,s\n")
    (inside / "link.csv").symlink_to(outside / "a.csv")
    (inside / "b.csv").write_text("x,s\n")
    for location in (outside, outside / "a.csv", inside / "link.csv", inside, f"{inside}/*.csv"):
        with pytest.raises(SourceError, match="outside the directories"):
            lookout(inside).check(str(location), SCHEMA, {})
    (inside / "link.csv").unlink()
    place, spots = lookout(inside).check(f"{inside}/*.csv", SCHEMA, {})
    assert place == f"{inside}/*.csv"
    assert [(s.path, s.grows) for s in spots] == [(str(inside / "b.csv"), False)]
    assert lookout().alone(str(inside)) is None
    assert lookout().alone(str(inside / "nothing.csv")) is None
    assert lookout().alone(f"file://{inside}/b.csv").size == 4
