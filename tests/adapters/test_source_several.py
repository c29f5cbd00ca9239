"""Folders, patterns, and columns that are called otherwise."""

import json

import pyarrow as pa
import pyarrow.parquet
import pytest

from fedpeer.adapters.catalogue import Catalogue
from fedpeer.adapters.source_rows import RowsSource
from fedpeer.core.errors import SchemaError, SourceError
from fedpeer.core.statistics.collect import tally
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema

SCHEMA = Schema([Feature("age", min=0, max=120, resolution="0.1"), Feature("sex", "binary", levels=["M", "F"])])
NAMES = ["age", "sex"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("b.csv", "a.csv", "deep/c.csv", ".hidden.csv"):
        (tmp_path / "in" / name).write_text(f"age,sex\n{len(name)}.5,M\n{len(name)},F\n")
    (tmp_path / "out.csv").write_text("age,sex\n1,M\n")
    return tmp_path


def ages(location, **catalogue):
    source = Catalogue(**catalogue).open(str(location), SCHEMA)
    told = []
    found = [v for batch in source.batches(["age"], told.append) for v in batch.column(0).to_pylist()]
    assert told == sorted(told)
    assert told[-1] == source.size
    assert source.name == str(location)
    return found


def fault(location, options=None, schema=SCHEMA, **catalogue):
    with pytest.raises((SourceError, SchemaError)) as caught:
        tally(SCHEMA, Catalogue(**catalogue).open(str(location), schema, options).batches(NAMES))
    return f"{caught.value} | {caught.value.hint}"


def test_folders_and_patterns_are_their_files_in_order(folder):
    assert ages(folder / "in") == [5.5, 5, 5.5, 5]
    assert ages(folder / "in" / "*.csv") == [5.5, 5, 5.5, 5]
    assert ages(folder / "in" / "**" / "[bc].csv") == [5.5, 5, 10.5, 10]
    (folder / "in" / "x[1].csv").write_text("age,sex\n9,M\n")
    assert ages(folder / "in" / "x[1].csv") == [9]


def test_parts_have_the_columns_in_any_order(folder):
    (folder / "in" / "c.csv").write_text("sex,more,age\nF,x,7.5\n")
    assert tally(SCHEMA, Catalogue().open(str(folder / "in"), SCHEMA).batches(NAMES)).counted == 5
    (folder / "in" / "d.csv").write_text("sex\nF\n")
    assert f"{folder / 'in' / 'd.csv'} has no column 'age'" in fault(folder / "in")


def test_none_and_mixed_kinds_are_told(folder):
    (folder / "empty").mkdir()
    assert "has no files | for folders in it, give a pattern" in fault(folder / "empty")
    assert "no file fits" in fault(folder / "in" / "*.parquet")
    pyarrow.parquet.write_table(pa.table({"age": [1.0]}), folder / "in" / "z.parquet")
    assert "several kinds, such as a.csv and z.parquet | give a pattern that fits one" in fault(folder / "in")
    (folder / "in" / "notes.txt").write_text("")
    assert "notes.txt is of no known kind" in fault(folder / "in")
    assert "'sheet' is not an option of .csv files" in fault(folder / "in" / "*.csv", {"sheet": 1})


def test_no_pattern_and_no_folder_leads_out_of_the_roots(folder):
    roots = (folder / "in",)
    (folder / "in" / "link.csv").symlink_to(folder / "out.csv")
    for location in (
        folder / "in",
        folder / "in" / "*.csv",
        folder / "*.csv",
        folder / "in" / "*" / ".." / ".." / "*.csv",
    ):
        assert "outside the directories" in fault(folder / location, roots=roots)
    assert ages(folder / "in" / "a*.csv", roots=roots) == [5.5, 5]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "arrow"])
