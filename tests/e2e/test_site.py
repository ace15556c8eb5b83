"""The documentation as `make docs` builds it: complete, linked, searchable, readable."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

import pytest

import sdanalytics as sda
from tests.e2e.lab import CHROMIUM, MISSING_REQUIREMENTS
from tests.support.guides import DOCS, ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [
    # Playwright leaves the closing of its pipes to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
in_a_browser = pytest.mark.skipif(
    bool(MISSING_REQUIREMENTS), reason=f"not installed: {', '.join(MISSING_REQUIREMENTS)}"
)

PAGE_TYPES = (
    "index", "getting-started", "guide/why", "gallery", "notebooks", "reference/index",
    "reference/api/sdanalytics.fetch_report", "reference/api/sdanalytics.ReportCache",
    "reference/errors", "troubleshooting", "statistics", "performance", "changelog",
)  # fmt: skip


SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
TOO_WIDE = """
[...document.querySelectorAll(".bd-article :is(h1, h2, h3, p, dt, dd, li, img)")]
  .filter(element => !element.closest("pre, table, .output") && element.checkVisibility())
  .filter(element => element.getBoundingClientRect().right > innerWidth + 1)
  .map(element => element.textContent.slice(0, 60))
"""
"""Elements that reach beyond the window; code, tables and outputs scroll by themselves."""


class Links(HTMLParser):
    """What a page links to, what it loads, and the anchors that it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.targets: set[str] = set()
        self.loaded: set[str] = set()
        self.anchors = {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors.add(values.get("id", ""))
        if tag == "a" and "href" in values:
            self.targets.add(values["href"])
        elif tag in ("img", "script", "iframe") and "src" in values:
            self.loaded.add(values["src"])
        elif tag == "link" and values.get("rel") in ("stylesheet", "preload", "icon"):
            self.loaded.add(values["href"])


@cache
def read_links(path: Path) -> Links:
    return Links(path)


@pytest.fixture(scope="module")
def site() -> Path:
    """Return the folder of the site, built as `make docs` does: only what has changed.

    Processes of tests take turns; the later ones find nothing to do.
    """
    fcntl = pytest.importorskip("fcntl")
    makefile = ROOT.joinpath("Makefile").read_text(encoding="utf-8")
    [command] = re.findall(r"-m (sphinx .*?docs/_build/html)$", makefile, re.DOTALL | re.MULTILINE)
    arguments = command.replace("\\\n", " ").split()
    (DOCS / "_build").mkdir(exist_ok=True)
    with (DOCS / "_build" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert process.returncode == 0, process.stdout + process.stderr
    return DOCS / "_build" / "html"


def list_site_pages(site: Path) -> list[Path]:
    """Return the pages of the site, without the templates of its theme."""
    return [page for page in site.rglob("*.html") if "_static" not in page.parts]


def test_internal_links_lead_to_pages_and_places_that_exist(site: Path) -> None:
    pages = list_site_pages(site)
    assert len(pages) > 100
    broken = []
    count = 0
    for page in pages:
        for target in read_links(page).targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            count += 1
            linked = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            is_page = linked.suffix == ".html" and linked.is_file()
            has_place = is_page and unquote(parts.fragment) in read_links(linked).anchors
            if not (has_place or (linked.is_file() and not is_page)):
                broken.append(f"{page.relative_to(site)}: {target}")
    assert not broken
    assert count > 3000


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    for page in list_site_pages(site):
        for address in read_links(page).loaded:
            parts = urlsplit(address)
            if parts.scheme == "data":
                continue
            assert not parts.netloc, f"{page}: {address}"
            assert (page.parent / unquote(parts.path)).is_file(), f"{page}: {address}"


def list_public_names() -> Iterator[str]:
    for name in sda.__all__:
        if name not in ("__version__", "errors", "metrics", "plots", "sandbox"):
            # Errors have one page, under the module that they are in.
            yield f"errors.{name}" if hasattr(sda.errors, name) else name
    for module in (sda.plots, sda.metrics, sda.sandbox):
        for name in module.__all__:
            if name not in sda.__all__ or module is sda.plots:
                yield f"{module.__name__.removeprefix('sdanalytics.')}.{name}"
    yield "errors.NotReady"


@pytest.mark.parametrize("name", sorted(set(list_public_names())))
def test_each_public_name_has_its_page(name: str, site: Path) -> None:
    page = site / "reference" / "api" / f"sdanalytics.{name}.html"
    assert f"sdanalytics.{name}" in read_links(page).anchors


def test_all_errors_are_in_the_tree(site: Path) -> None:
    links = read_links(site / "reference" / "errors.html").targets
    errors = [
        name
        for name, value in vars(sda.errors).items()
        if isinstance(value, type) and issubclass(value, Warning | sda.SDAnalyticsError)
    ]
    assert len(errors) > 25
    for name in errors:
        linked = f"api/sdanalytics.errors.{name}.html#sdanalytics.errors.{name}"
        assert linked in links, name


def test_every_figure_is_in_the_gallery(site: Path) -> None:
    with DOCS.joinpath("gallery.toml").open("rb") as file:
        figures = tomllib.load(file)["figures"]
    assert {figure["name"] for figure in figures} == set(sda.plots.__all__) - {"data"}
    pictures = [
        address
        for address in read_links(site / "gallery.html").loaded
        if address.startswith("_images/")
    ]
    assert len(pictures) >= len(figures)


def test_every_notebook_has_a_page(site: Path) -> None:
    notebooks = sorted(ROOT.joinpath("notebooks").glob("*.ipynb"))
    assert notebooks
    index = read_links(site / "notebooks.html").targets
    for notebook in notebooks:
        assert f"notebooks/{notebook.stem}.html" in index


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


@in_a_browser
@pytest.mark.parametrize("name", PAGE_TYPES)
def test_pages_fit_a_phone_and_follow_the_dark_theme(
    name: str, site: Path, browser_page: Page
) -> None:
    address = site.joinpath(f"{name}.html").as_uri()
    lightness: list[Any] = []
    for scheme in SCHEMES:
        browser_page.emulate_media(color_scheme=scheme)
        for width in (400, 1280):
            browser_page.set_viewport_size({"width": width, "height": 900})
            browser_page.goto(address)
            assert browser_page.evaluate("document.documentElement.scrollWidth") <= width
            assert browser_page.evaluate(TOO_WIDE) == []
        color = browser_page.evaluate("getComputedStyle(document.body).backgroundColor")
        lightness.append(sum(map(int, re.findall(r"\d+", color)[:3])))
    assert lightness[0] > 600
    assert lightness[1] < 150


@in_a_browser
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("waterfall", "guide/why"),
        ("invalid traffic", "troubleshooting"),
        ("fetch_report", "sdanalytics.fetch_report"),
    ],
)
def test_the_search_finds_pages(words: str, found: str, site: Path, browser_page: Page) -> None:
    browser_page.goto(f"{site.joinpath('search.html').as_uri()}?q={words.replace(' ', '+')}")
    browser_page.locator(f"#search-results li a[href*='{found}']").first.wait_for()
