"""What is known of how exact a fitted model is, and where its rows came from, as a value."""

from __future__ import annotations

import msgspec


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The condition number (2-norm) of what `of` names, within `low` … `high`; None for what cannot be told."""

    of: str
    value: float | None = None
    low: float | None = None
    high: float | None = None


class Contributor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A peer whose rows are in the model, and the serial of its contribution; 0 for rows that were not sent so."""

    peer: str
    serial: int


class Basis(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The rows of a model: how many, the digest of their summary and, if a node fitted it, whose they are.

    `total` is the digest of the federation's total at that time, of which the contributions were a part or all.
    """

    rows: int
    summary: str
    of: str = ""
    total: str = ""
    contributors: list[Contributor] = msgspec.field(default_factory=list)


class Certificate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How exact a model is; docs/models.md says how each number is obtained.

    `digits` are those of its coefficients that are proved right, given the summary, by what `proof` says; where it is
    None, `proof` is the reason. `reached` is the bound that an iterative solver met. `resolution` has, by feature, the
    step in which values were counted. `noise` says what of the model accounts for the noise of its sums, if they carry
    any. `fedpeer` is the version of the node that fitted it.
    """

    digits: int | None = None
    proof: str
    reached: float | None = None
    condition: Condition
    resolution: dict[str, str]
    basis: Basis
    fedpeer: str = ""
    noise: str = ""
