"""Execute the notebooks and save them with their outputs: ``python notebooks/execute.py``.

They are committed with outputs so that they can be read where nothing runs; what tells of the
machine or of the minute is left out, so that only changes show as changes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent


def execute(path: Path) -> nbformat.NotebookNode:
    """The notebook after running from top to bottom; an error in a cell is raised."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": FOLDER}})
    client.execute()
    return notebook


def clean(notebook: nbformat.NotebookNode) -> None:
    """Leave out timings, progress bars, and the state of widgets, which no code host draws."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_progress(output)]


def _is_progress(output: nbformat.NotebookNode) -> bool:
    return " reports |" in output.get("data", {}).get("text/plain", "")


def main() -> None:
    """Execute the named notebooks, or all of them, in place."""
    paths = [Path(name) for name in sys.argv[1:]] or sorted(FOLDER.glob("*.ipynb"))
    for path in paths:
        notebook = execute(path)
        clean(notebook)
        nbformat.write(notebook, path)


if __name__ == "__main__":
    main()
