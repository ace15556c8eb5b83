"""A demo on the sandbox: two weeks of campaigns and purchased ASINs, fetched, cached, plotted."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd

from sdanalytics import plots, sandbox
from sdanalytics.errors import InvalidRequest
from sdanalytics.fetch.entry_points import fetch_report
from sdanalytics.model.literals import RecordType
from sdanalytics.store.cache import ReportCache

if TYPE_CHECKING:
    from sdanalytics.sandbox import Sandbox

DEMO_DAYS: Final = 14
HALO_METRIC: Final = "viewAttributedSales14dOtherSKU"
CAMPAIGN_COLUMNS: Final = ("date", "tactic", "campaignName", "costType", "clicks", "cost")
ASIN_COLUMNS: Final = ("date", "tactic", "asin", "otherAsin", HALO_METRIC)

_PRINTED_ROWS: Final = 6
_PRINTED_WIDTH: Final = 110
"""Characters of a line of a printed frame."""
_FIGURE_DPI: Final = 150


def run_demo(folder: Path, delay: float) -> None:
    """Fetch two reports, show them, fetch them again from the cache, and plot them.

    Parameters
    ----------
    folder : pathlib.Path
        Where the cache and the figures go.
    delay : float
        Seconds that the sandbox takes to build a report.

    Raises
    ------
    InvalidRequest
        When the folder cannot be made.
    MissingDependency
        When the package that the sandbox runs on is not installed.
    """
    with sandbox.start(delay=delay) as server:
        cache = _create_empty_cache(folder)
        _print(f"The sandbox serves {server.base_url}: no account, nothing leaves this machine.")
        campaigns = _fetch_and_time(server, cache, "campaigns")
        asins = _fetch_and_time(server, cache, "asins")
        _print_frame(campaigns, CAMPAIGN_COLUMNS)
        _print_frame(asins, ASIN_COLUMNS)
        _print("The same two calls again:")
        requests_before = len(server.requests)
        _fetch_and_time(server, cache, "campaigns")
        _fetch_and_time(server, cache, "asins")
        requests_sent = len(server.requests) - requests_before
        _print(f"  {requests_sent} requests were sent for these: all from the cache.")
    figures = _save_figures(campaigns, asins, folder)
    _print(f"Figures:  {', '.join(map(str, figures))}")
    file_count = len(cache.entries())
    _print(f"Parquet:  {cache.path} ({file_count} files, one per day and tactic)")


def _create_empty_cache(folder: Path) -> ReportCache:
    """Create a cache with nothing in it, so that every run of the demo shows the same."""
    path = folder / "demo-store"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(path, ignore_errors=True)
    except OSError as error:
        raise InvalidRequest(
            f"--output must be a folder that can be written to, got {folder}: {error.strerror}"
        ) from error
    return ReportCache(path)


def _fetch_and_time(server: Sandbox, cache: ReportCache, record_type: RecordType) -> pd.DataFrame:
    """Fetch a report of the last days, and print how long it took."""
    last = server.today - timedelta(1)  # today's reports are partial
    first = last - timedelta(DEMO_DAYS - 1)
    started_at = time.perf_counter()
    frame = fetch_report(
        record_type,
        first,
        last,
        client=server.client,
        cache=cache,
    )
    seconds = time.perf_counter() - started_at
    metadata = frame.attrs["sdanalytics"]
    fetched = metadata["days_fetched"]
    cached = metadata["days_from_cache"]
    days = f"{fetched} days fetched, {cached} from the cache"
    _print(f"  {record_type}: {len(frame)} rows in {seconds:.2f} s ({days})")
    return frame


def _save_figures(campaigns: pd.DataFrame, asins: pd.DataFrame, folder: Path) -> list[Path]:
    """Plot both reports, and return the files of the figures."""
    trend = plots.trend(campaigns, "cost", by="campaignName")
    trend.set_title("Where the money goes")
    top = plots.top(asins, HALO_METRIC, by="otherAsin")
    top.set_title("Sales of products other than the advertised one")
    top.set_ylabel("purchased ASIN")
    paths = []
    for name, axes in (("campaigns", trend), ("asins", top)):
        figure = axes.get_figure(root=True)
        assert figure is not None
        path = folder / f"{name}.png"
        figure.savefig(path, dpi=_FIGURE_DPI)
        paths.append(path)
    return paths


def _print_frame(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    rows = frame[list(columns)].tail(_PRINTED_ROWS)
    with pd.option_context("display.width", _PRINTED_WIDTH, "display.max_columns", None):
        _print(f"\n{rows}\n[{len(frame)} rows x {len(frame.columns)} columns]\n")


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201
