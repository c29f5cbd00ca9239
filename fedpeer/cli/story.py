"""The demonstration's chapters: what happens, why it matters, and whether it is true."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fedpeer.cli import hospitals, progress, render
from fedpeer.cli.crew import Running
from fedpeer.cli.hospitals import CONTRACT, FEATURES, SCHEMA, TARGET, Columns
from fedpeer.client import ApiError, Client
from fedpeer.core.errors import StateError
from fedpeer.core.models.fit import fit
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.summary import Summary
from fedpeer.node.shapes import Fitted, Invite

_FEDERATION = "tumours"
_ADMIN, _FOURTH, _LEAVER = "screening", "practice", "referral"
_WAIT_S = 15.0
_INDENT = 3
_WHO = {
    "screening": ("the screening centre", "small tumours, found early"),
    "general": ("the general hospital", "some of each"),
    "referral": ("the referral clinic", "large tumours, referred"),
    "practice": ("the village practice", "whoever comes by"),
}


def tell(daemons: Mapping[str, Running], root: Path) -> bool:
    """Play every chapter; return whether all that was claimed is true."""
    stage = _Stage(render.console(), {name: one.client for name, one in daemons.items()}, hospitals.patients())
    files = hospitals.write(root, stage.sites)
    three = [name for name in stage.clients if name != _FOURTH]
    pooled = collect(SCHEMA, hospitals.pooled(*(stage.sites[name] for name in three)))
    _meet(stage, three)
    _found(stage)
    _join(stage, three)
    _count(stage, three, files)
    _exchange(stage, three)
    _compare(stage, three, pooled)
    _refuse(stage, files)
    _remove(stage, pooled)
    return stage.true


@dataclass(slots=True)
class _Stage:
    """Who plays, and what was shown to be true so far."""

    out: Console
    clients: dict[str, Client]
    sites: dict[str, Columns]
    federation: str = ""
    chapters: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def admin(self) -> Client:
        return self.clients[_ADMIN]

    @property
    def true(self) -> bool:
        return not self.broken

    @contextmanager
    def chapter(self, title: str, about: str) -> Iterator[None]:
        """Print what will happen, show that it does, and how long it took."""
        self.chapters += 1
        self.out.print()
        self.out.print(Text(f"{self.chapters}  {title[:1].upper()}{title[1:]}", style="bold"))
        self.line(about, "dim")
        began = time.monotonic()
        with progress.spin(title):
            yield
        self.line(f"done in {time.monotonic() - began:.1f} s", "dim")

    def line(self, text: str | Text, style: str = "") -> None:
        """Print a line below the chapter's title."""
        for part in text.splitlines() if isinstance(text, str) else [text]:
            shown = Text(" " * _INDENT)
            shown.append_text(part if isinstance(part, Text) else Text(part, style=style))
            self.out.print(shown, soft_wrap=True)

    def claim(self, true: bool, text: str) -> None:
        """Print a claim with whether it is true."""
        self.line(Text.assemble(("✓ ", "bold green") if true else ("✗ ", "bold red"), text))
        if not true:
            self.broken.append(text)

    def table(self, columns: list[str], rows: list[list[str | Text]]) -> None:
        """Print a table below the chapter's title; the first column is of names."""
        drawn = Table(box=None, pad_edge=False, show_edge=False, show_header=any(columns), header_style="bold")
        for name in columns:
            drawn.add_column(name, justify="right" if name else "left", no_wrap=True)
        for row in rows:
            drawn.add_row(" " * _INDENT + str(row[0]), *row[1:])
        self.out.print(drawn)


def _meet(stage: _Stage, three: list[str]) -> None:
    stage.out.print()
    rows: list[list[str | Text]] = []
    for name in three:
        columns = stage.sites[name]
        called, sees = _WHO[name]
        patients = f"{len(columns[TARGET])} patients, {sum(columns[TARGET]):.0f} ill"
        rows.append([called, patients, Text(sees, style="dim")])
    stage.table(["", "", ""], rows)


