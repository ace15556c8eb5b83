"""Parse the body of a version 3 request, and refuse what the service refuses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from sdanalytics.model.metrics import (
    CATALOGUE,
    MATCHED_TARGET,
    requestable_metrics,
    segmented_record_types,
)
from sdanalytics.sandbox.responses import JsonObject, bad_request
from sdanalytics.sandbox.settings import Settings
from sdanalytics.sandbox.simulation.advertisers import Advertiser

MAX_DAYS: Final = 31
"""Days of one report."""
_DAYS_OF_INVALID_TRAFFIC: Final = 365
"""Days of one report of invalid traffic, and of its history."""
_REPORT_TYPES: Final = {
    ("sdCampaigns", "campaign"): "campaigns",
    ("sdAdGroup", "adGroup"): "adGroups",
    ("sdAdvertisedProduct", "advertiser"): "productAds",
    ("sdTargeting", "targeting"): "targets",
    ("sdPurchasedProduct", "asin"): "asins",
    ("sdGrossAndInvalids", "campaign"): "invalidTraffic",
}
"""Record types by report type id and group."""
_DAY_COLUMNS: Final = {"DAILY": {"date"}, "SUMMARY": {"startDate", "endDate"}}
"""The columns that say which days a row covers, by time unit."""
_ALLOWED_VALUES: Final = {
    "adProduct": ("SPONSORED_DISPLAY",),
    "timeUnit": tuple(_DAY_COLUMNS),
    "format": ("GZIP_JSON",),
}

_Fields = Mapping[str, type]
"""The types of an object's fields."""
_BODY: Final[_Fields] = {"startDate": str, "endDate": str, "configuration": dict}
_BODY_OPTIONS: Final[_Fields] = {"name": str}
_CONFIGURATION: Final[_Fields] = {
    "adProduct": str,
    "reportTypeId": str,
    "groupBy": list,
    "columns": list,
    "timeUnit": str,
    "format": str,
}
_CONFIGURATION_OPTIONS: Final[_Fields] = {"filters": list}
_NO_FIELDS: Final[_Fields] = {}
_FILTER: Final[_Fields] = {"field": str, "values": list}


class _ReportType(NamedTuple):
    """Version 2's names for a report type and its group."""

    record_type: str
    segment: str | None


@dataclass(frozen=True)
class V3Request:
    """A version 3 report as it was requested.

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
        cls, body: object, advertiser: Advertiser, today: date, settings: Settings
    ) -> V3Request:
        """Parse a request's body; raise a 400 where the service would."""
        fields = _validate_fields("body", body, _BODY, _BODY_OPTIONS)
        configuration = _validate_fields(
            "configuration", fields["configuration"], _CONFIGURATION, _CONFIGURATION_OPTIONS
        )
        _check_allowed_values(configuration)
        report_type = _parse_report_type(configuration)
        columns = _validate_names("configuration columns", configuration["columns"])
        available = _available_columns(report_type, advertiser)
        time_unit = configuration["timeUnit"]
        allowed = available | _DAY_COLUMNS[time_unit]
        _check_columns(columns, allowed - _v3_names(settings.refused_metrics))
        history_days, max_days = settings.v3_history_days, MAX_DAYS
        if report_type.record_type == "invalidTraffic":
            history_days = max_days = _DAYS_OF_INVALID_TRAFFIC
        days = _parse_requested_days(fields, today, history_days, max_days)
        filters = configuration.get("filters") or []
        return cls(
            record_type=report_type.record_type,
            segment=report_type.segment,
            days=days,
            columns=columns,
            is_daily=time_unit == "DAILY",
            filters=_parse_filters(filters, available),
        )


def _validate_fields(
    where: str, value: object, required: _Fields, optional: _Fields = _NO_FIELDS
) -> JsonObject:
    """Return an object that has all required fields, and no others but the optional ones."""
    if not isinstance(value, dict):
        raise bad_request(f"{where} is not an object")
    invalid = [name for name in required if name not in value]
    for name, content in value.items():
        if name in required:
            is_valid = isinstance(content, required[name])
        elif name in optional:
            is_valid = content is None or isinstance(content, optional[name])
        else:
            is_valid = False
        if not is_valid:
            invalid.append(name)
    if invalid:
        names = ", ".join(invalid)
        raise bad_request(f"{where} includes missing, unknown or invalid fields: ({names})")
    return value


