"""What an import loads: a start takes no seconds, and optional packages stay optional."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from typing import Any

import pytest

from sdanalytics import analysis, plots

HEAVY = {"matplotlib", "ipywidgets", "IPython", "werkzeug", "tqdm"}
READS_A_STORE = "maturity"
"""The one analysis that does: it learns from the history."""
ALL_ANALYSES = [module.name for module in pkgutil.iter_modules(analysis.__path__)]
ANALYSES = [name for name in ALL_ANALYSES if name != READS_A_STORE]
FIGURE_MODULES = [module.name for module in pkgutil.iter_modules(plots.__path__)]

DRAW = """
import matplotlib
import pandas as pd
from sdanalytics import plots
matplotlib.use("agg")
days = pd.date_range("2026-11-01", periods=3, unit="s")
plots.calendar(pd.DataFrame({"date": days, "clicks": [1, 2, 3]}), "clicks")
figures = [getattr(plots, name) for name in dir(plots)]
"""
LOAD_IN_EACH_ORDER = f"""
import importlib
result = []
for modules in ({FIGURE_MODULES}, {FIGURE_MODULES[::-1]}):
    for name in [name for name in sys.modules if name.startswith("sdanalytics")]:
        del sys.modules[name]
    from sdanalytics import plots
    for module in modules:
        importlib.import_module(f"sdanalytics.plots.{{module}}")
    figures = [getattr(plots, name) for name in dir(plots)]
    result.append([figure.__name__ for figure in figures if callable(figure)])
"""


def run_fresh(code: str) -> Any:
    """Run code in a fresh interpreter, and return the value of its variable `result`."""
    script = f"import json, sys\n{code}\nprint(json.dumps(result))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def modules_after_each(steps: dict[str, str]) -> dict[str, set[str]]:
    """Run code step by step in a fresh interpreter, and return the modules loaded after each."""
    code = "result = {}\n"
    for name, step in steps.items():
        code += f"{step}\nresult[{name!r}] = [name for name in sys.modules if sys.modules[name]]\n"
    return {name: set(modules) for name, modules in run_fresh(code).items()}


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def wings(modules: set[str]) -> set[str]:
    """Return the modules and packages directly in `sdanalytics` that are loaded."""
    return {name.split(".")[1] for name in modules if name.startswith("sdanalytics.")}


@pytest.fixture(scope="module")
def offline() -> dict[str, set[str]]:
    """Return what is loaded, step by step, from the bare import to a figure."""
    return modules_after_each(
        {
            "package": "import sdanalytics",
            "metrics": "import sdanalytics.metrics",
            "plots": "import sdanalytics.plots",
            "analysis": "\n".join(f"import sdanalytics.analysis.{name}" for name in ANALYSES),
            "figure": DRAW,
        }
    )


def test_importing_loads_no_heavy_modules(offline: dict[str, set[str]]) -> None:
    loaded = packages(offline["package"])
    assert "sdanalytics" in loaded
    assert loaded.isdisjoint({*HEAVY, "pandas", "pyarrow", "requests", "numpy"})


def test_the_catalogue_loads_without_pandas(offline: dict[str, set[str]]) -> None:
    assert "sdanalytics.metrics" in offline["metrics"]
    assert "pandas" not in offline["metrics"]


def test_importing_plots_does_not_load_matplotlib(offline: dict[str, set[str]]) -> None:
    assert "sdanalytics.plots" in offline["plots"]
    assert offline["plots"].isdisjoint({"matplotlib", "pandas"})


def test_the_analysis_loads_neither_the_network_nor_the_store(
    offline: dict[str, set[str]],
) -> None:
    assert {"kpis", "summarize", "compare", "forecast_final", "explain"} <= set(ANALYSES)
    assert READS_A_STORE in ALL_ANALYSES
    loaded = offline["analysis"]
    assert loaded.isdisjoint({"requests", "urllib3", "sqlite3", "pyarrow.parquet"})
    own = {"_core", "_version", "analysis", "errors", "model"}
    assert wings(loaded) <= own | wings(offline["plots"])
    assert wings(offline["plots"]) <= own | {"metrics", "plots"}


def test_drawing_loads_neither_the_network_nor_the_store(offline: dict[str, set[str]]) -> None:
    loaded = offline["figure"]
    assert {"sdanalytics.plots.coverage_grid", "matplotlib"} <= loaded
    assert wings(loaded).isdisjoint({"api", "fetch", "parsing", "store"})
    assert loaded.isdisjoint({"requests", "sqlite3"})


@pytest.fixture(scope="module")
def online() -> dict[str, set[str]]:
    """Return what is loaded by the fetching of reports, then by the picker's model."""
    return modules_after_each(
        {
            "fetch": "from sdanalytics import fetch_report",
            "picker": "sys.modules['ipywidgets'] = None\nimport sdanalytics.widgets.picker_model",
        }
    )


def test_fetching_loads_no_heavy_modules(online: dict[str, set[str]]) -> None:
    assert "requests" in packages(online["fetch"])
    assert packages(online["fetch"]).isdisjoint({*HEAVY, "pandas"})  # that waits for a frame


def test_the_picker_model_needs_no_widgets(online: dict[str, set[str]]) -> None:
    assert "sdanalytics.widgets.picker_model" in online["picker"]
    assert "ipywidgets" not in online["picker"]


def test_figures_are_functions_in_whatever_order_modules_load() -> None:
    assert run_fresh(LOAD_IN_EACH_ORDER) == [plots.__all__, plots.__all__]
    assert set(FIGURE_MODULES).isdisjoint(plots.__all__)
