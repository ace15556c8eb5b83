"""The refresh policy: which cached partitions serve a call, and what to request for others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

from sdanalytics.fetch.plan import PlannedPartition
from sdanalytics.fetch.protocols import AnyProtocol
from sdanalytics.model.literals import Refresh
from sdanalytics.model.metrics import requestable_metrics, sort_by_catalogue
from sdanalytics.model.partition import Partition
from sdanalytics.model.profiles import Profile
from sdanalytics.model.query import ReportQuery
from sdanalytics.store.freshness import FreshnessPolicy
from sdanalytics.store.in_flight import InFlightReport
from sdanalytics.store.parquet_file import CachedPartition


@dataclass(frozen=True)
class RefreshPolicy:
    """Decides about the partitions of one call.

    Attributes
    ----------
    query : ReportQuery
    refresh : {"auto", "never", "always"}
    profile : Profile
    protocol : type of ReportProtocol
        The version of the API.
    now : datetime.datetime
        When the call began; aware.
    """

    query: ReportQuery
    refresh: Refresh
    profile: Profile
    protocol: type[AnyProtocol]
    now: datetime

    @cached_property
    def freshness(self) -> FreshnessPolicy:
        """The rules by which data become stale."""
        record_type = self.query.record_type
        return FreshnessPolicy(self.now, self.profile.zone, self.history_days, record_type)

    @property
    def today(self) -> date:
        """The day in the profile's time zone."""
        return self.freshness.today

    @property
    def history_days(self) -> int:
        """The days of history that the service has of the record type."""
        return self.protocol.history_days(self.query.record_type)

    @property
    def oldest_available(self) -> date:
        """The oldest day that the service has reports of."""
        oldest = self.today - timedelta(self.history_days)
        return max(oldest, self.protocol.first_day(self.query.segment))

    def satisfies(self, entry: CachedPartition | None) -> bool:
        """Return whether a cached partition serves the call as it is."""
        if self.refresh == "always":
            return False
        if entry is None or not self.covers_columns(entry):
            return False
        if self.refresh == "never":
            return True
        if self._names_refused_metric(entry) and entry.partition.date >= self.oldest_available:
            return False
        return self.is_fresh(entry.partition, entry.fetched_at)

    def is_fresh(self, partition: Partition, moment: datetime) -> bool:
        """Return whether the data of a moment cannot have been restated since."""
        return self.freshness.is_fresh(partition.date, moment)

    def is_acceptable(self, partition: Partition, requested_at: datetime) -> bool:
        """Return whether a report that was requested at a moment is recent enough."""
        if self.refresh == "never":
            return True
        if self.refresh == "always":  # only reports that a running call may have requested
            max_age = timedelta(seconds=self.protocol.timeout)
            return self.now - requested_at <= max_age
        return self.is_fresh(partition, requested_at)

    def covers_columns(self, entry: CachedPartition) -> bool:
        """Return whether a cached partition has all columns of the call.

        Default metrics that this version of the API refused when it was fetched are not asked for
        again until it is fetched for another reason: they count as there, and missing. Facts of
        campaigns need not be stored.
        """
        columns = self.query.stored_columns
        if entry.has_columns(columns):
            return True
        if not self.query.has_default_metrics or entry.api != self.protocol.name:
            return False
        return set(columns) <= {*entry.columns, *entry.refused}

    def _names_refused_metric(self, entry: CachedPartition) -> bool:
        """Return whether the user named a metric that was refused: what is stored is older."""
        if self.query.has_default_metrics or entry.api != self.protocol.name:
            return False
        named = set(self.query.metrics).intersection(self.query.stored_columns)
        return not named.isdisjoint(entry.refused)

    def columns_to_request(self, entry: CachedPartition | None) -> tuple[str, ...]:
        """Return the columns to request, stored ones included, because the file is replaced.

        Columns that only the other version of the API has are retained from the file; facts of
        campaigns that the report lacks are not requested.
        """
        query = self.query
        available = requestable_metrics(query.record_type, query.segment, self.protocol.name)
        columns = set(query.columns)
        if entry is not None:
            columns.update(entry.columns)
        columns.intersection_update(available)
        return sort_by_catalogue(columns)

    def plan_partition(
        self,
        partition: Partition,
        entry: CachedPartition | None,
        in_flight: InFlightReport | None,
    ) -> PlannedPartition:
        """Return the action that a fetch would take for a partition, and the reason."""
        if self.satisfies(entry):
            return PlannedPartition(partition, "cached", "good")
        if in_flight is not None and self._would_resume(partition, entry, in_flight):
            requested_at = f"{in_flight.asked_at:%Y-%m-%d %H:%M} UTC"
            return PlannedPartition(partition, "in_flight", f"requested at {requested_at}")
        if partition.date >= self.oldest_available:
            return PlannedPartition(partition, "request", self._refetch_reason(entry))
        if entry is not None and self.covers_columns(entry):
            return PlannedPartition(partition, "cached", "the service no longer has it")
        reason = f"older than {self.history_days} days"
        if self.freshness.age(partition.date, self.now) <= self.history_days:
            reason = f"the service has reports from {self.oldest_available} on"
        return PlannedPartition(partition, "unavailable", reason)

    def _would_resume(
        self, partition: Partition, entry: CachedPartition | None, in_flight: InFlightReport
    ) -> bool:
        if entry is not None and entry.report_id == in_flight.report_id:
            return False  # it is stored already
        columns = self.columns_to_request(entry)
        if not in_flight.can_serve(self.protocol.name, columns, self.now):
            return False
        return self.is_acceptable(partition, in_flight.asked_at)

    def _refetch_reason(self, entry: CachedPartition | None) -> str:
        """Return why the stored partition does not serve the call."""
        if entry is None:
            return "not stored"
        missing = [name for name in self.query.stored_columns if name not in entry.columns]
        if missing:
            return f"stored without {', '.join(missing)}"
        if self._names_refused_metric(entry):
            return "a metric was refused when it was fetched"
        if self.is_fresh(entry.partition, entry.fetched_at):
            return "refresh='always'"
        return "may have been restated"
