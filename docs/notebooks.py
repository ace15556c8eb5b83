"""Execute the notebooks and save them with their outputs: ``python docs/notebooks.py``.

They are committed with outputs so that they can be read without running them. Outputs that
depend on the machine or on the time are left out, to keep differences small.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client import KernelManager
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"

_CELL_TIMEOUT = 300
"""Seconds."""
_FORGET = "import matplotlib.pyplot as plt\nplt.close('all')\n%reset -f -s"


@contextlib.contextmanager
def start_kernel() -> Iterator[KernelManager]:
    """Start a kernel that executes several notebooks, one after the other, and end it.

    It takes seconds to start one, to import what notebooks use, and to fill the demo's store.
    """
    kernel = KernelManager(kernel_name="python3")
    kernel.start_kernel()
    try:
        yield kernel
    finally:
        kernel.shutdown_kernel(now=True)


def execute(path: Path, kernel: KernelManager | None = None) -> Any:
    """Return the notebook after running it from top to bottom.

    Parameters
    ----------
    path : pathlib.Path
    kernel : KernelManager, optional
        A running one, whose variables are forgotten first; by default one of its own.

    Raises
    ------
    RuntimeError
        If a cell, an Output widget or a status shows an error.
    """
    notebook = nbformat.read(path, as_version=4)
    if kernel is not None:
        notebook.cells.insert(0, nbformat.v4.new_code_cell(_FORGET))
    resources = {"metadata": {"path": path.parent}}
    client = NotebookClient(notebook, km=kernel, timeout=_CELL_TIMEOUT, resources=resources)
    client.execute()
    if kernel is not None:
        client.kc.stop_channels()  # as it does itself for a kernel of its own
        del notebook.cells[0]
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
