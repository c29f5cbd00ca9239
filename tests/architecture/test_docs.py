"""The documentation can be reached, names what exists, and says what the code does."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fedpeer.core.envelope import contributions, messages, receipts
from fedpeer.core.federation import decisions
from fedpeer.node import origins, shapes, standing, views
from fedpeer.node.engine import PROBES
from fedpeer.node.subjects import flowing

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = sorted([README, *DOCS.rglob("*.md")])
# Pages that only these tests look after; the others have tests of their own beside the code they speak of.
OWN = [
    README,
    *(DOCS / f"{page}.md" for page in ("architecture", "glossary", "index", "operations", "recipes", "threats")),
    *(DOCS / "protocol" / f"{page}.md" for page in ("charter", "messages", "pulse")),
    *sorted((DOCS / "adr").glob("*.md")),
]
GUIDES = ("getting-started", "cli", "api", "schema", "data", "statistics", "models", "plots")
# Pages for users, whose lines people read in an editor too.
READ = [*OWN, *(DOCS / f"{page}.md" for page in GUIDES), *sorted((DOCS / "models").glob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
# The first word of a path that is meant to exist; `core/x` and `node/x` are short for `fedpeer/core/x`.
PLACE = re.compile(r"(?:fedpeer|tests|docs|config|scripts|core|node|api)/[\w./-]*\w|(?:ports|daemon)\.py")


def text(page: Path) -> str:
    return page.read_text("utf-8")


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    return FENCE.sub("", text(page))


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """What a page links to in this repository, and the heading within it."""
    for target in LINK.findall(prose(page)):
        if "://" not in target:
            path, _, heading = target.partition("#")
            yield (page.parent / path).resolve() if path else page, heading


def headings(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_link_is_dead(page):
    for target, heading in links(page):
        assert target.exists(), target
        assert not heading or heading in headings(target), heading


def test_every_page_is_reached_from_the_index():
    reached, waiting = set(), [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md" and page.exists():
            reached.add(page)
            waiting += [target for target, _ in links(page)]
    assert set(PAGES) <= reached


def test_decisions_are_numbered_and_listed_with_their_titles():
    pages = sorted(DOCS.glob("adr/0*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    listed = text(DOCS / "adr" / "index.md")
    for page in pages:
        number, title = re.match(r"# (\d+)\. (.+)\n", text(page)).groups()
        assert int(number) == int(page.name[:4])
        assert f"| [{number}]({page.name}) | {title} |" in listed
        assert re.search(r"^Status: (accepted|replaced by \[\d+\]\(.+\))$", text(page), re.MULTILINE)


def test_the_readme_names_targets_of_the_makefile():
    made = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", text(README), re.MULTILINE))
    assert named
    assert named <= made


@pytest.mark.parametrize("page", OWN, ids=name)
def test_places_that_are_named_exist(page):
    for quoted in re.findall(r"`([^`\n]+)`", prose(page)):
        path, _, test = quoted.partition("::")
        if PLACE.fullmatch(path):
            found = [base / path for base in (ROOT, ROOT / "fedpeer") if (base / path).exists()]
            assert found, path
            assert not test or re.search(rf"def {test}\(", text(found[0])), quoted


@pytest.mark.parametrize("page", READ, ids=name)
def test_lines_are_short_but_for_tables(page):
    # A single long word, the name of a test, cannot be broken.
    long = [line for line in text(page).splitlines() if len(line) > 120 and line[0] != "|" and " " in line]
    assert long == []


def terms() -> list[tuple[str, str]]:
    return re.findall(r"^\*\*([^*]+)\.\*\* (.+)$", text(DOCS / "glossary.md"), re.MULTILINE)


def test_the_glossary_is_sorted_and_says_each_word_once():
    words = [word for word, _ in terms()]
    assert words == sorted(set(words), key=str.lower)
    assert text(DOCS / "glossary.md").count("\n**") == len(words)


def test_every_word_of_the_glossary_is_used():
    elsewhere = "\n".join(text(page) for page in PAGES if page.name != "glossary.md").lower()
    for word, _ in terms():
        stem = re.escape(word.lower().removesuffix("y")).replace(r"\ ", r"\s").replace(r"\-", "-?")
        assert re.search(rf"\b{stem}", elsewhere), word


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    after = text(DOCS / page).split(heading + "\n", 1)[1].splitlines()
    table = itertools.takewhile(is_row, itertools.dropwhile(lambda line: not is_row(line), after))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in list(table)[2:]]


def is_row(line: str) -> bool:
    return line.startswith("|")


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_messages_are_listed_with_their_numbers_and_fields():
    listed = {quoted(row[1])[0]: (int(row[0]), quoted(row[5])) for row in rows("protocol/messages.md", "## Kinds")}
    kinds = {kind.__name__: (number.value, fields(kind)) for kind, number in messages.KINDS.items()}
    assert listed == kinds


def test_parts_of_messages_are_listed_with_their_form_and_fields():
    listed = {quoted(row[0])[0]: (row[1], quoted(row[2])) for row in rows("protocol/messages.md", "## Parts")}
    kinds = (messages.Standing, messages.Holding, messages.Answer)
    kinds += (contributions.Contribution, contributions.Signed)
    kinds += (messages.Round, messages.Rank, receipts.Confirmation)
    forms = {True: "array", False: "map"}
    assert listed == {k.__name__: (forms[bool(k.__struct_config__.array_like)], fields(k)) for k in kinds}


def test_what_each_message_does_is_told():
    assert [quoted(row[0])[0] for row in rows("protocol/messages.md", "## What each does")] == [
        kind.__name__ for kind in messages.KINDS
    ]


def fields(kind: type) -> list[str]:
    return [field.name for field in msgspec.structs.fields(kind)]


def test_decisions_of_the_charter_are_listed():
    listed = [quoted(row[0])[0] for row in rows("protocol/charter.md", "## Decisions")]
    assert listed == [kind.__struct_config__.tag for kind in decisions.Decision.__args__]


def test_every_place_where_a_daemon_is_killed_is_told_of():
    first = [quoted(row[0])[0] for row in rows("protocol/pulse.md", "## Crashes")]
    assert first == list(PROBES)


def test_every_metric_is_told_of_and_no_other():
    sources = [Path(module.__file__).read_text("utf-8") for module in (views, standing)]
    gauges = {name for source in sources for name in re.findall(r'"(fedpeer_\w+)"', source)}
    counters = {f"fedpeer_{field.name}_total" for field in msgspec.structs.fields(shapes.SyncStats)}
    told = {word for row in rows("operations.md", "## Monitoring") for word in quoted(row[0])}
    assert told == gauges | counters
    stream = origins.Stream(
        id="5e1f", location="", options={}, added_at=1.0, state="running", error="", batch="", messages=1, read=1,
        rows=1, rejected={}, unreadable={}, sequence=1, last_at=1.0, behind=0,
    )  # fmt: skip
    listed = {word for row in rows("operations.md", "### Streams") for word in quoted(row[0])}
    assert listed == set(flowing(stream))
