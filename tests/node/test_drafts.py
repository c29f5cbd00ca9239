"""Files that a node writes, when it is killed before any of the things that it does for them: whole or not at all."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fedpeer.adapters.scribe import CsvSheet, FileScribe
from fedpeer.adapters.store_memory import MemoryStore
from fedpeer.adapters.system import SystemEntropy
from fedpeer.core.errors import DuplicateError, SourceError, StoreError
from fedpeer.node.drafts import Drafts
from fedpeer.node.engine import NODE
from fedpeer.ports import Commit, Sheet
from tests.support.engines import Lone, running

OLD, NEW = "a\n1\n", "a\n2\n3\n"
DEEDS = ("commit", "open", "write", "seal", "commit", "finish", "commit")
IN_PLACE = DEEDS.index("finish")


@pytest.fixture
async def lone():
    async with running("alfa", store=MemoryStore()) as one:
        yield one


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "rows.csv"


class KilledError(BaseException):
    """The end of a process: nothing of it happens any more."""


async def started(lone: Lone, place: Path) -> Drafts:
    """What a node remembers after a start."""
    drafts = Drafts(lone.engine, SystemEntropy().draw, FileScribe((place.parent,)))
    await drafts.sweep()
    return drafts


async def filled(drafts: Drafts, place: Path, rows: list[int], *, overwrite: bool = False) -> Sheet:
    sheet = await drafts.begin(await drafts.place(str(place)), overwrite=overwrite)
    try:
        sheet.write({"a": rows})
    except KilledError:
        sheet._opened().close()
        raise
    return sheet


async def written(drafts: Drafts, place: Path, rows: list[int], *, overwrite: bool = False) -> None:
    sheet = await filled(drafts, place, rows, overwrite=overwrite)
    try:
        await drafts.finish(sheet)
    finally:
        sheet._opened().close()


def killed(monkeypatch: pytest.MonkeyPatch, before: int) -> list[str]:
    """Have the process die before this deed of it; returns what it has done."""
    done: list[str] = []

    def mortal(deed: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def doing(*args: Any) -> Any:
            if len(done) >= before:
                raise KilledError
            done.append(deed)
            return work(*args)

        return doing

    for deed in set(DEEDS) - {"commit"}:
        monkeypatch.setattr(CsvSheet, deed, mortal(deed, getattr(CsvSheet, deed)))
    monkeypatch.setattr(MemoryStore, "commit", mortal("commit", MemoryStore.commit))
    return done


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("deeds", range(len(DEEDS)))
async def test_a_node_that_is_killed_leaves_a_file_whole_or_not_at_all_and_knows_it(
    lone: Lone, place: Path, monkeypatch: pytest.MonkeyPatch, deeds: int, *, old: bool
) -> None:
    drafts = await started(lone, place)
    if old:
        await written(drafts, place, [1])
    with monkeypatch.context() as patch:
        done = killed(patch, deeds)
        with pytest.raises(KilledError):
            await written(drafts, place, [2, 3], overwrite=old)
        assert tuple(done) == DEEDS[:deeds]
    await _after(lone, place, NEW if deeds > IN_PLACE else OLD if old else None)


async def test_a_node_that_is_killed_with_its_file_under_both_names_has_it_under_one(
    lone: Lone, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dead(*_: Any) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", dead)
        with pytest.raises(KilledError):
            await written(await started(lone, place), place, [2, 3])
    assert len(list(place.parent.iterdir())) == 2
    await _after(lone, place, NEW)


async def test_a_node_that_is_not_killed_does_these_deeds(
    lone: Lone, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = killed(monkeypatch, 99)
    await written(await started(lone, place), place, [2, 3])
    assert tuple(done) == DEEDS
    monkeypatch.undo()
    await _after(lone, place, NEW)


def texts(place: Path) -> dict[str, str]:
    return {each.name: each.read_text() for each in place.parent.iterdir() if each.is_file()}


def _changed(place: Path) -> None:
    place.write_text(OLD)


async def _after(lone: Lone, place: Path, there: str | None) -> None:
    """After a start there is this and nothing else, it is the node's own, and nobody else's is."""
    drafts = await started(lone, place)
    assert texts(place) == ({place.name: there} if there else {})
    assert not [name for name in await lone.engine.records(NODE) if name.startswith("draft/")]
    await written(drafts, place, [4], overwrite=True)
    assert texts(place) == {place.name: "a\n4\n"}
    _changed(place)
    with pytest.raises(DuplicateError):
        await drafts.begin(str(place), overwrite=True)


@pytest.mark.parametrize(("forgotten", "deeds"), [("draft/", DEEDS.index("write")), ("written/", IN_PLACE + 1)])
async def test_without_what_is_kept_before_it_a_draft_stays_or_a_file_is_a_strangers(
    lone: Lone, place: Path, monkeypatch: pytest.MonkeyPatch, forgotten: str, deeds: int
) -> None:
    with monkeypatch.context() as patch:
        killed(patch, deeds)
        with pytest.raises(KilledError):
            await written(await started(lone, place), place, [2, 3])
    gone = [name for name in await lone.engine.records(NODE) if name.startswith(forgotten)]
    await lone.engine.store(Commit({(NODE, name): None for name in gone}))
    drafts = await started(lone, place)
    assert len(list(place.parent.iterdir())) == 1
    if forgotten == "written/":
        with pytest.raises(DuplicateError):
            await drafts.begin(str(place), overwrite=True)


async def test_a_file_is_known_by_whatever_way_its_place_is_named(lone: Lone, place: Path) -> None:
    (place.parent / "door").symlink_to(place.parent)
    drafts = await started(lone, place)
    await written(drafts, place, [1])
    await written(drafts, Path(f"{place.parent}/door/rows.csv"), [2, 3], overwrite=True)
    assert texts(place)["rows.csv"] == NEW


async def test_a_folder_may_be_called_by_bytes_that_are_no_text(lone: Lone, place: Path) -> None:
    folder = place.parent / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (place.parent / "door").symlink_to(folder)
    drafts = await started(lone, place)
    left = await filled(drafts, place.parent / "door" / "rows.csv", [1])
    left._opened().close()
    assert len(list(folder.iterdir())) == 1
    await started(lone, place)
    assert list(folder.iterdir()) == []


async def test_of_two_that_overwrite_at_once_the_one_that_stays_is_known(lone: Lone, place: Path) -> None:
    drafts = await started(lone, place)
    await written(drafts, place, [1])
    first, second = [await filled(drafts, place, rows, overwrite=True) for rows in ([2, 3], [4])]
    await drafts.finish(first)
    with pytest.raises(DuplicateError, match="by now"):
        await drafts.finish(second)
    await drafts.abandon(second)
    await _after(lone, place, NEW)


async def test_a_draft_that_cannot_be_taken_away_is_told_of_and_looked_for_again(
    lone: Lone, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> None:
        raise SourceError("permission denied")

    def told() -> list[tuple[str, str]]:
        return [(entry.level, entry.text) for entry in lone.engine.timeline.page(NODE, limit=9)]

    drafts = await started(lone, place)
    sheet = await filled(drafts, place, [1])
    for times in (1, 2):
        with monkeypatch.context() as patch:
            patch.setattr("fedpeer.adapters.scribe._discard", refused)
            await (drafts.abandon(sheet) if times == 1 else started(lone, place))
        async with asyncio.timeout(60):
            while len(told()) < times:
                await lone.engine.records(NODE)  # which waits for its turn to be written, as what is noted does
        assert told() == [("warning", "a file that was not finished may be left: permission denied")] * times
        assert len(list(place.parent.iterdir())) == 1
    await _after(lone, place, None)


async def test_a_file_that_is_in_its_place_is_there_though_nothing_can_be_stored_any_more(
    lone: Lone, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise StoreError("no space")

    finish = CsvSheet.finish

    def finished(self: CsvSheet) -> None:
        finish(self)
        monkeypatch.setattr(MemoryStore, "commit", full)

    drafts = await started(lone, place)
    sheet = await filled(drafts, place, [2, 3])
    monkeypatch.setattr(CsvSheet, "finish", finished)
    await drafts.finish(sheet)
    monkeypatch.undo()
    await _after(lone, place, NEW)
