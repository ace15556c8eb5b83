"""Progress in a notebook: HTML that is updated in place, and saved as it ends.

It needs no widgets: not every notebook has them, and a saved one keeps how they began.
"""

from __future__ import annotations

import html
import sys
from collections.abc import Mapping
from typing import Any


def is_notebook() -> bool:
    """Return whether there is a notebook, or another front end of Jupyter, to display in."""
    shell = sys.modules.get("IPython")
    return shell is not None and getattr(shell.get_ipython(), "kernel", None) is not None


def progress_bundle(title: str, done: int, total: int, text: str) -> Mapping[str, str]:
    """Return the display of a progress: as text, and as HTML with a bar."""
    attributes = f'aria-label="days" value="{done}" max="{total}"'
    bar = f"<progress {attributes}></progress>"
    line = f"<b>{html.escape(title)}</b> {bar} {html.escape(text)}"
    return {
        "text/plain": f"{title}: {text}",
        "text/html": f'<div class="sdanalytics-progress">{line}</div>',
    }


class NotebookDisplay:
    """An output of a cell that can be replaced, as long as the kernel runs."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, bundle: Mapping[str, str]) -> None:
        """Display a bundle of MIME types instead of the one before."""
        if self._handle is not None:
            self._handle.update(bundle, raw=True)
            return
        from IPython.display import display

        self._handle = display(bundle, raw=True, display_id=True)  # type: ignore[no-untyped-call]
