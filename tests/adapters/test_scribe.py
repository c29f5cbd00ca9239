"""Files that are written for people: whole or not there, below the roots, and over nothing that is not ours."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fedpeer.adapters import scribe
from fedpeer.adapters.scribe import CsvSheet, FileScribe
from fedpeer.core.errors import DuplicateError, SourceError
from fedpeer.ports import Ours

ROWS = {"a": [1, None, 2.5], "b, c": ['say "hi"', "", float("nan")]}


@pytest.fixture
def hand(tmp_path: Path) -> FileScribe:
    (tmp_path / "in").mkdir()
    return FileScribe((tmp_path / "in",))


_DRAFTS = itertools.count()


def begun(hand: FileScribe, path: Path, *ours: Ours) -> CsvSheet:
    sheet = hand.begin(hand.place(str(path)), ours, draft=f"{next(_DRAFTS):x}")
    sheet.open()
    return sheet


def written(hand: FileScribe, path: Path, *ours: Ours) -> Ours:
    sheet = begun(hand, path, *ours)
    sheet.write(ROWS)
    sheet.write(ROWS)
    known = sheet.seal()
    assert not path.exists() or ours
    sheet.finish()
    assert scribe._facts(path) == known
    return known


def test_a_file_is_whole_and_its_owners_alone(hand: FileScribe, tmp_path: Path) -> None:
    path = tmp_path / "in" / "out.csv"
    written(hand, path)
    rows = '1,"say ""hi"""\n,\n2.5,\n'
    assert path.read_text() == 'a,"b, c"\n' + 2 * rows
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["out.csv"]


def test_what_is_given_up_leaves_nothing(hand: FileScribe, tmp_path: Path) -> None:
    sheet = begun(hand, tmp_path / "in" / "out.csv")
    sheet.write(ROWS)
    sheet.abandon()
    sheet.abandon()
    assert list((tmp_path / "in").iterdir()) == []


def test_what_a_killed_node_left_is_not_in_the_way_and_of_two_at_once_the_first_stays(
    hand: FileScribe, tmp_path: Path
) -> None:
    path = tmp_path / "in" / "out.csv"
    killed, first, second = (begun(hand, path) for _ in range(3))
    killed.write(ROWS)
    killed._opened().close()
    first.write(ROWS)
    for sheet in (first, second):
        sheet.seal()
    first.finish()
    with pytest.raises(DuplicateError, match="by now"):
        second.finish()
    second.abandon()
    assert path.read_text().startswith("a,")
    hand.discard(killed.draft)
    hand.discard(killed.draft)
    assert list(path.parent.iterdir()) == [path]


def test_only_drafts_are_taken_away_and_only_below_the_roots(hand: FileScribe, tmp_path: Path) -> None:
    (tmp_path / "in" / "rows.csv").write_text("a\n1\n")
    (tmp_path / ".rows.csv.0.part").write_text("a\n1\n")
    (tmp_path / "in" / ".rows.csv.1.part").mkdir()
    for draft, says in (("in/rows.csv", "no file in the making"), (".rows.csv.0.part", "not below"), ("x/y", "folder")):
        with pytest.raises(SourceError, match=says):
            hand.discard(str(tmp_path / draft))
    with pytest.raises(SourceError, match="cannot take away"):
        hand.discard(str(tmp_path / "in" / ".rows.csv.1.part"))
    assert (tmp_path / "in" / "rows.csv").exists()
    assert (tmp_path / ".rows.csv.0.part").exists()


def test_what_a_full_disk_does_not_take_leaves_nothing(
    hand: FileScribe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = hand.begin(hand.place(str(tmp_path / "in" / "out.csv")), (), draft="0")
    made = os.open

    def full(path: Path, *how: int) -> int:
        os.close(made(path, *how))
        return made("/dev/full", os.O_WRONLY)

    with monkeypatch.context() as patch:
        patch.setattr(scribe.os, "open", full)
        sheet.open()
    with pytest.raises(SourceError, match="no space left"):
        sheet.write({"a": range(100_000)})
    sheet.abandon()
    assert list((tmp_path / "in").iterdir()) == []


@pytest.mark.parametrize("ours", [False, True])
def test_rows_are_on_the_disk_before_the_file_is_there_and_then_its_name(
    hand: FileScribe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, ours: bool
) -> None:
    path = tmp_path / "in" / "out.csv"
    before = [written(hand, path)] if ours else []
    synced: list[tuple[str, int]] = []
    sync = os.fsync

    def told(handle: int) -> None:
        there = path.stat().st_ino if path.exists() else 0
        synced.append((Path(f"/proc/self/fd/{handle}").readlink().name, there))
        sync(handle)

    monkeypatch.setattr(scribe.os, "fsync", told)
    known = written(hand, path, *before)
    draft = f".out.csv.{next(_DRAFTS) - 1:x}.part"
    assert synced == [(draft, before[0].inode if before else 0), ("in", known.inode)]


def test_a_file_system_that_cannot_sync_names_is_written_to_and_a_failing_one_told_of(
    hand: FileScribe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(number: int) -> Callable[[int], None]:
        def sync(handle: int) -> None:
            if Path(f"/proc/self/fd/{handle}").is_dir():
                raise OSError(number, os.strerror(number))

        return sync

    monkeypatch.setattr(scribe.os, "fsync", refusing(errno.EINVAL))
    written(hand, tmp_path / "in" / "out.csv")
    monkeypatch.setattr(scribe.os, "fsync", refusing(errno.EIO))
    with pytest.raises(SourceError, match="input/output"):
        written(hand, tmp_path / "in" / "other.csv")


def test_only_what_we_wrote_and_nobody_changed_is_replaced(hand: FileScribe, tmp_path: Path) -> None:
    path = tmp_path / "in" / "out.csv"
    ours = written(hand, path)
    for known in ((), (ours._replace(size=ours.size + 1),)):
        with pytest.raises(DuplicateError, match="not overwritten"):
            begun(hand, path, *known)
    again = written(hand, path, ours._replace(inode=0), ours)
    path.write_text("rows of somebody\n")
    with pytest.raises(DuplicateError, match="not overwritten"):
        begun(hand, path, ours, again)
    assert path.read_text() == "rows of somebody\n"
    path.unlink()
    assert written(hand, path, again)


@pytest.mark.parametrize("ours", [False, True])
def test_a_file_that_is_put_there_meanwhile_stays(hand: FileScribe, tmp_path: Path, *, ours: bool) -> None:
    path = tmp_path / "in" / "out.csv"
    sheet = begun(hand, path, *([written(hand, path)] if ours else []))
    sheet.write(ROWS)
    sheet.seal()
    path.unlink(missing_ok=True)
    path.write_text("rows of somebody\n")
    with pytest.raises(DuplicateError, match="by now"):
        sheet.finish()
    sheet.abandon()
    assert path.read_text() == "rows of somebody\n"
    assert [each.name for each in path.parent.iterdir()] == ["out.csv"]


def test_if_links_did_not_refuse_what_is_there_it_would_be_lost(
    hand: FileScribe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "in" / "out.csv"
    sheet = begun(hand, path)
    sheet.write(ROWS)
    sheet.seal()
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
        begun(hand, tmp_path / place)
    assert list((tmp_path / "out").iterdir()) == []


def test_without_roots_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="names no directories"):
        FileScribe(()).place(str(tmp_path / "x.csv"))
