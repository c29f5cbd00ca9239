"""Which source a location means, and which locations are allowed."""

import pyarrow as pa
import pyarrow.parquet
import pytest

from fedpeer.adapters.catalogue import KINDS, Catalogue
from fedpeer.adapters.source_csv import CsvSource
from fedpeer.adapters.source_parquet import ParquetSource
from fedpeer.core.errors import SourceError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "t.csv").write_text("x\n1\n")
    (tmp_path / "in" / "t.TSV").write_text("x\ty\n1\t2\n")
    pyarrow.parquet.write_table(pa.table({"x": [1]}), tmp_path / "in" / "t.pq")
    (tmp_path / "out.csv").write_text("x\n2\n")
    return tmp_path


def read(source):
    return [value for batch in source.batches() for value in batch.column(0).to_pylist()]


def fault(location, options=None, **catalogue):
    with pytest.raises(SourceError) as caught:
        Catalogue(**catalogue).open(str(location), None, options)
    return f"{caught.value} | {caught.value.hint}"


def test_the_kind_is_told_by_the_name(folder):
    catalogue = Catalogue()
    assert isinstance(catalogue.open(str(folder / "in" / "t.csv")), CsvSource)
    assert isinstance(catalogue.open(f"file://{folder}/in/t.pq"), ParquetSource)
    assert next(catalogue.open(str(folder / "in" / "t.TSV")).batches()).schema.names == ["x", "y"]
    assert read(catalogue.rows("ward 3", [{"x": 5}])) == [5]
    assert catalogue.rows("ward 3", [{"x": 5}]).name == "ward 3"


def test_options_are_passed_on_and_checked(folder):
    (folder / "semi.csv").write_text("x;y\n1;2\n")
    source = Catalogue().open(str(folder / "semi.csv"), None, {"delimiter": ";"})
    assert next(source.batches()).schema.names == ["x", "y"]
    assert "'sheet' is not an option of .csv files | known are: delimiter" in fault(folder / "semi.csv", {"sheet": 1})
    assert "is not an option of .pq files | there are none" in fault(folder / "in" / "t.pq", {"delimiter": ";"})
    for sign in ("", ";;", '"', "\n", "\0", "a", ".", "\u00a7", 5, None):
        assert "cannot separate columns" in fault(folder / "semi.csv", {"delimiter": sign})


def test_what_cannot_be_opened_is_told(folder):
    (folder / "t.xlsx").write_text("")
    unknown = fault(folder / "t.xlsx")
    assert "of no known kind" in unknown
    assert all(suffix in unknown for suffix in KINDS)
    assert "no such file" in fault(folder / "none.csv")
    assert "there is no way to read s3:// here" in (told := fault("s3://key:secret@bucket/t.csv"))
    assert "secret" not in told
    assert "cannot open" in fault("a\0b.csv")


def test_files_outside_the_roots_are_refused_however_they_are_reached(folder):
    roots = (folder / "in",)
    (folder / "in" / "link.csv").symlink_to(folder / "out.csv")
    (folder / "link").symlink_to(folder / "in")
    for location in ("out.csv", "in/../out.csv", "in/link.csv"):
        assert "outside the directories" in fault(folder / location, roots=roots)
    for location in ("in/t.csv", "link/t.csv"):
        assert read(Catalogue(roots=roots).open(str(folder / location))) == ["1"]
    (folder / "inside.csv").write_text("x\n1\n")
    assert "outside" in fault(folder / "inside.csv", roots=roots)
    assert read(Catalogue(roots=(folder / "link",)).open(str(folder / "in" / "t.csv"))) == ["1"]


def test_the_bound_of_rows_reaches_every_kind(folder):
    (folder / "many.csv").write_text("x\n" + "1\n" * 100)
    catalogue = Catalogue(chunk_rows=30)
    for source in (catalogue.open(str(folder / "many.csv")), catalogue.rows("", {"x": [1] * 100})):
        assert [batch.num_rows for batch in source.batches()] == [30, 30, 30, 10]
