"""What models are worth: a kept one on rows that it has not seen, a kind of model on each part of the federation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from fedpeer.core.errors import RequestError
from fedpeer.core.identity import PeerId
from fedpeer.core.models.certificate import Contributor
from fedpeer.core.models.choose import Choice, Contest, choose
from fedpeer.core.models.evaluate import Evaluation, Terms, evaluate, wanted
from fedpeer.core.models.fit import check_options
from fedpeer.core.models.result import Result
from fedpeer.core.models.validate import CrossValidation, cross_validate
from fedpeer.core.peer.project import Project
from fedpeer.core.peer.state import Peer
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from fedpeer.node.exploring import members, parts
from fedpeer.ports import Source

Rows = Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Rows to evaluate on, at a location (with options of how to read it) or sent along; and how to evaluate."""

    location: str = ""
    rows: Rows | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    terms: Terms = field(default_factory=Terms)

    def opened(
        self,
        locations: Callable[[str, Schema, Mapping[str, Any]], Source],
        posted: Callable[..., Source],
        schema: Schema,
    ) -> Source:
        """The rows as a source; RequestError unless they are said in one of the two ways."""
        if bool(self.location) == (self.rows is not None):
            raise RequestError("say either a location or rows", hint="a location is one that this node can read")
        if self.rows is None:
            return locations(self.location, schema, self.options)
        if self.options:
            raise RequestError("rows that are sent along are read without options")
        return posted("posted rows", self.rows, schema)


@dataclass(frozen=True, slots=True)
class Trial:
    """A kind of model to cross-validate, with the values of one option to choose from, if any."""

    kind: str
    target: str
    features: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)


def validated(peer: Peer, trial: Trial) -> Callable[[], CrossValidation]:
    """Leave out, one after the other, every part of the total that may be shown alone; the work is to be called."""
    check_options(trial.kind, trial.options)
    folds = parts(peer)
    if len(folds) < 2:
        raise RequestError(
            "there is one part of the rows that may be shown, and cross-validation needs two",
            hint="ask members to let others explore their contribution alone: `fedpeer explorable on`",
        )
    features = list(trial.features) or None
    return lambda: cross_validate(folds, trial.kind, trial.target, features, grid=trial.grid, **trial.options)


def traced(model: Result, peer: Peer | Project, of: str, version: str) -> Result:
    """The model with what its certificate says of the peers and contributions that it came from."""
    certificate = model.certificate
    if certificate is None:
        return model
    if isinstance(peer, Project):
        basis = msgspec.structs.replace(certificate.basis, of=of, total=peer.local.digest)
        return msgspec.structs.replace(
            model, certificate=msgspec.structs.replace(certificate, basis=basis, fedpeer=version)
        )
    contributors = [Contributor(peer=member, serial=_serial(peer, member, of)) for member in members(peer, of)]
    basis = msgspec.structs.replace(certificate.basis, of=of, total=peer.ledger.total.digest, contributors=contributors)
    told = msgspec.structs.replace(certificate, basis=basis, fedpeer=version)
    return msgspec.structs.replace(model, certificate=told)


def _serial(peer: Peer, member: PeerId, of: str) -> int:
    """The serial of a contribution; 0 for rows of this node that it has not sent as they are now."""
    held = peer.ledger.held.get(member)
    if held is None or (of == "local" and held.summary != peer.local):
        return 0
    return held.contribution.serial


def assessed(model: Result, source: Source, terms: Terms, progress: Callable[[int], None]) -> Evaluation:
    """Read the rows once, telling how far that is; nothing of them is kept."""
    names = wanted(model, terms)
    if source.size:
        return evaluate(model, source.batches(names, progress), terms)
    return evaluate(model, source.batches(names), terms, progress=progress)


def selected(
    summary: Summary, source: Source, contest: Contest, progress: Callable[[int], None]
) -> tuple[Result, Choice]:
    """Read the features that are tried and the truth, once; try every model on them, telling how many were tried."""
    return choose(summary, source.batches(contest.wanted(summary.schema)), contest, progress=progress)
