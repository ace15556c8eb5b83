"""The catalogue as a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sdanalytics._core.suggest import validate_choice
from sdanalytics.model.literals import Api, RecordType, Segment
from sdanalytics.model.metric_validation import validate_segment
from sdanalytics.model.metrics import (
    CATALOGUE,
    MATCHED_TARGET,
    RECORD_TYPES,
    REPORT_NAMES,
    Metric,
    reports_with,
    segmented_record_types,
    validate_api,
)
from sdanalytics.model.partition import report_name
from sdanalytics.model.view_attribution import day_of_change

if TYPE_CHECKING:
    import pandas as pd

_DTYPES: Final = {
    "metric": "str",
    "v3_name": "str",
    "v1_name": "str",
    "dtype": "str",
    "unit": "str",
    "meaning": "str",
    "is_summable": "bool",
    "changed": "datetime64[s]",
    "v2": "bool",
    "v3": "bool",
    "v1": "bool",
    "reports": "str",
}


def list_metrics(
    record_type: RecordType | None = None,
    segment: Segment | None = None,
    api: Api | None = None,
) -> pd.DataFrame:
    """Return the catalogue as a frame, to be searched.

    Parameters
    ----------
    record_type : str, optional
        As in `fetch_report`: only metrics of this record type; None: of any.
    segment : {"matchedTarget"}, optional
        Metrics of reports by matched target only.
    api : {"v2", "v3", "v1"}, optional
        Only metrics that this version has; None: that any has.

    Returns
    -------
    pandas.DataFrame
        One row per metric, in the catalogue's order: `metric`, its name in requests and frames,
        whatever the version; `v3_name`, Amazon's in version 3 (missing if that version does not
        have it); `v1_name`, its field in the unified Ads API (likewise); `dtype` of the column;
        `unit`; `meaning` (all str); `is_summable`, whether rows can be added (bool); `changed`
        (datetime64[s]), the day from which Amazon counts it by another model, so that numbers from
        before and after cannot be compared: 2026-01-01 for results attributed to views, missing for
        all others; `v2`, `v3` and `v1`, whether it may be asked for with such a report in that
        version (bool); `reports` (str), all that it may be asked for with, in version `api` or in
        any, separated by commas. Facts of the campaign (`costType`, `portfolioId`, `campaignName`,
        `campaignStatus`) may be with all.

    Raises
    ------
    InvalidRequest
        When a parameter has another value, or the report has no segments.

    Examples
    --------
    >>> import sdanalytics as sda
    >>> m = sda.list_metrics("campaigns", api="v3")
    >>> m[m["meaning"].str.contains("new to")]["metric"].tolist()[:2]
    ['attributedOrdersNewToBrand14d', 'attributedSalesNewToBrand14d']
    """
    from sdanalytics.model.frames import frame_from_records

    requested = _requested_reports(record_type, segment)
    api = validate_api(api)
    records = []
    for metric in CATALOGUE.values():
        if requested & metric.available_in(api):
            records.append(_describe_metric(metric, requested, api))
    return frame_from_records(records, _DTYPES)


def _requested_reports(record_type: object, segment: object) -> set[str]:
    """Return the reports of a record type and segment, either of which may be None."""
    if record_type is not None:
        known_type = validate_choice("record_type", record_type, RECORD_TYPES)
        known_segment = validate_segment(segment, known_type)
        return {report_name(known_type, known_segment)}
    if segment is None:
        return set(REPORT_NAMES)
    name = validate_choice("segment", segment, (MATCHED_TARGET,))
    return {report_name(known_type, name) for known_type in segmented_record_types()}


def _describe_metric(metric: Metric, requested: set[str], api: str | None) -> tuple[object, ...]:
    """Return the values of a row, in the order of `_DTYPES`."""
    return (
        metric.name,
        metric.v3_name,
        metric.v1_name,
        metric.kind.dtype,
        metric.unit,
        metric.meaning,
        metric.is_summable,
        day_of_change(metric.name),
        bool(requested & metric.available_in("v2")),
        bool(requested & metric.available_in("v3")),
        bool(requested & metric.available_in("v1")),
        ", ".join(reports_with(metric, api)),
    )
