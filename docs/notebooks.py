"""Execute the notebooks and save them with their outputs: ``python docs/notebooks.py``.

They are committed with outputs so that they can be read without running them. Outputs that
depend on the machine or on the time are left out, to keep differences small.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"


def execute(path: Path) -> Any:
    """Return the notebook after running it from top to bottom.

    Raises
    ------
    RuntimeError
        If a cell, an Output widget or a status shows an error.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=100, resources={"metadata": {"path": path.parent}})
    client.execute()
    if errors := list(_find_errors(notebook)):
        raise RuntimeError(f"{path.name}: " + "\n".join(errors))
    return notebook


def _find_errors(notebook: Any) -> Iterator[str]:
    """Yield the errors and warnings of cells, and those that only a widget shows."""
    for cell in notebook.cells:
        yield from _find_output_errors(cell.get("outputs", []))
    widgets = notebook.metadata.get("widgets", {})
    states = widgets.get("application/vnd.jupyter.widget-state+json", {}).get("state", {})
    for widget in states.values():
        yield from _find_output_errors(widget["state"].get("outputs", []))
        shown = widget["state"].get("value")
        if isinstance(shown, str) and 'role="alert"' in shown:
            yield re.sub("<[^>]*>", "", shown)


def _find_output_errors(outputs: Any) -> Iterator[str]:
    for output in outputs:
        if output["output_type"] == "error":
            yield f"{output['ename']}: {output['evalue']}"
        elif output["output_type"] == "stream" and output["name"] == "stderr":
            yield output["text"]


def clean(notebook: Any) -> None:
    """Leave out timings, progress bars, and the state of widgets, which no code host draws."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_progress(output)]


def _is_progress(output: Any) -> bool:
    html = output.get("data", {}).get("text/html", "")
    text = output.get("data", {}).get("text/plain", "")
    return "sdanalytics-progress" in html and not text.startswith("<ReportJob")


def main() -> None:
    """Execute the named notebooks, or all of them, in place."""
    paths = [Path(name) for name in sys.argv[1:]] or sorted(FOLDER.glob("*.ipynb"))
    for path in paths:
        notebook = execute(path)
        clean(notebook)
        nbformat.write(notebook, path)


if __name__ == "__main__":
    main()
