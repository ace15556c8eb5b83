"""Parse the body of a version 1 create, and refuse what the service refuses."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sdanalytics.model.metrics import CATALOGUE, MATCHED_TARGET
from sdanalytics.sandbox.responses import JsonObject
from sdanalytics.sandbox.settings import Settings
from sdanalytics.sandbox.v1_accounts import Account
from sdanalytics.sandbox.v1_fields import V1_FIELDS, V1Field
from sdanalytics.sandbox.v1_problems import (
    BEYOND_LOOK_BACK,
    INACCESSIBLE,
    INCOMPATIBLE,
    INVALID_FORMAT,
    MALFORMED,
    MISSING_COMPANION,
    UNKNOWN_FIELD,
    RequestProblem,
    V1Refusal,
    describe_problem,
    malformed,
)

MAX_DAYS_BY_DATE: Final = 120
"""Days of a report with a row for each day."""
_MAX_ACCOUNTS: Final = 5
_ACCOUNT_KINDS: Final = ("advertiserAccountId", "managerAccountId")
_MAX_FIELDS: Final = 1000
_MAX_FILTERS: Final = 10
_MAX_VALUES: Final = 2000
_FIELD_PATTERN: Final = re.compile(r"[a-zA-Z0-9]+\.[a-zA-Z0-9]+")
_FORMATS: Final = ("CSV", "PARTITIONED_CSV")
"""Those that the sandbox builds: of the others the documents do not tell the shape."""
_OPERATORS: Final = ("EQUALS", "IN")
_TIME_GROUPS: Final = ("date", "dateRange", "hour", "day", "week", "month", "year")
_RECORD_TYPES: Final = {
    "convertedProduct": "asins",
    "ad": "productAds",
    "advertisedProduct": "productAds",
    "adGroup": "adGroups",
    "campaign": "campaigns",
}
"""Record types by the dimension that tells their rows apart, the finest first."""


@dataclass(frozen=True)
class Comparison:
    """A condition on the values of a field.

    Attributes
    ----------
    field : str
    values : frozenset of str
    is_negated : bool
    """

    field: str
    values: frozenset[str]
    is_negated: bool

    def allows(self, value: object) -> bool:
        """Return whether a value satisfies it."""
        return (str(value) in self.values) != self.is_negated


@dataclass(frozen=True)
class V1Request:
    """A version 1 report as it was requested.

    Attributes
    ----------
    record_type : str
        Version 2's name for what its rows stand for.
    segment : str or None
    accounts : list of Account
    days : list of datetime.date
    fields : list of V1Field
    filters : list of Comparison
        A row satisfies all.
    """

    record_type: str
    segment: str | None
    accounts: list[Account]
    days: list[date]
    fields: list[V1Field]
    filters: list[Comparison]

    @classmethod
    def parse(
        cls, body: JsonObject, accounts: Mapping[str, Account], settings: Settings
    ) -> V1Request:
        """Parse a create; raise a 400 where the service would.

        Parameters
        ----------
        body : dict
        accounts : mapping of str to Account
            Those that the login has access to.
        settings : Settings
        """
        report = _parse_report(body)
        query = report["query"]
        names = _parse_names(query)
        filters = query.get("filter")
        comparisons = list(_parse_comparisons(filters))
        problems: list[RequestProblem] = []
        chosen = list(_choose_accounts(body, accounts, problems))
        filtered = [comparison.field for comparison in comparisons]
        problems += _check_names([*names, *filtered], _list_refused(settings))
        fields = [V1_FIELDS[name] for name in names if name in V1_FIELDS]
        problems += _check_companions(fields)
        problems += _check_dimensions(names)
        problems += _check_combinations(fields)
        days = _parse_period(report["periods"], chosen, settings, problems)
        if problems:
            raise V1Refusal(problems)
        groups = [field.group for field in fields]
        segment = None
        if MATCHED_TARGET in groups:
            segment = MATCHED_TARGET
        return cls(
            record_type=_find_record_type(groups),
            segment=segment,
            accounts=chosen,
            days=days,
            fields=fields,
            filters=comparisons,
        )


def _find_record_type(groups: Collection[str]) -> str:
    """Return what the rows of a report with these dimensions stand for."""
    finest = (group for group in _RECORD_TYPES if group in groups)
    return _RECORD_TYPES[next(finest)]


def _parse_report(body: JsonObject) -> JsonObject:
    """Return the one report of a create."""
    _check_keys("the body", body, {"accessRequestedAccounts", "reports"})
    [report] = _check_list("reports", body["reports"], 1)
    _check_keys("reports", report, {"format", "periods", "query"}, {"currencyOfView"})
    if report["format"] not in _FORMATS:
        raise malformed(f"format must be among {', '.join(_FORMATS)} in this sandbox")
    _check_keys("query", report["query"], {"fields"}, {"filter"})
    parsed: JsonObject = report
    return parsed


def _check_keys(
    where: str, value: object, required: set[str], optional: set[str] | frozenset[str] = frozenset()
) -> None:
    if not isinstance(value, dict):
        raise malformed(f"{where} is not an object")
    missing = required - value.keys()
    unknown = value.keys() - required - optional
    wrong = sorted(missing | unknown)
    if wrong:
        names = ", ".join(wrong)
        raise malformed(f"{where} has missing or unknown fields: ({names})")


def _check_list(name: str, value: object, longest: int) -> list[Any]:
    if not isinstance(value, list) or not 1 <= len(value) <= longest:
        raise malformed(f"{name} must be a list of 1 to {longest}")
    return value


def _parse_texts(name: str, value: object, longest: int) -> list[str]:
    texts = _check_list(name, value, longest)
    for text in texts:
        if not isinstance(text, str):
            raise malformed(f"{name} must be a list of texts")
    return texts


def _parse_names(query: JsonObject) -> list[str]:
    names = _parse_texts("fields", query["fields"], _MAX_FIELDS)
    if len(set(names)) < len(names):
        raise malformed("fields has a field twice")
    return names


def _choose_accounts(
    body: JsonObject, accounts: Mapping[str, Account], problems: list[RequestProblem]
) -> Iterator[Account]:
    name = "accessRequestedAccounts"
    for item in _check_list(name, body[name], _MAX_ACCOUNTS):
        if not isinstance(item, dict) or len(item) != 1:
            raise malformed("an account has one id")
        [(kind, account_id)] = item.items()
        if kind not in _ACCOUNT_KINDS:
            raise malformed(f"an account has one of {', '.join(_ACCOUNT_KINDS)}")
        if kind == _ACCOUNT_KINDS[0] and account_id in accounts:
            yield accounts[account_id]
            continue
        text = f"account {account_id} is not accessible"
        problem = describe_problem(INACCESSIBLE, text)
        problems.append(problem)


def _parse_comparisons(document: object) -> Iterator[Comparison]:
    """Yield the comparisons of a filter, however deep in conjunctions they are."""
    if document is None:
        return
    if not isinstance(document, dict) or len(document) != 1:
        raise malformed("a filter has either 'on' or 'and'")
    if "and" in document:
        conjunction = document["and"]
        _check_keys("and", conjunction, {"filters"})
        parts = _check_list("filters", conjunction["filters"], _MAX_FILTERS)
        for part in parts:
            yield from _parse_comparisons(part)
        return
    _check_keys("a filter", document, {"on"})
    yield _parse_comparison(document["on"])


def _parse_comparison(on: JsonObject) -> Comparison:
    _check_keys("on", on, {"field", "comparisonOperator", "not", "values"})
    name = on["field"]
    is_negated = on["not"]
    if on["comparisonOperator"] not in _OPERATORS:
        raise malformed(f"comparisonOperator must be among {', '.join(_OPERATORS)}")
    if not isinstance(name, str) or not isinstance(is_negated, bool):
        raise malformed("on has an invalid field or not")
    values = _parse_texts("values", on["values"], _MAX_VALUES)
    return Comparison(name, frozenset(values), is_negated)


def _list_refused(settings: Settings) -> set[str]:
    """Return the fields that are refused although they are documented."""
    fields = set()
    for name in settings.refused_metrics:
        field = name
        if name in CATALOGUE:
            field = str(CATALOGUE[name].v1_name)
        fields.add(field)
    return fields


def _check_names(names: Sequence[str], refused: Collection[str]) -> Iterator[RequestProblem]:
    for name in names:
        if not _FIELD_PATTERN.fullmatch(name):
            yield describe_problem(INVALID_FORMAT, f"field {name} has invalid format")
        elif name not in V1_FIELDS or name in refused:
            yield describe_problem(UNKNOWN_FIELD, f"field {name} is not supported")


def _check_companions(fields: Sequence[V1Field]) -> Iterator[RequestProblem]:
    names = {field.name for field in fields}
    for field in fields:
        missing = [name for name in field.requires if name not in names]
        if missing:
            companions = ", ".join(missing)
            text = (
                f"field {field.name} cannot be used without also including fields: ({companions})"
            )
            yield describe_problem(MISSING_COMPANION, text)


def _check_dimensions(names: Sequence[str]) -> Iterator[RequestProblem]:
    """Yield what the choice of fields lacks as a whole."""
    groups = {name.partition(".")[0] for name in names}
    times = groups.intersection(_TIME_GROUPS)
    if len(times) != 1:
        yield describe_problem(MALFORMED, f"fields need one time dimension, got {len(times)}")
    if "metric" not in groups:
        yield describe_problem(MALFORMED, "fields need a metric")
    if "campaign" not in groups:
        yield describe_problem(MALFORMED, "fields need campaign.id in this sandbox")


def _check_combinations(fields: Sequence[V1Field]) -> Iterator[RequestProblem]:
    """Yield the metrics that do not go with the dimensions; none goes with targets."""
    groups = {field.group for field in fields}
    for field in fields:
        if not field.is_metric:
            continue
        excluded = (*field.not_with, "target")
        wrong = groups.intersection(excluded)
        if wrong:
            dimensions = ", ".join(sorted(wrong))
            text = f"field {field.name} cannot be used with {dimensions}"
            yield describe_problem(INCOMPATIBLE, text)


def _parse_period(
    periods: object, accounts: Sequence[Account], settings: Settings, problems: list[RequestProblem]
) -> list[date]:
    """Return the days of a report, in the time zone of its first account."""
    [period] = _check_list("periods", periods, 1)
    _check_keys("periods", period, {"datePeriod"})
    dates = period["datePeriod"]
    _check_keys("datePeriod", dates, {"startDate", "endDate"})
    start = _parse_day(dates["startDate"])
    end = _parse_day(dates["endDate"])
    count = (end - start).days + 1
    if count < 1:
        raise malformed("endDate is before startDate")
    if count > MAX_DAYS_BY_DATE:
        raise malformed(f"a report by date has up to {MAX_DAYS_BY_DATE} days, got {count}")
    if accounts:
        today = accounts[0].advertisers[0].today(settings.now())
        first = today - timedelta(settings.v1_history_days)
        problems += _check_window(start, end, first, today)
    return [start + timedelta(offset) for offset in range(count)]


def _check_window(start: date, end: date, first: date, today: date) -> Iterator[RequestProblem]:
    if start < first:
        text = f"startDate {start} is before the look-back window ({first})"
        yield describe_problem(BEYOND_LOOK_BACK, text)
    if end > today:
        yield describe_problem(MALFORMED, "endDate is in the future")


def _parse_day(text: object) -> date:
    try:
        day = datetime.strptime(str(text), "%Y-%m-%d").date()
    except ValueError:
        raise malformed(f"{text} is not YYYY-MM-DD") from None
    if day.isoformat() != text:  # strptime allows days without leading zeros
        raise malformed(f"{text} is not YYYY-MM-DD")
    return day
