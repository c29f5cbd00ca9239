"""The one door to every model: a kind's name, and the function that fits it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from fedpeer.core.errors import ModelError
from fedpeer.core.models.linear import ols, ridge
from fedpeer.core.models.model import Model
from fedpeer.core.statistics.summary import Summary

KINDS: dict[str, Callable[..., Model]] = {
    "ols": ols,
    "ridge": ridge,
}


def fit(summary: Summary, kind: str, target: str, features: Sequence[str] | None = None, **options: Any) -> Model:
    """Fit a model of this kind to `target` from a summary alone; `features` None means all the others.

    Options are those of the kind (docs/models.md). ModelError for an unknown kind, option or name, and for a summary
    that does not determine the model.
    """
    if kind not in KINDS:
        raise ModelError(f"no model called {kind!r}", hint=f"there are {', '.join(KINDS)}")
    known = _options(kind)
    unknown = next((name for name in options if name not in known), None)
    if unknown is not None:
        raise ModelError(f"{kind} has no option {unknown!r}", hint=f"it has {', '.join(known)}")
    return KINDS[kind](summary, target, features, **options)


def _options(kind: str) -> list[str]:
    parameters = inspect.signature(KINDS[kind]).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
