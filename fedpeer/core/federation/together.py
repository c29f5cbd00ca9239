"""What several opened sums show together: every sum of their multiples is as good as opened too.

1. A set of contributors, each with the version of its vector, is a row of ones over all vectors there are. Whoever has
   the sums of some rows has those of all their linear combinations, and of nothing else.
2. A combination is somebody's if its coefficients are zero for all but fewer than LEAST peers. Two sums whose circles
   differ by few are the plain case. Eight sums of which no two are so near to each other can be another: seven circles
   that each lack the points of a line of the Fano plane, and one that lacks none, give seven vectors one by one.
3. For peers T there is such a combination if and only if the rows lose rank without the columns of T. Ranks without
   columns are computed of a random projection modulo a prime. Both can only make them smaller, and then a sum is
   refused that need not be, with a probability below 2**-50.
4. Peers whose vectors span all the rows on their own are a basis: whoever is to be left out must have one of it in
   them, and one of every other basis too. With two bases that have nobody in common few pairs are left to look at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

import flint

from fedpeer.core.federation.circles import Versions
from fedpeer.core.federation.exchange import LEAST
from fedpeer.core.identity import PeerId

MOST = 15  # earlier sums that are looked at together with a new one: those that have the most vectors in common with it

_PRIME = 2**61 - 1

_Part = tuple[PeerId, bytes]


def shown(new: Versions, before: Iterable[Versions]) -> tuple[PeerId, ...]:
    """The few peers whose vectors, or something of them alone, a new sum would show beside those before; or nobody."""
    near = _nearest(new, before)
    old, both = _Rows(near), _Rows([*near, new])
    return next((each for each in both.few() if both.of(each) > old.of(each)), ())


def _nearest(new: Versions, before: Iterable[Versions]) -> list[Versions]:
    common = [(len(new.items() & each.items()), sorted(each.items()), each) for each in before]
    return [each for shared, _, each in sorted(common, key=lambda c: (-c[0], c[1]))[:MOST] if shared]


class _Rows:
    """Circles as rows over all vectors in them, projected, and the part of the projection that is each peer's."""

    def __init__(self, rows: Sequence[Versions]) -> None:
        self.rows = rows
        parts = sorted({part for row in rows for part in row.items()})
        entries = [[int(row.get(peer) == version) for peer, version in parts] for row in rows]
        self.rank = flint.fmpz_mat(entries).rank() if rows else 0
        self._shares: dict[PeerId, flint.nmod_mat] = {}
        for at, part in enumerate(parts):
            column = [[row[at]] for row in entries]
            share = flint.nmod_mat(column, _PRIME) * flint.nmod_mat([_random(part, len(rows))], _PRIME)
            self._shares[part[0]] = self._shares[part[0]] + share if part[0] in self._shares else share
        self._whole = sum(self._shares.values(), flint.nmod_mat(len(rows), len(rows), _PRIME)) if rows else None

    def of(self, peers: Iterable[PeerId]) -> int:
        """How many independent combinations are these peers' alone."""
        if self._whole is None:
            return 0
        rest = self._whole
        for peer in peers:
            if peer in self._shares:
                rest = rest - self._shares[peer]
        return self.rank - rest.rank()

    def few(self) -> Iterator[tuple[PeerId, ...]]:
        """The sets of LEAST − 1 peers that have somebody of every basis that was found: no others can be shown."""
        peers = sorted(self._shares)
        first = self._basis(peers)
        second = self._basis([peer for peer in peers if peer not in first])
        bases = [basis for basis in (first, second) if basis]
        among = sorted(first | second) if second else peers
        for each in combinations(among, min(LEAST - 1, len(peers))):
            if all(basis.intersection(each) for basis in bases):
                yield each

    def _basis(self, among: Iterable[PeerId]) -> frozenset[PeerId]:
        """Peers whose vectors have the rank of all, or nobody if all of these have not."""
        found, rank = set[PeerId](), 0
        spanned = flint.nmod_mat(len(self.rows), len(self.rows), _PRIME)
        for peer in among:
            more = spanned + self._shares[peer]
            if (risen := more.rank()) > rank:
                found.add(peer)
                spanned, rank = more, risen
            if rank == self.rank:
                return frozenset(found)
        return frozenset()


def _random(part: _Part, count: int) -> list[int]:
    stream = hashlib.shake_256(part[0].encode() + part[1]).digest(8 * count)
    return [int.from_bytes(stream[i : i + 8], "big") % _PRIME for i in range(0, len(stream), 8)]
