"""The refresh policies of a call: the client's version and, for older days, another one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from sdanalytics.api.client import Client
from sdanalytics.fetch.plan import PlannedPartition
from sdanalytics.fetch.protocols import PROTOCOLS
from sdanalytics.fetch.refresh_policy import RefreshPolicy
from sdanalytics.model.literals import HistoryApi, Refresh
from sdanalytics.model.metrics import requestable_metrics
from sdanalytics.model.partition import Partition
from sdanalytics.model.profiles import Profile
from sdanalytics.model.query import ReportQuery
from sdanalytics.model.record_types import list_record_types
from sdanalytics.store.in_flight import InFlightReport
from sdanalytics.store.parquet_file import CachedPartition

_HISTORY_API: Final[HistoryApi] = "v1"


@dataclass(frozen=True)
class RefreshPolicies:
    """Decides about the partitions of one call, each by the version that it comes through.

    Attributes
    ----------
    main : RefreshPolicy
        Of the client's version of the API.
    history : RefreshPolicy or None
        Of the version for days that the other one no longer has; None: there is none.
    history_advice : str
        How to fetch days that are too old, or why they cannot be, in a sentence; may be empty.
    """

    main: RefreshPolicy
    history: RefreshPolicy | None
    history_advice: str

    @classmethod
    def choose(
        cls,
        query: ReportQuery,
        refresh: Refresh,
        profile: Profile,
        client: Client,
        now: datetime,
    ) -> RefreshPolicies:
        """Return the policies of a call at a moment (aware)."""
        main = RefreshPolicy(query, refresh, profile, PROTOCOLS[client.api], now)
        if client.api == _HISTORY_API:
            return cls(main, None, "")
        reason = _explain_absence(query, _HISTORY_API)
        if client.history is None:
            advice = "" if reason else _advise_history(query.record_type)
            return cls(main, None, advice)
        if reason:
            return cls(main, None, reason)
        return cls(main, replace(main, protocol=PROTOCOLS[client.history]), "")

    @property
    def now(self) -> datetime:
        """When the call began."""
        return self.main.now

    @property
    def today(self) -> date:
        """The day in the profile's time zone."""
        return self.main.today

    @property
    def oldest_available(self) -> date:
        """The oldest day that one of the versions has reports of."""
        oldest = self.history or self.main
        return oldest.oldest_available

    def at(self, day: date) -> RefreshPolicy:
        """Return the policy of the version that a day comes through.

        It is not certain that the client's own version still has the oldest day that it should.
        """
        if self.history is None or day > self.main.oldest_available:
            return self.main
        return self.history

    def group(self, partitions: Iterable[Partition]) -> list[tuple[RefreshPolicy, list[Partition]]]:
        """Group partitions by version, the client's own first, without versions that have none."""
        own: list[Partition] = []
        older: list[Partition] = []
        for partition in partitions:
            is_own = self.at(partition.date) is self.main
            (own if is_own else older).append(partition)
        groups = []
        if own:
            groups = [(self.main, own)]
        if self.history is not None and older:
            groups.append((self.history, older))
        return groups

    def satisfies(self, entry: CachedPartition | None) -> bool:
        """Return whether a cached partition serves the call as it is."""
        if entry is None:
            return False
        return self.at(entry.partition.date).satisfies(entry)

    def is_acceptable(self, partition: Partition, requested_at: datetime) -> bool:
        """Return whether a report that was requested at a moment is recent enough."""
        return self.at(partition.date).is_acceptable(partition, requested_at)

    def covers_columns(self, entry: CachedPartition) -> bool:
        """Return whether a cached partition has all columns of the call."""
        return self.at(entry.partition.date).covers_columns(entry)

    def plan_partition(
        self,
        partition: Partition,
        entry: CachedPartition | None,
        in_flight: InFlightReport | None,
    ) -> PlannedPartition:
        """Return the action that a fetch would take for a partition, and the reason."""
        planned = self.at(partition.date).plan_partition(partition, entry, in_flight)
        if planned.action == "unavailable" and self.history_advice:
            reason = f"{planned.reason}. {self.history_advice}"
            return replace(planned, reason=reason)
        return planned


def find_absent_columns(query: ReportQuery, api: str) -> list[str]:
    """Return the columns that days of a query should have, and that a version does not have."""
    available = requestable_metrics(query.record_type, query.segment, api)
    return [name for name in query.stored_columns if name not in available]


def _explain_absence(query: ReportQuery, api: str) -> str:
    """Return why a version cannot serve a query, in a sentence; empty if it can."""
    if query.record_type not in list_record_types(api):
        return f"The unified Ads API has none of {query.record_type}"
    absent = find_absent_columns(query, api)
    if absent and not query.has_default_metrics:
        return f"The unified Ads API has no {', '.join(absent)}: leave it out for these days"
    return ""


def advise_more_history(client: Client, record_type: str) -> str:
    """Return how to fetch more history than a client does, in a sentence; empty if there is none.

    Parameters
    ----------
    client : Client
    record_type : str
    """
    if _HISTORY_API in (client.api, client.history):
        return ""
    if record_type not in list_record_types(_HISTORY_API):
        return ""
    return _advise_history(record_type)


def _advise_history(record_type: str) -> str:
    days = PROTOCOLS[_HISTORY_API].history_days(record_type)
    return (
        f'Client(history="{_HISTORY_API}"), or SDANALYTICS_HISTORY={_HISTORY_API}, fetches days of '
        f"the last {days} through the unified Ads API, a beta of Amazon's"
    )