def _found(stage: _Stage) -> None:
    about = "It says what is measured, and what every contribution must keep: the contract."
    with stage.chapter(f"{_called(_ADMIN)} founds a federation", about):
        options = {"schedule": "m1", "display": _ADMIN, "profile": "standard"}
        made = stage.admin.create(_FEDERATION, SCHEMA.to_dict(), CONTRACT, **options)
        stage.federation = made.id
    stage.line(CONTRACT, "cyan")


def _join(stage: _Stage, three: list[str]) -> None:
    about = "An invite goes one way, its passphrase another. Whoever has both can join, once."
    with stage.chapter("the others join", about):
        _invite(stage, [name for name in three if name != _ADMIN])
    members = stage.admin.members(stage.federation)
    stage.line(f"members: {', '.join(m.name for m in members)}")
    stage.line(f"six words let two people make sure of each other by telephone: {members[-1].fingerprint}")


def _invite(stage: _Stage, names: Sequence[str]) -> None:
    """Invite and let join, all at once."""

    def join(name: str, invite: Invite) -> None:
        joined = stage.clients[name].join(invite.text, invite.passphrase, wait_s=_WAIT_S, display=name)
        if joined.state != "active":
            raise StateError(f"{name} could not join in {_WAIT_S:.0f} seconds")

    with ThreadPoolExecutor() as pool:
        list(pool.map(join, names, [stage.admin.invite(stage.federation) for _ in names]))


def _count(stage: _Stage, three: list[str], files: Mapping[str, Path]) -> None:
    about = "Each daemon reads its own CSV file and keeps sums of its columns, as exact whole numbers. Rows stay."
    with stage.chapter("each hospital counts its own rows", about), ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: _load(stage, name, files[name]), three))
    held = {name: stage.clients[name].federation(stage.federation).local_rows for name in three}
    stage.line(", ".join(f"{name} {rows} rows" for name, rows in held.items()))


def _load(stage: _Stage, name: str, file: Path) -> None:
    client = stage.clients[name]
    job = progress.ended(client, client.add_source(stage.federation, str(file)))
    if job.state != "done":
        raise StateError(f"{name} could not count {file}: {job.error.detail if job.error else job.state}")


def _exchange(stage: _Stage, three: list[str]) -> None:
    about = "The sums are signed and sealed for the members; the bus carries what it cannot read."
    with stage.chapter("they exchange, until all hold the same", about):
        for name in three:
            stage.clients[name].set_pulsing(stage.federation, True)
            stage.clients[name].sync(stage.federation)
        ended = [stage.clients[name].sync(stage.federation, wait_s=_WAIT_S) for name in three]
    stage.claim(all(one.converged for one in ended), "all three say: we hold the same")
    rows = {one.rows for one in ended}
    stage.claim(len(rows) == 1, f"and that is the sums of {' or '.join(map(str, rows))} patients")


def _compare(stage: _Stage, three: list[str], pooled: Summary) -> None:
    about = "The risk of cancer from three measurements of a tumour, by least squares. To check it, this demonstration"
    about += "\nalone also puts all rows into one table; in earnest nobody could."
    with stage.chapter("the answer", about):
        own = {name: _fitted(stage, name, of="local") for name in three}
        federated = {name: _fitted(stage, name, of="total") for name in three}
        truth = fit(pooled, "ols", target=TARGET, features=list(FEATURES)).coefficients
    answer = _coefficients(federated[_ADMIN])
    columns = [*(f"{name}\nalone" for name in three), "all,\nfederated", "all,\npooled"]
    values = [*(_coefficients(own[name]) for name in three), answer, truth]
    stage.table(["", *columns], [_row(name, values) for name in truth])
    points = ", ".join(f"{100 * _coefficients(own[name])[FEATURES[0]]:.1f} by {name}" for name in three)
    stage.line(f"\nOne millimetre of radius more means so many points of risk more: {points}.")
    stage.line(
        f"By all patients it is {100 * answer[FEATURES[0]]:.1f}. No hospital could have found that alone.", "bold"
    )
    _prove(stage, federated, pooled, truth)


