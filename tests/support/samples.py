"""Reports of the sandbox's advertisers, without a server: for tests without sockets."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from sdanalytics import ReportCache
from sdanalytics.model.literals import RecordType, Segment
from sdanalytics.model.metrics import TACTICS, default_metrics, identity_columns
from sdanalytics.model.partition import Partition, Provenance
from sdanalytics.model.profiles import Profile
from sdanalytics.parsing.payload import read_payload
from sdanalytics.sandbox.simulation.advertisers import ADVERTISERS, Advertiser
from sdanalytics.sandbox.simulation.report_rows import render_v2_rows
from sdanalytics.store.cache import internal_store

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
"""The moment at which sample reports were requested."""
SOURCE = "127.0.0.1:8080"


def day(ago: int) -> str:
    """Return the day that was some days before `NOW`."""
    return str(NOW.date() - timedelta(ago))


def sample_profile(advertiser: int = 0) -> Profile:
    """Return the profile of an advertiser: 0 in the US, 1 in Germany, 2 in Japan."""
    return Profile.from_api(_advertiser(advertiser).to_document())


@dataclass(frozen=True)
class SampleStore:
    """A store filled with sample reports.

    Attributes
    ----------
    cache : ReportCache
    """

    cache: ReportCache

    def add(
        self,
        record_type: RecordType = "campaigns",
        first: int = 14,
        last: int = 1,
        *,
        metrics: Sequence[str] | None = None,
        segment: Segment | None = None,
        tactics: Sequence[str] = TACTICS,
        advertiser: int = 0,
    ) -> None:
        """Store the reports of the days from `first` to `last` days ago."""
        own = _advertiser(advertiser)
        names = default_metrics(record_type, segment) if metrics is None else metrics
        columns = list(dict.fromkeys([*identity_columns(record_type, segment), *names]))
        store = internal_store(self.cache)
        store.metadata.store_profile(SOURCE, sample_profile(advertiser))
        for ago in range(first, last - 1, -1):
            date_ = NOW.date() - timedelta(ago)
            for tactic in tactics:
                partition = Partition(
                    SOURCE, str(own.profile_id), record_type, segment, tactic, date_
                )
                payload = _payload(own, partition, columns)
                provenance = Provenance(f"report of {date_} {tactic}", NOW, "v2")
                store.partitions.store(partition, read_payload(payload, columns), provenance)


def sample_frame(
    folder: Path,
    record_type: RecordType = "campaigns",
    first: int = 14,
    last: int = 1,
    *,
    metrics: Sequence[str] | None = None,
    segment: Segment | None = None,
    advertiser: int = 0,
) -> pd.DataFrame:
    """Return the frame of a report, read from a new store in a folder."""
    cache = ReportCache(folder)
    SampleStore(cache).add(
        record_type, first, last, metrics=metrics, segment=segment, advertiser=advertiser
    )
    profile_id = _advertiser(advertiser).profile_id
    return cache.read(record_type, day(first), day(last), segment=segment, profile_id=profile_id)


def _advertiser(number: int) -> Advertiser:
    return list(ADVERTISERS.values())[number]


def _payload(advertiser: Advertiser, partition: Partition, columns: Sequence[str]) -> bytes:
    rows = render_v2_rows(
        advertiser,
        partition.record_type,
        partition.date,
        partition.tactic,
        columns,
        partition.segment,
        NOW,
    )
    return gzip.compress(json.dumps(rows).encode(), mtime=0)
