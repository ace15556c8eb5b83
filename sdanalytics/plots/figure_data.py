"""`data`: the numbers of a figure as a tidy table, for another library to draw."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

import pandas as pd

from sdanalytics._core.suggest import validate_choice
from sdanalytics.errors import InvalidRequest

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

_STYLE_ARGUMENTS: Final = ("ax", "title", "facet", "scale", "target")
"""Arguments of figures that change none of their numbers."""


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
        When there is no such figure, an argument is not its own or of its look only, or as the
        figure raises it.

    Examples
    --------
    >>> import pandas as pd
    >>> import sdanalytics as sda
    >>> df = pd.DataFrame({"campaignName": ["Tents", "Stoves"], "cost": [3.0, 5.0]})
    >>> sda.plots.data("top", df, "cost")["name"].tolist()
    ['Stoves', 'Tents']
    """
    table = _find_table(figure)
    _validate_arguments(figure, data, args, kwargs)
    return table(data, *args, **kwargs)


def _validate_arguments(
    figure: str, data: Any, args: tuple[Any, ...], options: Mapping[str, Any]
) -> None:
    """Raise `InvalidRequest` for arguments that the figure does not have, or only for its look."""
    signature = inspect.signature(getattr(import_module("sdanalytics.plots"), figure))
    try:
        bound = signature.bind(data, *args, **options).arguments
    except TypeError as error:
        raise InvalidRequest(f"the arguments must be those of plots.{figure}: {error}") from None
    styles = [*bound.get("kwargs", {}), *(name for name in _STYLE_ARGUMENTS if name in bound)]
    if styles:
        raise InvalidRequest(
            f"the arguments must decide about numbers, got {', '.join(styles)}: "
            f"leave out what decides about the look of plots.{figure} only"
        )


def _find_table(figure: str) -> Callable[..., pd.DataFrame]:
    if not isinstance(figure, str):
        raise InvalidRequest(
            f"figure must be a name such as 'trend', got {type(figure).__name__}: "
            "pass it first, as in plots.data('trend', df)"
        )
    name = validate_choice("figure", figure, list(_TABLES))
    module_name, function_name = _TABLES[name].split(".")
    module = import_module(f"sdanalytics.plots.{module_name}")
    function: Callable[..., pd.DataFrame] = getattr(module, function_name)
    return function
