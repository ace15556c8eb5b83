"""The pages of the documentation, and the code in them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
WRITTEN_BY_THE_BUILD = ("_build", "notebooks/", "project/", "reference/api", "gallery.md")


def list_pages() -> list[Path]:
    """Return the README and all pages that somebody has written."""
    pages = [ROOT / "README.md"]
    for path in sorted(DOCS.rglob("*.md")):
        name = path.relative_to(DOCS).as_posix()
        if not name.startswith(WRITTEN_BY_THE_BUILD):
            pages.append(path)
    return pages


def find_blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a page in a language, from top to bottom; they may be indented.

    Those of ``python`` are also the cells that the build runs.
    """
    text = page.read_text(encoding="utf-8")
    fences = rf"^(?P<indent> *)```(?:{language}|{{code-cell}} {language})\n(?P<code>.*?)^ *```"
    blocks = []
    for found in re.finditer(fences, text, re.DOTALL | re.MULTILINE):
        lines = found["code"].splitlines()
        blocks.append("\n".join(line.removeprefix(found["indent"]) for line in lines))
    return blocks


def has_unexecuted_code(page: Path) -> bool:
    """Return whether a page has Python that the build does not run."""
    return re.search(r"^ *```python$", page.read_text(encoding="utf-8"), re.MULTILINE) is not None
