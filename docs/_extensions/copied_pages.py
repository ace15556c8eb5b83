"""Pages that are made of what stands elsewhere in the repository.

The notebooks, the gallery, and the files for contributors beside the README.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

DOCS = Path(__file__).parents[1]
NOTEBOOKS = DOCS.parent / "notebooks"
LINKS = {
    "](../docs/": "](../",
    "](../README.md": "](https://github.com/sdanalytics/sdanalytics/blob/main/README.md",
}
"""How links of notebooks begin in the repository, and on the site."""
PROJECT_FILES = ("CONTRIBUTING.md", "RELEASING.md", "SECURITY.md", "CODE_OF_CONDUCT.md")
"""Files where GitHub looks for them, at the root of the repository."""
MADE_PAGES = ("notebooks/", "project/", "reference/api/", "gallery")
"""How the names of pages begin that have no file to edit."""
FIGURE = """
## {title}

{sees}

```{{code-cell}} python
{code}```

Reference: `sda.plots.{name}`
"""


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx looks for them."""
    app.connect("config-inited", write_pages)
    app.connect("html-page-context", remove_edit_button)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_pages(app: Sphinx, config: Config) -> None:
    """Copy notebooks and files for contributors, and write the gallery from its table."""
    copy_notebooks(DOCS / "notebooks")
    copy_project_files(DOCS / "project")
    write_if_changed(DOCS / "gallery.md", format_gallery())


def copy_notebooks(folder: Path) -> None:
    """Let `folder` have the notebooks that there are, and no others."""
    folder.mkdir(exist_ok=True)
    for path in folder.glob("*.ipynb"):
        if not NOTEBOOKS.joinpath(path.name).exists():
            path.unlink()
    for path in NOTEBOOKS.glob("*.ipynb"):
        text = path.read_text(encoding="utf-8")
        for link, page in LINKS.items():
            text = text.replace(link, page)
        write_if_changed(folder / path.name, text)


def copy_project_files(folder: Path) -> None:
    """Write the files for contributors as pages; they link to `docs` from one folder above it."""
    folder.mkdir(exist_ok=True)
    for name in PROJECT_FILES:
        text = DOCS.parent.joinpath(name).read_text(encoding="utf-8")
        write_if_changed(folder / name, text.replace("](docs/", "](../"))


def remove_edit_button(
    app: Sphinx, page: str, template: str, context: dict[str, Any], document: Any
) -> None:
    """Leave out the button that leads to a page's file, where the file is written by the build."""
    if page.startswith(MADE_PAGES):
        context["page_source_suffix"] = ""


def format_gallery() -> str:
    """Return the page of the gallery: its introduction, then each figure of the table."""
    with DOCS.joinpath("gallery.toml").open("rb") as file:
        table = tomllib.load(file)
    figures = [FIGURE.format(**figure) for figure in table["figures"]]
    return str(table["introduction"]) + "".join(figures)


def write_if_changed(path: Path, text: str) -> None:
    """Write a page unless it has this text: an unchanged page is not read again."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
