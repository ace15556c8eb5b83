"""The origin of a frame: whose numbers it has, of which days, fetched when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sdanalytics.api.client import Client
from sdanalytics.fetch.wording import unique_days
from sdanalytics.model.partition import Partition
from sdanalytics.model.profiles import Profile
from sdanalytics.model.query import ReportQuery
from sdanalytics.store.fetch_dates import describe_ages
from sdanalytics.store.parquet_file import CachedPartition


@dataclass(frozen=True)
class FrameOrigin:
    """The query, the service and the profile that a frame comes from."""

    query: ReportQuery
    client: Client
    profile: Profile

    def describe(
        self, entries: Sequence[CachedPartition], fetched: Iterable[Partition]
    ) -> dict[str, Any]:
        """Return it for the metadata of the frame, as plain JSON values.

        Parameters
        ----------
        entries : sequence of CachedPartition
            The partitions that the frame is made of.
        fetched : iterable of Partition
            Those of them that this call has fetched.
        """
        stored = [(entry.partition.date, entry.fetched_at) for entry in entries]
        days = unique_days(entry.partition for entry in entries)
        days_by_api: dict[str, set[date]] = {}
        for entry in entries:
            days_by_api.setdefault(entry.api, set()).add(entry.partition.date)
        days_fetched = len(unique_days(fetched))
        oldest = min(fetched_at for _, fetched_at in stored)
        return {
            "record_type": self.query.record_type,
            "segment": self.query.segment,
            "tactics": list(self.query.tactics),
            "start": self.query.start.isoformat(),
            "end": self.query.end.isoformat(),
            "profile_id": self.profile.profile_id,
            "account_name": self.profile.account_name,
            "source": self.client.source,
            "country": self.profile.country,
            "currency": self.profile.currency,
            "timezone": self.profile.timezone,
            "api": self.client.api,
            "days_by_api": {api: len(found) for api, found in sorted(days_by_api.items())},
            "days_fetched": days_fetched,
            "days_from_cache": len(days) - days_fetched,
            "oldest_fetched_at": oldest.isoformat(),
            **describe_ages(stored, self.profile.zone, self.query.record_type),
        }
