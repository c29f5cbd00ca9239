"""What is said of a source that does not fit a schema."""

import pyarrow as pa
import pyarrow.parquet
import pytest

from fedpeer.adapters.catalogue import Catalogue
from fedpeer.adapters.fitting import Fit, fit
from fedpeer.adapters.headers import suggested
from fedpeer.adapters.source_rows import RowsSource
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema

SCHEMA = Schema(
    [
        Feature("age", min=0, max=120, resolution=1, unit="years"),
        Feature("sex", "binary", levels=["M", "F"]),
        Feature("ill", "binary"),
        Feature("ward", "category", levels=["north", "south"]),
    ]
)
FITS = {"age": [61, 7], "sex": ["M", None], "ill": [True, "0"], "ward": ["north", "NA"]}


def fitted(columns):
    return fit(RowsSource(columns), SCHEMA)


def test_what_fits_needs_no_words():
    assert fitted(FITS) == Fit([], [], {}, [])
    assert fitted({**FITS, "note": ["a", "b"]}) == Fit([], ["note"], {}, [])


def test_a_mapping_is_found_for_names_that_mean_the_same():
    names = {"Age_Years [years]": "age", "SEX": "sex", " ward ": "ward", "is ill": "ill"}
    told = fitted({column: FITS[name] for column, name in names.items()})
    assert told.missing == ["age", "sex", "ill"]
    assert told.suggested == {"Age_Years [years]": "age", "SEX": "sex", "is ill": "ill"}
    assert told.notes == []


@pytest.mark.parametrize(
    ("column", "values", "note"),
    [
        ("ill", ["yes", "no"], "a schema with `levels: [no, yes]` would read the first as 0"),
        ("sex", ["m", "f"], "they differ only in upper and lower case"),
        ("ward", ["north", "west"], "ward has west; its levels are north, south"),
        ("ward", ["a very long text about one person", "b"], "ward has 2 values that are no levels"),
    ],
)
def test_codes_that_are_no_levels_are_told(column, values, note):
    (told,) = fitted({**FITS, column: values}).notes
    assert note in told
    assert "person" not in told


def test_another_unit_is_told():
    told = fitted({"Age (months)": [600, 70], **{name: FITS[name] for name in ("sex", "ill", "ward")}})
    assert told.notes == ["age is measured in years, the column 'Age (months)' says months: convert it first"]


@pytest.mark.parametrize("kind", ["parquet", "arrow", "arrows"])
def test_another_unit_in_the_metadata_is_told(tmp_path, kind):
    fields = [pa.field("Alter", pa.int8(), metadata={"unit": "months"}), pa.field("ill", pa.bool_())]
    table = pa.table([[60], [True]], schema=pa.schema(fields))
    path = tmp_path / f"t.{kind}"
    if kind == "parquet":
        pyarrow.parquet.write_table(table, path)
    else:
        with (pa.ipc.new_file if kind == "arrow" else pa.ipc.new_stream)(path, table.schema) as file:
            file.write_table(table)
    schema = Schema([SCHEMA.feature("age"), SCHEMA.feature("ill")])
    said = "age is measured in years, the column {!r} says months: convert it first"
    mapped = Catalogue().open(str(path), schema, {"map": {"Alter": "age"}})
    assert fit(mapped, schema).notes == [said.format("age")]
    german = Schema([Feature("Alter", min=0, max=120, resolution=1, unit="Months"), SCHEMA.feature("ill")])
    assert fit(Catalogue().open(str(path), german, {}), german).notes == []
    days = Schema([Feature("Alter", min=0, max=120, resolution=1, unit="days")])
    assert fit(Catalogue().open(str(path), days, {}), days).notes == [
        "Alter is measured in days, the column 'Alter' says months: convert it first"
    ]


def test_a_product_needs_no_column_and_reads_none():
    schema = Schema([*SCHEMA.features, Feature("age_sex", "product", of=["age", "sex"])])
    assert fit(RowsSource(FITS), schema) == Fit([], [], {}, [])
    told = fit(RowsSource({**FITS, "age_sex": [0, 7]}), schema)
    assert told.unused == ["age_sex"]
    assert told.notes == ["age_sex is computed from age, sex: the column of that name is not read"]


def test_a_column_is_suggested_once_and_never_one_that_is_taken():
    assert suggested(["age", "AGE"], ["age"]) == {}
    assert list(suggested(["Weight"], ["weight", "weights"]).items()) == [("Weight", "weight")]
    assert suggested(["x", "id"], ["identity", "y"]) == {}
