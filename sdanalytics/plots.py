"""Matplotlib figures of reports: data first, the rest by keyword, an Axes back."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from sdanalytics.metrics import CATALOGUE, Kind

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito: told apart with any colour vision.
PALETTE: Final = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442")
OTHER: Final = "#9A9A9A"
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
        A column: one line for each of its `n` largest values, one for all others together.
    n : int
        How many lines at the most, the others' not counted.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure's by default.
    **kwargs
        To `matplotlib.axes.Axes.plot`.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = _axes(ax)
    if data.empty:
        return _say_empty(ax)
    daily = _largest(data, metric, by, n) if by else data.groupby("date")[[metric]].sum()
    colours = [OTHER if name == "other" else None for name in daily]
    for (name, line), colour in zip(daily.items(), _colours(colours), strict=True):
        style: dict[str, Any] = {"color": colour, "marker": "o", "markersize": 3} | kwargs
        ax.plot(line.index, line.to_numpy(dtype="float64"), label=_short(str(name)), **style)
    _dress(ax, data, metric)
    if by is not None:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize="small")
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
    """
    ax = _axes(ax)
    if data.empty:
        return _say_empty(ax)
    sums = data.groupby(by, observed=True)[metric].sum().sort_values(ascending=False).head(n)
    names = [_short(str(name)) for name in sums.index]
    bars = ax.barh(names, sums.to_numpy(dtype="float64"), **({"color": PALETTE[0]} | kwargs))
    ax.bar_label(bars, labels=[_number(value) for value in sums], padding=3, fontsize="small")
    ax.invert_yaxis()
    ax.set_xlabel(_label(data, metric))
    ax.margins(x=0.12)
    _clean(ax)
    ax.xaxis.set_major_formatter(lambda value, _: _number(value))
    return ax


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(6.4, 4.0), layout="constrained")[1]


def _largest(data: pd.DataFrame, metric: str, by: str, n: int) -> pd.DataFrame:
    """Daily sums of the largest, and of all others together; no row is no activity: 0."""
    wide = data.pivot_table(index="date", columns=by, values=metric, aggfunc="sum", observed=True)
    wide = wide.astype("float64").fillna(0.0)
    order = wide.sum().sort_values(ascending=False).index
    largest = wide[order[:n]]
    if len(order) > n:
        largest = largest.assign(other=wide[order[n:]].sum(axis=1))
    return largest


def _colours(fixed: list[str | None]) -> list[str]:
    return [colour or PALETTE[n % len(PALETTE)] for n, colour in enumerate(fixed)]


def _dress(ax: Axes, data: pd.DataFrame, metric: str) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    ax.yaxis.set_major_formatter(lambda value, _: _number(value))
    ax.set_ylabel(_label(data, metric))
    ax.set_ylim(bottom=0)
    _clean(ax)


def _clean(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    for text in [*ax.get_yticklabels(), *ax.get_xticklabels()]:
        text.set_fontfamily(_families())


def _families() -> list[str]:
    """Fonts to take letters from: the usual one, then those with East Asian scripts."""
    from matplotlib import font_manager, rcParams

    known = {font.name for font in font_manager.fontManager.ttflist}
    return [*rcParams["font.family"], *(name for name in _SCRIPTS if name in known)]


def _label(data: pd.DataFrame, metric: str) -> str:
    """The metric with its unit: money in the profile's currency."""
    known = CATALOGUE.get(metric)
    currency = data.attrs.get("sdanalytics", {}).get("currency")
    return f"{metric} ({currency})" if known and known.kind is Kind.MONEY and currency else metric


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:,.2f}"


def _short(name: str) -> str:
    return textwrap.shorten(name, 32, placeholder="…") if " " in name else name[:32]


def _say_empty(ax: Axes) -> Axes:
    ax.text(0.5, 0.5, "no rows", ha="center", va="center", transform=ax.transAxes, color=OTHER)
    ax.set_axis_off()
    return ax
