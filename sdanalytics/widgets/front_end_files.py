"""Scripts and styles of the picker that run in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).with_name("front_end")


def read_front_end(name: str) -> str:
    """Return the text of a script or style.

    anywidget would watch a file that it is given as a path, and keep each widget for that.
    """
    file = _FOLDER / name
    return file.read_text(encoding="utf-8")
