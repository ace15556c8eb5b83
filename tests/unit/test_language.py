"""The language of the code: its words, and its density.

The words are those of docs/glossary.md. Identifiers that are banned here once named things in
a language of this project's own.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import sdanalytics as sda
from sdanalytics import plots

PACKAGE = Path(__file__).parents[2] / "sdanalytics"
MODULES = sorted(PACKAGE.rglob("*.py"))

MAX_NODES_A_LINE = 5.2
MAX_COMPREHENSIONS_IN_1000_LINES = 20
MAX_MODULE_LINES = 400
MAX_CLASS_LINES = 250
MAX_BODY_LINES = 35

ODD_BEGINNING = re.compile(r"(What|Those|That|As|Where|Whose|Which)\b")
NOT_COUNTED = (ast.expr_context, ast.operator, ast.cmpop, ast.boolop, ast.unaryop)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

BANNED = frozenset((Path(__file__).parent / "banned_identifiers.txt").read_text().split())
"""Identifiers of the private language that this code was written in first."""


@functools.cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def nodes(path: Path) -> list[ast.AST]:
    """Return all nodes of a module."""
    return list(ast.walk(parse(path)))


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def documented(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if docstring:
                yield docstring


def docstring_lines(path: Path) -> set[int]:
    lines: set[int] = set()
    for node in nodes(path):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_text and isinstance(node.value.value, str):  # type: ignore[attr-defined]
            lines.update(range(node.lineno, (node.end_lineno or 0) + 1))  # type: ignore[attr-defined]
    return lines


def count_code_lines(path: Path) -> int:
    documentation = docstring_lines(path)
    count = 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = line.strip()
        if text and not text.startswith("#") and number not in documentation:
            count += 1
    return count


def count_nodes(kinds: tuple[type[ast.AST], ...]) -> int:
    return sum(isinstance(node, kinds) for path in MODULES for node in nodes(path))


@pytest.fixture(scope="module")
def code_lines() -> int:
    return sum(map(count_code_lines, MODULES))


def test_lines_are_not_dense(code_lines: int) -> None:
    nodes = count_nodes((ast.AST,)) - count_nodes(NOT_COUNTED)
    assert nodes / code_lines < MAX_NODES_A_LINE


def test_steps_have_names_instead_of_comprehensions(code_lines: int) -> None:
    assert 1000 * count_nodes(COMPREHENSIONS) / code_lines < MAX_COMPREHENSIONS_IN_1000_LINES


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_docstrings_begin_with_what_a_thing_is_or_does(path: Path) -> None:
    odd = [text.partition("\n")[0] for text in documented(path) if ODD_BEGINNING.match(text)]
    assert not odd, "begin with a verb in the imperative, or with a noun"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_identifiers_are_words_of_the_field(path: Path) -> None:
    found = {name for name in identifiers(path) if name.strip("_") in BANNED}
    assert not found, "docs/glossary.md has today's words"


def identifiers(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.arg | ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name


def test_functions_do_not_end_in_of() -> None:
    found = []
    for path in MODULES:
        for node in nodes(path):
            if isinstance(node, FUNCTIONS) and node.name.endswith("_of"):
                found.append(f"{name_of(path)}: {node.name}")
    assert not found


def test_no_name_is_defined_in_two_modules() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for path in MODULES:
        for node in parse(path).body:
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not is_special(node.name):
                homes[node.name].append(name_of(path))
    repeated = {name: modules for name, modules in homes.items() if len(modules) > 1}
    assert not {name for name, modules in repeated.items() if not is_figure(name, modules)}


def is_figure(name: str, modules: list[str]) -> bool:
    """Return whether a figure has the name of the public function whose frame it draws."""
    wings = sorted(module.partition("/")[0] for module in modules)
    return wings == ["analysis", "plots"] and {name} <= set(plots.__all__) & set(sda.__all__)


def is_special(name: str) -> bool:
    """Return whether Python defines the name for any module, such as ``__dir__``."""
    return name.startswith("__") and name.endswith("__")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_modules_classes_and_functions_are_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_MODULE_LINES
    for node in nodes(path):
        if isinstance(node, ast.ClassDef):
            assert last_line(node) - node.lineno + 1 <= MAX_CLASS_LINES, node.name
        elif isinstance(node, FUNCTIONS):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if body:
                assert last_line(body[-1]) - body[0].lineno + 1 < MAX_BODY_LINES, node.name


def last_line(node: ast.stmt) -> int:
    assert node.end_lineno is not None
    return node.end_lineno


def test_no_module_shadows_the_standard_library() -> None:
    shadows = {name_of(path) for path in MODULES if path.stem in sys.stdlib_module_names}
    assert not shadows - {"__init__.py", "__main__.py"}
