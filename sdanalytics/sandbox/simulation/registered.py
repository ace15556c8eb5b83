"""Values of metrics that the user registered: made up, so that they can be tried."""

from __future__ import annotations

import random
from typing import Any, Final

from sdanalytics.model.metrics import CATALOGUE, ColumnKind

_NAMES: Final = ("alpha", "beta", "gamma")


def is_registered_metric(name: str) -> bool:
    """Return whether the user registered a metric."""
    return name in CATALOGUE and CATALOGUE[name].is_registered


def registered_share(name: str) -> float:
    """Return the part that a registered metric is of clicks, or of the cost if it is money."""
    return random.Random(name).uniform(0.1, 0.5)


def make_registered_value(name: str, clicks: int) -> Any:
    """Return the value of a registered metric that does not add up, by a row's clicks."""
    kind = CATALOGUE[name].kind
    if kind is ColumnKind.RATIO:
        return round(registered_share(name) / (1 + clicks), 6)
    if kind is ColumnKind.ID:
        return 2**53 + clicks
    return _NAMES[clicks % len(_NAMES)]