def _prove(stage: _Stage, federated: dict[str, Fitted], pooled: Summary, truth: Mapping[str, float]) -> None:
    digests = {one.digest for one in federated.values()}
    stage.claim(digests == {pooled.digest}, f"the sums are those of the one table, to the bit: {pooled.digest[:24]}…")
    same = all(_coefficients(one) == dict(truth) for one in federated.values())
    stage.claim(same, "the coefficients are those of the one table, to the bit, at all three hospitals")
    theirs = hospitals.sklearn_coefficients(hospitals.pooled(*(stage.sites[name] for name in federated)))
    apart = max(abs(theirs[name] / truth[name] - 1) for name in truth)
    stage.claim(apart < 1e-9, f"scikit-learn, on the one table, says the same: apart by {apart:.0e} of the value")


def _refuse(stage: _Stage, files: Mapping[str, Path]) -> None:
    rows = len(stage.sites[_FOURTH][TARGET])
    about = f"A village practice joins with {rows} patients. So few would say too much about each."
    client, before = stage.clients[_FOURTH], stage.admin.federation(stage.federation).total_digest
    with stage.chapter("a fourth site has too few patients", about):
        _invite(stage, [_FOURTH])
        _load(stage, _FOURTH, files[_FOURTH])
        outcome = client.sync(stage.federation).outcome
        log = client.error_log(stage.federation).entries
    told = next((entry.text for entry in log if f"= {rows}" in entry.text), "")
    stage.claim(outcome == "refused", "the contract keeps its sums from leaving")
    stage.claim("ROWS() >= 50" in told, f"its log names the rule and what was measured: {told}")
    after = stage.admin.federation(stage.federation).total_digest
    stage.claim(before == after, "the others hold what they held")


def _remove(stage: _Stage, pooled: Summary) -> None:
    about = "The federation gets a new key, which it does not have; the bus closes its connection."
    admin, leaver, federation = stage.admin, stage.clients[_LEAVER], stage.federation
    epoch = admin.federation(federation).epoch
    with stage.chapter(f"{_called(_LEAVER)} is removed", about):
        member = next(m for m in admin.members(federation) if m.name == _LEAVER)
        admin.remove(federation, member.id, reason="end of the demonstration")
        rest = [stage.clients[name].sync(federation, wait_s=_WAIT_S) for name in stage.clients if name != _LEAVER]
        said = _shut_out(leaver, federation)
    stage.claim(bool(said), f"it tries to exchange, and hears: {said}")
    stage.claim(admin.federation(federation).epoch > epoch, f"epoch {epoch} is over; the new one has another key")
    without = pooled - collect(SCHEMA, stage.sites[_LEAVER])
    same = {one.total_digest for one in rest} == {without.digest}
    stage.claim(same, f"the others go on: {without.rows} patients, again those of the one table, to the bit")


def _shut_out(client: Client, federation: str) -> str:
    """What a removed member hears when it tries to exchange; empty if it still can."""
    try:
        outcome = client.sync(federation, wait_s=1.0)
    except ApiError as error:
        return str(error)
    alone = not outcome.converged and not client.federation(federation).bus_connected
    return "the bus does not let it in" if alone else ""


def _called(name: str) -> str:
    return _WHO[name][0]


def _fitted(stage: _Stage, name: str, *, of: str) -> Fitted:
    return stage.clients[name].fit(stage.federation, "ols", target=TARGET, features=FEATURES, of=of)


def _coefficients(fitted: Fitted) -> dict[str, float]:
    return dict(fitted.model["coefficients"])


def _row(name: str, values: Sequence[Mapping[str, float]]) -> list[str | Text]:
    *alone, federated, pooled = (f"{value[name]:.5f}" for value in values)
    return [name, *alone, Text(federated, style="bold green"), Text(pooled, style="bold")]
