"""Reports of the sandbox's advertisers without the sandbox: for tests without a socket.

The rows take the way that a fetched report takes: payload, table, store, frame.
"""

from __future__ import annotations

import functools
import gzip
import json
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pandas as pd

from sdanalytics import ReportCache
from sdanalytics.model.campaign_list import NO_CAMPAIGNS
from sdanalytics.model.literals import RecordType
from sdanalytics.model.metrics import (
    TACTICS,
    default_metrics,
    identity_columns,
    requestable_metrics,
)
from sdanalytics.model.partition import Partition, ProfileKey, Provenance
from sdanalytics.model.profiles import Profile
from sdanalytics.parsing.payload import read_payload
from sdanalytics.sandbox.listings import describe_campaign
from sdanalytics.sandbox.simulation.advertisers import ADVERTISERS
from sdanalytics.sandbox.simulation.report_rows import render_v2_rows
from sdanalytics.store.cache import internal_store

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
"""The moment at which all samples were requested: a JumpingClock's first."""
SOURCE = "127.0.0.1:8080"
US, GERMANY, JAPAN = ADVERTISERS
"""The ids of the profiles."""


def day(ago: int) -> date:
    """Return the day that was some days before `NOW`."""
    return NOW.date() - timedelta(ago)


def sample_frame(
    record_type: RecordType = "campaigns",
    first: int = 14,
    last: int = 1,
    *,
    metrics: Sequence[str] | None = None,
    profile_id: int = US,
) -> pd.DataFrame:
    """Return the frame of a report of the days from `first` to `last` days ago."""
    names = tuple(default_metrics(record_type) if metrics is None else metrics)
    return _sample_frame(record_type, first, last, names, profile_id).copy()


@functools.cache
def _sample_frame(
    record_type: RecordType, first: int, last: int, metrics: tuple[str, ...], profile_id: int
) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        store = ReportCache(folder)
        store_samples(store, record_type, first, last, metrics=metrics, profile_id=profile_id)
        return store.read(record_type, day(first), day(last), metrics=metrics)


def store_samples(
    store: ReportCache,
    record_type: RecordType = "campaigns",
    first: int = 14,
    last: int = 1,
    *,
    metrics: Sequence[str] | None = None,
    profile_id: int = US,
) -> None:
    """Store a report of the days from `first` to `last` days ago."""
    advertiser = ADVERTISERS[profile_id]
    profile = Profile.from_api(advertiser.to_document())
    metadata = internal_store(store).metadata
    metadata.store_profile(SOURCE, profile)
    today = advertiser.today(NOW)
    documents = [describe_campaign(advertiser, c, today) for c in advertiser.started_by(today)]
    campaigns = NO_CAMPAIGNS.updated(documents, NOW)
    metadata.store_campaign_list(ProfileKey(SOURCE, str(profile_id)), campaigns)
    names = default_metrics(record_type) if metrics is None else metrics
    own = requestable_metrics(record_type, api=None)
    columns = [
        name for name in dict.fromkeys([*identity_columns(record_type), *names]) if name in own
    ]
    for ago in range(first, last - 1, -1):
        for tactic in TACTICS:
            rows = render_v2_rows(advertiser, record_type, day(ago), tactic, columns, None, NOW)
            key = Partition(SOURCE, str(profile_id), record_type, None, tactic, day(ago))
            store_payload(store, key, gzip.compress(json.dumps(rows).encode(), 1), columns)


def store_payload(
    store: ReportCache, partition: Partition, payload: bytes, columns: Sequence[str]
) -> None:
    """Store the rows of a payload, as requested at `NOW`."""
    provenance = Provenance(f"the report of {partition}", NOW, "v2")
    internal_store(store).partitions.store_report(
        {partition: read_payload(payload, columns)}, provenance
    )
