"""The picker in JupyterLab in Chromium, by mouse and keyboard."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import sdanalytics as sda
from sdanalytics.sandbox import Report, Sandbox
from tests.e2e.lab import MISSING_REQUIREMENTS, Lab, Notebook, ink, pixels

if TYPE_CHECKING:
    from playwright.sync_api import Locator

pytestmark = [
    pytest.mark.skipif(
        bool(MISSING_REQUIREMENTS), reason=f"not installed: {', '.join(MISSING_REQUIREMENTS)}"
    ),
    # Playwright leaves the closing of its pipes to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture(scope="module")
def service() -> Iterator[Sandbox]:
    with sda.sandbox.start(delay=0.3) as running:
        yield running


@pytest.fixture(scope="module")
def lab(service: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab, whose notebooks have an account: that of the sandbox of this process."""
    folder = tmp_path_factory.mktemp("lab") / "notebooks"
    shutil.copytree(NOTEBOOKS, folder)
    store = {"SDANALYTICS_CACHE_DIR": str(folder.with_name("store"))}
    with Lab(folder, service.environment | store) as running:
        yield running


def never_ready(report: Report) -> None:
    report.ready_at = math.inf


@pytest.fixture
def notebook(lab: Lab) -> Iterator[Notebook]:
    opened = lab.open("10-picker.ipynb")
    yield opened
    opened.close()


def clicks_column(table: Locator) -> list[int]:
    """Return the values of the column clicks, from top to bottom."""
    names = table.page.locator("table:visible thead th").all_inner_texts()
    column = [name.strip() for name in names].index("clicks")
    cells = table.locator(f"tbody tr td:nth-child({column + 1})").all_inner_texts()
    return [int(cell.replace(",", "")) for cell in cells]


def test_a_user_can_choose_fetch_plot_and_cancel(
    lab: Lab, notebook: Notebook, service: Sandbox
) -> None:
    notebook.run_all()

    # Choose a report, days and metrics.
    notebook.field("Report").select_option(label="productAds")
    notebook.button("Last 30 days").click()
    notebook.wait_for_status("^30 days .* to fetch: ")
    first = date.fromisoformat(notebook.field("To").input_value()) - timedelta(days=6)
    notebook.field("From").focus()
    notebook.page.keyboard.type(f"{first:%m%d%Y}")  # of the year, one digit after the other
    notebook.wait_for_status("^7 days .* to fetch: ")
    notebook.field("Preset").select_option(label="traffic and cost")
    notebook.field("Search").fill("units ordered 14d")
    box = notebook.output.get_by_role("checkbox", name=re.compile("^attributedUnitsOrdered14d:"))
    notebook.output.get_by_text(re.compile("; 4 of [0-9]+ shown$")).wait_for()
    box.press("Space")
    notebook.output.get_by_text("10 metrics selected; ").wait_for()

    # Fetch: the table and a plot with ink in it.
    notebook.button("Fetch").focus()
    notebook.page.keyboard.press("Enter")
    notebook.wait_for_status("[1-9][0-9]* rows; 7 days fetched")
    figure = notebook.output.get_by_role("img", name="trend, metric cost, by asin")
    assert ink(pixels(figure)) > 0.01
    table = notebook.output.locator("table:visible:has(tbody tr)").first
    assert re.search(r"B0[A-Z0-9]{8}", table.inner_text())
    assert clicks_column(table) != sorted(clicks_column(table))
    # The header exists twice, because the rows scroll below it.
    notebook.output.get_by_role("button", name="clicks: Activate to sort").first.click()
    notebook.output.get_by_role("button", name="clicks: Activate to invert").first.wait_for()
    assert clicks_column(table) == sorted(clicks_column(table))
    code = notebook.output.get_by_label("The same in Python").inner_text()
    assert 'sda.fetch_report("productAds"' in code
    assert '"attributedUnitsOrdered14d"' in code

    # Another plot, drawn in a callback, where figures of pyplot would be blank.
    notebook.field("Plot").select_option(label="top")
    assert ink(pixels(notebook.output.get_by_role("img", name="top, metric cost, by asin"))) > 0.01

    # A slow report, cancelled.
    service.set_content(never_ready)
    notebook.field("Report").select_option(label="targets")
    notebook.button("Fetch").click()
    notebook.wait_for_status("14 reports in flight")
    notebook.button("Fetch").click()
    notebook.wait_for_status("A fetch is running")
    notebook.button("Cancel").click()
    notebook.wait_for_status("^Cancelled. What had arrived is stored", seconds=5)

    assert notebook.errors == ""
    assert lab.outside == []
