"""Patients are counted as a set of ids would count them, and nothing of an id is in what is kept."""

from __future__ import annotations

import zlib
from collections import Counter
from itertools import pairwise

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedpeer.core.errors import MalformedError, SchemaError, TableError
from fedpeer.core.statistics.collect import collect, tally
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.numerals import MISSING, spelling
from fedpeer.core.statistics.patients import Patients, grown
from fedpeer.core.statistics.patients import _spelling as known_as
from fedpeer.core.statistics.schema import Schema

FEATURES = [Feature("age", min=0, max=100, resolution=1), Feature("ill", "binary")]
PLAIN, SCHEMA = Schema(FEATURES), Schema(FEATURES, patient="who")
GAPS = Schema(FEATURES, patient="who", missing="pairwise", invalid="missing")
KEY = b"k" * 32

IDS = st.sampled_from(["", "NA", "7", "07", "7.0", "A7", " A7 ", "a7", "Ä", "true"]) | st.integers(0, 30).map(str)
AGES = st.sampled_from(["", "50", "50", "200", "x"])
ROWS = st.lists(st.tuples(IDS, AGES, st.sampled_from(["", "0", "1"])), max_size=60)


def table(rows: list[tuple[str, str, str]]) -> dict[str, pa.Array]:
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    return {name: pa.array(column, pa.string()) for name, column in zip(("who", "age", "ill"), columns, strict=True)}


def there(text: str) -> bool:
    return text.strip().lower() not in MISSING


def persons(rows: list[tuple[str, str, str]]) -> Counter[str]:
    return Counter(spelling(who) for who, _, _ in rows)


def same(patients: Patients, ids: Counter[str]) -> bool:
    told = patients.distinct, patients.rows, patients.most, sorted(patients.counts.tolist())
    return told == (len(ids), ids.total(), max(ids.values(), default=0), sorted(ids.values()))


@pytest.mark.long
@settings(deadline=None)
@given(rows=ROWS)
def test_patients_are_those_of_the_counted_rows_and_every_row_is_accounted_for(rows):
    counted = [row for row in rows if there(row[0]) and row[1] == "50" and row[2]]
    found = tally(SCHEMA, table(rows), key=KEY)
    assert same(found.patients, persons(counted))
    assert (found.read, found.counted) == (len(rows), len(counted))
    assert found.rejected.get("who", {}).get("missing", 0) == sum(not there(row[0]) for row in rows)
    # Nothing of the ids is in the sums.
    rest = collect(PLAIN, table(counted))
    assert found.summary.residues.to_bytes() == rest.residues.to_bytes()
    assert collect(SCHEMA, table(rows)) == found.summary


@pytest.mark.long
@settings(deadline=None)
@given(rows=ROWS)
def test_a_row_with_gaps_counts_for_its_patient_and_one_without_a_patient_does_not_count(rows):
    told = [row for row in rows if there(row[0]) and (row[1] == "50" or row[2])]
    found = tally(GAPS, table(rows), key=KEY)
    assert same(found.patients, persons(told))
    assert found.counted == len(told)
    assert found.missing.get("age", {}).get("missing", 0) == sum(row[1] == "" for row in told)


@pytest.mark.long
@given(parts=st.lists(st.tuples(ROWS, st.booleans()), max_size=6))
@settings(deadline=None, max_examples=50)
def test_patients_add_up_and_come_apart_as_multisets_do(parts):
    lists = [[row for row in rows if there(row[0]) and row[1] == "50" and row[2]] for rows, _ in parts]
    told = [tally(SCHEMA, table(rows), key=KEY).patients for rows in lists]
    every = Patients.together(told)
    assert same(every, sum(map(persons, lists), Counter()))
    for (_, gone), patients in zip(parts, told, strict=True):
        if gone:
            every = every - patients
            assert every.whole
    stay = sum((persons(rows) for (_, gone), rows in zip(parts, lists, strict=True) if not gone), Counter())
    assert same(every, stay)
    assert every - every == Patients.none()
    assert not (Patients.none() - every).whole or not stay
    segments: tuple[Patients, ...] = ()
    for patients in told:
        segments = grown(segments, patients)
    assert Patients.together(segments) == Patients.together(told)
    assert all(a.distinct >= 2 * b.distinct for a, b in pairwise(segments))


