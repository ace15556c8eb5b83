"""Make the pictures of the README again: ``python docs/pictures.py`` (Chromium is needed)."""

from __future__ import annotations

import shutil
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd

import sdanalytics as sda

Shown = dict[str, tuple[pd.DataFrame, dict[str, Any]]]

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))  # the browser is driven as in the tests

from tests.lab import Lab  # noqa: E402


def figures() -> None:
    """The six figures on one page."""
    mpl.use("agg")
    last = date.today() - timedelta(days=2)
    with sda.sandbox.start(delay=0) as box:
        days = (last - timedelta(days=27), last)
        campaigns = sda.fetch_report("campaigns", *days, client=box.client, cache=False)
        asins = sda.fetch_report("asins", *days, client=box.client, cache=False)
    figure = plt.figure(figsize=(13, 12), layout="constrained")
    parts: Any = figure.subfigures(3, 2)  # each with a layout of its own
    shown = figures_of(campaigns, asins)
    for part, (name, (data, options)) in zip(parts.flat, shown.items(), strict=True):
        ax = getattr(sda.plots, name)(data, ax=part.subplots(), **options)
        ax.set_title(f"plots.{name}", loc="left", fontweight="bold")
    figure.savefig(DOCS / "plots.png", dpi=80)


def figures_of(campaigns: pd.DataFrame, asins: pd.DataFrame) -> Shown:
    """Which figures, of what, how."""
    return {
        "trend": (campaigns, {"by": "campaignName"}),
        "top": (campaigns, {"dot": "acos", "n": 8}),
        "efficiency": (campaigns, {"acos": [0.2, 0.4, 0.8]}),
        "funnel": (campaigns, {}),
        "halo": (asins, {"n": 6}),
        "calendar": (campaigns, {}),
    }


def picker() -> None:
    """`ReportPicker` in JupyterLab after a fetch."""
    with tempfile.TemporaryDirectory() as folder:
        name = "04-picker.ipynb"
        shutil.copy(DOCS.parent / "notebooks" / name, folder)
        with Lab(Path(folder), width=1240, height=1900) as lab:
            notebook = lab.open(name)
            notebook.run_all()
            notebook.field("Preset").select_option(label="default")
            notebook.field("Search").fill("sales 14d")
            notebook.button("Fetch").click()
            notebook.wait_for_status("of 28 reports")
            notebook.wait_for_status("rows; 14 days fetched")
            notebook.field("Plot").select_option(label="top")
            notebook.output.get_by_role("img", name="top, metric cost").wait_for()
            notebook.output.locator(".sdanalytics-picker").screenshot(path=DOCS / "picker.png")
            notebook.close()


if __name__ == "__main__":
    figures()
    picker()
