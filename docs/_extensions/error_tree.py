"""The directive ``error-tree``: all exceptions and warnings, one below the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from sdanalytics import errors

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOTS = (errors.SDAnalyticsError, errors.SDAnalyticsWarning)


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive."""
    app.add_directive("error-tree", ErrorTree)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class ErrorTree(SphinxDirective):
    """Nested lists of the classes of `sdanalytics.errors`, each with its first sentence."""

    def run(self) -> list[nodes.Node]:
        """Return a list for each root."""
        lines = [line for root in ROOTS for line in format_branch(root, 0)]
        return [nodes.container("", *self.parse_text_to_nodes("\n".join(lines)), classes=["tree"])]


def format_branch(error: type, depth: int) -> list[str]:
    """Return the Markdown of a class and of those derived from it."""
    sentence = str(error.__doc__).partition("\n")[0]
    others = [base.__name__ for base in error.__bases__ if base.__module__ == "builtins"]
    beside = f" (also {', '.join(f'`{name}`' for name in others)})" if others and depth else ""
    lines = [f"{'  ' * depth}- `{error.__name__}`{beside}: {sentence}"]
    subclasses: list[type] = error.__subclasses__()
    for derived in subclasses:
        if derived.__module__ == errors.__name__:
            lines += format_branch(derived, depth + 1)
    return lines
