"""What a version 3 request asks for: read, and refused where the service would."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sdanalytics.model.metrics import (
    CATALOGUE,
    MATCHED_TARGET,
    available_metrics,
    segmented_record_types,
)
from sdanalytics.sandbox.responses import bad_request
from sdanalytics.sandbox.simulation.advertisers import Advertiser

MAX_DAYS: Final = 31
_PLAIN: Final = {
    ("sdCampaigns", "campaign"): "campaigns",
    ("sdAdGroup", "adGroup"): "adGroups",
    ("sdAdvertisedProduct", "advertiser"): "productAds",
    ("sdTargeting", "targeting"): "targets",
    ("sdPurchasedProduct", "asin"): "asins",
}
_TYPE_IDS: Final = {record_type: type_id for (type_id, _), record_type in _PLAIN.items()}
_REPORTS: Final = {key: (record_type, None) for key, record_type in _PLAIN.items()} | {
    (_TYPE_IDS[record_type], MATCHED_TARGET): (record_type, MATCHED_TARGET)
    for record_type in segmented_record_types()
}
_DAY_COLUMNS: Final = {"DAILY": {"date"}, "SUMMARY": {"startDate", "endDate"}}
"""The columns that tell days, by the unit of time."""

_BODY: Final = {"startDate": str, "endDate": str, "configuration": dict}
_CONFIGURATION: Final = {
    "adProduct": str,
    "reportTypeId": str,
    "groupBy": list,
    "columns": list,
    "timeUnit": str,
    "format": str,
}
_FILTER: Final = {"field": str, "values": list}


@dataclass(frozen=True)
class V3Request:
    """A report as it was asked for.

    Attributes
    ----------
    record_type : str
        The version 2 name.
    segment : str or None
    days : list of datetime.date
    columns : list of str
        Version 3 names.
    is_daily : bool
        Whether there are rows for each day, or for all days together.
    filters : dict of str to list of str
        The values that a column may have.
    """

    record_type: str
    segment: str | None
    days: list[date]
    columns: list[str]
    is_daily: bool
    filters: dict[str, list[str]]

    @classmethod
    def parse(
        cls, body: object, advertiser: Advertiser, today: date, history_days: int
    ) -> V3Request:
        """From a request's body."""
        asked = _fields("body", body, _BODY, name=str)
        how = _fields("configuration", asked["configuration"], _CONFIGURATION, filters=list)
        _check_fixed(how)
        record_type, segment = _report(how)
        columns = _texts("configuration columns", how["columns"])
        has = _columns(record_type, segment, advertiser)
        _check_columns(columns, has, how["timeUnit"])
        return cls(
            record_type=record_type,
            segment=segment,
            days=_days(asked, today, history_days),
            columns=columns,
            is_daily=how["timeUnit"] == "DAILY",
            filters=_filters(how.get("filters") or [], has),
        )


def _fields(where: str, value: object, needed: Mapping[str, type], **optional: type) -> Any:
    """An object that has all fields needed, and no others but the optional ones."""
    if not isinstance(value, dict):
        raise bad_request(f"{where} is not an object")
    types = {**needed, **optional}
    wrong = [name for name in needed if name not in value]
    wrong += [
        name
        for name, content in value.items()
        if not isinstance(content, types.get(name, ()))
        and not (name in optional and content is None)
    ]
    if wrong:
        raise bad_request(
            f"{where} includes missing, unknown or invalid fields: ({', '.join(wrong)})"
        )
    return value


def _texts(where: str, values: list[Any]) -> list[str]:
    if not values or not all(isinstance(value, str) for value in values):
        raise bad_request(f"{where} is not a list of names")
    return values


def _check_fixed(how: Mapping[str, Any]) -> None:
    allowed = {
        "adProduct": ("SPONSORED_DISPLAY",),
        "timeUnit": tuple(_DAY_COLUMNS),
        "format": ("GZIP_JSON",),
    }
    for name, values in allowed.items():
        if how[name] not in values:
            raise bad_request(
                f"configuration {name} is invalid. Allowed values: {', '.join(values)}"
            )


def _report(how: Mapping[str, Any]) -> tuple[str, str | None]:
    type_id = how["reportTypeId"]
    if type_id not in _TYPE_IDS.values():
        raise bad_request("configuration reportTypeId is unknown or invalid")
    groups = _texts("configuration groupBy", how["groupBy"])
    if len(groups) != 1 or (type_id, groups[0]) not in _REPORTS:
        known = ", ".join(group for each, group in _REPORTS if each == type_id)
        raise bad_request(
            f"configuration groupBy is invalid for {type_id}. Allowed values: {known}"
        )
    return _REPORTS[type_id, groups[0]]


def _columns(record_type: str, segment: str | None, advertiser: Advertiser) -> set[str]:
    """The columns of a report; vendors have neither purchased products nor SKUs."""
    names = {str(CATALOGUE[n].v3_name) for n in available_metrics(record_type, segment, api="v3")}
    if advertiser.account_type == "seller":
        return names
    if record_type == "asins":
        raise bad_request("reportTypeId sdPurchasedProduct is for sellers only")
    return names - {"promotedSku"}


def _check_columns(columns: Iterable[str], has: set[str], unit: str) -> None:
    wrong = [name for name in columns if name not in has | _DAY_COLUMNS[unit]]
    if wrong:
        raise bad_request(f"configuration columns includes invalid values: ({', '.join(wrong)})")


def _filters(filters: list[Any], has: set[str]) -> dict[str, list[str]]:
    given = [_fields("configuration filters", each, _FILTER) for each in filters]
    wrong = [each["field"] for each in given if each["field"] not in has]
    if wrong:
        raise bad_request(f"configuration filters includes fields: ({', '.join(wrong)})")
    return {each["field"]: _texts("configuration filters", each["values"]) for each in given}


def _days(asked: Mapping[str, str], today: date, history_days: int) -> list[date]:
    start, end = (_day(name, asked[name]) for name in ("startDate", "endDate"))
    count = (end - start).days + 1
    if count < 1:
        raise bad_request("endDate is before startDate")
    if end > today:
        raise bad_request("endDate is in the future")
    if (today - start).days > history_days:
        raise bad_request(
            f"startDate is too far in the past: there are reports for {history_days} days"
        )
    if count > MAX_DAYS:
        raise bad_request(
            "startDate to endDate range must not exceed the maximum range for the report type: "
            f"{MAX_DAYS} days"
        )
    return [start + timedelta(n) for n in range(count)]


def _day(name: str, text: str) -> date:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise bad_request(f"{name} is not YYYY-MM-DD")
    return day
