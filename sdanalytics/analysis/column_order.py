"""The order of a summary's columns: names and KPIs first, Amazon's metrics behind them."""

from __future__ import annotations

from collections.abc import Iterable

from sdanalytics.analysis.kpi_definitions import (
    CONVERSION_METRICS,
    KPIS,
    list_ratio_parts,
)
from sdanalytics.model.rates import RATES

_COST = "cost"


def sort_measures(names: Iterable[str]) -> list[str]:
    """Return measures with cost, results and KPIs first, all others as they come."""
    found = list(dict.fromkeys(names))
    first = []
    for name in (_COST, *CONVERSION_METRICS, *KPIS):
        if name in found:
            first.append(name)
    return list(dict.fromkeys([*first, *found]))


def select_main_measures(names: Iterable[str]) -> list[str]:
    """Return KPIs, Amazon's ratios, results, and the sums behind them; all if none of these is."""
    found = list(names)
    ratios = []
    for name in found:
        if name in KPIS or name in RATES:
            ratios.append(name)
    if not ratios:
        return found
    wanted = {*ratios, *CONVERSION_METRICS, *list_ratio_parts(ratios)}
    return [name for name in found if name in wanted]
