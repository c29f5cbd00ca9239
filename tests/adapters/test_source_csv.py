"""CSV files as they come: odd cells, odd encodings, odd line ends, damage; and how much memory they take."""

import gzip
import os
import subprocess
import sys
import textwrap
from collections import Counter
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fedpeer.adapters import source_csv
from fedpeer.adapters.source_csv import CsvSource
from fedpeer.core.errors import SourceError
from fedpeer.core.statistics.collect import tally
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema

SCHEMA = Schema([Feature("x", min=-1000, max=1000, resolution="0.01"), Feature("k", "category", levels=["a", "b"])])
WIDE = Schema([Feature("x", min=0, max=10**17, resolution=1)])


@pytest.fixture
def write(tmp_path):
    def writer(content, name="t.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return writer


def read(path, schema=SCHEMA, columns=None, **options):
    batches = list(CsvSource(path, schema, **options).batches(columns))
    names = batches[0].schema.names if batches else []
    return {name: [v for batch in batches for v in batch.column(name).to_pylist()] for name in names}


def account(path, schema=SCHEMA, **options):
    names = [feature.name for feature in schema.features]
    return tally(schema, CsvSource(path, schema, **options).batches(names))


def fault(path, columns=("x", "k"), **options):
    with pytest.raises(SourceError) as caught:
        list(CsvSource(path, SCHEMA, **options).batches(columns))
    assert str(path) in str(caught.value)
    return f"{caught.value} | {caught.value.hint}"


def test_cells_that_cannot_be_counted_are_counted_by_reason(write):
    cells = [
        "1.5",
        "abc",
        "",
        "NA",
        " 2.5 ",
        "inf",
        "1e999",
        "5000",
        "1,5",
        "nan",
        "+3",
        "true",
        "0x10",
        "12 kg",
        "null",
    ]
    found = account(write("x,k\n" + "".join(f'"{cell}",a\n' for cell in cells)))
    assert found.read == len(cells)
    assert found.rejected == {"x": {"unparsable": 4, "missing": 4, "not finite": 2, "out of range": 1}}
    assert found.counted == 4


def test_a_bad_cell_late_in_a_large_file_costs_nothing_before_it(write, monkeypatch):
    monkeypatch.setattr(source_csv, "_BLOCK_BYTES", 2000)
    cells = [f"{n / 4}" for n in range(5000)]
    cells[4321] = "oops"
    source = CsvSource(write("x\n" + "\n".join(cells)), SCHEMA)
    batches = list(source.batches(["x"]))
    assert {str(batch.schema.field("x").type) for batch in batches} == {"double", "string"}
    texts = [batch for batch in batches if batch.schema.field("x").type == pa.string()]
    assert len(texts) == 1, "only the batch with the bad cell is handed on as texts"
    values = [value for batch in batches for value in batch.column(0).to_pylist()]
    assert len(values) == 5000
    assert values[4321] == "oops"
    del values[4321], cells[4321]
    assert [float(value) for value in values] == [float(cell) for cell in cells]


MISSING = ["NA", "na", "NaN", "nan", "-nan", "+nan", "NAN", "nA", "n/a", "null", "NULL", "None", "<NA>", "nan(1)"]
ENDLESS = ["inf", "+inf", "-INF", "Infinity", "1e999"]
CELLS = st.one_of(
    st.decimals(-1100, 1100, places=2).map(str),
    st.floats().map(repr),
    st.from_regex(
        r"[ \t]?[+-]?[0-9]{0,25}\.?[0-9]{0,25}([eE][+-]?[0-9]{1,3})?[ \t]?",
        fullmatch=True,
    ),
    st.sampled_from([*MISSING, *ENDLESS, "1_0", "0x1p3", "true"]),
    st.text(st.characters(codec="utf-8", exclude_characters='"\r\n\0'), max_size=6),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CELLS)
@example("0.50000000000000000001")
@example("0.00500000000000000000000000000000000001")
@example("1\u00a0")
@example("٣")
def test_a_cell_means_the_same_whatever_its_neighbours_are(write, cell):
    alone = account(write(f'x,k\n"{cell}",a\n'))
    beside = account(write(f'x,k\n"{cell}",a\nunparsable,a\n'))
    assert alone.summary == beside.summary
    assert (alone.read, beside.read) == (1, 2)
    assert Counter(alone.rejected.get("x", {})) + Counter(unparsable=1) == Counter(beside.rejected["x"])


def test_decimals_mean_what_they_say(write):
    texts = ["0.15", "-0.005", "0.005", "0.015", "999.995", "-1000", "1e2", ".5", "5."]
    expected = sum(round(Decimal(text) * 100) for text in texts)  # half to even, in exact decimals
    found = account(write("x,k\n" + "".join(f"{text},a\n" for text in texts)))
    column = SCHEMA.columns[0]
    offset = column.origin / column.step
    assert found.summary.sum("x") == expected - len(texts) * offset


def test_numbers_wider_than_a_double_stay_exact(write):
    found = account(write("x\n90071992547409931\n90071992547409933\n"), WIDE)
    column = WIDE.columns[0]
    assert found.summary.sum("x") * column.step + 2 * column.origin == 90071992547409931 + 90071992547409933


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_byte_order_marks(write, end, last, mark):
    assert read(write(mark + end.join(["k,x", "a,1", "b,2"]) + end * last)) == {"k": ["a", "b"], "x": [1, 2]}


def test_quotes_delimiters_and_line_breaks_within_values(write):
    path = write('\n"a ""b"", c",x,"two\nlines"\n"p\nq",1,"r,s"\n\n"""",2,""\n')
    assert read(path) == {'a "b", c': ["p\nq", '"'], "x": [1, 2], "two\nlines": ["r,s", ""]}


def test_tabs_and_semicolons(write):
    assert read(write("x\tk\n1\ta\n"), delimiter="\t") == {"x": [1], "k": ["a"]}
    assert read(write("x;k\n1;a\n"), delimiter=";") == {"x": [1], "k": ["a"]}
    assert "separated by semicolons: say so with the delimiter option" in fault(write("x;k\n1;a\n"))


def test_texts_are_handed_on_as_they_are(write):
    texts = ["NA", "none", "007", "1.0", "True", " a ", ""]
    assert read(write("k\n" + "".join(f'"{text}"\n' for text in texts)))["k"] == texts


def test_an_empty_line_is_a_missing_value_in_a_single_column_and_nothing_otherwise(write):
    assert read(write("x\n1\n\n2\n"))["x"] == [1, None, 2]
    assert read(write("x,k\n1,a\n\n2,b\n"))["x"] == [1, 2]


@pytest.mark.parametrize("content", ["x,k", "x,k\n", "x,k\r\n", "x,k\n\n\n", "\n\nx,k\n"])
def test_a_header_alone_is_no_rows(write, content):
    assert account(write(content)).read == 0


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("\ufeff", "is empty"),
        ("x,y\n1,2\n", "has no column 'k'"),
        ("x,k,k\n1,a,b\n", "has the column 'k' twice"),
        ("x,k, k \n1,a,b\n", "has the column 'k' twice"),
        ("x,k\n1,a\n2\n", "row 3 (the header is row 1) has 1 values, the header 2"),
        ("x,k\n1,a\n2,b,c\n", "row 3 (the header is row 1) has 3 values, the header 2"),
        ("x,k\n" + "1,a\n" * 300_000 + "2\n", "row 300002 (the header is row 1) has 1 values"),
        ("x,k\nbad,a\n" + "1,a\n" * 300_000 + "2\n", "row 300003 (the header is row 1) has 1 values"),
        ('x,k\n1,a\n2,"b\n3,a\n4,a\n', 'ends within quotes: one of its " is never closed'),
        ('x,k\n1,a\n"2,b\n3,a\n', "row 3"),
        ('x,k\n1,"a' + "\n" * 2_200_000, "row of more than 1 MiB"),
        ("x,k\n" + "1" * 2_200_000, "row of more than 1 MiB"),
        ("x" * 2_200_000, "first row of"),
        ('"' + "x\n" * 200_000, "field larger"),
        ("x,k\n1,a\n".encode("utf-16"), "is UTF-16 text"),
        (b"x,k\n1,a\0\n", "is not text"),
        (gzip.compress(b"x,k\n1,a\n", mtime=0), "is not text"),
        ("x,k\n1,a\n2,caf\u00e9\n".encode("latin-1"), "byte 13, on line 3, is not UTF-8 text | save the file as UTF-8"),
        ("x,k\n1,a\n2\u00b5,b\n".encode("latin-1"), "byte 9, on line 3, is not UTF-8 text"),
        ("x,k,\u00e9\n1,a,1\n".encode("latin-1"), r"column name '\udce9' in the first row is not UTF-8"),
    ],
)  # fmt: skip
def test_damage_is_told_with_its_place(write, content, problem):
    assert problem in fault(write(content))


