"""Update the pictures of the README: ``python docs/pictures.py`` (needs Chromium)."""

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

FigureArguments = dict[str, tuple[pd.DataFrame, dict[str, Any]]]
"""The frame and the options of each figure."""

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))  # the tests drive the browser

from tests.e2e.lab import Lab  # noqa: E402


def draw_figures() -> None:
    """Draw six figures on one page, ``plots.png``."""
    mpl.use("agg")
    last = date.today() - timedelta(days=2)
    with sda.sandbox.start(delay=0) as box:
        days = (last - timedelta(days=27), last)
        campaigns = sda.fetch_report("campaigns", *days, client=box.client, cache=False)
        asins = sda.fetch_report("asins", *days, client=box.client, cache=False)
    figure = plt.figure(figsize=(13, 12), layout="constrained")
    panels: Any = figure.subfigures(3, 2)  # unlike subplots, each has its own layout
    arguments = figure_arguments(campaigns, asins)
    for panel, (name, (data, options)) in zip(panels.flat, arguments.items(), strict=True):
        plot = getattr(sda.plots, name)
        ax = plot(data, ax=panel.subplots(), **options)
        ax.set_title(f"plots.{name}", loc="left", fontweight="bold")
    figure.savefig(DOCS / "plots.png", dpi=80)


def figure_arguments(campaigns: pd.DataFrame, asins: pd.DataFrame) -> FigureArguments:
    """Return the arguments of each figure on the page, by its name."""
    return {
        "trend": (campaigns, {"by": "campaignName"}),
        "top": (campaigns, {"dot": "acos", "n": 8}),
        "efficiency": (campaigns, {"acos": [0.2, 0.4, 0.8]}),
        "funnel": (campaigns, {}),
        "halo": (asins, {"n": 6}),
        "calendar": (campaigns, {}),
    }


def screenshot_picker() -> None:
    """Take a picture of `ReportPicker` in JupyterLab after a fetch, ``picker.png``."""
    with tempfile.TemporaryDirectory() as folder:
        name = "04-picker.ipynb"
        shutil.copy(DOCS.parent / "notebooks" / name, folder)
        with Lab(Path(folder), width=1240, height=1900) as lab:
            notebook = lab.open(name)
            notebook.run_all()
            notebook.field("Preset").select_option(label="default")
            notebook.field("Search").fill("sales 14d")
            notebook.button("Fetch").click()
            notebook.wait_for_status("of 14 days")
            notebook.wait_for_status("rows; 14 days fetched")
            notebook.field("Plot").select_option(label="top")
            notebook.output.get_by_role("img", name="top, metric cost").wait_for()
            notebook.output.locator(".sdanalytics-picker").screenshot(path=DOCS / "picker.png")
            notebook.close()


if __name__ == "__main__":
    draw_figures()
    screenshot_picker()
