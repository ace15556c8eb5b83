"""The report in Chromium: on a phone and a desk, in the dark and on paper."""

from __future__ import annotations

from pathlib import Path

import pytest

import sdanalytics as sda
from tests.e2e.lab import CHROMIUM, MISSING_REQUIREMENTS
from tests.integration.test_report import HOSTILE_NAMES, WEEK, two_campaigns
from tests.support.box import Box

pytestmark = [
    pytest.mark.skipif(
        bool(MISSING_REQUIREMENTS), reason=f"not installed: {', '.join(MISSING_REQUIREMENTS)}"
    ),
    pytest.mark.filterwarnings("ignore:no row of a report has a value"),
    # Playwright leaves the closing of its pipes to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def test_a_page_reads_anywhere_and_runs_nothing(box: Box, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    box.sandbox.set_content(two_campaigns)
    file = tmp_path / "week.html"
    sda.report(file, *WEEK, client=box.client_for(0, "v3"), cache=False)
    seen: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("dialog", lambda dialog: seen.append(f"dialog: {dialog.message}"))
        page.on("console", lambda message: seen.append(f"console: {message.text}"))
        page.on("request", lambda request: seen.append(request.url))
        page.goto(file.as_uri())
        images = page.locator("img").all()
        assert len(images) == 4  # sales, the change, the month, what is stored
        for image in images:
            assert image.evaluate("image => image.complete && image.naturalWidth > 300")
        assert page.get_by_text(HOSTILE_NAMES[0], exact=True).first.is_visible()
        for width in (360, 800, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") == width
        backgrounds = []
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            backgrounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert backgrounds == ["rgb(255, 255, 255)", "rgb(20, 23, 27)"]
        assert page.pdf(format="A4").startswith(b"%PDF")
        browser.close()
    assert seen == [file.as_uri()]
