"""Files that are written for people: whole or not there, below the roots, and over nothing that is not ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedpeer.adapters import scribe
from fedpeer.adapters.scribe import FileScribe
from fedpeer.core.errors import DuplicateError, SourceError
from fedpeer.ports import Ours

ROWS = {"a": [1, None, 2.5], "b, c": ['say "hi"', "", float("nan")]}


@pytest.fixture
def hand(tmp_path: Path) -> FileScribe:
    (tmp_path / "in").mkdir()
    return FileScribe((tmp_path / "in",))


def written(hand: FileScribe, path: Path, ours: Ours | None = None) -> Ours:
    sheet = hand.begin(str(path), ours)
    sheet.write(ROWS)
    sheet.write(ROWS)
    assert not path.exists() or ours is not None
    return sheet.finish()


def test_a_file_is_whole_and_its_owners_alone(hand: FileScribe, tmp_path: Path) -> None:
    path = tmp_path / "in" / "out.csv"
    written(hand, path)
    rows = '1,"say ""hi"""\n,\n2.5,\n'
    assert path.read_text() == 'a,"b, c"\n' + 2 * rows
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["out.csv"]


def test_what_is_given_up_leaves_nothing(hand: FileScribe, tmp_path: Path) -> None:
    sheet = hand.begin(str(tmp_path / "in" / "out.csv"), None)
    sheet.write(ROWS)
    sheet.abandon()
    sheet.abandon()
    assert list((tmp_path / "in").iterdir()) == []


def test_what_a_killed_node_left_is_not_in_the_way_and_of_two_at_once_the_first_stays(
    hand: FileScribe, tmp_path: Path
) -> None:
    path = tmp_path / "in" / "out.csv"
    killed, first, second = (hand.begin(str(path), None) for _ in range(3))
    killed.write(ROWS)
    first.write(ROWS)
    first.finish()
    with pytest.raises(DuplicateError, match="by now"):
        second.finish()
    assert path.read_text().startswith("a,")
    killed.abandon()
    assert list(path.parent.iterdir()) == [path]


def test_only_what_we_wrote_and_nobody_changed_is_replaced(hand: FileScribe, tmp_path: Path) -> None:
    path = tmp_path / "in" / "out.csv"
    ours = written(hand, path)
    for known in (None, ours._replace(size=ours.size + 1)):
        with pytest.raises(DuplicateError, match="not overwritten"):
            hand.begin(str(path), known)
    again = written(hand, path, ours)
    path.write_text("rows of somebody\n")
    with pytest.raises(DuplicateError, match="not overwritten"):
        hand.begin(str(path), again)
    assert path.read_text() == "rows of somebody\n"
    path.unlink()
    assert written(hand, path, again)


@pytest.mark.parametrize("ours", [False, True])
def test_a_file_that_is_put_there_meanwhile_stays(hand: FileScribe, tmp_path: Path, *, ours: bool) -> None:
    path = tmp_path / "in" / "out.csv"
    sheet = hand.begin(str(path), written(hand, path) if ours else None)
    sheet.write(ROWS)
    path.unlink(missing_ok=True)
    path.write_text("rows of somebody\n")
    with pytest.raises(DuplicateError, match="by now"):
        sheet.finish()
    assert path.read_text() == "rows of somebody\n"
    assert [each.name for each in path.parent.iterdir()] == ["out.csv"]


def test_if_links_did_not_refuse_what_is_there_it_would_be_lost(
    hand: FileScribe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "in" / "out.csv"
    sheet = hand.begin(str(path), None)
    sheet.write(ROWS)
    path.write_text("rows of somebody\n")
    monkeypatch.setattr(scribe.os, "link", lambda draft, place, **_: Path(place).write_bytes(Path(draft).read_bytes()))
    sheet.finish()
    assert path.read_text() != "rows of somebody\n"


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("out/x.csv", "not below data.roots"),
        ("in/../out/x.csv", "not below data.roots"),
        ("in/door/x.csv", "not below data.roots"),
        ("in/none/x.csv", "no folder"),
        ("in/x.txt", "no name for it"),
        ("in/.x.csv", "no name for it"),
        ("in/_x.csv", "no name for it"),
        ("in/x\0.csv", "zero byte"),
        ("in/folder.csv", "is no file"),
        ("in/link.csv", "is no file"),
    ],
)
def test_places_that_are_not_written_to(hand: FileScribe, tmp_path: Path, place: str, says: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "door").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "folder.csv").mkdir()
    (tmp_path / "in" / "link.csv").symlink_to(tmp_path / "out" / "x.csv")
    with pytest.raises(SourceError, match=says):
        hand.begin(str(tmp_path / place), None)
    assert list((tmp_path / "out").iterdir()) == []


def test_without_roots_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="names no directories"):
        FileScribe(()).begin(str(tmp_path / "x.csv"), None)
