"""`data`: the numbers of a figure as a tidy table, for another library to draw."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

import pandas as pd

from sdanalytics._core.suggest import validate_choice

_TABLES: Final = {
    "calendar": "calendar_data.tidy_calendar",
    "coverage": "coverage_data.tidy_coverage",
    "halo": "halo_data.tidy_halo",
    "maturity": "maturity_data.tidy_maturity",
    "pacing": "pacing_data.tidy_pacing",
    "waterfall": "waterfall_data.tidy_waterfall",
    "efficiency": "efficiency_data.tidy_efficiency",
    "funnel": "funnel_data.tidy_funnel",
    "top": "top_data.tidy_top",
    "trend": "trend_table.tidy_trend",
}
"""The function that makes the table of each figure, in the modules of this package."""


def data(figure: str, data: Any, *args: Any, **kwargs: Any) -> pd.DataFrame:
    """Return the numbers that a figure draws, as a tidy table.

    Parameters
    ----------
    figure : str
        The name of a function of `plots`, such as "trend".
    data : pandas.DataFrame
        What the figure is of.
    *args, **kwargs
        Those arguments of the figure that decide about numbers, such as `metric`, `by`, `n`,
        `final` and `level`; not those of its look, such as `ax` and `title`.

    Returns
    -------
    pandas.DataFrame
        One row per mark, with a fresh index: the names of groups in `name`, days in `date`,
        numbers under the names of their metrics (float64), bounds under `<metric>_low` and
        `<metric>_high`.

    Raises
    ------
    InvalidRequest
        When there is no such figure, or as the figure raises it.

    Examples
    --------
    >>> import sdanalytics as sda
    >>> table = sda.plots.data("top", df, "cost", by="campaignName")  # doctest: +SKIP
    """
    return _find_table(figure)(data, *args, **kwargs)


def _find_table(figure: str) -> Callable[..., pd.DataFrame]:
    name = validate_choice("figure", figure, list(_TABLES))
    module_name, function_name = _TABLES[name].split(".")
    module = import_module(f"sdanalytics.plots.{module_name}")
    function: Callable[..., pd.DataFrame] = getattr(module, function_name)
    return function
