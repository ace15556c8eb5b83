"""The packages are built one on the other; import-linter (pyproject.toml) holds their order."""

from __future__ import annotations

import graphlib

import grimp


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports for annotations count, too."""
    graph = grimp.build_graph("sdanalytics", exclude_type_checking_imports=False)
    imports = {}
    for module in graph.modules:
        imports[module] = graph.find_modules_directly_imported_by(module)
    graphlib.TopologicalSorter(imports).prepare()  # raises CycleError, which names the modules
