"""`ReportPlan`: the requests and cache hits of a call, without making it."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from sdanalytics.errors import SDAnalyticsError
from sdanalytics.fetch.wording import format_count
from sdanalytics.model.partition import Partition
from sdanalytics.model.query import ReportQuery

if TYPE_CHECKING:
    import pandas as pd

Action = Literal["cached", "in_flight", "request", "unavailable"]
"""An action for a partition: read it from the cache, wait for a report that is in
flight, request a report, or nothing, because neither the cache nor the service has it."""
_ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
_OLD_ACTIONS: Final[dict[Action, str]] = {
    "cached": "store",
    "in_flight": "being built",
    "request": "create",
    "unavailable": "gone",
}
"""Spellings of `ReportPlan.slices`."""


@dataclass(frozen=True)
class PlannedPartition:
    """The action that a fetch would take for one partition, and the reason."""

    partition: Partition
    action: Action
    reason: str


@dataclass(frozen=True)
class ReportPlan:
    """The actions that `fetch_report` would take with the same parameters, now.

    Each day counts once: it is from the cache when all its partitions are,
    in flight when it waits only for reports that are already requested, unavailable when one of its
    partitions is, and otherwise it is fetched.

    Attributes
    ----------
    query : ReportQuery
    steps : tuple of PlannedPartition
        One for each partition, a day and tactic, in the order of the frame.
    reports : int
        The number of reports that would be requested: in version 3 one has a month of partitions.
    profiles : int or None
        How many profiles it is of, with ``profiles=``: then a day of each counts once, and lists
        of days have it once for each. None: it is of the client's profile.
    failures : dict of str to SDAnalyticsError
        With ``profiles=``, the profiles that cannot be fetched, each with the reason.
    """

    query: ReportQuery
    steps: tuple[PlannedPartition, ...]
    reports: int
    profiles: int | None = None
    failures: Mapping[str, SDAnalyticsError] = field(default_factory=dict)

    @classmethod
    def combine(
        cls,
        query: ReportQuery,
        plans: Iterable[ReportPlan],
        failures: Mapping[str, SDAnalyticsError],
    ) -> ReportPlan:
        """Return one plan for several profiles."""
        steps: list[PlannedPartition] = []
        reports = 0
        count = 0
        for plan in plans:
            steps += plan.steps
            reports += plan.reports
            count += 1
        return cls(query, tuple(steps), reports, count, dict(failures))

    @property
    def from_cache(self) -> list[date]:
        """The days that are read from the cache."""
        return self._days_by_action()["cached"]

    @property
    def in_flight(self) -> list[date]:
        """The days that wait for reports in flight, and for no new report."""
        return self._days_by_action()["in_flight"]

    @property
    def to_request(self) -> list[date]:
        """The days for which reports would be requested."""
        return self._days_by_action()["request"]

    @property
    def unavailable(self) -> list[date]:
        """The days that neither the cache nor the service has any more."""
        return self._days_by_action()["unavailable"]

    @property
    def partitions(self) -> pd.DataFrame:
        """One row for each partition.

        Returns
        -------
        pandas.DataFrame
            `date` (datetime64[s]), `tactic` (str), `action` (category: ``"cached"``,
            ``"in_flight"``, ``"request"``, ``"unavailable"``) and `reason` (str); with
            ``profiles=`` `profile_id` (Int64) in front.
        """
        actions = [step.action for step in self.steps]
        return self._frame(actions, list(_ACTIONS), "reason")

    @property
    def slices(self) -> pd.DataFrame:
        """The partitions, with the old names of actions and columns.

        .. deprecated:: 0.2
            Use `partitions`. Here `action` is ``"store"``, ``"being built"``, ``"create"`` or
            ``"gone"``, and the reason is named `why`.
        """
        actions = [_OLD_ACTIONS[step.action] for step in self.steps]
        return self._frame(actions, list(_OLD_ACTIONS.values()), "why")

    @property
    def from_store(self) -> int:
        """The number of partitions that are read from the cache.

        .. deprecated:: 0.2
            Use `from_cache`, the days, or `partitions`.
        """
        return self._count("cached")

    @property
    def being_built(self) -> int:
        """The number of partitions that wait for reports in flight.

        .. deprecated:: 0.2
            Use `in_flight`, the days, or `partitions`.
        """
        return self._count("in_flight")

    @property
    def gone(self) -> list[date]:
        """The unavailable days.

        .. deprecated:: 0.2
            Use `unavailable`.
        """
        return self.unavailable

    def __str__(self) -> str:
        days = self._days_by_action()
        total = format_count(sum(map(len, days.values())), "day")
        if self.profiles is not None:
            profiles = format_count(self.profiles, "profile")
            total = f"{profiles}, {total}"
        reports = format_count(self.reports, "report")
        to_request = len(days["request"])
        in_flight = len(days["in_flight"])
        cached = len(days["cached"])
        parts = [f"{to_request} to fetch ({reports} to request)"]
        if in_flight:
            parts.append(f"{in_flight} in flight")
        parts.append(f"{cached} from the cache")
        unavailable = days["unavailable"]
        if unavailable:
            count = len(unavailable)
            parts.append(f"{count} unavailable ({_first_day(unavailable)})")
        if self.failures:
            failed = format_count(len(self.failures), "profile")
            parts.append(f"{failed} that cannot be fetched ({', '.join(self.failures)})")
        details = ", ".join(parts)
        return f"{self.query}: {total}: {details}"

    def __repr__(self) -> str:
        return f"<ReportPlan {self}>"

    def _repr_html_(self) -> str:
        return f'<div class="sdanalytics-plan">{html.escape(str(self))}</div>'

    def _count(self, action: Action) -> int:
        return sum(step.action == action for step in self.steps)

    def _days_by_action(self) -> dict[Action, list[date]]:
        """Group the days by action: by the one that takes precedence among their partitions'."""
        by_day: dict[tuple[str, date], set[Action]] = {}
        for step in self.steps:
            key = step.partition.profile_id, step.partition.date
            actions = by_day.setdefault(key, set())
            actions.add(step.action)
        days: dict[Action, list[date]] = {action: [] for action in _ACTIONS}
        for (_, day), actions in by_day.items():
            decisive = min(actions, key=_DECISIVE.index)
            days[decisive].append(day)
        return days

    def _frame(self, actions: list[Any], categories: list[str], reason: str) -> pd.DataFrame:
        import numpy as np
        import pandas as pd

        from sdanalytics.model.dtypes import string_array

        days = [step.partition.date for step in self.steps]
        profile_ids = {}
        if self.profiles is not None:
            ids = [int(step.partition.profile_id) for step in self.steps]
            profile_ids["profile_id"] = pd.array(ids, dtype="Int64")
        return pd.DataFrame(
            {
                **profile_ids,
                "date": np.array(days, dtype="datetime64[s]"),
                "tactic": string_array(step.partition.tactic for step in self.steps),
                "action": pd.Categorical(actions, categories),
                reason: string_array(step.reason for step in self.steps),
            }
        )


def _first_day(days: list[date]) -> str:
    first = str(min(days))
    if len(days) == 1:
        return first
    return f"from {first}"


_DECISIVE: Final[tuple[Action, ...]] = ("unavailable", "request", "in_flight", "cached")
"""Actions by precedence: the first of those of a day's partitions is the day's."""