@pytest.mark.parametrize(
    "ids",
    [
        pa.array([7, 7, 12, None], pa.int64()),
        pa.array([7.0, 7.0, 12.0, float("nan")]),
        pa.array(["7", "07", "12", "null"]),
        pa.array(["7", "7.0", "12", None], pa.large_string()),
        pa.array(["7", "7", "12", None]).dictionary_encode(),
        pa.array(["7", "7", "12", None]).cast(pa.decimal128(5, 2)),
        pa.array(["7", "7", "12", None], pa.string_view()),
    ],
    ids=lambda ids: str(ids.type),
)
def test_an_id_is_the_same_whatever_it_lies_in(ids):
    found = tally(SCHEMA, pa.table({"age": [1, 2, 3, 4], "ill": [0, 1, 0, 1], "who": ids}), key=KEY)
    plain = tally(SCHEMA, {"age": [1, 2, 3], "ill": [0, 1, 0], "who": ["7", "7", "12"]}, key=KEY)
    assert found.patients == plain.patients
    assert (found.counted, found.rejected) == (3, {"who": {"missing": 1}})


def test_tokens_are_those_of_the_key_and_of_no_other():
    rows = {"age": [1, 2], "ill": [0, 1], "who": ["anna", "berta"]}
    first, second = (tally(SCHEMA, rows, key=key * 32).patients for key in (b"a", b"b"))
    assert first.distinct == second.distinct == (first - second).distinct // 2 == 2
    assert tally(SCHEMA, rows).patients == Patients.none()
    assert b"anna" not in first.to_bytes()
    assert "anna" not in repr(tally(SCHEMA, rows, key=KEY))
    assert repr(first) == "Patients(2)"


def test_ids_of_more_rows_than_are_held_at_a_time_are_counted(monkeypatch):
    monkeypatch.setattr("fedpeer.core.statistics.collect._TOKENS", 100)
    monkeypatch.setattr("fedpeer.core.statistics.patients._CACHE", 50)
    ids = np.random.default_rng(1).integers(0, 700, 5000)
    found = tally(SCHEMA, {"age": np.full(5000, 5), "ill": np.zeros(5000), "who": ids}, key=KEY)
    assert same(found.patients, Counter(map(str, ids)))


def test_without_the_column_nothing_is_counted_and_a_column_of_lists_is_none_of_ids():
    with pytest.raises(TableError, match="no column 'who'"):
        collect(SCHEMA, {"age": [1], "ill": [0]})
    with pytest.raises(TableError, match="'who' holds list"):
        collect(SCHEMA, pa.table({"age": [1], "ill": [0], "who": [[1]]}))


@pytest.mark.long
@given(text=st.text(max_size=9) | st.from_regex(r"[ +\-]?[0-9.eE]{0,4}[0-9a-zA-Z]{0,3} ?", fullmatch=True))
@settings(max_examples=500)
def test_an_id_has_the_spelling_of_a_level(text):
    assert known_as(text) == spelling(text)


# What is kept


def kept(*ids: str) -> Patients:
    return tally(SCHEMA, {"age": [1] * len(ids), "ill": [0] * len(ids), "who": list(ids)}, key=KEY).patients


@pytest.mark.long
@given(rows=ROWS, more=ROWS)
@settings(deadline=None, max_examples=50)
def test_what_is_kept_is_read_again_to_the_same(rows, more):
    one, two = (tally(SCHEMA, table(each), key=KEY).patients for each in (rows, more))
    for patients in (one, two, one - two):
        assert Patients.from_bytes(patients.to_bytes()) == patients


