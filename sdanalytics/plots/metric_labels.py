"""Metrics as titles of axes; without matplotlib, so that the widgets load fast."""

from __future__ import annotations

import re

import pandas as pd

from sdanalytics.analysis.column_units import column_unit, split_name
from sdanalytics.analysis.kpi_definitions import KPIS
from sdanalytics.analysis.metadata import frame_metadata


def metric_label(metric: str) -> str:
    """Return a metric's name: Amazon's as it is, a KPI's in its usual spelling."""
    base, ending = split_name(metric)
    label = base
    if base in KPIS:
        label = KPIS[base].label
    return label + ending.replace("_", " ")


def word_undefined(metric: str) -> str:
    """Return why a ratio has no value, such as "cost without sales"."""
    kpi = KPIS[metric]
    return f"{kpi.numerator} without {kpi.denominator}"


def axis_title(data: pd.DataFrame, metric: str) -> str:
    """Return a metric's name, with the currency of money."""
    label = metric_label(metric)
    if column_unit(metric) != "currency":
        return label
    currency = drawable_currency(data)
    if not currency:
        return label
    return f"{label} ({currency})"


def drawable_currency(data: pd.DataFrame) -> str:
    """Return the code of a frame's currency as it can be drawn; empty if it is unknown."""
    # A code has letters only: matplotlib takes a $ for the beginning of a formula.
    return re.sub(r"\W", "", frame_currency(data) or "")


def frame_currency(data: pd.DataFrame) -> str | None:
    """Return the currency of a frame's money, or None if it is unknown."""
    if "currency" in data:
        currencies = data["currency"].dropna()
        if len(currencies):
            return str(currencies.iloc[0])
    return frame_metadata(data).get("currency")
