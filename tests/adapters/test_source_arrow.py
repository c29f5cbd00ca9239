"""Arrow files: both forms, dictionaries, damage."""

import pyarrow as pa
import pyarrow.feather
import pytest

from fedpeer.adapters.source_arrow import ArrowSource
from fedpeer.core.errors import SourceError

TABLE = pa.table(
    {
        "k": pa.array(["a", None, "b", "a"]).dictionary_encode(),
        "list": [[1], [2], [], None],
        "x": pa.array([1, 2, None, 4], pa.int32()),
    }
)


@pytest.fixture
def write(tmp_path):
    def writer(open_=pa.ipc.new_file, **options):
        path = tmp_path / "t.arrow"
        with open_(path, TABLE.schema, **options) as file:
            file.write_table(TABLE, max_chunksize=3)
        return path

    return writer


def fault(path, columns=("x",)):
    with pytest.raises(SourceError) as caught:
        list(ArrowSource(path).batches(columns))
    assert str(path) in str(caught.value)
    return f"{caught.value} | {caught.value.hint}"


@pytest.mark.parametrize("form", [pa.ipc.new_file, pa.ipc.new_stream])
@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_both_forms_are_read_whatever_the_name_says(write, form, compression):
    source = ArrowSource(write(form, options=pa.ipc.IpcWriteOptions(compression=compression)))
    batches = list(source.batches(["x", "k"]))
    assert [v for batch in batches for v in batch.column(0).to_pylist()] == [1, 2, None, 4]
    assert [v for batch in batches for v in batch.column(1).to_pylist()] == ["a", None, "b", "a"]
    assert "'list' has lists or structures" in fault(source.name, ["list"])


def test_damage_is_told(write, tmp_path):
    whole = write().read_bytes()
    path = tmp_path / "damaged.arrow"
    path.write_bytes(whole[: len(whole) // 2])
    assert "is not an Arrow file" in fault(path)
    stream = write(pa.ipc.new_stream).read_bytes()
    path.write_bytes(stream[:-200])
    assert "is damaged after row 3" in fault(path)
    path.write_bytes(b"x,y\n1,2\n")
    assert "is not an Arrow file" in fault(path)
    path.write_bytes(b"")
    assert "is not an Arrow file" in fault(path)
    pyarrow.feather.write_feather(TABLE.select(["x"]), path, version=1)
    assert "Feather file of version 1 | write it again, as version 2" in fault(path)
    assert "is not a file" in fault(tmp_path)


def test_texts_that_are_none_are_damage(tmp_path):
    data = pa.py_buffer(b"\xff\xfe")
    texts = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), data)
    batch = pa.record_batch({"x": texts})
    with pa.ipc.new_file(tmp_path / "t.arrow", batch.schema) as file:
        file.write_batch(batch)
    assert "is damaged after row 0" in fault(tmp_path / "t.arrow")
