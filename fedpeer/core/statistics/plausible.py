"""What no rows could have given: the checks on a summary that came from somewhere else."""

from __future__ import annotations

from fedpeer.core.statistics.residues import Residues, integer
from fedpeer.core.statistics.schema import Schema


def implausible(schema: Schema, residues: Residues) -> str | None:
    """Say why no rows under this schema could have these sums, or None."""
    rows = integer(residues.part("rows")[0])
    if not 0 <= rows <= schema.row_bound:
        return f"{rows} rows"
    return None
