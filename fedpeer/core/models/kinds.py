"""Names of kinds that can be had without loading what fits them."""

from __future__ import annotations

from typing import Final

TARGETLESS: Final[frozenset[str]] = frozenset({"pca", "oas", "graphical_lasso", "ledoit_wolf", "hbos", "ecod", "evt"})
