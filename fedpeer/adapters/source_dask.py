"""Summaries of a Dask dataframe, made where its partitions are: rows stay there, and only summaries travel.

1. Each partition becomes a summary on the worker that holds it; each is exact, so their sum depends on no order.
2. Summaries are added on the workers, a few at a time: the caller receives one, however many partitions there are.
3. What travels is bytes of the summary's own format, never objects of fedpeer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fedpeer.adapters.headers import places
from fedpeer.adapters.sql import driver
from fedpeer.core.errors import TableError
from fedpeer.core.statistics.collect import Collected, tally
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary

_TOGETHER = 8  # summaries that are added in one step


def collect_dask(schema: Schema, frame: Any, *, client: Any = None) -> Summary:
    """Return the summary of a Dask dataframe's rows, bit for bit that of `collect` on all of them in one place.

    `client` is the `distributed.Client` to use; None means the one that is open, or else this machine's threads.
    SourceError for a missing column or a missing library, TableError, OverflowRefusedError.
    """
    return tally_dask(schema, frame, client=client).summary


def tally_dask(schema: Schema, frame: Any, *, client: Any = None) -> Collected:
    """Return the summary of a Dask dataframe and the account of its rows; errors as of `collect_dask`."""
    dask = driver("dask", "dask")
    if not hasattr(frame, "to_delayed") or not hasattr(frame, "columns"):
        raise TableError(f"a {type(frame).__name__} is not a Dask dataframe", hint="`collect` takes other tables")
    names = schema.needed
    labels = list(frame.columns)
    found = places([str(label) for label in labels], names, "the dataframe")
    there, wanted = [str(name) for name in found], [labels[place] for place in found.values()]
    form, count, add = schema.to_json(), dask.delayed(_counted), dask.delayed(_added)
    parts = [count(partition, form, there) for partition in frame[wanted].to_delayed()]
    total = _summed(parts, lambda some: add(some, form))
    part = dask.compute(total)[0] if client is None else client.compute(total, sync=True)
    return _read(part, schema)


@dataclass(frozen=True, slots=True)
class _Part:
    """A summary's bytes and the account of its rows, as they travel."""

    summary: bytes
    read: int
    rejected: dict[str, dict[str, int]]
    clipped: dict[str, int]
    missing: dict[str, dict[str, int]]


def _counted(partition: Any, form: str, names: list[str]) -> _Part:
    schema = Schema.from_json(form)
    return _written(tally(schema, partition.set_axis(names, axis=1)))


def _added(parts: Sequence[_Part], form: str) -> _Part:
    schema = Schema.from_json(form)
    collected = [_read(part, schema) for part in parts]
    summary, clipped = Summary.zero(schema), dict[str, int]()
    for each in collected:
        summary = summary + each.summary
        _merge(clipped, each.clipped)
    read = sum(each.read for each in collected)
    rejected = _together(schema, [each.rejected for each in collected])
    missing = _together(schema, [each.missing for each in collected])
    return _written(Collected(summary, read, summary.rows, rejected, clipped, missing))


def _together(schema: Schema, told: Iterable[dict[str, dict[str, int]]]) -> dict[str, dict[str, int]]:
    """Counts by feature and reason, added up, in the order of the schema."""
    found: dict[str, dict[str, int]] = {}
    for each in told:
        for name, reasons in each.items():
            _merge(found.setdefault(name, {}), reasons)
    return {name: found[name] for name in schema.needed if name in found}


def _merge(into: dict[str, int], counts: dict[str, int]) -> None:
    for key, count in counts.items():
        into[key] = into.get(key, 0) + count


def _summed(parts: list[Any], add: Callable[[list[Any]], Any]) -> Any:
    """Return the sum of what is still to be computed, as a tree."""
    while len(parts) > 1:
        parts = [add(parts[at : at + _TOGETHER]) for at in range(0, len(parts), _TOGETHER)]
    return parts[0]


def _written(collected: Collected) -> _Part:
    return _Part(collected.summary.to_bytes(), collected.read, collected.rejected, collected.clipped, collected.missing)


def _read(part: _Part, schema: Schema) -> Collected:
    summary = Summary.from_bytes(part.summary, schema)
    return Collected(summary, part.read, summary.rows, part.rejected, part.clipped, part.missing)
