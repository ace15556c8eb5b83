"""The settings of the documentation: ``make docs`` builds it in ``docs/_build``."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]  # the extensions, and the tests' account

from numpydoc.xref import DEFAULT_LINKS  # noqa: E402

import sdanalytics as sda  # noqa: E402

project = "sdanalytics"
author = "The sdanalytics authors"
project_copyright = "the sdanalytics authors"
version = release = sda.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_nb",
    "sphinx_copybutton",
    "sphinx_design",
    "_extensions.copied_pages",
    "_extensions.error_tree",
    "_extensions.name_links",
    "_extensions.sandbox_account",
]
exclude_patterns = ["_build", "_extensions", "_templates"]
templates_path = ["_templates"]

# Docstrings name things in single backticks.
default_role = "py:obj"
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"  # the sections of the docstrings tell the types
numpydoc_show_class_members = False  # the template of classes lists them
numpydoc_xref_param_type = True  # links errors, and our own classes
numpydoc_xref_aliases = {word: word for word in DEFAULT_LINKS}  # not words of Python's own pages
numpydoc_xref_ignore = {*DEFAULT_LINKS, "optional", "of", "or", "and", "to", "path", "two"}

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "auto"
nb_execution_excludepatterns = ["notebooks/*"]  # as committed
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_timeout = 120
nb_merge_streams = True
nb_render_markdown_format = "myst"  # links in outputs, too, lead to pages
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # no page loads anything from elsewhere

html_theme = "pydata_sphinx_theme"
html_title = "sdanalytics"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_sidebars: dict[str, list[str]] = {
    "index": [],
    "getting-started": [],
    "gallery": [],
    "troubleshooting": [],
    "changelog": [],
}  # they have no pages below them
html_theme_options = {
    "github_url": "https://github.com/sdanalytics/sdanalytics",
    "header_links_before_dropdown": 5,
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "use_edit_page_button": True,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_context = {
    "github_user": "sdanalytics",
    "github_repo": "sdanalytics",
    "github_version": "main",
    "doc_path": "docs",
}
