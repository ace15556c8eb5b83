"""The request documents of version 3, and reports that are other ones than were requested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sdanalytics.errors import CorruptReport
from sdanalytics.fetch.wording import unique_days
from sdanalytics.model.metrics import CATALOGUE, MATCHED_TARGET
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
_SCALARS: Final = ("adProduct", "reportTypeId", "timeUnit", "format")
_LISTS: Final = ("groupBy", "columns", "filters")


def max_report_days(record_type: str) -> int:
    """Return how many days a report of a record type may span."""
    return MAX_DAYS_BY_RECORD_TYPE.get(record_type, MAX_REPORT_DAYS)


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
