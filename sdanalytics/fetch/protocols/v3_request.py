"""From partitions to the request documents of version 3: windows of days, all tactics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from sdanalytics.model.metrics import CATALOGUE, MATCHED_TARGET, TACTICS, UNKNOWN_TACTIC
from sdanalytics.model.partition import Partition
from sdanalytics.model.report_batch import ReportBatch

MAX_REPORT_DAYS: Final = 31
"""Days that one report may span."""
REPORT_TYPES: Final = {
    "campaigns": ("sdCampaigns", "campaign"),
    "adGroups": ("sdAdGroup", "adGroup"),
    "productAds": ("sdAdvertisedProduct", "advertiser"),
    "targets": ("sdTargeting", "targeting"),
    "asins": ("sdPurchasedProduct", "asin"),
}
"""`reportTypeId` and `groupBy` by record type; with the segment the latter is the segment."""
_SCALARS: Final = ("adProduct", "reportTypeId", "timeUnit", "format")
_LISTS: Final = ("groupBy", "columns", "filters")


def batch_partitions(needs: Mapping[Partition, Sequence[str]], oldest: date) -> list[ReportBatch]:
    """Group partitions into reports of up to 31 days, newest first.

    Each report has all columns that any of its days needs. A report has all tactics, so that a
    day brings both. Days before the oldest that the service has are separate, so that they fail
    separately.
    """
    by_report: dict[tuple[str, str, str, str], list[Partition]] = {}
    for partition in needs:
        by_report.setdefault(_report_key(partition), []).append(partition)
    batches = []
    for key in sorted(by_report):
        partitions = by_report[key]
        days = sorted({partition.date for partition in partitions}, reverse=True)
        for window in _split_into_windows(days, oldest):
            inside = [partition for partition in partitions if partition.date in window]
            columns: dict[str, None] = {}
            for partition in inside:
                columns.update(dict.fromkeys(needs[partition]))
            batches.append(ReportBatch(_expand_tactics(inside), tuple(columns)))
    return sorted(batches, key=newest_day, reverse=True)


def newest_day(batch: ReportBatch) -> date:
    """Return the last day of a batch."""
    return max(partition.date for partition in batch.partitions)


def unknown_tactic_partitions(partitions: Iterable[Partition]) -> list[Partition]:
    """Return the partitions of the same days for rows of unknown tactic."""
    return [partition._replace(tactic=UNKNOWN_TACTIC) for partition in _one_a_day(partitions)]


def request_body(batch: ReportBatch) -> dict[str, Any]:
    """Return the document with which a report is requested."""
    first = batch.partitions[0]
    days = [partition.date for partition in batch.partitions]
    report_type, group = REPORT_TYPES[first.record_type]
    if first.segment is not None:
        group = MATCHED_TARGET
    names = [CATALOGUE[name].v3_name for name in batch.columns]
    return {
        "startDate": min(days).isoformat(),
        "endDate": max(days).isoformat(),
        "configuration": {
            "adProduct": "SPONSORED_DISPLAY",
            "reportTypeId": report_type,
            "groupBy": [group],
            "columns": ["date", *names],
            "timeUnit": "DAILY",
            "format": "GZIP_JSON",
        },
    }


def matches_request(report: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Return whether a report of the service is the one requested, in any order of columns."""
    return _comparable(report) == _comparable(body)


def _comparable(document: Mapping[str, Any]) -> tuple[Any, ...]:
    configuration = document.get("configuration")
    if not isinstance(configuration, dict):
        configuration = {}
    values = [document.get("startDate"), document.get("endDate")]
    values += [configuration.get(name) for name in _SCALARS]
    for name in _LISTS:
        value = configuration.get(name) or []
        values.append(sorted(map(str, value)) if isinstance(value, list) else value)
    return tuple(values)


def _report_key(partition: Partition) -> tuple[str, str, str, str]:
    segment = partition.segment or ""
    return partition.source, partition.profile_id, partition.record_type, segment


def _split_into_windows(days: Sequence[date], oldest: date) -> Iterator[set[date]]:
    """Yield days, newest first, in windows that a report may span."""
    rest = list(days)
    while rest:
        newest = rest[0]
        start = newest - timedelta(MAX_REPORT_DAYS - 1)
        if newest >= oldest:
            start = max(start, oldest)
        window = {day for day in rest if day >= start}
        yield window
        rest = [day for day in rest if day not in window]


def _expand_tactics(partitions: Iterable[Partition]) -> tuple[Partition, ...]:
    """Return all partitions that come in a report with these, by day."""
    expanded = []
    for partition in _one_a_day(partitions):
        for tactic in TACTICS:
            expanded.append(partition._replace(tactic=tactic))
    return tuple(expanded)


def _one_a_day(partitions: Iterable[Partition]) -> list[Partition]:
    """Return one partition of each day, by day."""
    by_day: dict[date, Partition] = {}
    for partition in partitions:
        by_day.setdefault(partition.date, partition)
    return [by_day[day] for day in sorted(by_day)]