def written(tokens: bytes, counts: list[int], **how: bytes) -> bytes:
    flat = how.get("flat", zlib.compress(np.array(counts, "<i8").tobytes(), 1))
    return msgspec.msgpack.encode({"tokens": tokens, "counts": flat})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        kept("a").to_bytes()[:-1],
        kept("a").to_bytes() + b"\0",
        written(bytes(15), [1]),
        written(bytes(16), [0]),
        written(bytes(16), [2**62 + 1]),
        written(bytes(16), [1, 1]),
        written(bytes(16), []),
        written(bytes(32), [1, 1]),
        written(b"\1" + bytes(31), [1, 1]),
        written(bytes(16), [1], flat=b"not zlib"),
        written(bytes(16), [1], flat=zlib.compress(np.array([1], "<i8").tobytes())[:-1]),
        written(bytes(16), [1], flat=zlib.compress(np.array([1], "<i8").tobytes()) + b"\0"),
        written(bytes(16), [1], flat=zlib.compress(bytes(10**8))),
    ],
)
def test_what_was_never_written_is_refused(data):
    with pytest.raises(MalformedError):
        Patients.from_bytes(data)


@pytest.mark.long
@given(data=st.binary(max_size=200), at=st.integers(0, 10**6), flip=st.integers(1, 255))
@settings(deadline=None)
def test_random_and_damaged_records_raise_nothing_else(data, at, flip):
    whole = bytearray(kept("a", "b", "b", "c").to_bytes())
    whole[at % len(whole)] ^= flip
    for each in (data, bytes(whole)):
        try:
            read = Patients.from_bytes(each)
        except MalformedError:
            continue
        assert Patients.from_bytes(read.to_bytes()) == read


# The schema


def test_a_schema_without_patients_is_what_it_was():
    assert "patient" not in PLAIN.to_dict()
    assert SCHEMA.to_dict() == PLAIN.to_dict() | {"patient": "who"}
    assert SCHEMA.digest != PLAIN.digest
    assert Schema.from_yaml(SCHEMA.to_yaml()) == Schema.from_json(SCHEMA.to_json()) == SCHEMA
    assert SCHEMA.needed == ["age", "ill", "who"]
    assert PLAIN.difference(SCHEMA) == ["the column of patient ids: yours is none, the federation's is who"]


@pytest.mark.parametrize("patient", ["age", "", " who", "a$b", 7, ["who"]])
def test_a_column_that_cannot_be_that_of_ids_is_refused(patient):
    with pytest.raises(SchemaError):
        Schema.from_dict(SCHEMA.to_dict() | {"patient": patient})


@pytest.mark.parametrize("name", ["patient_id", "PatientID", "MRN", "id", "Patient-Nr", "subject", "person id"])
@pytest.mark.parametrize("ids", [[1, 2, 3], ["a1", "a2", "a3"]])
def test_a_column_that_is_called_like_an_id_is_proposed_as_one_and_not_as_a_feature(name, ids):
    proposed = Schema.infer({name: ids, "age": [30, 40, 50]})
    assert (proposed.patient, [f.name for f in proposed.features]) == (name, ["age"])


@pytest.mark.parametrize("name", ["covid", "paid", "rooms_per_person", "inpatient_days", "idle"])
def test_other_columns_are_features_as_ever(name):
    assert Schema.infer({name: [1, 2, 3], "age": [30, 40, 50]}).patient == ""
    assert Schema.infer({"has_id": [0, 1, 1], "age": [30, 40, 50]}).patient == ""


def test_several_columns_of_ids_are_for_a_person_to_choose_from():
    with pytest.raises(SchemaError, match="'patient_id', 'visit_id'"):
        Schema.infer({"patient_id": [1, 2, 3], "visit_id": [4, 5, 6], "age": [30, 40, 50]})
