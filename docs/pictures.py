"""Update the pictures of README and documentation: ``python docs/pictures.py`` (needs Chromium)."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
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

from tests.e2e.lab import Lab, Notebook  # noqa: E402
from tests.support.box import Box  # noqa: E402
from tests.support.clock import JumpingClock  # noqa: E402
from tests.support.guide_account import join_account, open_account  # noqa: E402

FIRST_MORNING = datetime(2026, 11, 3, 17, tzinfo=UTC)
"""Nine o'clock where the sandbox's first profile is."""
MORNINGS = 42
"""Days with a fetch: there is a history, from which `maturity` learns."""
ONE_DAY = 24 * 3600
_SCROLL = """() =>
  document.querySelector('.sdanalytics-picker').closest('.jp-Cell').scrollIntoView()
"""


def draw_front() -> None:
    """Draw final numbers with their band beside a waterfall, ``front.png``."""
    mpl.use("agg")
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(open_account(Path(folder, "store")))
        stack.enter_context(join_account())
        campaigns = sda.fetch_report("campaigns", days=28)
        curve = sda.maturity()
    weeks = ("2026-11-02", "2026-11-08"), ("2026-11-09", "2026-11-15")
    why = sda.explain(campaigns, *weeks, metric="acos", final=curve)
    figure = plt.figure(figsize=(13, 4.4), layout="constrained")
    panels: Any = figure.subfigures(1, 2)
    sda.plots.trend(campaigns, "sales", final=curve, ax=panels[0].subplots())
    sda.plots.waterfall(why, ax=panels[1].subplots())
    figure.savefig(DOCS / "front.png", dpi=110)


def draw_figures() -> None:
    """Draw eight figures on one page, ``plots.png``."""
    mpl.use("agg")
    arguments = fetch_arguments()
    figure = plt.figure(figsize=(13, 16), layout="constrained")
    panels: Any = figure.subfigures(4, 2)  # unlike subplots, each has its own layout
    for panel, (name, (data, options)) in zip(panels.flat, arguments.items(), strict=True):
        plot = getattr(sda.plots, name)
        ax = plot(data, ax=panel.subplots(), **options)
        ax.set_title(f"plots.{name}", loc="left", fontweight="bold")
    figure.savefig(DOCS / "plots.png", dpi=80)


def fetch_arguments() -> FigureArguments:
    """Return the arguments of each figure on the page, by its name.

    They are of a user of a sandbox who has fetched every morning.
    """
    clock = JumpingClock(FIRST_MORNING)
    box = Box(clock)
    with box.sandbox, tempfile.TemporaryDirectory() as folder:
        client = box.client_for(0, "v3")
        store = sda.ReportCache(folder)
        for morning in range(MORNINGS):
            next_morning = FIRST_MORNING.timestamp() + morning * ONE_DAY
            clock.pass_time(next_morning - clock.now().timestamp())
            days = box.day(60), box.day(1)
            sda.fetch_report("campaigns", *days, client=client, cache=store)
        four_weeks = box.day(28), box.day(1)
        campaigns = sda.fetch_report("campaigns", *four_weeks, client=client, cache=store)
        asins = sda.fetch_report("asins", *four_weeks, client=client, cache=store)
        curve = sda.maturity(store)
        fortnight = (box.day(28), box.day(15)), (box.day(14), box.day(1))
    return {
        "trend": (campaigns, {"metric": "sales", "by": "costType", "final": curve}),
        "top": (campaigns, {"dot": "acos", "n": 8}),
        "maturity": (curve, {}),
        "waterfall": (sda.explain(campaigns, *fortnight, metric="acos", final=curve), {}),
        "efficiency": (campaigns, {"acos": [0.2, 0.4, 0.8]}),
        "funnel": (campaigns, {}),
        "halo": (asins, {"n": 6}),
        "calendar": (campaigns, {}),
    }


def screenshot_picker() -> None:
    """Take pictures of `ReportPicker` in a window of JupyterLab, in a light and a dark theme."""
    with tempfile.TemporaryDirectory() as folder:
        name = "10-picker.ipynb"
        shutil.copy(DOCS.parent / "notebooks" / name, folder)
        with Lab(Path(folder), width=1280, height=800) as lab:
            notebook = lab.open(name)
            notebook.run_all()
            notebook.button("Last 14 days").click()
            notebook.field("Metrics").select_option(label="default")
            notebook.wait_for_status("^14 days .* to fetch: ")
            notebook.button("Fetch").click()
            notebook.output.get_by_text("Selection changed").wait_for(state="detached")
            _show_picker(notebook, "trend, metric cost, by campaignName")
            notebook.page.screenshot(path=DOCS / "picker.png")
            notebook.field("Compare with the period before").check()
            notebook.wait_for_status("compared with")
            notebook.field("of").select_option(label="ACOS")
            notebook.field("Plot").select_option(label="waterfall")
            notebook.set_theme("JupyterLab Dark")
            _show_picker(notebook, re.compile("^waterfall, metric acos"))
            notebook.page.screenshot(path=DOCS / "picker-dark.png")
            notebook.close()


def _show_picker(notebook: Notebook, figure: str | re.Pattern[str]) -> None:
    """Scroll to the picker, and wait until its figure is drawn in the colours of the theme."""
    image = notebook.output.get_by_role("img", name=figure)
    image.wait_for()
    notebook.wait_for_background(image)
    notebook.page.evaluate(_SCROLL)


if __name__ == "__main__":
    draw_front()
    draw_figures()
    screenshot_picker()
