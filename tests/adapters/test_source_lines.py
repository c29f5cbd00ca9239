"""JSON lines as they come: mixed types, late keys, odd numbers, damage."""

import gzip
import json
import subprocess
import sys
import textwrap

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedpeer.adapters import source_lines
from fedpeer.adapters.source_lines import LinesSource
from fedpeer.adapters.source_rows import RowsSource
from fedpeer.core.errors import SourceError
from fedpeer.core.statistics.collect import tally
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema

SCHEMA = Schema(
    [
        Feature("x", min=-1000, max=1000, resolution="0.1"),
        Feature("wide", min=0, max=10**17, resolution=1),
        Feature("k", "category", levels=["a", "1", "true"]),
    ]
)
NAMES = ["x", "wide", "k"]
CELL = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(-2000, 2000)
    | st.sampled_from(
        [0.05, 0.15, 1.0, "a", "1", " 0.25 ", "NA", "é\n", float("nan"), float("inf"), 10**400, 2**53 + 1]
    )
)
ROW = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, CELL))


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.fixture
def write(tmp_path):
    def writer(content, name="t.jsonl"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else lines(content))
        return path

    return writer


def read(path, columns=None, **options):
    batches = list(LinesSource(path, SCHEMA, **options).batches(columns))
    return {name: [v for b in batches for v in b.column(name).to_pylist()] for name in batches[0].schema.names}


def fault(path, columns=("x",)):
    with pytest.raises(SourceError) as caught:
        list(LinesSource(path, SCHEMA).batches(columns))
    assert str(path) in str(caught.value)
    return f"{caught.value} | {caught.value.hint}"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, min_size=1, max_size=40), st.integers(30, 900))
def test_values_mean_what_they_mean_when_posted_wherever_blocks_end(tmp_path, rows, block):
    rows.append(dict.fromkeys(NAMES))  # every key is there at least once
    path = tmp_path / "t.jsonl"
    path.write_bytes(lines(rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source_lines, "_BLOCK_BYTES", max(block, *map(len, lines(rows).split(b"\n"))) + 1)
        told = tally(SCHEMA, LinesSource(path, SCHEMA).batches(NAMES))
    posted = tally(SCHEMA, RowsSource(rows).batches(NAMES))
    assert (told.summary.digest, told.report()) == (posted.summary.digest, posted.report())
    assert told.read == len(rows)


def test_a_key_may_come_late(write, monkeypatch):
    monkeypatch.setattr(source_lines, "_BLOCK_BYTES", 64)
    path = write([{"x": 1.5}] * 50 + [{"x": 2, "k": "a"}] + [{"x": 3}] * 50)
    assert read(path, ["k", "x"])["k"] == [None] * 50 + ["a"] + [None] * 50
    assert read(path)["x"] == [1.5] * 50 + [2] + [3] * 50
    assert "has no column 'wide'" in fault(path, ["x", "wide"])


def test_what_is_beside_the_rows_does_not_matter(write):
    assert read(write(b'\xef\xbb\xbf{"x": 1}\r\n\n  \n{"x": 2, "y": [1, {"z": 2}]}'), ["x"])["x"] == [1, 2]
    assert read(write(b'{"caf\\u00e9": NaN}\n{"caf\\u00e9": -Infinity}'), ["café"])["café"][1] == float("-inf")
    assert list(LinesSource(write(b""), SCHEMA).batches(NAMES)) == []


def test_damage_is_told_with_its_line(write):
    assert "line 2 is not a JSON object" in (told := fault(write(b'{"x": 1}\n{"x": secret}\n')))
    assert "secret" not in told
    assert "line 3 is not a JSON object" in fault(write(b'{"x": 1}\n\n[1, 2]\n'))
    assert "line 1 is not a JSON object" in fault(write(b"[" * 100_000))
    assert "line 2 is not UTF-8" in fault(write(b'{"x": 1}\n{"x": "\xff"}\n'))
    assert "not Unicode" in fault(write(b'{"x": "\\ud800"}'))
    assert "a list or an object in 'x'" in fault(write([{"x": {"y": 1}}]))
    assert "twice" in fault(write([{"x": 1, " x": 2}]))
    assert "line 1 is longer than 1 MiB" in fault(write(b"[" + b" " * 2**22))
    packed = gzip.compress(lines([{"x": n} for n in range(10_000)]))
    assert "cannot be read" in fault(write(packed[: len(packed) // 2], "t.jsonl.gz"))
    assert "cannot be read" in fault(write(b"not packed at all", "t.jsonl.gz"))


def test_a_file_that_grows_meanwhile_is_refused(write):
    path = write([{"x": 1}])
    rows = LinesSource(path, SCHEMA).batches(["x"])
    next(rows)
    with path.open("ab") as file:
        file.write(b'{"x": 2}\n')
    with pytest.raises(SourceError, match="changed while it was read"):
        list(rows)


def test_memory_does_not_depend_on_the_size(tmp_path):
    line = json.dumps({f"c{n}": n + 0.25 for n in range(40)}).encode() + b"\n"
    path = tmp_path / "big.jsonl"
    with path.open("wb") as file:
        part = line * (2**20 // len(line))
        for n in range(150):
            file.write(part if n != 10 else b'{"c0": "mixed"}\n' + part)
    body = """
        import resource, sys
        from fedpeer.adapters.source_lines import LinesSource
        from fedpeer.core.statistics.schema import Feature, Schema
        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        names = [f"c{n}" for n in range(40)]
        source = LinesSource(sys.argv[1], Schema([Feature(n, min=0, max=100, resolution="0.01") for n in names]))
        before = peak()
        print(sum(batch.num_rows for batch in source.batches(names)), peak() - before)
    """
    command = [sys.executable, "-c", textwrap.dedent(body), str(path)]
    rows, grown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert int(rows) == 150 * (2**20 // len(line)) + 1
    assert float(grown) < 150
