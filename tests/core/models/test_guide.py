"""Every example of docs/models.md runs on real data and gives what its comments say."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets

import fedpeer as fp
from fedpeer.core.models.fit import KINDS
from fedpeer.core.statistics.schema import Feature, Schema
from tests.support.pooled import continuous, numbers

PAGE = (Path(__file__).parents[3] / "docs" / "models.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[1:]  # the first one is of no data set


def counted(name, target):
    data = getattr(datasets, f"load_{name}")()
    table = {str(key): data.data[:, i] for i, key in enumerate(data.feature_names)}
    features = [continuous(key, values) for key, values in table.items()]
    levels = [str(label) for label in data.target_names]
    schema = Schema([*features, Feature(target, "category", levels=levels)])
    return fp.collect(schema, table | {target: data.target_names[data.target]}), table


def collected(data, k):
    return fp.collect(data.summary.schema, {name: values[k::4] for name, values in data.table.items()})


def binned():
    data = datasets.load_wine()
    table = {str(key): data.data[:, i] for i, key in enumerate(data.feature_names)}
    features = [continuous(key, values) for key, values in table.items()]
    return fp.collect(Schema(features, blocks=["powers", "histogram"], bins=20), table)


def votes():
    data = datasets.load_breast_cancer()
    table = {f"high {key}": data.data[:, i] > np.median(data.data[:, i]) for i, key in enumerate(data.feature_names)}
    schema = Schema([*(Feature(key, "binary") for key in table), Feature("class", "binary")])
    return fp.collect(schema, table | {"class": data.target})


def world():
    (iris, flowers), (wine, rows) = counted("iris", "species"), counted("wine", "cultivar")
    data = datasets.load_iris()
    species = data.target_names[data.target]
    return {
        "fp": fp,
        "diabetes": numbers("diabetes").summary,
        "iris": iris,
        "wine": wine,
        "votes": votes(),
        "binned": binned(),
        "names": list(rows),
        "sites": {f"site {k}": collected(numbers("diabetes"), k) for k in range(4)},
        "rows": rows,
        "measures": list(flowers),
        "flowers": {key: values[[0, 149]] for key, values in flowers.items()},
        "held_out": {key: values[1::3] for key, values in flowers.items()} | {"species": species[1::3]},
    }


def expected(comment):
    """What a comment says of a value: `…` stands for anything; None for prose."""
    if comment[:1] not in set('[{"0123456789'):
        return None
    return re.escape(comment).replace("…", ".*")


@pytest.mark.parametrize("block", BLOCKS)
def test_an_example_gives_what_it_says(block):
    names, told = world(), 0
    for line in block.splitlines():
        code, _, comment = line.partition("  #")
        if re.match(r"\w+ = ", code):
            exec(code, names)
            continue
        value, pattern = eval(code, names), expected(comment.strip())
        if pattern is not None:
            told += 1
            text = json.dumps(value, default=lambda array: array.tolist(), ensure_ascii=False)
            assert re.fullmatch(pattern, text), (code, text)
        assert value is not None
    assert told or "oas" in block or "predict" in block or "means" in block


def test_every_kind_is_in_the_table_or_refused_with_its_reason():
    table = PAGE[: PAGE.index("## Target and features")]
    for kind in KINDS:
        assert f"`{kind}`" in table
    listed = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert set(KINDS) - set(listed) == {"qda", "ledoit_wolf"}
    assert set(listed) <= set(KINDS)
