"""From partitions to the request documents of version 3: windows of days, all tactics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from sdanalytics.errors import CorruptReport
from sdanalytics.fetch.protocols.base import ColumnsByPartition
from sdanalytics.fetch.wording import unique_days
from sdanalytics.model.metrics import CATALOGUE, MATCHED_TARGET, TACTICS, UNKNOWN_TACTIC
from sdanalytics.model.partition import Partition
from sdanalytics.model.record_types import list_tactics
from sdanalytics.model.report_batch import ReportBatch

MAX_REPORT_DAYS: Final = 31
"""Days that one report may span, at most."""
MAX_DAYS_BY_RECORD_TYPE: Final = {"invalidTraffic": 365}
"""The same, for record types that differ from the others."""
REPORT_TYPES: Final = {
    "campaigns": ("sdCampaigns", "campaign"),
    "adGroups": ("sdAdGroup", "adGroup"),
    "productAds": ("sdAdvertisedProduct", "advertiser"),
    "targets": ("sdTargeting", "targeting"),
    "asins": ("sdPurchasedProduct", "asin"),
    "invalidTraffic": ("sdGrossAndInvalids", "campaign"),
}
"""`reportTypeId` and `groupBy` by record type; with the segment the latter is the segment."""
JsonObject = Mapping[str, Any]
MAX_EMPTY_BYTES: Final = 64
"""Bytes of a compressed payload without rows, at most: they are 22."""
ReportKey = tuple[str, str, str, str]
"""Source, profile, record type and segment."""
_SCALARS: Final = ("adProduct", "reportTypeId", "timeUnit", "format")
_LISTS: Final = ("groupBy", "columns", "filters")


def batch_partitions(needs: ColumnsByPartition, oldest: date) -> list[ReportBatch]:
    """Group partitions into reports of up to 31 days (invalidTraffic: 365), newest first.

    Each report has all columns that any of its days needs. A report has all tactics, so that a day
    is requested for both. The oldest day that the service should have is a report of its own:
    whether it still has it is not certain, and a refused start fails the whole report. Days before
    it are separate, too.
    """
    by_report: dict[ReportKey, dict[date, list[Partition]]] = {}
    for partition in needs:
        key = _report_key(partition)
        by_day = by_report.setdefault(key, {})
        of_day = by_day.setdefault(partition.date, [])
        of_day.append(partition)
    batches = []
    for key in sorted(by_report):
        by_day = by_report[key]
        _, _, record_type, _ = key
        max_days = MAX_DAYS_BY_RECORD_TYPE.get(record_type, MAX_REPORT_DAYS)
        days = sorted(by_day, reverse=True)
        for window in _split_into_windows(days, oldest, max_days):
            of_window = [by_day[day] for day in window]
            batches.append(_make_batch(of_window, needs))
    return sorted(batches, key=newest_day, reverse=True)


def newest_day(batch: ReportBatch) -> date:
    """Return the last day of a batch."""
    days = unique_days(batch.partitions)
    return days[-1]


def partitions_of_days(partitions: Iterable[Partition]) -> list[Partition]:
    """Return the partitions of the same days, of the unknown tactic and all others.

    A report that has no tactics has one partition a day.
    """
    found = set(partitions)
    for partition in partitions:
        if partition.tactic in TACTICS:
            for tactic in (*TACTICS, UNKNOWN_TACTIC):
                other = partition._replace(tactic=tactic)
                found.add(other)
    return sorted(found)


def request_body(batch: ReportBatch) -> dict[str, Any]:
    """Return the document with which a report is requested."""
    first = batch.partitions[0]
    days = unique_days(batch.partitions)
    report_type, group = REPORT_TYPES[first.record_type]
    if first.segment is not None:
        group = MATCHED_TARGET
    columns = ["date"]
    for name in batch.columns:
        metric = CATALOGUE[name]
        columns.append(str(metric.v3_name))
    return {
        "startDate": days[0].isoformat(),
        "endDate": days[-1].isoformat(),
        "configuration": {
            "adProduct": "SPONSORED_DISPLAY",
            "reportTypeId": report_type,
            "groupBy": [group],
            "columns": columns,
            "timeUnit": "DAILY",
            "format": "GZIP_JSON",
        },
    }


def matches_request(report: JsonObject, body: JsonObject) -> bool:
    """Return whether a report of the service is the one requested, in any order of columns."""
    return _comparable(report) == _comparable(body)


def check_is_requested(report: JsonObject, body: JsonObject) -> None:
    """Compare a finished report with what is wanted of it, a part of what was requested.

    Raises
    ------
    CorruptReport
        When the service has left out days or columns, or has built another report: rows that
        are missing would be taken for days without activity.
    """
    first = report.get("startDate")
    last = report.get("endDate")
    first_wanted = body["startDate"]
    last_wanted = body["endDate"]
    if first_wanted < str(first) or last_wanted > str(last):
        difference = f"has the days {first} to {last}"
        raise _other_report_error(difference, f"{first_wanted} to {last_wanted}")
    configuration = report.get("configuration")
    if not isinstance(configuration, dict):  # nothing to compare with
        return
    wanted = body["configuration"]
    for name in ("adProduct", "reportTypeId", "groupBy", "timeUnit", "format"):
        value = configuration.get(name)
        if value is not None and value != wanted[name]:
            difference = f"has the {name} {value!r}"
            raise _other_report_error(difference, repr(wanted[name]))
    columns = configuration.get("columns")
    if isinstance(columns, list):
        missing = [name for name in wanted["columns"] if name not in columns]
        if missing:
            names = ", ".join(missing)
            raise _other_report_error("lacks columns", names)


def announces_rows(report: JsonObject) -> bool:
    """Return whether a report has a size of more than that of an empty payload."""
    size = report.get("fileSize")
    if not isinstance(size, int | float):
        return False
    return size > MAX_EMPTY_BYTES


def _other_report_error(difference: str, wanted: str) -> CorruptReport:
    return CorruptReport(
        f"the service has built another report than was requested: it {difference}, not {wanted}. "
        "Nothing of it is stored. Call again"
    )


def _comparable(document: JsonObject) -> tuple[Any, ...]:
    configuration = document.get("configuration")
    if not isinstance(configuration, dict):
        configuration = {}
    values = [document.get("startDate"), document.get("endDate")]
    for name in _SCALARS:
        values.append(configuration.get(name))
    for name in _LISTS:
        value = configuration.get(name) or []
        if isinstance(value, list):
            value = sorted(map(str, value))
        values.append(value)
    return tuple(values)


def _report_key(partition: Partition) -> ReportKey:
    segment = partition.segment or ""
    return partition.source, partition.profile_id, partition.record_type, segment


def _split_into_windows(days: Sequence[date], oldest: date, max_days: int) -> list[list[date]]:
    """Split days, newest first, into windows that a report may span."""
    windows: list[list[date]] = []
    start = date.max
    for day in days:
        if day < start:
            start = day - timedelta(max_days - 1)
            if day > oldest:
                start = max(start, oldest + timedelta(1))
            elif day == oldest:
                start = oldest
            windows.append([])
        windows[-1].append(day)
    return windows


def _make_batch(by_day: Iterable[Sequence[Partition]], needs: ColumnsByPartition) -> ReportBatch:
    """Return a batch of all tactics of the days, with all columns needed."""
    expanded = []
    columns: dict[str, None] = {}
    for partitions in by_day:
        for partition in partitions:
            needed = dict.fromkeys(needs[partition])
            columns.update(needed)
        first = partitions[0]
        for tactic in list_tactics(first.record_type):
            with_tactic = first._replace(tactic=tactic)
            expanded.append(with_tactic)
    by_date = sorted(expanded, key=lambda partition: partition.date)
    return ReportBatch(tuple(by_date), tuple(columns))
