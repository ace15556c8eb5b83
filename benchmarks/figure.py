"""The figure of the page: time and memory side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.results import Section


def draw(sections: Mapping[str, Section], path: Path) -> None:
    """Draw what there is of parsing and reading."""
