"""What the package imports is what it declares: nothing is there by luck."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("sdanalytics/**/*.py"))
EXTRAS = {
    "sdanalytics/widgets/": "notebook",
    "sdanalytics/store/sql.py": "sql",
    "sdanalytics/api/keyring_secrets.py": "keyring",
    "sdanalytics/delivery/workbook.py": "excel",
    "sdanalytics/delivery/report_page.py": "report",
}
"""The extras of modules that not everybody uses."""
FOUND_LOADED = {"IPython"}
"""Packages that are used only in a program that has loaded them itself."""


def imported_packages(path: str) -> Iterator[str]:
    for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.partition(".")[0]


def packages_in(requirements: list[str]) -> set[str]:
    return {Requirement(text).name.replace("-", "_") for text in requirements}


def declared_packages(path: str) -> set[str]:
    extras = [extra for start, extra in EXTRAS.items() if path.startswith(start)]
    optional = [text for extra in extras for text in PROJECT["optional-dependencies"][extra]]
    return packages_in([*PROJECT["dependencies"], *optional])


@pytest.mark.parametrize("path", MODULES)
def test_a_module_imports_only_what_is_declared(path: str) -> None:
    own = {"sdanalytics", *sys.stdlib_module_names, *FOUND_LOADED}
    assert set(imported_packages(path)) - own <= declared_packages(path)


def test_whatever_is_required_is_used() -> None:
    """Data of time zones are no import."""
    imported = {name for path in MODULES for name in imported_packages(path)}
    assert packages_in(PROJECT["dependencies"]) - imported == {"tzdata"}
