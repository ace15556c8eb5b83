"""Values of metrics that the user registered: made up, so that they can be tried."""

from __future__ import annotations

import random
from typing import Final

from sdanalytics.model.metrics import ColumnKind
from sdanalytics.model.registration import list_registered
from sdanalytics.sandbox.responses import JsonObject
from sdanalytics.sandbox.simulation.apportion import MetricValues

_NAMES: Final = ("alpha", "beta", "gamma")


def simulate_registered(count: int, money: int) -> MetricValues:
    """Return the registered metrics that add up: a share, by the name, of a count or an amount."""
    values: MetricValues = {}
    for metric in list_registered():
        if metric.is_summable:
            total = money if metric.kind is ColumnKind.MONEY else count
            values[metric.name] = round(total * _share(metric.name))
    return values


def render_registered(metrics: MetricValues) -> JsonObject:
    """Return the registered metrics that do not add up, by what a row has."""
    fields: JsonObject = {}
    clicks = metrics["clicks"]
    for metric in list_registered():
        if metric.is_summable:
            continue
        if metric.kind is ColumnKind.RATIO:
            ratio = _share(metric.name) / (1 + clicks)
            fields[metric.name] = round(ratio, 6)
        elif metric.kind is ColumnKind.ID:
            fields[metric.name] = 2**53 + clicks
        else:
            fields[metric.name] = _NAMES[clicks % len(_NAMES)]
    return fields


def _share(name: str) -> float:
    return random.Random(name).uniform(0.1, 0.5)
