"""Matplotlib figures of reports: data first, the rest by keyword, an Axes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from sdanalytics.errors import InvalidRequest
from sdanalytics.kpis import check_columns
from sdanalytics.metrics import CATALOGUE, STATES, Kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

# Okabe and Ito: told apart with any colour vision.
PALETTE: Final = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442")
OTHER: Final = "#9A9A9A"
Line = tuple[str, "pd.Series[Any]"]
"""A line's name, and its value on each day."""

_LONGEST: Final = 32
_NAMELESS: Final = "(none)"
_SCRIPTS: Final = ("Noto Sans CJK JP", "IPAexGothic", "Hiragino Sans", "Yu Gothic", "MS Gothic")


def trend(
    data: pd.DataFrame,
    metric: str = "cost",
    *,
    by: str | None = None,
    n: int = 5,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """A metric over time, summed over the rows of each day.

    Parameters
    ----------
    data : pandas.DataFrame
        As `fetch_report` gives it.
    metric : str
        A column that may be summed.
    by : str, optional
        A column: a line for each of its `n` largest values, one for all others together.
    n : int
        How many lines at the most, the others' not counted.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure's by default.
    **kwargs
        To `matplotlib.axes.Axes.plot`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidRequest
        When the frame has no such column, or its values have no sum: rates, budgets, reach,
        money in several currencies.
    """
    _check(data, metric, by)
    ax = _axes(ax)
    if data.empty:
        return _say_empty(ax)
    lines = _largest(data, metric, by, n) if by else [(metric, _daily(data, metric))]
    for number, (name, line) in enumerate(lines):
        style = _style(number, is_rest=by is not None and number == n) | {"label": _label(name)}
        ax.plot(line.index, line.to_numpy(dtype="float64"), **_with(style, kwargs))
    _dress(ax)
    _dress_time(ax)
    _dress_numbers(ax.yaxis)
    if ax.dataLim.ymin >= 0:
        ax.set_ylim(bottom=0)
    ax.set_ylabel(_unit(data, metric))
    if by is not None:
        _legend(ax)
    return ax


def top(
    data: pd.DataFrame,
    metric: str = "cost",
    *,
    by: str = "campaignName",
    n: int = 10,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """The largest values of a column, by a metric summed over all days, as bars.

    Parameters
    ----------
    data : pandas.DataFrame
        As `fetch_report` gives it.
    metric : str
        A column that may be summed.
    by : str
        Whose bars.
    n : int
        How many bars at the most.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure's by default.
    **kwargs
        To `matplotlib.axes.Axes.barh`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    InvalidRequest
        When the frame has no such column, or its values have no sum: rates, budgets, reach,
        money in several currencies.
    """
    _check(data, metric, by)
    ax = _axes(ax)
    if data.empty:
        return _say_empty(ax)
    sums = (
        data.groupby(_names(data, by))[metric].sum(min_count=1).sort_values(ascending=False).head(n)
    )
    places = range(len(sums))
    widths = sums.to_numpy(dtype="float64", na_value=float("nan"))
    bars = ax.barh(places, widths, **_with({"color": PALETTE[0]}, kwargs))
    ax.bar_label(bars, labels=[_number(value) for value in widths], padding=3, fontsize="small")
    ax.set_yticks(places, [_label(name) for name in sums.index])
    ax.invert_yaxis()
    ax.margins(x=0.14)
    ax.set_xlabel(_unit(data, metric))
    _dress_numbers(ax.xaxis)
    _dress(ax)
    return ax


def _check(data: pd.DataFrame, metric: str, by: str | None) -> None:
    """Refuse what cannot be drawn truly, before there is a figure."""
    check_columns(data, [metric] if by is None else [metric, by])
    kind = CATALOGUE[metric].kind if metric in CATALOGUE else None
    if kind is Kind.RATIO or metric in STATES:
        raise InvalidRequest(f"{metric} may not be summed over rows: it has no total to draw")
    if not pd.api.types.is_numeric_dtype(data[metric]) or kind is Kind.ID:
        raise InvalidRequest(f"{metric} is no number that can be summed; draw one such as 'cost'")
    if kind is Kind.MONEY and "currency" in data and data["currency"].nunique() > 1:
        currencies = ", ".join(sorted(data["currency"].dropna().unique()))
        raise InvalidRequest(
            f"{metric} is in several currencies ({currencies}): draw one at a time"
        )


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(6.4, 4.0), layout="constrained")[1]


def _with(style: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """A style under what the user wants, in whichever of matplotlib's two spellings."""
    from matplotlib.cbook import normalize_kwargs
    from matplotlib.lines import Line2D

    return style | normalize_kwargs(wanted, Line2D)


def _names(data: pd.DataFrame, by: str) -> pd.Series[Any]:
    """Whose each row is; what has no name is drawn, too."""
    return data[by].astype("object").where(data[by].notna(), _NAMELESS)


def _daily(data: pd.DataFrame, metric: str) -> pd.Series[Any]:
    """The sum of each day; days without rows are a gap in the line."""
    sums = data.groupby("date")[metric].sum(min_count=1)
    return sums.reindex(pd.date_range(sums.index.min(), sums.index.max(), unit="s"))


def _largest(data: pd.DataFrame, metric: str, by: str, n: int) -> list[Line]:
    """The daily sums of the largest, then those of all others together."""
    names = _names(data, by)
    order = data.groupby(names)[metric].sum().sort_values(ascending=False).index
    lines = [(str(name), _daily(data[names == name], metric)) for name in order[:n]]
    if len(order) > n:
        rest = data[~names.isin(order[:n])]
        lines.append((f"{len(order) - n} others", _daily(rest, metric)))
    return lines


def _style(number: int, *, is_rest: bool) -> dict[str, Any]:
    """Colours first, then the same colours dashed and dotted."""
    colour = OTHER if is_rest else PALETTE[number % len(PALETTE)]
    dashes = "-" if is_rest else ("-", "--", ":")[number // len(PALETTE) % 3]
    return {"color": colour, "linestyle": dashes, "marker": "o", "markersize": 3}


def _legend(ax: Axes) -> None:
    """Beside the axes, if there is nothing or the layout makes room; else within."""
    figure = ax.get_figure(root=True)
    room = figure is not None and (len(figure.axes) == 1 or figure.get_layout_engine() is not None)
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)} if room else {}
    ax.legend(frameon=False, prop={"family": _families(), "size": "small"}, **place)


def _dress_time(ax: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, DayLocator

    low, high = ax.dataLim.intervalx
    few = high - low < 7  # so that no hours are told between days
    locator = DayLocator() if few else AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    if high - low < 1:
        ax.set_xlim(low - 1, high + 1)


def _dress_numbers(axis: Axis) -> None:
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(5))
    axis.set_major_formatter(lambda value, _: _number(value))


def _dress(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    families = _families()
    for text in [ax.title, *ax.get_yticklabels(), *ax.get_xticklabels()]:
        text.set_fontfamily(families)


def _families() -> list[str]:
    """Fonts to take letters from: the usual one, then those with East Asian scripts."""
    from matplotlib import font_manager, rcParams

    known = {font.name for font in font_manager.fontManager.ttflist}
    return [*rcParams["font.family"], *(name for name in _SCRIPTS if name in known)]


def _unit(data: pd.DataFrame, metric: str) -> str:
    """The metric with its unit: money in the profile's currency."""
    known = CATALOGUE.get(metric)
    if known is None or known.kind is not Kind.MONEY:
        return metric
    currency = data.attrs.get("sdanalytics", {}).get("currency")
    if "currency" in data and data["currency"].notna().any():
        currency = data["currency"].dropna().iloc[0]
    return f"{metric} ({currency})" if currency else metric


def _number(value: float) -> str:
    if value != value:
        return "missing"
    return f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:,.2f}"


def _label(name: object) -> str:
    """A name as it can be drawn: the middle of a long one cut, no letter taken for a sign."""
    text = " ".join(str(name).split())
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 12]}…{text[-11:]}"
    # A label that begins with _ is left out of legends, and $ begins a formula.
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")


def _say_empty(ax: Axes) -> Axes:
    ax.text(0.5, 0.5, "no rows", ha="center", va="center", transform=ax.transAxes, color=OTHER)
    ax.set_axis_off()
    return ax
