"""Validation of metrics and segments, with messages that name the alternatives."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from sdanalytics._core.suggest import closest_match, validate_choice
from sdanalytics.errors import InvalidRequest
from sdanalytics.model.literals import Segment
from sdanalytics.model.metric_synonyms import COMPUTED_METRICS, find_synonym
from sdanalytics.model.metrics import (
    CATALOGUE,
    MATCHED_TARGET,
    V2_NAME_BY_V3_NAME,
    Metric,
    available_metrics,
    default_metrics,
    reports_with,
    segmented_record_types,
)
from sdanalytics.model.partition import report_name
from sdanalytics.model.record_types import list_record_types


class _Requested(NamedTuple):
    """The report that a metric is requested for, and the version of the API (None: any)."""

    report: str
    api: str | None


def validate_segment(segment: object, record_type: str) -> Segment | None:
    """Return `segment` if the record type has it or it is None.

    Raises
    ------
    InvalidRequest
        Otherwise; the message names the record types that can be segmented.
    """
    if segment is None:
        return None
    name: Segment = validate_choice("segment", segment, (MATCHED_TARGET,))
    segmentable = segmented_record_types()
    if record_type not in segmentable:
        choices = ", ".join(segmentable)
        raise InvalidRequest(f"{record_type} cannot be segmented by {name}; {choices} can")
    return name


def validate_metrics(
    names: Sequence[object], record_type: str, segment: str | None, api: str | None = None
) -> tuple[str, ...]:
    """Return `names`, each once, if the report has them all.

    Parameters
    ----------
    names : sequence
    record_type : str
    segment : str or None
    api : str or None, optional
        The version of the API that must have them; None: any.

    Raises
    ------
    InvalidRequest
        Otherwise; the message explains for each name how to correct it.
    """
    available = available_metrics(record_type, segment, api)
    requested = _Requested(report_name(record_type, segment), api)
    valid: dict[str, None] = {}
    errors = []
    for name in names:
        if isinstance(name, str) and name in available:
            valid[str(name)] = None
        else:
            errors.append(_metric_error(name, requested))
    if errors:
        raise InvalidRequest("; ".join(errors))
    return tuple(valid)


def _metric_error(name: object, requested: _Requested) -> str:
    if not isinstance(name, str):
        return f"a metric must be a name, got {name!r}"
    if name in ("date", "tactic"):
        return f"{name!r} is not a metric: every frame has that column; leave it out"
    if name in CATALOGUE:
        return _unavailable_message(CATALOGUE[name], requested)
    synonym = find_synonym(name)
    if synonym in COMPUTED_METRICS:
        return _computed_message(name, synonym, requested)
    if name in V2_NAME_BY_V3_NAME:
        return _v3_name_message(name, requested)
    if synonym is not None:
        return _synonym_message(name, CATALOGUE[synonym], requested)
    return f"{name!r} is not a metric; {_suggestion(name, requested)}"


def _computed_message(name: str, computed: str, requested: _Requested) -> str:
    """Explain that a KPI is no metric, and how to get it."""
    record_type, _, _ = requested.report.partition("+")
    meaning = ""
    if name != computed:
        meaning = f", as {computed!r},"
    message = f"{name!r} is no metric but is computed{meaning} after fetching"
    needed = set(COMPUTED_METRICS[computed])
    able = []
    for offered in list_record_types(requested.api):
        if needed <= set(default_metrics(offered)):
            able.append(offered)
    if record_type not in able:
        others = ", ".join(able)
        return f"{message}, from other reports than {record_type}: {others}"
    message += ": the default metrics (without metrics=) are all that add_kpis and summarize need"
    if name in V2_NAME_BY_V3_NAME:
        message += f"; {name!r} is also the version 3 name of {V2_NAME_BY_V3_NAME[name]!r}"
    return message


def _synonym_message(name: str, metric: Metric, requested: _Requested) -> str:
    message = f"{name!r} is {metric.name!r} here: use that"
    if requested.report not in metric.available_in(requested.api):
        message += f"; {_unavailable_message(metric, requested)}"
    return message


def _v3_name_message(v3_name: str, requested: _Requested) -> str:
    metric = CATALOGUE[V2_NAME_BY_V3_NAME[v3_name]]
    message = f"{v3_name!r} is the version 3 name of {metric.name!r}: use that"
    if requested.report not in metric.available_in(requested.api):
        message += f"; {_unavailable_message(metric, requested)}"
    return message


def _unavailable_message(metric: Metric, requested: _Requested) -> str:
    """Explain that a report does not have a metric in a version, and name one that has it."""
    if requested.api == "v2":
        return _unavailable_in_v2_message(metric, requested.report)
    if requested.api == "v3":
        return _unavailable_in_v3_message(metric, requested.report)
    if requested.api == "v1":
        return _unavailable_in_v1_message(metric, requested.report)
    return _other_reports_message(metric, requested)


def _unavailable_in_v2_message(metric: Metric, report: str) -> str:
    if _is_only_in_v1(metric):
        return _only_in_v1_message(metric)
    is_in_v3 = report in metric.v3_reports
    if not metric.reports:
        message = f'{metric.name!r} is not a metric of version 2; version 3 has it (api="v3")'
        others = _list_reports(metric, "v3")
        if is_in_v3:
            return message
        return f"{message}, for {others}"
    message = _other_reports_message(metric, _Requested(report, "v2"))
    if is_in_v3:
        message += f'; version 3 has it for {report} too (api="v3")'
    return message


def _unavailable_in_v3_message(metric: Metric, report: str) -> str:
    if _is_only_in_v1(metric):
        return _only_in_v1_message(metric)
    if not metric.v3_reports:
        return _no_v3_equivalent_message(metric.name, report)
    if report not in metric.reports:
        return _other_reports_message(metric, _Requested(report, "v3"))
    others = _list_reports(metric, "v3")
    return f"{metric.name!r} has no equivalent in version 3 for {report}; it has one for {others}"


def _unavailable_in_v1_message(metric: Metric, report: str) -> str:
    message = f"{metric.name!r} has no field in version 1 of the API for {report}"
    if report in metric.v3_reports:
        return f'{message}; version 3 has it (api="v3")'
    others = _list_reports(metric, "v1")
    if others:
        return f"{message}; it has one for {others}"
    if not metric.v3_reports:
        return f"{message}; leave it out"
    return f'{message}; version 3 has it (api="v3"), for {_list_reports(metric, "v3")}'


def _is_only_in_v1(metric: Metric) -> bool:
    return bool(metric.v1_reports) and not metric.reports and not metric.v3_reports


def _only_in_v1_message(metric: Metric) -> str:
    others = _list_reports(metric, "v1")
    return f'{metric.name!r} is a metric of version 1 of the API only (api="v1"), for {others}'


def _other_reports_message(metric: Metric, requested: _Requested) -> str:
    others = _list_reports(metric, requested.api)
    return f"{metric.name!r} is not available for {requested.report}; it is for {others}"


def _no_v3_equivalent_message(name: str, report: str) -> str:
    """Name the metric of the 14-day window for one that only version 2 has."""
    name_in_14_days = re.sub(r"\d+d", "14d", name)
    equivalent = CATALOGUE.get(name_in_14_days)
    if equivalent is None or not equivalent.v3_reports:
        return f"{name!r} has no equivalent in version 3; leave it out"
    message = (
        f"{name!r} is not a metric of version 3, which has the 14-day window only: "
        f"{equivalent.name!r}"
    )
    if report not in equivalent.v3_reports:
        others = _list_reports(equivalent, "v3")
        message += f", for {others}"
    return message


def _list_reports(metric: Metric, api: str | None) -> str:
    return ", ".join(reports_with(metric, api))


def _suggestion(name: str, requested: _Requested) -> str:
    """Suggest a metric of the report, else of the version, else of the catalogue."""
    in_report = []
    in_version = []
    for metric in CATALOGUE.values():
        reports = metric.available_in(requested.api)
        if reports:
            in_version.append(metric.name)
        if requested.report in reports:
            in_report.append(metric.name)
    for candidates in (in_report, in_version, list(CATALOGUE)):
        match = closest_match(name, candidates)
        if match:
            return f"did you mean {match!r}?"
    record_type, _, _ = requested.report.partition("+")
    arguments = repr(record_type)
    if requested.api in ("v3", "v1"):
        arguments += f", api={requested.api!r}"
    return (
        "metrics are Amazon's version 2 names, such as 'cost' or 'attributedSales14d': "
        f"sdanalytics.list_metrics() explains them, metrics.available({arguments}) lists them; "
        "metrics.register adds one that is newer than this release"
    )
