"""Lines of target ACOS and ROAS in a figure of cost and sales."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from sdanalytics.analysis.kpi_definitions import KPIS, metric_unit
from sdanalytics.errors import InvalidRequest
from sdanalytics.plots.colors import other_color
from sdanalytics.plots.number_format import format_number
from sdanalytics.plots.plot_data import FloatArray

ROUND_ROAS: Final = (0.5, 1, 2, 3, 5, 8, 12, 20, 30, 50, 100)
"""Candidates for the lines that are drawn when no targets are given."""
MAX_DEFAULT_TARGETS: Final = 3
MAX_TARGET: Final = 200
"""Upper limit of a target: an ACOS of 20,000 % was meant as per cent."""
_MIN_TYPICAL_ROAS: Final = 0.1


class ReturnTarget(NamedTuple):
    """A target of ACOS or ROAS.

    Attributes
    ----------
    slope : float
        Sales by cost.
    met, missed : str
        How bubbles on its two sides are called.
    """

    slope: float
    met: str
    missed: str


def parse_targets(
    acos: float | Sequence[float] | None,
    roas: float | Sequence[float] | None,
    metric: str,
) -> dict[str, ReturnTarget]:
    """Return the targets by their labels.

    Raises
    ------
    InvalidRequest
        When a target is not a number above 0, or the metric is not money.
    """
    targets: dict[str, ReturnTarget] = {}
    for value in _parse_target_values("acos", acos):
        number = format_number(value, KPIS["acos"].unit)
        targets[f"ACOS {number}"] = ReturnTarget(
            slope=1 / value,
            met=f"ACOS of {number} or less",
            missed=f"ACOS above {number}",
        )
    for value in _parse_target_values("roas", roas):
        number = format_number(value, KPIS["roas"].unit)
        targets[f"ROAS {number}"] = ReturnTarget(
            slope=value,
            met=f"ROAS of {number} or more",
            missed=f"ROAS below {number}",
        )
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


def draw_targets(ax: Axes, slopes: Mapping[str, float], start: tuple[float, float]) -> list[Line2D]:
    """Draw a line for each slope, from where both scales are the same on; the limits stay.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    slopes : mapping of str to float
        Sales by cost of each line, by its label.
    start : tuple of float
        The cost and sales that lines begin above.
    """
    left, right = ax.get_xlim()
    bottom, top = ax.get_ylim()
    lines = []
    for label, slope in slopes.items():
        first = max(start[0], start[1] / slope)
        last = min(right, top / slope)
        if first < last:
            lines.append(_draw_target(ax, label, slope, np.array([first, last])))
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    return lines


def _draw_target(ax: Axes, label: str, slope: float, costs: FloatArray) -> Line2D:
    (line,) = ax.plot(
        costs,
        slope * costs,
        label=label,
        color=other_color(ax),
        linewidth=0.8,
        linestyle="--",
        zorder=0.5,
    )
    return line