def _validate_names(where: str, values: Sequence[Any]) -> list[str]:
    names = [value for value in values if isinstance(value, str)]
    if not values or len(names) < len(values):
        raise bad_request(f"{where} is not a list of names")
    return names


def _check_allowed_values(configuration: JsonObject) -> None:
    for name, allowed in _ALLOWED_VALUES.items():
        if configuration[name] not in allowed:
            values = ", ".join(allowed)
            raise bad_request(f"configuration {name} is invalid. Allowed values: {values}")


def _parse_report_type(configuration: JsonObject) -> _ReportType:
    type_id = configuration["reportTypeId"]
    groups = _find_groups(type_id)
    if not groups:
        raise bad_request("configuration reportTypeId is unknown or invalid")
    names = _validate_names("configuration groupBy", configuration["groupBy"])
    if len(names) != 1 or names[0] not in groups:
        allowed = ", ".join(groups)
        raise bad_request(
            f"configuration groupBy is invalid for {type_id}. Allowed values: {allowed}"
        )
    return groups[names[0]]


def _find_groups(type_id: str) -> dict[str, _ReportType]:
    """Return the groups that a report type allows; none where it is unknown."""
    groups = {}
    for (known_id, group), record_type in _REPORT_TYPES.items():
        if known_id != type_id:
            continue
        groups[group] = _ReportType(record_type, None)
        if record_type in segmented_record_types():
            groups[MATCHED_TARGET] = _ReportType(record_type, MATCHED_TARGET)
    return groups


def _available_columns(report_type: _ReportType, advertiser: Advertiser) -> set[str]:
    """Return the columns of a report; vendors have neither purchased products nor SKUs."""
    record_type, segment = report_type
    columns = set()
    for name in requestable_metrics(record_type, segment, api="v3"):
        metric = CATALOGUE[name]
        columns.add(str(metric.v3_name))
    if advertiser.account_type == "seller":
        return columns
    if record_type == "asins":
        raise bad_request("reportTypeId sdPurchasedProduct is for sellers only")
    return columns - {"promotedSku"}


def _v3_names(metrics: Iterable[str]) -> set[str]:
    return {str(CATALOGUE[name].v3_name) if name in CATALOGUE else name for name in metrics}


def _check_columns(columns: Iterable[str], allowed: Collection[str]) -> None:
    invalid = [name for name in columns if name not in allowed]
    if invalid:
        names = ", ".join(invalid)
        raise bad_request(f"configuration columns include invalid value: ({names})")


def _parse_filters(filters: list[Any], available: Collection[str]) -> dict[str, list[str]]:
    """Return the allowed values by column."""
    where = "configuration filters"
    for item in filters:
        _validate_fields(where, item, _FILTER)
    invalid = [item["field"] for item in filters if item["field"] not in available]
    if invalid:
        names = ", ".join(invalid)
        raise bad_request(f"{where} includes fields: ({names})")
    values = {}
    for item in filters:
        column = item["field"]
        values[column] = _validate_names(where, item["values"])
    return values


def _parse_requested_days(
    fields: Mapping[str, str], today: date, history_days: int, max_days: int
) -> list[date]:
    start = _parse_request_day("startDate", fields["startDate"])
    end = _parse_request_day("endDate", fields["endDate"])
    count = (end - start).days + 1
    if count < 1:
        raise bad_request("endDate is before startDate")
    if end > today:
        raise bad_request("endDate is in the future")
    if (today - start).days > history_days:
        first = today - timedelta(history_days)
        raise bad_request(
            f"startDate ({start}) must be equal to or after report type data retention start date "
            f"({first})"
        )
    if count > max_days:
        raise bad_request(
            "startDate to endDate range must not exceed the maximum range for the report type: "
            f"{max_days} days"
        )
    return [start + timedelta(offset) for offset in range(count)]


def _parse_request_day(name: str, text: str) -> date:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise bad_request(f"{name} is not YYYY-MM-DD") from None
    if day.isoformat() != text:  # strptime allows days without leading zeros
        raise bad_request(f"{name} is not YYYY-MM-DD")
    return day
