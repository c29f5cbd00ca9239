"""Floors add up to the stricter policy, and none can be talked down."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedpeer.core import canonical
from fedpeer.core.errors import ConfigError, MalformedError
from fedpeer.core.privacy.floor import Policy

floors = st.integers(0, 100)
policies = st.builds(Policy, st.sampled_from(["relaxed", "standard", "strict"]), *[floors] * 4)


def _floors(policy: Policy, columns: int) -> tuple[int, ...]:
    rows = policy.row_floor(columns), policy.masked_floor(columns), policy.total_floor(columns)
    return *rows, policy.change_floor(columns), policy.cell_floor


@given(policies, policies, st.integers(1, 200))
def test_tightening_never_lowers_a_floor_of_either(charter: Policy, node: Policy, columns: int) -> None:
    both = charter.tightened(node)
    for tight, one, other in zip(*(_floors(p, columns) for p in (both, charter, node)), strict=True):
        assert tight == max(one, other)
    assert both == node.tightened(charter)
    assert both.tightened(charter) == both
    assert both.offered is (charter.offered and node.offered)


def test_the_profiles_have_the_floors_of_the_rules() -> None:
    assert _floors(Policy("relaxed"), 30) == (35, 35, 35, 35, 0)
    assert _floors(Policy(), 30) == (35, 35, 100, 35, 10)
    assert _floors(Policy(), 3) == (20, 8, 100, 10, 10)
    assert _floors(Policy("relaxed"), 3) == (8, 8, 8, 8, 0)
    assert _floors(Policy(total=300), 3)[2] == 300


@given(policies)
def test_a_policy_travels_in_the_charter(policy: Policy) -> None:
    assert canonical.decode(canonical.encode(policy), Policy) == policy


@pytest.mark.parametrize("change", [{"profile": "none"}, {"rows": -1}, {"cell": 2**41}, {"change": 1.5}, {"extra": 1}])
def test_a_policy_from_elsewhere_is_read_strictly(change: dict[str, object]) -> None:
    fields = msgspec.to_builtins(Policy()) | change
    with pytest.raises(MalformedError):
        canonical.decode(canonical.encode(fields), Policy)


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (Policy("strict"), "strict is not offered yet"),
        (Policy("none"), "no privacy profile none"),  # type: ignore[arg-type]
        (Policy(rows=-1), "floor rows must lie between"),
        (Policy(cell=2**41), "floor cell must lie between"),
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused(policy: Policy, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        policy.check()


def test_a_policy_that_can_be_kept_is_returned() -> None:
    assert Policy("relaxed", rows=50).check() == Policy("relaxed", rows=50)
