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
    """Return the values of the column clicks, from top to bottom, without the total."""
    names = table.locator("thead tr:last-child th").all_inner_texts()
    column = [name.strip() for name in names].index("clicks")
    cells = table.locator(f"tbody tr > :nth-child({column + 1})").all_inner_texts()
    return [int(cell.replace(",", "")) for cell in cells]


def focused(notebook: Notebook, attribute: str) -> str | None:
    """Return an attribute of the element that has the keyboard."""
    value: str | None = notebook.page.evaluate(
        "attribute => document.activeElement.getAttribute(attribute)", attribute
    )
    return value


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
    notebook.field("Metrics").select_option(label="traffic and cost")
    press = notebook.page.keyboard.press
    notebook.output.get_by_role("button", name="Choose metrics").focus()
    press("Enter")
    notebook.field("Search metrics").wait_for()
    press("Tab")
    notebook.page.keyboard.type("units ordered 14d")
    notebook.wait_for_status("; 4 of [0-9]+ shown$")
    options = notebook.output.get_by_role("listbox", name="Choose metrics").get_by_role("option")
    expect_count(options, 4)

    # The list is one tab stop: arrows lead through it, Tab away from it.
    press("Tab")
    assert focused(notebook, "aria-label") == options.nth(0).get_attribute("aria-label")
    press("ArrowDown")
    press("End")
    assert focused(notebook, "aria-label") == options.nth(3).get_attribute("aria-label")
    press("Home")
    assert str(focused(notebook, "aria-label")).startswith("attributedUnitsOrdered14d: Units")
    assert focused(notebook, "aria-selected") == "false"
    press("Space")
    notebook.wait_for_status("^10 metrics selected; ")
    assert focused(notebook, "aria-selected") == "true"
    press("Tab")
    assert notebook.page.evaluate("() => document.activeElement.textContent") == "Fetch"

    # Fetch: the table and a plot with ink in it.
    press("Enter")
    notebook.wait_for_status("[1-9][0-9]* rows; 7 days fetched")
    figure = notebook.output.get_by_role("img", name="trend, metric cost, by asin")
    assert ink(pixels(figure)) > 0.01
    table = notebook.output.get_by_role("region", name="Summary").locator("table")
    assert re.search(r"B0[A-Z0-9]{8}", table.inner_text())
    assert clicks_column(table) != sorted(clicks_column(table))
    header = table.get_by_role("button", name="clicks: sort")
    header.click()
    assert clicks_column(table) == sorted(clicks_column(table), reverse=True)
    header.click()
    assert clicks_column(table) == sorted(clicks_column(table))
    assert table.locator("tfoot").inner_text().startswith("Total")
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


def test_a_user_can_compare_filter_save_and_turn_the_lights_off(
    lab: Lab, notebook: Notebook, service: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> None:
    service.set_content(lambda _: None)
    notebook.run_all()
    notebook.button("Last 14 days").click()
    notebook.field("Metrics").select_option(label="default")
    notebook.wait_for_status("^14 days ")

    # Fetch is off while the selection cannot be had, and the picker says why.
    notebook.field("Profile").select_option(index=1)
    notebook.field("Report").select_option(label="asins")
    alert = notebook.output.get_by_role("alert").filter(has_text="is a vendor")
    alert.wait_for()
    assert notebook.button("Fetch").is_disabled()
    notebook.field("Profile").select_option(index=0)
    notebook.field("Report").select_option(label="campaigns")
    alert.wait_for(state="detached")
    assert notebook.button("Fetch").is_enabled()

    # The first figure is in sight in a window of 1,280 x 800.
    notebook.page.set_viewport_size({"width": 1280, "height": 800})
    notebook.button("Fetch").click()
    notebook.output.get_by_text("Selection changed").wait_for(state="detached")
    notebook.wait_for_status("rows; ")
    figure = notebook.output.get_by_role("img", name="trend, metric cost, by campaignName")
    figure.wait_for()
    picker = notebook.output.locator(".sdanalytics-picker")
    picker.evaluate("picker => picker.closest('.jp-Cell').scrollIntoView()")
    box = figure.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 800

    # Compare with the period before.
    notebook.field("Compare with the period before").check()
    notebook.wait_for_status("; compared with ")
    comparison = notebook.output.get_by_role("region", name="Comparison with the period before")
    comparison.get_by_role("button", name="cost_change_share: sort").click()
    assert re.search("[+-][0-9.]+%", comparison.locator("tbody").inner_text())
    notebook.output.get_by_text("conversions of period_b were still arriving").wait_for()

    # One campaign, chosen with the keyboard.
    notebook.button("Campaigns: all").click()
    campaigns = notebook.output.get_by_role("listbox", name="Campaigns")
    option = campaigns.get_by_role("option", name=re.compile("^Tents – Category"))
    option.focus()
    notebook.page.keyboard.press("Space")
    notebook.button("Campaigns: 1 of 12").wait_for()
    expect_count(comparison.locator("tbody tr"), 1)
    name = option.get_attribute("aria-label")
    assert re.fullmatch("Tents – Category: [0-9]{18}", str(name))

    # Figures take the colours of a dark theme.
    figure = notebook.output.get_by_role("img", name=re.compile("^trend, .* compared with"))
    assert pixels(figure)[0, 0].min() > 0.9
    notebook.set_theme("JupyterLab Dark")
    notebook.wait_for_background(figure)
    assert pixels(figure)[0, 0].max() < 0.2

    # Files are beside the notebook.
    notebook.button("Excel").click()
    notebook.wait_for_status("^Saved as campaigns-comparison-by-campaignName_Northwind-Outdoor-US_")
    assert list(lab.root.glob("campaigns-comparison-*.xlsx"))
    assert notebook.errors == ""
    assert lab.outside == []


def expect_count(found: Locator, count: int) -> None:
    found.nth(count - 1).wait_for()
    found.nth(count).wait_for(state="detached")
