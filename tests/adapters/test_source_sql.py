"""Queries to SQLite, PostgreSQL and DuckDB: what they mean, what they may not do, what is never told."""

import contextlib
import sqlite3
import subprocess
import sys
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet
import pytest

from fedpeer.adapters.catalogue import Catalogue
from fedpeer.core.errors import SourceError
from fedpeer.core.statistics.collect import tally
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.schema import Schema
from tests.support.postgres import PASSWORD, running

SCHEMA = Schema([Feature("x", min=-1000, max=1000, resolution="0.1"), Feature("k", "binary", levels=["no", "yes"])])


def read(location, options, name="x", **catalogue):
    source = Catalogue(**catalogue).open(str(location), SCHEMA, options)
    return [v for batch in source.batches([name]) for v in batch.column(0).to_pylist()]


def fault(location, options, **catalogue):
    with pytest.raises(SourceError) as caught:
        read(location, options, **catalogue)
    assert "secret" not in f"{caught.value} {caught.value.hint}"
    return f"{caught.value} | {caught.value.hint}"


@pytest.fixture
def base(tmp_path):
    """An SQLite file with a table t of one column x."""

    def maker(values, kind=""):
        path = tmp_path / "t.db"
        with contextlib.closing(sqlite3.connect(path)) as file:
            file.execute(f"CREATE TABLE t (x {kind})")
            file.executemany("INSERT INTO t VALUES (?)", [(value,) for value in values])
            file.commit()
        return f"sqlite://{path}"

    return maker


def test_sqlite_values_keep_what_each_of_them_is(base):
    ask = {"query": "SELECT x FROM t"}
    late = [None] * 70_000
    assert read(base([*late, 0.1]), ask) == [*late, 0.1]


@pytest.mark.parametrize(
    ("values", "read_as"),
    [
        ([1, None, 2**62], [1, None, 2**62]),
        ([1, 0.1, None], [1.0, 0.1, None]),
        ([2**53 + 1, 0.1], [str(2**53 + 1), "0.1"]),
        (["NA", 0.1, 3, 1 / 3], ["NA", "0.1", "3", str(1 / 3)]),
        ([b"\xff", "é"], ["FF", "é"]),
        ([None], [None]),
        ([], []),
    ],
)
def test_sqlite_columns_of_any_mixture(base, values, read_as):
    assert read(base(values), {"query": "SELECT x FROM t;"}) == read_as


def test_sqlite_is_only_read(base, tmp_path):
    place = base([1.5])
    for query in ("DELETE FROM t RETURNING x", "ATTACH 'u.db' AS u", "selec"):
        assert f"{place} cannot answer" in fault(place, {"query": query})
    assert read(place, {"query": "SELECT x -- a remark\nFROM t"}) == [1.5]
    assert "nope" in fault(place, {"query": "SELECT * FROM nope"})
    assert "has no column 'x'" in fault(place, {"query": "SELECT x AS other FROM t"})
    assert read(place, {"query": "SELECT 1 AS x) ; DROP TABLE t; --"}) == [1]
    assert read(place, {"query": "SELECT x FROM t"}) == [1.5]
    for query in (None, "", " ; ", 5):
        assert "needs the option query" in fault(place, {"query": query})
    (tmp_path / "none.db").write_bytes(b"no database at all" * 100)
    assert "not a database" in fault(f"sqlite://{tmp_path}/none.db", {"query": "SELECT * FROM t"})
    assert "no such file" in fault(f"sqlite://{tmp_path}/other.db", {"query": "SELECT 1 AS x"})
    assert "outside the directories" in fault(place, {"query": "SELECT x FROM t"}, roots=(tmp_path / "in",))
    assert "'sheet' is not an option of sqlite" in fault(place, {"query": "SELECT x FROM t", "sheet": 1})


@pytest.fixture(scope="module")
def server():
    with running() as found:
        found.run(
            "CREATE TYPE mood AS ENUM ('no', 'yes');"
            "CREATE TABLE t (i int2, n numeric, f float4, k mood, d date, m money, secret text);"
            "INSERT INTO t VALUES (1, 0.12345678901234567890, 0.1, 'yes', '2020-02-29', 2, 'a secret');"
            "INSERT INTO t (i, n) VALUES (2, NULL), (3, 'NaN');"
            "CREATE TABLE many AS SELECT g % 1000 AS x, 'yes' AS k FROM generate_series(1, 300000) AS g;"
            "GRANT SELECT ON t, many TO reader;"
        )
        yield found


@pytest.fixture
def password(tmp_path):
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    path.chmod(0o600)
    return str(path)


