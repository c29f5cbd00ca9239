"""Features that are not present in the same rows: how they differ, in words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from fedpeer.core.errors import SchemaError

_LISTED = 5  # features in one message


def uneven(names: Sequence[str], counts: Any) -> SchemaError:
    """Say in how many rows each of these features is present; `counts` are of both of two."""
    order = sorted(range(len(names)), key=lambda i: counts[i][i])
    told = ", ".join(f"{names[i]!r} in {counts[i][i]}" for i in order[:_LISTED])
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    i, j = min(combinations(range(len(names)), 2), key=lambda pair: counts[pair[0]][pair[1]])
    together = f"; {names[i]!r} and {names[j]!r} together in {counts[i][j]}"
    return SchemaError(
        f"the features are not present in the same rows: {told}{more}{together}",
        hint="name features that the same rows have, or agree on a schema with missing: listwise",
    )
