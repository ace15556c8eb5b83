"""The main job on the sandbox: two weeks of campaigns and purchased ASINs."""

from __future__ import annotations

import shutil
import time
from datetime import timedelta
from pathlib import Path

import pandas as pd

from sdanalytics import plots, sandbox
from sdanalytics.errors import InvalidRequest
from sdanalytics.fetch.entry_points import fetch_report
from sdanalytics.model.literals import RecordType
from sdanalytics.sandbox import Sandbox
from sdanalytics.store.cache import ReportCache


def run(folder: Path, delay: float) -> None:
    """Fetch, show, fetch again from the cache, plot.

    Parameters
    ----------
    folder : pathlib.Path
        Where the store and the figures go.
    delay : float
        Seconds that the sandbox takes to build a report.
    """
    store = _empty_store(folder)
    with sandbox.start(delay=delay) as box:
        _tell(f"The sandbox listens at {box.base_url}: no account, nothing leaves this machine.")
        campaigns = _fetch(box, store, "campaigns")
        asins = _fetch(box, store, "asins")
        _show(campaigns, ["date", "tactic", "campaignName", "costType", "clicks", "cost"])
        halo = "viewAttributedSales14dOtherSKU"
        _show(asins, ["date", "tactic", "asin", "otherAsin", halo])
        _tell("The same two calls again:")
        requests = len(box.requests)
        for record_type in ("campaigns", "asins"):
            _fetch(box, store, record_type)
        _tell(f"  {len(box.requests) - requests} requests were sent for these: all from the cache.")
    trend = plots.trend(campaigns, "cost", by="campaignName")
    trend.set_title("Where the money goes")
    top = plots.top(asins, halo, by="otherAsin")
    top.set_title("Sales of other products than the one advertised")
    for name, axes in (("campaigns", trend), ("asins", top)):
        figure = axes.get_figure(root=True)
        assert figure is not None
        figure.savefig(folder / f"{name}.png", dpi=150)
    _tell(f"Figures:  {folder / 'campaigns.png'}, {folder / 'asins.png'}")
    _tell(f"Parquet:  {store.path} ({len(store.entries())} files, one a day and tactic)")


def _empty_store(folder: Path) -> ReportCache:
    """A store with nothing in it, so that a demo run again shows the same."""
    path = folder / "demo-store"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(path, ignore_errors=True)
    except OSError as error:
        raise InvalidRequest(f"--output {folder}: {error.strerror}; name a folder") from error
    return ReportCache(path)


def _fetch(box: Sandbox, store: ReportCache, record_type: RecordType) -> pd.DataFrame:
    began = time.perf_counter()
    last = box.today - timedelta(1)  # today's reports are partial
    frame = fetch_report(
        record_type, last - timedelta(13), last, client=box.client, cache=store, progress=True
    )
    took = time.perf_counter() - began
    facts = frame.attrs["sdanalytics"]
    days = f"{facts['days_fetched']} days fetched, {facts['days_from_cache']} from the cache"
    _tell(f"  {record_type}: {len(frame)} rows in {took:.2f} s ({days})")
    return frame


def _show(frame: pd.DataFrame, columns: list[str]) -> None:
    with pd.option_context("display.width", 110, "display.max_columns", None):
        _tell(f"\n{frame[columns].tail(6)}\n[{len(frame)} rows x {len(frame.columns)} columns]\n")


def _tell(text: str) -> None:
    print(text, flush=True)  # noqa: T201
