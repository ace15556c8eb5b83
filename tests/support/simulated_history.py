"""Versions of a sandbox account's days, as the calls of users would have stored them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from sdanalytics.sandbox.simulation.advertisers import ADVERTISERS
from sdanalytics.sandbox.simulation.measures import DayMeasures
from sdanalytics.sandbox.simulation.simulated_day import simulate_day
from sdanalytics.store.freshness import FreshnessPolicy, age_in_days
from tests.support.samples import SOURCE, US

ACCOUNT: Final = ADVERTISERS[US]
FETCHED_DAYS: Final = 60
"""The last days that a user asks for in each call."""
_FINAL: Final = 60.0
METADATA: Final = {
    "record_type": "campaigns",
    "source": SOURCE,
    "profile_id": str(US),
    "currency": ACCOUNT.currency,
    "timezone": ACCOUNT.timezone,
}
_COUNTS: Final = (
    "impressions", "viewImpressions", "clicks",
    "attributedConversions14d", "viewAttributedConversions14d",
)  # fmt: skip
_MONEY: Final = ("cost", "attributedSales14d", "viewAttributedSales14d")


class Version(NamedTuple):
    """A day as it was fetched in the morning of another."""

    day: date
    morning: date


def fetch_each_morning(mornings: Iterable[date]) -> list[Version]:
    """Return what the calls of mornings fetch: of the last 60 days those that are due."""
    fetched: dict[date, datetime] = {}
    versions: list[Version] = []
    for morning in mornings:
        now = _at_nine(morning)
        policy = FreshnessPolicy(now, ACCOUNT.zone, 65)
        for ago in range(FETCHED_DAYS, 0, -1):
            day = morning - timedelta(ago)
            if day not in fetched or not policy.is_fresh(day, fetched[day]):
                fetched[day] = now
                versions.append(Version(day, morning))
    return versions


def build_history(versions: Iterable[Version]) -> pd.DataFrame:
    """Return the frame of `ReportCache.history` of a store with these versions."""
    return _stack(_render(*version) for version in versions)


def know_on(history: pd.DataFrame, morning: date) -> pd.DataFrame:
    """Return the versions of the last 117 days that had been fetched by a morning."""
    is_recent = history["date"] >= pd.Timestamp(morning - timedelta(117))
    return history[is_recent & (history["fetched_at"] <= _at_nine(morning))]


def read_newest(history: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    """Return the frame of `ReportCache.read` of days: the newest version of each."""
    chosen = history[history["date"].between(first, last)]
    newest = chosen.groupby("date")["fetched_at"].transform("max")
    frame = chosen[chosen["fetched_at"] == newest].reset_index(drop=True)
    runs: list[list[str]] = []
    for day, fetched_at in zip(frame["date"], frame["fetched_at"], strict=True):
        fetched_on = fetched_at.tz_convert(ACCOUNT.zone).date()
        run = [str(day.date()), str(day.date()), str(fetched_on)]
        if run not in runs:
            runs.append(run)
    frame.attrs["sdanalytics"] = {**METADATA, "fetched_on": runs, "arriving_from": runs[0][0]}
    return frame.drop(columns=["fetched_at", "age"])


def build_truth(first: date, last: date) -> pd.DataFrame:
    """Return the final numbers of days."""
    days = pd.date_range(first, last)
    return _stack(_render(day.date(), None) for day in days)


def _stack(parts: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    tables = list(parts)
    columns = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    frame = pd.DataFrame(columns)
    frame["date"] = frame["date"].astype("datetime64[s]")
    frame["fetched_at"] = pd.to_datetime(frame["fetched_at"], unit="s", utc=True)
    frame["costType"] = pd.Categorical(frame["costType"], ["CPC", "VCPM"])
    counts = ["campaignId", "age", *_COUNTS]
    frame[counts] = frame[counts].astype("Int64")
    frame.attrs["sdanalytics"] = dict(METADATA)
    return frame


def _at_nine(morning: date) -> datetime:
    return datetime.combine(morning, time(9), ACCOUNT.zone).astimezone(UTC)


@cache
def _render(day: date, morning: date | None) -> Mapping[str, Any]:
    """Return the campaigns of a day as they are known in a morning, or in the end."""
    now = _at_nine(morning or day + timedelta(100))
    age = age_in_days(day, now, ACCOUNT.zone)
    simulated = simulate_day(ACCOUNT, day)
    measures = DayMeasures(simulated, min(age + 9 / 24, _FINAL))
    cells = simulated.cells
    count = len(cells.campaigns)
    columns: dict[str, Any] = {
        "date": np.full(count, np.datetime64(day)),
        "tactic": [campaign.tactic for campaign in cells.campaigns],
        "campaignId": [_number(campaign.name) for campaign in cells.campaigns],
        "costType": [campaign.cost_type for campaign in cells.campaigns],
        "fetched_at": np.full(count, now.timestamp()),
        "age": np.full(count, age - 1),
    }
    for name in (*_COUNTS, *_MONEY):
        sums = np.bincount(cells.campaign, measures.by_cell(name), count)
        columns[name] = sums / 100 if name in _MONEY else sums.astype("int64")
    return columns


def _number(name: str) -> int:
    """Return a number for a campaign, always the same one."""
    return int.from_bytes(name.encode()[-7:])
