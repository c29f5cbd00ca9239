"""fedpeer lets organisations learn together from rows that they may not share.

Each node turns its rows into exact sums, checks them against the federation's contract, seals and exchanges them; from
the merged sums everyone computes what the pooled rows would have given, bit for bit. The map of the package:

    core/      what fedpeer knows: pure values and functions, in layers; start with core/pulse
    ports.py   what it needs from the world
    adapters/  where it gets it: NATS, SQLite, files
    node/      makes it happen: the engine, commands and views
    api/ cli/  how people reach it; client/ is both a library and what the command line uses
    daemon.py  puts it together

A notebook needs no daemon: `import fedpeer as fp` gives the names below.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fedpeer.adapters.source_dask import collect_dask as collect_dask
    from fedpeer.client import AsyncClient as AsyncClient
    from fedpeer.client import Client as Client
    from fedpeer.client import SymetryClient as SymetryClient
    from fedpeer.core.contract.admit import admit as admit
    from fedpeer.core.contract.grammar import Contract as Contract
    from fedpeer.core.models.choose import choose as choose
    from fedpeer.core.models.evaluate import evaluate as evaluate
    from fedpeer.core.models.fit import fit as fit
    from fedpeer.core.models.forms.estimator import to_sklearn as to_sklearn
    from fedpeer.core.models.forms.export import export as export
    from fedpeer.core.models.forms.reading import restore as restore
    from fedpeer.core.models.model import Model as Model
    from fedpeer.core.models.reports.report import report as report
    from fedpeer.core.models.validate import cross_validate as cross_validate
    from fedpeer.core.statistics.collect import collect as collect
    from fedpeer.core.statistics.explore import explore as explore
    from fedpeer.core.statistics.feature import Feature as Feature
    from fedpeer.core.statistics.metrics import measure as measure
    from fedpeer.core.statistics.schema import Schema as Schema
    from fedpeer.core.statistics.summary import Summary as Summary
    from fedpeer.plots.gallery import picture as picture

_PLACES = {
    "AsyncClient": "client",
    "Client": "client",
    "Contract": "core.contract.grammar",
    "Feature": "core.statistics.feature",
    "Model": "core.models.model",
    "Schema": "core.statistics.schema",
    "Summary": "core.statistics.summary",
    "SymetryClient": "client",
    "admit": "core.contract.admit",
    "choose": "core.models.choose",
    "collect": "core.statistics.collect",
    "collect_dask": "adapters.source_dask",
    "cross_validate": "core.models.validate",
    "evaluate": "core.models.evaluate",
    "explore": "core.statistics.explore",
    "export": "core.models.forms.export",
    "fit": "core.models.fit",
    "measure": "core.statistics.metrics",
    "picture": "plots.gallery",
    "report": "core.models.reports.report",
    "restore": "core.models.forms.reading",
    "to_sklearn": "core.models.forms.estimator",
}

__all__ = sorted(_PLACES)  # noqa: PLE0605 ruff wants to see a list written out; this one cannot drift from the places


def __getattr__(name: str) -> Any:
    """Find a public name when it is first used, so that the command line starts without loading numpy."""
    if name not in _PLACES:
        raise AttributeError(f"module 'fedpeer' has no attribute {name!r}")
    found = getattr(import_module(f"fedpeer.{_PLACES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*globals(), *_PLACES]