def test_columns_are_read_under_the_names_of_features(tmp_path, kind):
    table = {"Alter (J.)": [61.25, 7.5], "age": [0.0, 0.0], "Geschlecht": ["F", "M"]}
    path = tmp_path / f"t.{kind}"
    if kind == "csv":
        path.write_text("Alter (J.),age,Geschlecht\n61.25,0,F\n7.5,0,M\n")
    elif kind == "jsonl":
        rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
        path.write_text("\n".join(map(json.dumps, rows)))
    elif kind == "parquet":
        pyarrow.parquet.write_table(pa.table(table), path)
    else:
        with pa.ipc.new_file(path, pa.table(table).schema) as file:
            file.write_table(pa.table(table))
    source = Catalogue().open(str(path), SCHEMA, {"map": {"Alter (J.)": "age", "Geschlecht": "sex"}})
    rows = pa.table({"age": table["Alter (J.)"], "sex": table["Geschlecht"]})
    assert tally(SCHEMA, source.batches(NAMES)).summary == tally(SCHEMA, rows).summary
    first = next(source.batches(NAMES))
    assert (first.schema.names, first.column(0).type) == (NAMES, pa.float64())


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "arrow", "rows"])
def test_dates_are_read_from_every_kind(tmp_path, kind):
    day = Feature("day", "date", min="2000-01-01", max="2030-12-31")
    schema = Schema([day, Feature("age", min=0, max=9, resolution=1)])
    texts, path = ["2024-02-29", "2000-01-01 10:30", "soon", None], tmp_path / f"t.{kind}"
    stamps = pa.array([19_782 * 86_400, 10_957 * 86_400 + 37_800, None, None], pa.timestamp("s"))
    columns = pa.table({"day": stamps, "age": [1, 2, 3, 4]})
    if kind == "csv":
        path.write_text("day,age\n" + "".join(f"{text or ''},{i}\n" for i, text in enumerate(texts, 1)))
    elif kind == "jsonl":
        path.write_text("".join(json.dumps({"day": text, "age": i}) + "\n" for i, text in enumerate(texts, 1)))
    elif kind == "parquet":
        pyarrow.parquet.write_table(columns, path)
    elif kind == "arrow":
        with pa.ipc.new_file(path, columns.schema) as file:
            file.write_table(columns)
    posted = RowsSource({"day": texts, "age": [1, 2, 3, 4]})
    source = posted if kind == "rows" else Catalogue().open(str(path), schema, {})
    told = tally(schema, source.batches(["day", "age"]))
    typed = kind in {"parquet", "arrow"}
    assert told.rejected == {"day": {"missing": 2} if typed else {"unparsable": 1, "missing": 1}}
    assert told.summary == tally(schema, {"day": ["2024-02-29", "2000-01-01"], "age": [1, 2]}).summary


def test_a_mapping_that_cannot_be_is_refused(folder):
    path = folder / "out.csv"
    for told in (["age"], {"age": 1}, {"": "age"}, "age"):
        assert "map is not an object" in fault(path, {"map": told})
    assert "no feature 'agee'" in fault(path, {"map": {"x": "agee"}})
    assert "two columns are mapped to 'age'" in fault(path, {"map": {"x": "age", "y": "age"}})
    assert "nothing is left for the feature 'sex'" in fault(path, {"map": {"sex": "age"}})
    assert "has no column 'Alter'" in fault(path, {"map": {"Alter": "age"}})
    product = Schema([*SCHEMA.features, Feature("age2", "product", of=["age", "age"])])
    with pytest.raises(SourceError, match="'age2' is computed from others: no column is read for it"):
        Catalogue().open(str(path), product, {"map": {"sex": "age2"}})
    swapped = Catalogue().open(str(path), SCHEMA, {"map": {"sex": "age", "age": "sex"}})
    assert tally(SCHEMA, swapped.batches(NAMES)).rejected == {
        "age": {"unparsable": 1},
        "sex": {"unknown level": 1},
    }


def test_a_mapping_is_suggested(folder):
    (folder / "their.csv").write_text("Age_Years,SEX,note\n1,M,x\n")
    told = fault(folder / "their.csv")
    assert "has no column 'age', 'sex'" in told
    assert "--map Age_Years=age --map SEX=sex" in told
