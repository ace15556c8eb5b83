"""Lines of target ACOS and ROAS in a figure of cost and sales."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes

from sdanalytics.analysis.kpi_definitions import KPIS, metric_unit
from sdanalytics.errors import InvalidRequest
from sdanalytics.plots.colors import background, caption_color, other_color
from sdanalytics.plots.number_format import format_number
from sdanalytics.plots.plot_data import FloatArray

ROUND_ROAS: Final = (0.5, 1, 2, 3, 5, 8, 12, 20, 30, 50, 100)
"""Candidates for the lines that are drawn when no targets are given."""
MAX_DEFAULT_TARGETS: Final = 3
MAX_TARGET: Final = 200
"""Upper limit of a target: an ACOS of 20,000 % was meant as per cent."""
_MIN_TYPICAL_ROAS: Final = 0.1
_LABEL_POSITION: Final = 0.97
"""The position of a line's label, as a share of its length."""


def parse_targets(
    acos: float | Sequence[float] | None,
    roas: float | Sequence[float] | None,
    metric: str,
) -> dict[str, float]:
    """Return the slope of each target's line, sales by cost, under the target's label.

    Raises
    ------
    InvalidRequest
        When a target is not a number above 0, or the metric is not money.
    """
    targets: dict[str, float] = {}
    for value in _parse_target_values("acos", acos):
        targets[_target_label("acos", value)] = 1 / value
    for value in _parse_target_values("roas", roas):
        targets[_target_label("roas", value)] = value
    if targets and metric_unit(metric) != "currency":
        raise InvalidRequest(
            f"acos and roas are targets of money: metric must be money such as 'sales', "
            f"got {metric!r}"
        )
    return targets


def _parse_target_values(name: str, given: Any) -> list[float]:
    if given is None:
        return []
    values: Iterable[Any] = given
    if isinstance(given, int | float):
        values = [given]
    targets = []
    for value in values:
        if not isinstance(value, int | float) or not 0 < value < MAX_TARGET:
            raise InvalidRequest(
                f"{name} must be a number above 0 and below {MAX_TARGET}, or a list of such "
                f"numbers, got {given!r}; ACOS is a fraction, 0.25 for 25%"
            )
        targets.append(float(value))
    return targets


def _target_label(name: str, value: float) -> str:
    kpi = KPIS[name]
    number = format_number(value, kpi.unit)
    return f"{kpi.label} {number}"


def default_targets(costs: FloatArray, returns: FloatArray) -> dict[str, float]:
    """Return up to three round values of ROAS, those nearest to the median."""
    has_cost = costs > 0
    ratios = returns[has_cost] / costs[has_cost]
    if not len(ratios):
        return {}
    median = float(np.median(ratios))
    typical = max(median, _MIN_TYPICAL_ROAS)
    nearest = sorted(ROUND_ROAS, key=partial(_log_distance, typical))
    targets = {}
    for roas in sorted(nearest[:MAX_DEFAULT_TARGETS]):
        targets[f"ROAS {roas:g}"] = float(roas)
    return targets


def _log_distance(a: float, b: float) -> float:
    return abs(math.log(b / a))


def draw_targets(ax: Axes, targets: Mapping[str, float]) -> None:
    """Draw a line from the origin for each target, named near its end; the limits stay."""
    left, right = ax.get_xlim()
    bottom, top = ax.get_ylim()
    for label, slope in targets.items():
        cost_at_top = top / slope
        end = min(right, cost_at_top)
        _draw_target(ax, label, slope, end)
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)


def _draw_target(ax: Axes, label: str, slope: float, end: float) -> None:
    costs = np.linspace(0, end, 50)
    ax.plot(
        costs,
        slope * costs,
        color=other_color(ax),
        linewidth=0.8,
        linestyle="--",
        zorder=0.5,
    )
    cost = _LABEL_POSITION * end
    box = {
        "boxstyle": "square,pad=0.1",
        "facecolor": background(ax),
        "linewidth": 0,
    }
    ax.annotate(
        label,
        (cost, _LABEL_POSITION * slope * end),
        ha="center",
        va="center",
        fontsize="x-small",
        color=caption_color(ax),
        zorder=0.6,
        bbox=box,
    )
