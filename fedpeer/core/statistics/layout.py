"""Which integers a schema counts, and how wide each must be so that none can overflow."""

from __future__ import annotations

from fedpeer.core.statistics.residues import Block
from fedpeer.core.statistics.schema import Schema


def layout(schema: Schema) -> tuple[Block, ...]:
    """The block table: rows, sums, products (upper triangle by rows), squares (continuous × 0/1, by rows).

    Under the rule `pairwise`, sums are columns × features, of each column over the rows where each feature is present,
    and two blocks follow: counts (rows where both of two features are present, upper triangle) and spreads (Σq² of each
    continuous column over the rows where each feature is present).
    After these, if the schema asks for them: third and fourth powers, and histograms, of the continuous columns, and
    the bins of each given each 0/1 column.

    A block's width holds the row bound times the largest entry of one row, its sign, and one bit to spare.
    """
    p, (measured, indicators) = len(schema.columns), split(schema)
    bound = max(column.bound for column in schema.columns)
    n = schema.row_bound
    usual = (
        Block("rows", 1, _limbs(n)),
        Block("sums", p * max(1, present(schema)), _limbs(n * bound)),
        Block("products", p * (p + 1) // 2, _limbs(n * bound * bound)),
        Block("squares", len(measured) * len(indicators), _limbs(n * bound * bound)),
    )
    reach = max((schema.columns[i].bound for i in measured), default=0)
    return usual + _overlaps(schema, reach) + _further(schema, reach)


def present(schema: Schema) -> int:
    """How many features have a 0/1 column that says where they are present: none under the rule `listwise`."""
    return len(schema.presence) if schema.pairwise else 0


def _overlaps(schema: Schema, bound: int) -> tuple[Block, ...]:
    m, n, measured = present(schema), schema.row_bound, len(split(schema)[0])
    if not m:
        return ()
    return Block("counts", m * (m + 1) // 2, _limbs(n)), Block("spreads", measured * m, _limbs(n * bound * bound))


def _further(schema: Schema, bound: int) -> tuple[Block, ...]:
    n, (measured, indicators) = schema.row_bound, split(schema)
    powers = (Block("third", len(measured), _limbs(n * bound**3)), Block("fourth", len(measured), _limbs(n * bound**4)))
    bins = len(measured) * schema.bins
    each = {
        "powers": powers,
        "histogram": (Block("histogram", bins, _limbs(n)),),
        "conditional_histogram": (Block("conditional_histogram", bins * len(indicators), _limbs(n)),),
    }
    return tuple(block for name in schema.blocks for block in each[name])


def split(schema: Schema) -> tuple[list[int], list[int]]:
    """The positions of the continuous columns, and those of the 0/1 columns."""
    measured = [i for i, column in enumerate(schema.columns) if not column.indicator]
    return measured, [i for i, column in enumerate(schema.columns) if column.indicator]


def _limbs(largest: int) -> int:
    return (largest.bit_length() + 2 + 63) // 64
