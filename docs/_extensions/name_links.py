"""Public names in backticks become links to the reference.

So pages stay plain Markdown: ``sda.fetch_report``, ``fetch_report(...)``, ``ReportCache.read`` and
``InvalidRequest`` are found by their names, with or without the module; in docstrings, too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.transforms import SphinxTransform

import sdanalytics as sda

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

MODULES = {
    "": sda,
    "plots.": sda.plots,
    "metrics.": sda.metrics,
    "sandbox.": sda.sandbox,
    "errors.": sda.errors,
}
NAME = re.compile(r"(?:sda\.|sdanalytics\.)?([A-Za-z_][\w.]*)(?:\(.*\))?", re.DOTALL)


def setup(app: Sphinx) -> dict[str, Any]:
    """Look at the literals of each page, and at the names that Sphinx does not find."""
    app.add_transform(NameLinks)
    app.connect("missing-reference", resolve_short_name)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class NameLinks(SphinxTransform):
    """Wrap each literal that is a public name into a reference to its page."""

    default_priority = 20

    def apply(self, **kwargs: Any) -> None:
        """Replace the literals of the document."""
        for literal in list(self.document.findall(nodes.literal)):
            if isinstance(literal.parent, nodes.reference | pending_xref | nodes.title):
                continue
            target = find_target(literal.astext())
            if target is not None:
                reference = pending_xref(
                    "", reftype="obj", refdomain="py", reftarget=target, refexplicit=True,
                    refdoc=self.env.docname, refwarn=True,
                )  # fmt: skip
                literal.replace_self(reference)
                reference += literal


def resolve_short_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.TextElement
) -> nodes.reference | None:
    """Find the page of a name that a docstring has without its module."""
    if node.get("refdomain") != "py":
        return None
    target = find_target(node["reftarget"])
    if target is None or target == node["reftarget"]:
        return None
    domain = env.domains.python_domain
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", target, node, contnode)


def find_target(text: str) -> str | None:
    """Return the whole name of what a literal names; None if that is not public.

    A function of one word must be called, or have its module in front: `report` is a word, too.
    """
    match = NAME.fullmatch(text)
    if match is None:
        return None
    name = match[1]
    if isinstance(getattr(sda.errors, name.partition(".")[0], None), type):
        name = f"errors.{name}"
    prefix = next((prefix for prefix in MODULES if prefix and name.startswith(prefix)), "")
    first, _, attribute = name.removeprefix(prefix).partition(".")
    if first not in list_public_names(prefix):
        return None
    is_word = first.islower() and "_" not in first and not prefix
    if is_word and text == first:
        return None
    value = getattr(MODULES[prefix], first)
    if attribute and not (isinstance(value, type) and hasattr(value, attribute)):
        return None
    return f"sdanalytics.{name}"


def list_public_names(prefix: str) -> set[str]:
    """Return the names of a module that have a page in the reference."""
    module = MODULES[prefix]
    if module is sda.errors:
        return {name for name, value in vars(module).items() if isinstance(value, type)}
    return set(module.__all__) - set(vars(sda.errors)) - {"errors", "metrics", "plots", "sandbox"}
