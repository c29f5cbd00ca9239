"""A look at files: below the allowed directories, and nowhere else, whatever is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedpeer.adapters.catalogue import Catalogue
from fedpeer.adapters.shelf import FileShelf
from fedpeer.core.errors import SourceError


@pytest.fixture
def place(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    (root / "beds").mkdir(parents=True)
    lines = ["age,site", *(f"{i},north" for i in range(200))]
    (root / "rows.csv").write_text("\n".join(lines) + "\n")
    (root / ".hidden").write_text("x")
    (tmp_path / "secret.csv").write_text("a\n1\n")
    (root / "link.csv").symlink_to(tmp_path / "secret.csv")
    return root


def test_folders_are_listed_and_rows_shown(place: Path) -> None:
    shelf = FileShelf(Catalogue(roots=(place,)))
    assert shelf.listed("") == [(str(place), True, 0)]
    found = {name: (folder, size) for name, folder, size in shelf.listed(str(place))}
    assert found["beds"] == (True, 0)
    assert found["rows.csv"] == (False, (place / "rows.csv").stat().st_size)
    assert ".hidden" not in found
    rows = shelf.sample(str(place / "rows.csv"), {}, 3)
    assert {name: list(map(str, values)) for name, values in rows.items()} == {
        "age": ["0", "1", "2"],
        "site": ["north"] * 3,
    }


@pytest.mark.parametrize("where", ["/etc", "..", "../secret.csv", "link.csv", "~", "\0", "/", "beds/../../secret.csv"])
def test_nothing_else_is_shown(place: Path, where: str) -> None:
    shelf = FileShelf(Catalogue(roots=(place,)))
    path = where if where.startswith(("/", "~", "\0")) else str(place / where)
    for look in (lambda: shelf.listed(path), lambda: shelf.sample(path, {}, 1)):
        with pytest.raises(SourceError):
            look()


def test_without_roots_nothing_is_looked_at(place: Path) -> None:
    shelf = FileShelf(Catalogue())
    for look in (lambda: shelf.listed(""), lambda: shelf.listed("/"), lambda: shelf.sample(str(place), {}, 1)):
        with pytest.raises(SourceError, match=r"data\.roots names no directories"):
            look()


def test_a_pattern_shows_only_what_is_below(place: Path) -> None:
    shelf = FileShelf(Catalogue(roots=(place,)))
    with pytest.raises(SourceError):
        shelf.sample(f"{place}/*.csv", {}, 1)
