"""Registration of metrics that are newer than the catalogue, for the process that needs them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from itertools import islice
from typing import Final

from sdanalytics._core.suggest import validate_choice
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.literals import Api
from sdanalytics.model.metric_synonyms import COMPUTED_METRICS
from sdanalytics.model.metrics import (
    API_VERSIONS,
    CATALOGUE,
    RECORD_TYPES,
    REPORT_NAMES,
    V2_NAME_BY_V3_NAME,
    ColumnKind,
    Metric,
)
from sdanalytics.model.record_types import list_record_types

MAX_NAME_LENGTH: Final = 100
_AMAZON_NAME: Final = re.compile(r"[a-z][A-Za-z0-9]*")
_COLUMNS_OF_FRAMES: Final = ("date", "tactic")
_RESERVED: Final = ("startDate", "endDate", "source", "segment", "accountName", "countryCode")
"""Columns of the service's requests, of views, and of frames of several profiles."""
_TABLE_LENGTH: Final = len(CATALOGUE)
"""Metrics of the table; those that are registered follow after them."""
_lock: Final = threading.Lock()


def register(
    name: str,
    kind: str | ColumnKind,
    record_types: str | Iterable[str],
    *,
    api: Api = "v3",
    meaning: str = "",
) -> None:
    """Register a metric that the service has, and this release does not know yet.

    From then on it is a metric like any other in this process: it can be fetched, stored, read,
    queried, summed, drawn, and is listed by `list_metrics` and the picker; the sandbox makes up
    values for it. It is in no default. Other processes can read stores that have it, without it,
    and keep it.

    Parameters
    ----------
    name : str
        Amazon's name of the column in that version, in Amazon's spelling.
    kind : {"count", "money", "ratio", "id", "text", "category"}
        The kind of its values, which decides its dtype and its unit: counts (``Int64``, unit
        ``count``) and money (``float64``, unit ``currency``) are summed; ratios (``float64``,
        unit ``ratio``) are not, so that what must not be summed is best a ratio; ids are
        ``Int64``; text is ``str``, and ``category`` where there are few values.
    record_types : str or iterable of str
        The reports that have it: ``"campaigns"`` (also by matched target), or
        ``"campaigns+matchedTarget"`` (by matched target only).
    api : {"v3", "v2", "v1"}, optional
        The version of the API that has it; of version 1, `name` is without the prefix ``metric.``.
    meaning : str, optional
        What it is, for `list_metrics` and the picker.

    Raises
    ------
    InvalidRequest
        When a parameter has another value; when the catalogue has the metric, or something
        else has its name; when it was registered otherwise before. To register it in the same
        way again does nothing.

    Examples
    --------
    >>> import sdanalytics as sda
    >>> sda.metrics.register("storePageVisits", "count", ["campaigns", "adGroups"])
    >>> sda.list_metrics("campaigns", api="v3")["metric"].iloc[-1]
    'storePageVisits'
    """
    _validate_name(name)
    kind_names = [known.value for known in ColumnKind]
    kind_value = kind
    if isinstance(kind, ColumnKind):
        kind_value = kind.value
    known_kind = ColumnKind(validate_choice("kind", kind_value, kind_names))
    version = validate_choice("api", api, API_VERSIONS)
    reports = _expand_reports(record_types, version)
    if not isinstance(meaning, str):
        raise InvalidRequest(f"meaning must be a string, got {meaning!r}")
    metric = Metric(
        name=name,
        v3_name=name if version == "v3" else None,
        kind=known_kind,
        unit=known_kind.unit,
        meaning=meaning,
        reports=reports if version == "v2" else frozenset(),
        v3_reports=reports if version == "v3" else frozenset(),
        is_registered=True,
        v1_name=f"metric.{name}" if version == "v1" else None,
        v1_reports=reports if version == "v1" else frozenset(),
    )
    add_registered([metric])


