"""Presets of metrics: the default, a few topics, and everything that a report has."""

from __future__ import annotations

from typing import Final, NamedTuple

from sdanalytics.analysis.kpi_definitions import CONVERSION_METRICS
from sdanalytics.model.metrics import (
    CATALOGUE,
    ColumnKind,
    available_metrics,
    default_metrics,
    identity_columns,
    sort_by_catalogue,
)

DEFAULT_PRESET: Final = "default"
"""The preset of the metrics that `fetch_report` fetches when none are named."""
ALL_PRESET: Final = "everything"

_TRAFFIC_METRICS: Final = ("impressions", "viewImpressions", "clicks", "cost")
_TEXT_KINDS: Final = (ColumnKind.TEXT, ColumnKind.CATEGORY)


class ReportKind(NamedTuple):
    """A report in the parameters of the metric catalogue."""

    record_type: str
    segment: str | None
    api: str


def selectable_metrics(report: ReportKind) -> list[str]:
    """Return the metrics of a report, the default ones first, without its identity columns."""
    always_fetched = identity_columns(report.record_type, report.segment)
    metrics = [*default_metrics(*report), *available_metrics(*report)]
    unique = dict.fromkeys(metrics)
    return [name for name in unique if name not in always_fetched]


def metric_presets(report: ReportKind) -> dict[str, tuple[str, ...]]:
    """Return the presets that a report has metrics for, by name."""
    selectable = selectable_metrics(report)
    default = default_metrics(*report)
    labels = [name for name in default if is_label(name)]
    presets = {DEFAULT_PRESET: default}
    for topic, metrics in _metrics_by_topic(selectable).items():
        if metrics:
            presets[topic] = sort_by_catalogue([*labels, *metrics])
    presets[ALL_PRESET] = sort_by_catalogue(selectable)
    return presets


def is_label(name: str) -> bool:
    """Return whether a metric is a name or category, rather than a number."""
    return CATALOGUE[name].kind in _TEXT_KINDS


def _metrics_by_topic(selectable: list[str]) -> dict[str, list[str]]:
    traffic: list[str] = []
    traffic_and_results: list[str] = []
    other_products: list[str] = []
    new_to_brand: list[str] = []
    video: list[str] = []
    for name in selectable:
        if name in _TRAFFIC_METRICS:
            traffic.append(name)
            traffic_and_results.append(name)
        if _is_result(name):
            traffic_and_results.append(name)
        if name.endswith("OtherSKU"):
            other_products.append(name)
        if "newtobrand" in name.lower():
            new_to_brand.append(name)
        if name.startswith("video"):
            video.append(name)
    return {
        "traffic and cost": traffic,
        "orders and sales": traffic_and_results,
        "other products": other_products,
        "new to brand": new_to_brand,
        "video": video,
    }


def _is_result(name: str) -> bool:
    """Return whether a metric is one of those that results are made of."""
    return any(name in pair for pair in CONVERSION_METRICS.values())