def test_postgres_types_that_arrow_lacks_are_their_texts(server, password):
    def column(name):
        return read(server.address, {"query": f"SELECT {name} AS x FROM t", "password_file": password})

    assert column("i") == [1, 2, 3]
    assert column("n") == ["0.12345678901234567890", None, "NaN"]
    assert column("f")[1:] == [None, None]
    assert column("k") == ["yes", None, None]
    assert column("d") == ["2020-02-29", None, None]
    assert column("m") == ["$2.00", None, None]
    dates = Schema([Feature("x", "date", min="2000-01-01", max="2030-12-31")])
    query = "SELECT d + interval '13 hours' AS x FROM t UNION ALL SELECT d FROM t"
    source = Catalogue().open(server.address, dates, {"query": query, "password_file": password})
    told = tally(dates, source.batches(["x"]))
    assert told.rejected == {"x": {"missing": 4}}
    assert told.summary == tally(dates, {"x": ["2020-02-29"] * 2}).summary


def test_postgres_streams_and_gives_the_same_summary(server, password):
    options = {"query": "SELECT * FROM many", "password_file": password}
    source = Catalogue(chunk_rows=1000).open(server.address, SCHEMA, options)
    told = []
    sizes = [batch.num_rows for batch in source.batches(["x", "k"], told.append)]
    assert max(sizes) <= 1000
    assert (sum(sizes), told[-1], source.size) == (300_000, 300_000, 0)
    assert len(told) > 1  # in pieces, not when all of it had arrived
    table = pa.table({"x": [g % 1000 for g in range(1, 300_001)], "k": ["yes"] * 300_000})
    assert tally(SCHEMA, source.batches(["x", "k"])).summary == tally(SCHEMA, table).summary


def test_postgres_is_only_read(server, password):
    def told(query):
        return fault(server.address, {"query": query, "password_file": password})

    server.run("CREATE SEQUENCE IF NOT EXISTS s; GRANT ALL ON s TO reader")
    assert "read-only transaction" in told("SELECT nextval('s') AS x")
    for query in ("DELETE FROM many RETURNING x", "SELECT 1 AS x; DROP TABLE many", "CREATE TABLE z (x int)"):
        assert "cannot answer: syntax error" in told(query)
    # Some servers let a reading transaction make a large object; ours is never committed.
    with contextlib.suppress(SourceError):
        read(server.address, {"query": "SELECT lo_create(0) AS x", "password_file": password})
    left = {"query": "SELECT count(*) AS x FROM pg_largeobject_metadata", "password_file": password}
    assert read(server.address, left) == [0]
    assert 'relation "nope" does not exist' in told("SELECT * FROM nope")
    # What PostgreSQL says of a value repeats it.
    for query in ("SELECT secret::int AS x FROM t", "SELECT 'a \"secret'::int AS x"):
        assert "invalid input syntax (what else is said may hold values, and is left out)" in told(query)
    assert "division by zero (" in told("SELECT 1 / (x - 999) AS x FROM many")
    server.run(
        "CREATE FUNCTION failing(v text) RETURNS int LANGUAGE plpgsql AS $$BEGIN RAISE 'no %', v; END$$;"
        "CREATE FUNCTION ending(v int) RETURNS bool LANGUAGE sql SECURITY DEFINER AS 'SELECT pg_terminate_backend(v)'"
    )
    assert "the query failed (" in told("SELECT failing(secret) AS x FROM t")
    assert "terminating connection (" in told("SELECT CASE x WHEN 999 THEN ending(pg_backend_pid()) END AS x FROM many")
    assert "has no column 'x'" in told("SELECT i FROM t")


def test_no_password_is_in_a_location_a_name_or_a_message(server, password, tmp_path, monkeypatch):
    ask = {"query": "SELECT x FROM many LIMIT 1"}
    for location in (
        "postgresql://reader:secret@h/db",
        "postgres://h/db?user=a&password=secret",
        "postgresql://h/?sslpassword=secret",
    ):
        assert "must not hold a password" in fault(location, ask)
    assert "'options' has no place" in fault("postgresql://h/db?options=secret", ask)
    assert "not an address" in fault("postgresql://[secret", ask)
    source = Catalogue().open(f"{server.address}?connect_timeout=9", SCHEMA, {**ask, "password_file": password})
    assert source.name == server.address
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert read(server.address, ask) == [1]
    monkeypatch.setenv("PGPASSWORD", "the secret")
    assert "does not let us in: password authentication failed" in fault(server.address, ask)
    wrong = tmp_path / "wrong"
    wrong.write_text("secret'& %")
    wrong.chmod(0o600)
    told = fault(server.address, {**ask, "password_file": str(wrong)})
    assert "does not let us in" in told
    assert quote("secret'& %", safe="") not in told
    assert "Connection refused" in fault("postgresql://reader@127.0.0.1:1/db", {**ask, "password_file": password})