def test_what_a_faulty_row_holds_is_not_repeated(write):
    for content in ("x,k\n1,a\nMr Smith\n", 'x,k\n1,a\n2,"Mr Smith\n3,a\n', b"x,k\n1,Mr Smith \xe9\n"):
        assert "Smith" not in fault(write(content))


def test_bytes_of_other_columns_do_not_matter(write):
    path = write("x,name,k,note\n1,caf\u00e9,a,\u00b5\n".encode("latin-1"))
    assert read(path, columns=["x", "k"]) == {"x": [1], "k": ["a"]}
    assert read(write("x,k,,\n1,a,,\n"), columns=["x", "k"]) == {"x": [1], "k": ["a"]}


def test_a_value_that_ends_in_a_line_break_is_fine_at_the_end(write):
    assert read(write('x,k\n1,"a\n"\n'))["k"] == ["a\n"]
    assert read(write('x,k\n1,a"\n2,b'))["k"] == ['a"', "b"]


@pytest.mark.parametrize(("name", "codec"), [("t.csv.gz", "gzip"), ("t.csv.zst", "zstd")])
def test_compressed_files_whole_cut_and_false(write, tmp_path, name, codec):
    path = tmp_path / name
    with pa.CompressedOutputStream(str(path), codec) as file:
        file.write(b"x,k\n" + b"".join(b"%d,a\n" % (n % 1000) for n in range(300_000)))
    assert account(path).counted == 300_000
    write(path.read_bytes()[:-200], name)
    assert "cannot be read: Truncated" in fault(path)
    write("x,k\n1,a\n", name)
    assert "cannot be read" in fault(path)
    write("", name)
    assert fault(path)


