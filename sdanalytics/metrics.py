"""The catalogue: every metric's name, dtype, unit, meaning, and where it is available."""

from sdanalytics.model.metric_list import list_metrics
from sdanalytics.model.metrics import (
    CATALOGUE,
    MATCHED_TARGET,
    RECORD_TYPES,
    TACTICS,
    ColumnKind,
    Metric,
    default_metrics,
    segmented_record_types,
)
from sdanalytics.model.metrics import available_metrics as available
from sdanalytics.model.metrics import identity_columns as identity
from sdanalytics.model.registration import register

__all__ = [
    "CATALOGUE",
    "MATCHED_TARGET",
    "RECORD_TYPES",
    "TACTICS",
    "ColumnKind",
    "Metric",
    "available",
    "default_metrics",
    "identity",
    "list_metrics",
    "register",
    "segmented_record_types",
]
