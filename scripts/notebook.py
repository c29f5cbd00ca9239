"""Runs docs/notebook.ipynb and keeps what its cells answer.

`--check` writes nothing and exits with 1 if a cell fails, or answers otherwise than the notebook shows.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

PAGE = Path(__file__).resolve().parents[1] / "docs" / "notebook.ipynb"


def run(notebook: Any) -> Any:
    """Return the notebook with every cell run in its order, in a fresh kernel; CellExecutionError if one fails."""
    fresh = nbformat.from_dict(notebook)
    for cell in fresh.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    NotebookClient(fresh, timeout=120, kernel_name="python3").execute()
    for cell in fresh.cells:
        cell.metadata = {}
        for output in cell.get("outputs", ()):
            output.pop("metadata", None)
            if output.output_type != "stream":
                output["metadata"] = {}
    fresh.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return fresh


def main(arguments: list[str]) -> int:
    """Run and keep, or check; the exit code."""
    if arguments not in ([], ["--check"]):
        print("usage: python scripts/notebook.py [--check]", file=sys.stderr)
        return 2
    notebook = nbformat.read(PAGE, 4)
    fresh = run(notebook)
    if not arguments:
        PAGE.write_text(nbformat.writes(fresh) + "\n", "utf-8")
        return 0
    stale = [i for i, (a, b) in enumerate(zip(notebook.cells, fresh.cells, strict=True)) if answers(a) != answers(b)]
    for place in stale:
        print(f"cell {place} answers otherwise than docs/notebook.ipynb shows: run scripts/notebook.py")
    return 1 if stale else 0


def answers(cell: Any) -> list[Any]:
    """What a cell has answered, as values to compare."""
    return [output.get("data", output.get("text")) for output in cell.get("outputs", ())]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