def test_what_is_no_readable_file_is_told(tmp_path):
    assert "no such file" in fault(tmp_path / "none.csv")
    assert "not a file" in fault(tmp_path)
    os.mkfifo(tmp_path / "pipe.csv")
    assert "not a file" in fault(tmp_path / "pipe.csv")


def test_a_file_that_changes_meanwhile_is_refused(write):
    path = write("x,k\n" + "1,a\n" * 1_000_000)
    batches = CsvSource(path, SCHEMA).batches(["x"])
    next(batches)
    with path.open("a") as file:
        file.write("2,a\n")
    with pytest.raises(SourceError, match="changed while it was read"):
        list(batches)


def test_memory_stays_bounded_whatever_the_size_of_the_file(tmp_path):
    """150 MB of CSV take a process no further than 150 MiB beyond its imports, with doubles and with texts."""
    line = ",".join(f"{n}.25" for n in range(40)).encode() + b"\n"
    path = tmp_path / "big.csv"
    with path.open("wb") as file:
        file.write(",".join(f"c{n}" for n in range(40)).encode() + b"\n")
        part = line * (2**20 // len(line))
        for n in range(150):
            file.write(part if n != 10 else b"bad" + part)
    body = """
        import resource, sys
        from fedpeer.adapters.source_csv import CsvSource
        from fedpeer.core.statistics.schema import Feature, Schema
        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        features = [Feature(f"c{n}", min=0, max=100, resolution="0.01") for n in range(40)]
        source = CsvSource(sys.argv[1], Schema(features))
        before = peak()
        print(sum(batch.num_rows for batch in source.batches()), peak() - before)
    """
    command = [sys.executable, "-c", textwrap.dedent(body), str(path)]
    rows, grown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert int(rows) == 150 * (2**20 // len(line))
    assert float(grown) < 150
