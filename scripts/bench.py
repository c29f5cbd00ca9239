"""`make bench`: what fedpeer costs, as ratios to the plainest thing that does the same work, measured in one run.

Each ratio is the median of pairs taken in turn (A B A B ...), so a machine that slows down slows both. Give names to
run only some: `python scripts/bench.py gram collect solve pulse round rebuild requests learn start csv parquet growth
secure flower ckks`. Stop other work first. `--smoke` tries the last three with little, to see that they run.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from asking import bench_learn, bench_requests
from measure import PAIRS, pairs, report, timed
from pulsing import COLUMNS, NARROW, WIDE, bench_pulse, bench_rebuild, bench_round, schema
from sums import bench_ckks, bench_flower, bench_secure

from fedpeer.cli.crew import crew
from fedpeer.core.models.fit import fit
from fedpeer.core.statistics.collect import collect, tally
from fedpeer.core.statistics.feature import Feature
from fedpeer.core.statistics.gram import Gram
from fedpeer.core.statistics.schema import Schema
from fedpeer.core.statistics.summary import Summary
from fedpeer.daemon import source
from fedpeer.plots.canvas import COLOURS, drawn, sheet

GROWTH = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "growth.svg"


def bench_collect() -> None:
    """Collecting a table in memory, against the float arithmetic that it makes exact."""
    rows = 1_000_000
    values = np.random.default_rng(1).uniform(-100, 100, (COLUMNS, rows)).round(3)
    table = pa.table({f"x{i}": values[i] for i in range(COLUMNS)})
    matrix = np.ascontiguousarray(values.T)
    agreed, further = schema(COLUMNS), schema(COLUMNS, blocks=["powers", "histogram"])
    report(
        f"collect {rows:,} x {COLUMNS} | X.T @ X",
        pairs(lambda: collect(agreed, table), lambda: matrix.T @ matrix),
        "<= 2x",
    )
    report(
        f"collect {rows:,} x {COLUMNS} with powers and histograms | without",
        pairs(lambda: collect(further, table), lambda: collect(agreed, table), 3),
        "<= 2x",
    )
    report(
        f"collect {rows:,} x {COLUMNS} | np.cov",
        pairs(lambda: collect(agreed, table), lambda: np.cov(matrix, rowvar=False), 3),
        "<= 0.5x",
    )


def bench_gram() -> None:
    """The exact Gram kernel on encoded columns, against numpy's on the same floats."""
    rows = 1_000_000
    values = np.random.default_rng(1).uniform(-100, 100, (COLUMNS, rows))
    matrix = np.ascontiguousarray(values.T)
    for wide, what, goal in (
        (0, "all narrow", 1.2),
        (COLUMNS // 10, "a tenth two limbs", 1.6),
        (COLUMNS, "all two", 4),
    ):
        steps = np.where(np.arange(COLUMNS) < wide, 1 / float(WIDE), 1 / float(NARROW))
        encoded, agreed = np.rint(values * steps[:, None]), schema(COLUMNS, wide=wide)
        measured = pairs(lambda q=encoded, s=agreed: _gram(s, q), lambda: matrix.T @ matrix)
        report(f"exact Gram matrix {rows:,} x {COLUMNS}, {what} | X.T @ X", measured, f"<= {goal}x")


def _gram(agreed: Schema, encoded: np.ndarray) -> None:
    gram, start, rows = Gram(agreed), 0, encoded.shape[1]
    while start < rows:
        stop = min(rows, start + gram.room)
        for i, column in enumerate(encoded):
            gram.target(i, stop - start)[:] = column[start:stop]
        gram.commit(stop - start, None)
        start = stop
    gram.residues()


def bench_solve() -> None:
    """Whole reports from a summary, against the plain float solution of equations of the same size."""
    for columns, count in ((100, 9), (1000, 3)):
        summary = _correlated(columns)
        gram = summary.products().astype(np.float64)[:-1, :-1]
        measured = pairs(lambda s=summary: fit(s, "ols", "y"), lambda g=gram: np.linalg.inv(g), count)
        report(f"ols, {columns:,} features | np.linalg.inv", measured, "<= 20 ms" if columns == 100 else "<= 3 s")
        if columns == 100:
            path = pairs(lambda s=summary: fit(s, "elastic_net", "y"), lambda g=gram: np.linalg.inv(g), count)
            report(f"elastic net, {columns} features, a path of 100 points | np.linalg.inv", path, "<= 0.5 s")


def _correlated(columns: int) -> Summary:
    rng, rows = np.random.default_rng(3), 5 * columns + 1000
    values = rng.normal(size=(rows, 5)) @ rng.normal(size=(5, columns)) + 3 * rng.normal(size=(rows, columns))
    target = values @ rng.normal(size=columns) / columns + rng.normal(size=rows)
    features = [Feature(f"x{i}", "continuous", min=-100, max=100, resolution=NARROW) for i in range(columns)]
    agreed = Schema([*features, Feature("y", "continuous", min=-100, max=100, resolution=NARROW)])
    return collect(agreed, {"y": target} | {f"x{i}": values[:, i] for i in range(columns)})


def bench_start() -> None:
    """From a command to a daemon that says it is ready, against Python importing what a daemon imports."""
    imports = "import numpy, pyarrow, scipy.special, aiohttp, nats, cryptography, apscheduler, msgspec"

    def start() -> None:
        with tempfile.TemporaryDirectory() as folder, crew(Path(folder), ["node"]) as ready:
            begun.append(time.perf_counter())
            ready()
            taken.append(time.perf_counter() - begun[-1])

    taken: list[float] = []
    begun: list[float] = []
    bare = [timed(lambda: subprocess.run([sys.executable, "-c", imports], check=True)) for _ in range(PAIRS)]
    for _ in range(PAIRS):
        start()
    ours, theirs = statistics.median(taken), statistics.median(bare)
    report("daemon from start to ready | Python importing its libraries", (ours, theirs, ours / theirs), "<= 1.5 s")


def bench_csv() -> None:
    """The memory of collecting a CSV of 2 GB, and its time against the fastest scan of the same file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        _write_csv(path, 2 << 30)
        code = (
            "import resource, sys; from pathlib import Path; from fedpeer.daemon import source;"
            "from fedpeer.core.statistics.collect import tally; "
            "from fedpeer.core.statistics.schema import Schema; from fedpeer.core.statistics.feature import Feature;"
            "s = Schema([Feature(f'x{i}', 'continuous', min=-100, max=100, resolution='0.001') for i in range(20)]);"
            "c = tally(s, source(Path(sys.argv[1]), s).batches([f.name for f in s.inputs]));"
            "print(c.counted, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
        )
        begun = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
        ours = time.perf_counter() - begun
        theirs = timed(lambda: [None for _ in pyarrow.csv.open_csv(path)])
        rows, resident = (int(word) for word in done.stdout.split())
        report(f"collect a CSV of 2 GB ({rows:,} rows x 20) | pyarrow's scan", (ours, theirs, ours / theirs), "-")
        print(f"{'    most memory resident meanwhile':<74} {resident:8d} MB{'':24}goal <= 400 MB", flush=True)


def _write_csv(path: Path, size: int) -> None:
    block = np.random.default_rng(2).uniform(-100, 100, (100_000, 20)).round(3)
    lines = "\n".join(",".join(f"{v:.3f}" for v in row) for row in block).encode() + b"\n"
    with path.open("wb") as file:
        file.write(",".join(f"x{i}" for i in range(20)).encode() + b"\n")
        while file.tell() < size:
            file.write(lines)


def bench_parquet() -> None:
    """Counting a Parquet file of 10,000,000 x 30, against pyarrow's scan of it and numpy's product of each part."""
    rows, columns = 10_000_000, 30
    agreed, names = schema(columns), [f"x{i}" for i in range(columns)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        part = np.random.default_rng(4).uniform(-100, 100, (columns, rows // 100)).round(3)
        table = pa.table(dict(zip(names, part, strict=True)))
        with pyarrow.parquet.ParquetWriter(path, table.schema) as writer:
            for _ in range(100):
                writer.write_table(table)

        def theirs() -> None:
            total = np.zeros((columns, columns))
            for batch in pyarrow.parquet.ParquetFile(path).iter_batches(65_536):
                block = np.stack([column.to_numpy() for column in batch.columns])
                total += block @ block.T

        measured = pairs(lambda: tally(agreed, source(path, agreed).batches(names)), theirs, 3)
        report(f"count a Parquet file of {rows:,} x {columns} | pyarrow's scan and X.T @ X", measured, "<= 2x")


def bench_growth() -> None:
    """How counting grows: with rows, and with columns; drawn into docs/pictures/growth.svg."""
    by_rows = {rows: _growing(rows, 50) for rows in (62_500, 125_000, 250_000, 500_000, 1_000_000)}
    by_columns = {columns: _growing(20_000, columns) for columns in (125, 250, 500, 1000, 2000)}

    def draw() -> object:
        figure, every = sheet(2, columns=2, size=(3.6, 2.8))
        told = (("rows of 50 columns", by_rows, 1), ("columns of 20,000 rows", by_columns, 2))
        for axes, (label, found, power) in zip(every, told, strict=True):
            sizes, seconds = list(found), list(found.values())
            axes.loglog(sizes, seconds, marker="o", color=COLOURS[0], label="measured")
            straight = [seconds[-1] * (size / sizes[-1]) ** power for size in sizes]
            axes.loglog(sizes, straight, color=COLOURS[1], linestyle=":", label=("linear", "quadratic")[power - 1])
            axes.minorticks_off()
            axes.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=30)
            axes.yaxis.set_major_formatter("{x:g}")
            axes.set_xlabel(label)
            axes.set_ylabel("seconds")
            axes.legend()
        return figure

    GROWTH.write_bytes(drawn(draw, "svg"))


def _growing(rows: int, columns: int) -> float:
    values = np.random.default_rng(5).uniform(-100, 100, (columns, rows)).round(3)
    table, agreed = pa.table({f"x{i}": values[i] for i in range(columns)}), schema(columns)
    matrix = np.ascontiguousarray(values.T)
    measured = pairs(lambda: collect(agreed, table), lambda: matrix.T @ matrix, 3)
    report(f"collect {rows:,} x {columns:,} | X.T @ X", measured, "-")
    return measured[0]


BENCHES: Mapping[str, Callable[[], None]] = {
    "gram": bench_gram,
    "collect": bench_collect,
    "solve": bench_solve,
    "pulse": bench_pulse,
    "round": bench_round,
    "rebuild": bench_rebuild,
    "requests": bench_requests,
    "learn": bench_learn,
    "start": bench_start,
    "csv": bench_csv,
    "parquet": bench_parquet,
    "growth": bench_growth,
    "secure": bench_secure,
    "flower": bench_flower,
    "ckks": bench_ckks,
}
SMOKE = {
    "secure": partial(bench_secure, smoke=True),
    "flower": partial(bench_flower, smoke=True),
    "ckks": partial(bench_ckks, smoke=True),
}


def main(names: Sequence[str], benches: Mapping[str, Callable[[], None]]) -> None:
    print(json.dumps({"cores": os.cpu_count(), "python": sys.version.split()[0], "numpy": np.__version__}))
    print(f"{'what | against what':<74} {'ours':>10} {'theirs':>10}   ratio")
    for name in names or benches:
        benches[name]()


if __name__ == "__main__":
    main([name for name in sys.argv[1:] if name != "--smoke"], SMOKE if "--smoke" in sys.argv else BENCHES)
