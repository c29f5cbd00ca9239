"""Held-out rows at a location: read under `data.roots`, as the daemon reads what it counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics

from fedpeer.adapters.catalogue import Catalogue
from fedpeer.core.errors import RequestError, SourceError
from fedpeer.core.models.evaluate import Terms, evaluate
from fedpeer.core.models.fit import fit
from fedpeer.node.assessing import HeldOut, assessed
from fedpeer.ports import Source
from tests.support import real

TABLE, SUMMARY = real.iris()
MODEL = fit(SUMMARY, "ols", target="petal_width", features=["petal_length", "species"])


def written(path: Path, rows: dict[str, np.ndarray]) -> Path:
    lines = [",".join(rows), *(",".join(map(str, row)) for row in zip(*rows.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return path


def opened(held: HeldOut, *roots: Path) -> Source:
    catalogue = Catalogue(chunk_rows=7, roots=roots)
    return held.opened(catalogue.open, catalogue.rows, SUMMARY.schema)


def test_a_file_is_read_in_parts_with_its_columns_mapped(tmp_path):
    rows = {("Art" if name == "species" else name): values for name, values in TABLE.items()}
    path = written(tmp_path / "held.csv", rows | {"width now": TABLE["petal_width"]})
    terms, told = Terms(truth="width now"), []
    held = HeldOut(str(path), options={"map": {"Art": "species"}}, terms=terms)
    found = assessed(MODEL, opened(held, tmp_path), terms, told.append)
    assert found == evaluate(MODEL, TABLE)
    predicted = MODEL.predict(TABLE)
    expected = metrics.root_mean_squared_error(TABLE["petal_width"], predicted)
    assert found.regression.rmse.value == pytest.approx(expected, rel=1e-12)
    assert told == sorted(told)
    assert told[-1] == path.stat().st_size


def test_files_elsewhere_are_not_read(tmp_path):
    path = written(tmp_path / "held.csv", TABLE)
    with pytest.raises(SourceError):
        opened(HeldOut(str(path)), tmp_path / "allowed")


def test_a_file_without_an_input_or_a_truth_is_refused(tmp_path):
    for name in ("petal_length", "petal_width"):
        path = written(tmp_path / "held.csv", {key: values for key, values in TABLE.items() if key != name})
        with pytest.raises(SourceError, match=f"no column '{name}'"):
            assessed(MODEL, opened(HeldOut(str(path))), Terms(), lambda _: None)


def test_work_that_is_stopped_stops(tmp_path):
    path = written(tmp_path / "held.csv", TABLE)

    def stop(_: int) -> None:
        raise RequestError("enough")

    with pytest.raises(RequestError, match="enough"):
        assessed(MODEL, opened(HeldOut(str(path))), Terms(), stop)