def add_registered(metrics: Iterable[Metric]) -> None:
    """Add metrics to the catalogue that were registered, in this process or in its parent."""
    for metric in metrics:
        with _lock:
            _add(metric)


def list_registered() -> list[Metric]:
    """Return the metrics that were registered in this process."""
    return list(islice(CATALOGUE.values(), _TABLE_LENGTH, None))


def is_registered(name: str) -> bool:
    """Return whether a name is that of a metric that was registered in this process."""
    metric = CATALOGUE.get(name)
    return metric is not None and metric.is_registered


def _add(metric: Metric) -> None:
    known = CATALOGUE.get(metric.name)
    if known == metric:
        return
    if known is not None and known.is_registered:
        raise InvalidRequest(_difference(known, metric))
    _ensure_is_new(metric.name)
    if metric.v3_name is not None:
        V2_NAME_BY_V3_NAME[metric.v3_name] = metric.name
    CATALOGUE[metric.name] = metric


def _validate_name(name: object) -> None:
    """Raise `InvalidRequest` unless a name can be one of Amazon's columns."""
    if not isinstance(name, str) or not _AMAZON_NAME.fullmatch(name):
        raise InvalidRequest(
            "name must be Amazon's name of a column: letters and digits that begin with a small "
            f"letter, such as 'storePageVisits', got {name!r}"
        )
    if len(name) > MAX_NAME_LENGTH:
        beginning = name[:20]
        raise InvalidRequest(
            f"name must have at most {MAX_NAME_LENGTH} letters, got {len(name)}: {beginning}..."
        )


def _expand_reports(record_types: object, version: str) -> frozenset[str]:
    """Return the reports of record types, each with those by matched target."""
    in_version = list_record_types(version)
    offered = []
    for report in REPORT_NAMES:
        record_type, _, _ = report.partition("+")
        if record_type in in_version:
            offered.append(report)
    names = record_types
    if isinstance(record_types, str):
        names = [record_types]
    if not isinstance(names, Iterable):
        raise InvalidRequest(f"record_types must be names of reports, got {record_types!r}")
    reports: set[str] = set()
    for name in names:
        report = validate_choice("record_types", name, offered)
        reports.add(report)
        if report in RECORD_TYPES:
            prefix = f"{report}+"
            reports.update(known for known in REPORT_NAMES if known.startswith(prefix))
    if not reports:
        raise InvalidRequest(f"record_types must name at least one of {', '.join(offered)}")
    return frozenset(reports)


def _ensure_is_new(name: str) -> None:
    """Raise `InvalidRequest` when something has a name, in whatever capitals: SQL has none."""
    taken: dict[str, str] = {}
    for reserved in (*_COLUMNS_OF_FRAMES, *_RESERVED):
        taken[reserved.lower()] = f"{reserved!r} is a column that every frame or request may have"
    for computed in COMPUTED_METRICS:
        taken[computed.lower()] = f"{computed!r} is computed after fetching"
    for v3_name, known in V2_NAME_BY_V3_NAME.items():
        taken[v3_name.lower()] = f"{v3_name!r} is the version 3 name of {known!r}: use that"
    for known in CATALOGUE:
        taken[known.lower()] = f"{known!r} is a metric already, and needs no registration"
    reason = taken.get(name.lower())
    if reason is not None:
        raise InvalidRequest(f"name must be that of a new metric, got {name!r}: {reason}")


def _difference(known: Metric, metric: Metric) -> str:
    """Explain how a metric was registered before, and how it is now."""
    before, now = _describe_registration(known), _describe_registration(metric)
    return (
        f"{metric.name!r} was registered otherwise in this process: as {before}, got {now}. "
        "Register it in one way only; restart Python to change it"
    )


def _describe_registration(metric: Metric) -> str:
    [version] = [api for api in API_VERSIONS if metric.requestable_in(api)]
    reports = metric.requestable_in(version)
    named = ", ".join(report for report in REPORT_NAMES if report in reports)
    return f"{metric.kind.value} of {named} (api={version!r}, meaning={metric.meaning!r})"