def test_a_password_file_is_a_password_for_us_alone(server, tmp_path, password):
    ask = {"query": "SELECT x FROM many"}
    path = tmp_path / "p"
    for content in (b"", b"one\ntwo", b"x" * 2000, b"a\0b"):
        path.write_bytes(content)
        path.chmod(0o600)
        assert "does not hold a password" in fault(server.address, {**ask, "password_file": str(path)})
    path.chmod(0o644)
    told = fault(server.address, {**ask, "password_file": str(path)})
    assert "can be read by others on this machine | chmod 600" in told
    roots = (tmp_path / "in",)
    assert "outside the directories" in fault(server.address, {**ask, "password_file": password}, roots=roots)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in").mkdir()
    table = pa.table({"x": pa.array([1.5, None, 300.0]), "k": ["yes", "no", "yes"]})
    pyarrow.parquet.write_table(table, tmp_path / "in" / "a.parquet")
    (tmp_path / "in" / "b.csv").write_text("x,k\n7,no\n")
    (tmp_path / "out.csv").write_text("x\n1\n")
    return tmp_path


def test_duckdb_joins_files_and_reads_databases(folder):
    duckdb = pytest.importorskip("duckdb")
    query = f"SELECT x::DOUBLE AS x, k FROM '{folder}/in/a.parquet' UNION ALL SELECT * FROM '{folder}/in/*.csv'"
    assert read("duckdb:", {"query": query}, roots=(folder / "in",)) == [1.5, None, 300.0, 7.0]
    with duckdb.connect(str(folder / "in" / "t.duckdb")) as file:
        file.execute("CREATE TABLE t AS SELECT 0.5::DECIMAL(4, 2) AS x, DATE '2020-02-29' AS d, 'yes' AS k")
    place = f"duckdb:{folder}/in/t.duckdb"
    assert [str(v) for v in read(place, {"query": "FROM t"})] == ["0.50"]
    assert read(place, {"query": "SELECT d AS x FROM t"}) == ["2020-02-29"]
    assert "outside the directories" in fault(place, {"query": "FROM t"}, roots=(folder / "no",))


def test_duckdb_is_locked_in(folder):
    def told(query):
        return fault("duckdb:", {"query": query}, roots=(folder / "in",))

    for query in (
        f"SELECT * FROM '{folder}/out.csv'",
        f"SELECT * FROM '{folder}/in/../out.csv'",
        "SELECT content AS x FROM read_text('/etc/passwd')",
        "SELECT * FROM 'https://example.org/x.csv'",
        "SELECT * FROM progress",  # a variable of this program
        "SELECT getenv('HOME') AS x",
    ):
        assert "cannot answer" in told(query), query
    for query in (
        f"COPY (SELECT 1) TO '{folder}/in/new.csv'",
        "INSTALL httpfs",
        f"ATTACH '{folder}/in/new.db'",
        "SET enable_external_access = true",
        "SELECT 1 AS x; SELECT 2",
        "CREATE TABLE t (x int)",
        "PRAGMA database_list",
    ):
        assert "is not one SELECT" in told(query), query
    assert sorted(path.name for path in (folder / "in").iterdir()) == ["a.parquet", "b.csv"]
    (folder / "in" / "b.csv").write_text("x,k\n7,a secret\n")
    for query in ("SELECT 'a secret'::INT AS x", f"SELECT k::INT AS x FROM '{folder}/in/b.csv'"):
        assert "a value cannot be computed by the query (conversion error)" in told(query)


def test_without_the_library_the_extra_is_named(folder):
    code = (
        "import sys; sys.modules['duckdb'] = sys.modules['adbc_driver_sqlite'] = None\n"
        "from fedpeer.adapters.catalogue import Catalogue\n"
        "from fedpeer.core.errors import SourceError\n"
        f"for place in ('duckdb:', 'sqlite://{folder}/out.csv'):\n"
        "    try: Catalogue().open(place, None, {'query': 'SELECT 1'})\n"
        "    except SourceError as error: print(error, '|', error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines == [
        "this needs duckdb, which is not installed | pip install 'fedpeer[sql]'",
        "this needs adbc-driver-sqlite, which is not installed | pip install 'fedpeer[sql]'",
    ]
