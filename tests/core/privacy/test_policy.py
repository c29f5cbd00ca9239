"""Floors add up to the stricter policy, and none can be talked down."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core import canonical
from fedpeer.core.errors import ConfigError, MalformedError
from fedpeer.core.privacy.findings import Stand, examine
from fedpeer.core.privacy.floor import Policy
from fedpeer.core.statistics.collect import collect
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema

NUMBERS = [Feature("x", min=0, max=39, resolution=1), Feature("b", "binary")]
SCHEMA = Schema(NUMBERS, blocks=["histogram"], bins=4)
STANDS: tuple[Stand, ...] = ("alone", "masked", "sum")

floors = st.integers(0, 100)
tests = st.sets(st.sampled_from(["welch", "ks", "integral"])).map(lambda found: tuple(sorted(found, reverse=True)))
policies = st.builds(
    Policy,
    st.sampled_from(["relaxed", "standard", "strict"]),
    *[floors] * 4,
    dominance=floors,
    risk=st.sampled_from([0, 51, 70, 100]),
    tests=tests.map(lambda found: Policy(tests=found).check().tests),
)


def _floors(policy: Policy, columns: int) -> tuple[int, ...]:
    rows = policy.row_floor(columns), policy.masked_floor(columns), policy.total_floor(columns)
    return *rows, policy.change_floor(columns), policy.cell_floor, policy.share, -policy.highest_risk


@given(policies, policies, st.integers(1, 200))
def test_tightening_never_lowers_a_floor_of_either(charter: Policy, node: Policy, columns: int) -> None:
    both = charter.tightened(node)
    for tight, one, other in zip(*(_floors(p, columns) for p in (both, charter, node)), strict=True):
        assert tight == max(one, other)
    assert both == node.tightened(charter)
    assert both.tightened(charter) == both
    assert set(both.tests) == {*charter.tests, *node.tests}


def test_the_profiles_have_the_floors_of_the_rules() -> None:
    assert _floors(Policy("relaxed"), 30) == (35, 35, 35, 35, 0, 0, -100)
    assert _floors(Policy(), 30) == (35, 35, 100, 35, 10, 10, -100)
    assert _floors(Policy(), 3) == (20, 8, 100, 10, 10, 10, -100)
    assert _floors(Policy("strict"), 3) == (20, 8, 100, 10, 10, 10, -60)
    assert _floors(Policy("relaxed"), 3) == (8, 8, 8, 8, 0, 0, -100)
    assert _floors(Policy(total=300), 3)[2] == 300


def test_a_risk_is_only_ever_lowered() -> None:
    assert Policy("strict", risk=90).highest_risk == 60
    assert Policy("strict", risk=55).highest_risk == 55
    assert Policy(risk=70).tightened(Policy(risk=80)).highest_risk == 70
    assert Policy(risk=70).tightened(Policy("strict")).highest_risk == 60


@given(policies)
def test_a_policy_travels_in_the_charter(policy: Policy) -> None:
    assert canonical.decode(canonical.encode(policy), Policy) == policy


_BAD: list[dict[str, object]] = [
    *({"profile": "none"}, {"rows": -1}, {"cell": 2**41}, {"change": 1.5}, {"extra": 1}),
    *({"risk": 101}, {"dominance": 1001}, {"tests": ["student"]}),
]


@pytest.mark.parametrize("change", _BAD)
def test_a_policy_from_elsewhere_is_read_strictly(change: dict[str, object]) -> None:
    fields = msgspec.to_builtins(Policy()) | change
    with pytest.raises(MalformedError):
        canonical.decode(canonical.encode(fields), Policy)


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (Policy("none"), "no privacy profile none"),  # type: ignore[arg-type]
        (Policy(rows=-1), "floor rows must lie between"),
        (Policy(cell=2**41), "floor cell must lie between"),
        (Policy(dominance=1001), "floor dominance must lie between 0 and 1000"),
        (Policy(risk=50), "between 51 and 100"),
        (Policy(tests=("student",)), "no statistical test student"),  # type: ignore[arg-type]
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused(policy: Policy, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        policy.check()


def test_a_policy_that_can_be_kept_is_returned() -> None:
    assert Policy("relaxed", rows=50).check() == Policy("relaxed", rows=50)
    assert Policy("strict", tests=("ks", "welch", "ks")).check() == Policy("strict", tests=("welch", "ks"))


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(policies, policies, st.integers(5, 400), st.sampled_from([0, 1, 12, 40]), st.integers(0, 30))
def test_a_tightened_policy_lets_go_exactly_what_both_let_go(
    charter: Policy, node: Policy, rows: int, added: int, ones: int
) -> None:
    table = {"x": [i * 7 % 40 for i in range(rows + added)], "b": [int(i < ones) for i in range(rows + added)]}
    last, new = (collect(SCHEMA, {name: column[:n] for name, column in table.items()}) for n in (rows, rows + added))
    both = charter.tightened(node)
    for stand in STANDS:
        failed = [examine(new, policy, last, None, stand).failed for policy in (both, charter, node)]
        assert (failed[0] is None) is (failed[1:] == [None, None])
