"""A schema says exactly what is measured; anything unclear is refused in words that help."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core.errors import FedpeerError, OverflowRefusedError, SchemaError, TableError
from fedpeer.core.statistics.collect import collect, tally
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.layout import layout
from fedpeer.core.statistics.schema import Schema
from tests.support import oracle
from tests.support.flips import mangled

AGE = Feature("age", "continuous", min=0, max=110, resolution=1, unit="years")
FLAGS = [Feature(f"b{i}", "binary") for i in range(230)]
WARD = Feature("ward", "category", levels=["no", "yes", "ß"])
SICK = Feature("sick", "binary", levels=["B", "M"])
DOSE = Feature("dose", "continuous", min="-0.50", max="1e1", resolution=0.1)
SCHEMA = Schema([AGE, WARD, SICK, DOSE], invalid="clip", row_bound=10**6)


def test_limits_are_the_decimals_that_were_written():
    assert (DOSE.min, DOSE.max, DOSE.resolution) == (Decimal("-0.5"), Decimal(10), Decimal("0.1"))
    assert Feature("x", min=0.1, max=0.3, resolution=0.1) == Feature("x", min="0.1", max="0.30", resolution="1e-1")
    assert Feature("x", min=np.float64(0.1), max=np.int64(3), resolution=Decimal("0.1")).min == Decimal("0.1")


def test_columns_have_origin_step_and_bound():
    age, *levels, sick, dose = SCHEMA.columns
    assert (age.origin, age.step, age.low, age.high, age.bound) == (55, 1, -55, 55, 55)
    assert [c.name for c in levels] == ["ward$no", "ward$yes", "ward$ß"]
    assert all(c.indicator and c.bound == 1 for c in [*levels, sick])
    assert (dose.origin, dose.step) == (Fraction(48, 10), Fraction(1, 10))  # 4.75 is half-way; 48 is even
    assert dose.value(dose.low) == Fraction(-1, 2)
    assert dose.value(dose.high) == 10


@given(st.decimals(-1000, 1000, places=3), st.decimals("0.001", 500, places=3), st.decimals("0.001", 1, places=3))
@settings(deadline=None)
def test_the_origin_is_a_whole_number_of_steps_near_the_middle(low, span, step):
    if span < step:
        return
    column = Schema([Feature("x", min=low, max=low + span, resolution=step)]).columns[0]
    assert (column.origin / column.step).denominator == 1
    assert column.origin == oracle.origin(str(low), str(low + span), str(step))
    assert column.low == oracle.encoded(str(low), str(low), str(low + span), str(step))
    assert column.high == oracle.encoded(str(low + span), str(low), str(low + span), str(step))


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"name": ""}, "empty"),
        ({"name": 5}, "not text"),
        ({"name": "a$b"}, r"must not contain '\$'"),
        ({"name": 'a"b'}, "must not contain"),
        ({"name": "a\nb"}, "control characters"),
        ({"name": " a"}, "blanks"),
        ({"name": "a\u200bb"}, "control characters"),
        ({"name": "e\u0301"}, "composed"),
        ({"name": "x" * 129}, "longer than 128"),
        ({"kind": "integer"}, "continuous, binary, category"),
        ({"min": None}, "needs min"),
        ({"resolution": None}, "needs resolution"),
        ({"min": 110}, "min 110 is not below max 110"),
        ({"min": 200}, "not below"),
        ({"resolution": 0}, "not above zero"),
        ({"resolution": -1}, "not above zero"),
        ({"resolution": 111}, "coarser than the whole range"),
        ({"min": "zero"}, "'zero' is not a decimal number"),
        ({"min": "1/3"}, "not a decimal number"),
        ({"max": float("inf")}, "'inf' is not a decimal number"),
        ({"max": float("nan")}, "not a decimal number"),
        ({"min": True}, "must be a number"),
        ({"max": "1e400"}, "more than 60 digits"),
        ({"resolution": "1e-70"}, "more than 60 digits"),
        ({"levels": ["a", "b"]}, "has no levels"),
        ({"unit": "a\tb"}, "the unit has control characters"),
        ({"unit": 3}, "the unit is empty or not text"),
        ({"colour": "red"}, "'colour' is not a property"),
    ],
)
def test_a_continuous_feature_that_cannot_be_is_refused(properties, said):
    with pytest.raises(SchemaError, match=said):
        Feature(**{"name": "age", "kind": "continuous", "min": 0, "max": 110, "resolution": 1} | properties)


@pytest.mark.parametrize(
    ("kind", "properties", "said"),
    [
        ("category", {}, "levels must be a list"),
        ("category", {"levels": "abc"}, "levels must be a list"),
        ("category", {"levels": ["a"]}, "1 levels; a category has 2"),
        ("category", {"levels": [str(i) for i in range(1001)]}, "1001 levels"),
        ("category", {"levels": ["a", "a"]}, "'a' and 'a' mean the same"),
        ("category", {"levels": ["1", "01"]}, "'1' and '01' mean the same"),
        ("category", {"levels": ["true", True]}, "mean the same"),
        ("category", {"levels": ["a", ""]}, "a level is empty"),
        ("category", {"levels": ["a", "b\n"]}, "control characters"),
        ("category", {"levels": ["a", "b"], "min": 0}, "a category feature has no min"),
        ("binary", {"levels": ["a", "b", "c"]}, "two levels"),
        ("binary", {"resolution": 1}, "a binary feature has no resolution"),
    ],
)
def test_levels_that_cannot_be_are_refused(kind, properties, said):
    with pytest.raises(SchemaError, match=said):
        Feature("x", kind, **properties)


@pytest.mark.parametrize(
    ("features", "rules", "said"),
    [
        ([], {}, "at least one feature"),
        ([AGE, AGE], {}, "'age' is there twice"),
        (["age"], {}, "made of features, not of str"),
        ([AGE], {"invalid": "ignore"}, "must be reject or clip or missing"),
        ([AGE], {"missing": "pairs"}, "must be listwise or pairwise"),
        ([AGE], {"rows": 5}, "'rows' is not a rule of a schema"),
        ([AGE], {"blocks": "powers"}, "must be a list"),
        ([AGE], {"blocks": 5}, "must be a list"),
        ([AGE], {"blocks": ["cubes"]}, "a block is 'cubes'; it must be powers or histogram or cond"),
        ([AGE], {"blocks": ["conditional_histogram"]}, "add histogram to blocks"),
        (
            [*(Feature(f"x{i}", min=0, max=1, resolution=1) for i in range(230)), *FLAGS],
            {"blocks": ["histogram", "conditional_histogram"], "bins": 1000},
            "52900000 bins given 0/1 columns; at most 50000000",
        ),
        ([AGE], {"blocks": [["powers"]]}, "a block is"),
        ([AGE], {"blocks": ["powers", "powers"]}, "block 'powers' is there twice"),
        ([AGE], {"bins": 64}, "bins are of a histogram"),
        ([AGE], {"blocks": ["powers"], "bins": 64}, "bins are of a histogram"),
        ([AGE], {"blocks": ["histogram"], "bins": 1}, "bins is 1; it must be a whole number from 2 to 1000"),
        ([AGE], {"blocks": ["histogram"], "bins": 1001}, "from 2 to 1000"),
        ([AGE], {"blocks": ["histogram"], "bins": 8.0}, "bins is 8.0"),
        ([AGE], {"blocks": ["histogram"], "bins": True}, "bins is True"),
        ([AGE], {"row_bound": 0}, "from 1 to"),
        ([AGE], {"row_bound": 2.0**40}, "whole number"),
        ([AGE], {"row_bound": 2**63}, "from 1 to"),
        ([Feature(f"x{i}", "binary") for i in range(10_001)], {}, "10001 features; at most 10000"),
        ([Feature(f"x{i}", "category", levels=range(1000)) for i in range(11)], {}, "11000 columns"),
    ],
)
def test_a_schema_that_cannot_be_is_refused(features, rules, said):
    with pytest.raises(SchemaError, match=said):
        Schema(features, **rules)


def test_a_feature_whose_sums_could_overflow_is_named():
    for limits in [("0", "1e10", "1e-10"), ("1e20", "100000000000000000001", "0.1")]:
        with pytest.raises(OverflowRefusedError, match=r"'huge'.*more than 62 bits"):
            Feature("huge", min=limits[0], max=limits[1], resolution=limits[2])


@given(st.integers(1, 2**61), st.integers(1, 2**62))
def test_every_block_is_wide_enough_for_its_worst_case(reach, rows):
    features = [Feature("x", min=-reach, max=reach, resolution=1), Feature("b", "binary")]
    schema = Schema(features, row_bound=rows, blocks=["powers", "histogram", "conditional_histogram"])
    worst = {"rows": rows, "sums": rows * reach, "products": rows * reach**2, "squares": rows * reach**2}
    worst |= {"third": rows * reach**3, "fourth": rows * reach**4, "histogram": rows, "conditional_histogram": rows}
    assert [block.name for block in layout(schema)] == [*worst]
    for block in layout(schema):
        assert worst[block.name] < 2 ** (64 * block.limbs - 2)


def test_written_forms_come_back_as_the_same_schema():
    for again in (
        Schema.from_yaml(SCHEMA.to_yaml()),
        Schema.from_json(SCHEMA.to_json()),
        Schema.from_dict(SCHEMA.to_dict()),
        Schema.from_yaml(SCHEMA.to_json()),
        Schema.from_json(SCHEMA.to_json().encode()),
    ):
        assert again == SCHEMA
        assert again.digest == SCHEMA.digest
        assert again.columns == SCHEMA.columns
    assert json.loads(SCHEMA.to_json())["features"][3] == {
        "name": "dose", "kind": "continuous", "min": "-0.5", "max": "10", "resolution": "0.1",
    }  # fmt: skip


def test_yaml_keeps_words_and_digits_as_written():
    text = """
    row_bound: 1_000_000
    features:
    - {name: on, kind: category, levels: [no, yes, 1.0, 0x10, ~]}
    - name: x
      kind: continuous
      min: 0.10000000000000000000000001
      max: 1
      resolution: 0.00000000000000000000000001
    """
    with pytest.raises(OverflowRefusedError):
        Schema.from_yaml(text)
    schema = Schema.from_yaml(text.replace("0.10000000000000000000000001", "0.1").replace("0" * 25 + "1", "1"))
    assert schema.features[0].levels == ("no", "yes", "1.0", "0x10", "~")
    assert schema.features[1].min == Decimal("0.1")
    assert schema.row_bound == 10**6


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a schema is a mapping"),
        ("[]", "a schema is a mapping"),
        ("features: 3", "no list of `features`"),
        ("features: [3]", "feature 1 of the schema is not a mapping"),
        ("features: [{kind: binary}]", "feature 1 has no name"),
        ("features: [{name: b}]", "feature 'b' has no kind"),
        ("features: [{name: b, kind: binary, unti: x}]", "unknown key 'unti'; did you mean 'unit'"),
        ("featurs: []", "unknown key 'featurs'; did you mean 'features'"),
        ("features: []\nfeatures: []", "'features' twice at line 2"),
        ("features: [{name: a, name: b}]", "'name' twice"),
        ("features: [{name: b, kind: binary}]\nrow_bound: many", "row_bound is 'many'"),
        ("features: &x []\n", "anchors"),
        ("features: *x\n", "anchors|undefined"),
        ("features: !!python/object:os.system []\n", "tags"),
        ("features: [{name: b", "not YAML: .* at line 1"),
        ("? [a]\n: b", "twice|not YAML"),
        ("a: b\n---\nc: d", "not YAML"),
        ("[" * 5000, "not YAML"),
        ("\x00", "not YAML"),
        (b"\xff\xfe\xfa", "UTF-8"),
    ],
)
def test_yaml_that_is_no_schema_is_refused(text, said):
    with pytest.raises(SchemaError, match=said):
        Schema.from_yaml(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[1]", "a schema is a mapping"),
        ('{"features": [], "features": []}', "'features' twice"),
        ('{"features": [{"name": "x", "kind": "continuous", "min": NaN}]}', "NaN is not a number"),
        ('{"features": [{"name": ["x"], "kind": {}}]}', "name is empty or not text"),
        ('{"features": [{"name": "x", "kind": ["binary"]}]}', "kind is"),
        ('{"features": [{"name": "x", "kind": "continuous", "min": {}, "max": 1, "resolution": 1}]}', "min"),
        ("[" * 100_000, "not JSON|mapping"),
        ('{"row_bound": 1e3, "features": [{"name": "b", "kind": "binary"}]}', "row_bound"),
        ('{"invalid": ["reject"], "features": [{"name": "b", "kind": "binary"}]}', "invalid is"),
        ('{"features": [{"name": "c", "kind": "category", "levels": [["a"], {"b": 1}]}]}', "a level is neither"),
    ],
)
def test_json_that_is_no_schema_is_refused(text, said):
    with pytest.raises(SchemaError, match=said):
        Schema.from_json(text)


FORMS = {Schema.from_yaml: SCHEMA.to_yaml(), Schema.from_json: SCHEMA.to_json()}


@pytest.mark.long
@pytest.mark.parametrize("read", FORMS, ids=["yaml", "json"])
@given(data=st.data())
@settings(max_examples=400, deadline=None)
def test_mangled_forms_are_refused_or_are_schemas(read, data):
    try:
        schema = read(mangled(FORMS[read], data))
    except FedpeerError:
        return
    assert Schema.from_json(schema.to_json()) == schema


@pytest.mark.long
@pytest.mark.parametrize("read", FORMS, ids=["yaml", "json"])
@given(data=st.one_of(st.binary(max_size=200), st.text(max_size=200)))
@settings(max_examples=300, deadline=None)
def test_random_bytes_and_texts_raise_nothing_but_our_errors(read, data):
    with pytest.raises(FedpeerError):
        read(data)


def test_the_digest_is_of_the_meaning():
    assert len(SCHEMA.digest) == 64
    assert Schema([Feature("b", "binary", levels=[0, 1])]).digest == Schema([Feature("b", "binary")]).digest
    same = Feature("age", "continuous", min="0.0", max=110.0, resolution="1", unit="years")
    assert Schema([same]).digest == Schema([AGE]).digest
    others = [
        Schema([AGE, SICK]),
        Schema([SICK, AGE]),
        Schema([AGE], invalid="clip"),
        Schema([AGE], row_bound=5),
        Schema([Feature("age", min=0, max=110, resolution=1)]),
    ]
    assert len({schema.digest for schema in [*others, Schema([AGE])]}) == 6


def test_further_blocks_are_part_of_the_meaning_and_have_one_order():
    both = Schema([AGE], blocks=["histogram", "powers"])
    assert (both.blocks, both.bins) == (("powers", "histogram"), 64)
    assert both.digest == Schema([AGE], blocks=("powers", "histogram"), bins=64).digest
    others = [Schema([AGE], **rules) for rules in ({}, {"blocks": ["powers"]}, {"blocks": ["histogram"]})]
    others.append(Schema([AGE], blocks=["powers", "histogram"], bins=63))
    assert len({schema.digest for schema in [both, *others]}) == 5
    for schema in [both, *others]:
        for again in (Schema.from_yaml(schema.to_yaml()), Schema.from_json(schema.to_json())):
            assert again == schema
            assert again.digest == schema.digest
    assert Schema([AGE], blocks=[]).to_dict() == Schema([AGE]).to_dict()
    assert {"blocks", "bins"}.isdisjoint(Schema([AGE]).to_dict())
    assert both.difference(Schema([AGE])) == [
        "the list of further blocks: yours is powers, histogram, the federation's is none",
        "the number of bins: yours is 64, the federation's is none",
    ]


def test_bins_are_equal_and_cover_the_range():
    column = Schema([Feature("x", min=0, max=10, resolution=1)]).columns[0]  # q from −5 to 5
    assert column.edges(2) == [-5, 1, 6]
    assert column.edges(11) == list(range(-5, 7))
    assert column.edges(22)[:5] == [-5, -4, -4, -3, -3]


@given(st.integers(-(2**61), 2**61), st.integers(1, 2**61), st.integers(2, 1000), st.integers(0, 2**62))
def test_the_edges_of_bins_are_where_the_definition_puts_them(low, span, bins, at):
    column = Schema([Feature("x", min=low, max=low + span, resolution=1)]).columns[0]
    edges = column.edges(bins)
    assert (edges[0], edges[-1], len(edges)) == (column.low, column.high + 1, bins + 1)
    q = column.low + at % (span + 1)
    k = (q - column.low) * bins // (span + 1)
    assert edges[k] <= q < edges[k + 1]


def test_differences_are_said_in_plain_language():
    theirs = Schema(
        [
            Feature("age", min=0, max=120, resolution="0.5"),
            Feature("ward", "category", levels=["no", "yes"]),
            Feature("sick", "binary"),
            Feature("new", "binary"),
        ],
        row_bound=10**6,
    )
    assert SCHEMA.difference(theirs) == [
        "the rule for invalid values: yours is clip, the federation's is reject",
        "feature dose: yours only; the federation's schema has none of this name",
        "feature new: the federation's schema has it, yours does not",
        "feature age: your range is 0..110, the federation's is 0..120",
        "feature age: your resolution is 1, the federation's is 0.5",
        "feature age: your unit is years, the federation's is none",
        "feature ward: your list of levels is no, yes, ß, the federation's is no, yes",
        "feature sick: your list of levels is B, M, the federation's is 0, 1",
    ]
    turned = Schema([WARD, AGE])
    assert Schema([AGE, WARD]).difference(turned) == ["the order: your feature 1 is age, the federation's is ward"]
    assert Schema([AGE]).difference(Schema([Feature("age", "binary")])) == [
        "feature age: yours is continuous, the federation's is binary"
    ]
    assert SCHEMA.difference(SCHEMA) == []


def test_names_are_looked_up_with_a_suggestion():
    assert SCHEMA.index("ward$yes") == 2
    assert SCHEMA.index(4) == 4
    assert SCHEMA.feature("ward") is WARD
    with pytest.raises(SchemaError, match="no column 'agee' in the schema; did you mean 'age'"):
        SCHEMA.index("agee")
    with pytest.raises(SchemaError, match="no column 6 in a schema of 6"):
        SCHEMA.index(6)
    with pytest.raises(SchemaError, match="no feature 'wart' in the schema; did you mean 'ward'"):
        SCHEMA.feature("wart")


def proposed(values) -> Feature:
    return Schema.infer({"x": values}).features[0]


@pytest.mark.parametrize(
    ("values", "feature"),
    [
        ([0, 1, None], Feature("x", "binary")),
        ([True, False], Feature("x", "binary")),
        (["true", "FALSE", ""], Feature("x", "binary")),
        ([0.0, 1.0, np.nan], Feature("x", "binary")),
        (["b", "a", "b", None, "NA"], Feature("x", "category", levels=["a", "b"])),
        (["1", "2", "n"], Feature("x", "category", levels=["1", "2", "n"])),
        (pa.array(["u", "v"]).dictionary_encode(), Feature("x", "category", levels=["u", "v"])),
        ([18, 79, 44], Feature("x", min=0, max=110, resolution=1)),
        ([36.6, 37.15, 41.0], Feature("x", min=34, max=44, resolution="0.01")),
        (np.array([36.6, 37.5, 41.0], np.float32), Feature("x", min=34, max=44, resolution="0.1")),
        (["36.6", "37.5", " 41 "], Feature("x", min=34, max=44, resolution="0.1")),
        ([-5, -3], Feature("x", min=-6, max=-2, resolution=1)),
        ([7, 7], Feature("x", min=3, max=11, resolution=1)),
        ([1 / 3, 2 / 3], Feature("x", min="0.1", max="0.9", resolution="1e-7")),
        ([-(2**60), 2**60], Feature("x", min=-3 * 10**18, max=3 * 10**18, resolution=1000)),
    ],
)
def test_a_column_is_proposed_as_what_it_looks_like(values, feature):
    assert proposed(values) == feature


@pytest.mark.long
@given(st.lists(st.floats(-1e9, 1e9, allow_subnormal=False), min_size=1, max_size=20))
@settings(max_examples=150, deadline=None)
def test_a_proposed_schema_counts_every_row_it_was_proposed_from(values):
    account = tally(Schema.infer({"x": values}), {"x": values})
    assert account.counted == len(values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([None, None], "'x' holds no value"),
        ([np.nan], "'x' holds no value"),
        ([f"patient {i}" for i in range(60)], "such as 'patient 0', and has more than 50"),
        (["only"], "only one value"),
    ],
)
def test_a_column_that_cannot_be_proposed_is_named(values, said):
    with pytest.raises(SchemaError, match=said):
        proposed(values)


def test_only_tables_with_rows_are_proposed_from():
    with pytest.raises(SchemaError, match="no rows"):
        Schema.infer([])
    with pytest.raises(TableError, match="is not a table"):
        Schema.infer("x")
    with pytest.raises(TableError, match="timestamp"):
        Schema.infer(pd.DataFrame({"t": pd.to_datetime(["2020-01-01"], utc=True)}))


def test_a_proposal_is_ready_to_be_written_and_used():
    frame = pd.DataFrame({"age": [30, 41, 77], "ward": ["a", "b", "a"], "sick": [0, 1, 0], "dose": [0.5, 1.25, 3]})
    schema = Schema.from_yaml(Schema.infer(frame).to_yaml())
    assert collect(schema, frame).rows == 3


def test_a_table_may_be_without_the_column_of_an_optional_feature():
    weight = Feature("weight", min=0, max=300, resolution=1, optional=True)
    schema = Schema([SICK, weight], missing="pairwise")
    assert Schema.from_yaml(schema.to_yaml()) == Schema.from_json(schema.to_json()) == schema
    assert Schema.from_yaml(schema.to_yaml().replace("optional: true", "optional: 'false'")) != schema
    needed = Schema([SICK, Feature("weight", min=0, max=300, resolution=1)], missing="pairwise")
    assert schema.digest != needed.digest
    assert needed.difference(schema) == ["feature weight: your column is needed, the federation's is optional"]
    with_nulls = {"sick": ["B", "M"], "weight": [None, None]}
    assert collect(schema, {"sick": ["B", "M"]}) == collect(schema, with_nulls)
    assert tally(schema, {"sick": ["B", "M"]}).report()["missing"] == {"weight": {"missing": 2}}
    assert tally(schema, {"sick": ["B"], "weight": [80]}).summary.sum("weight") == 80 - 150
    with pytest.raises(TableError, match="no column 'sick'"):
        collect(schema, {"weight": [80]})
    with pytest.raises(TableError, match="no column 'weight'"):
        collect(needed, {"sick": ["B", "M"]})


@pytest.mark.parametrize(
    ("features", "rules", "said"),
    [
        ([SICK, Feature("w", "binary", optional=True)], {}, "'w' is optional, and where `missing` is listwise"),
        ([Feature("w", "binary", optional=True)], {"missing": "pairwise"}, "every feature is optional"),
    ],
)
def test_an_optional_feature_needs_rows_that_may_lack_it(features, rules, said):
    with pytest.raises(SchemaError, match=said):
        Schema(features, **rules)
    for wrong in ("yes", 1, None, []):
        with pytest.raises(SchemaError, match=r"optional is .* true or false"):
            Feature("w", "binary", optional=wrong)
    with pytest.raises(SchemaError, match="a product is computed"):
        Feature("p", "product", of=["a", "b"], optional=True)
