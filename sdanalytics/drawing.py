"""How the figures look: colours, numbers, dates, names and notes, in one place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from sdanalytics.fonts import drawable, families
from sdanalytics.measures import KPIS, notes_of, unit_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.text import Text

# Okabe and Ito: told apart with any colour vision.
PALETTE: Final = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442")
OTHER: Final = "#9A9A9A"
NOTE: Final = "#5F5F5F"
SHADES: Final = "Blues"
"""The map of single amounts: light to dark, for any colour vision and in print."""
SIZE: Final = (6.4, 4.0)
"""Inches."""

_LONGEST: Final = 32
_MISSING: Final = "missing"


def axes_of(ax: Axes | None) -> Axes:
    """The axes to draw in; a new figure's for None."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=SIZE, layout="constrained")[1]


def merged(style: dict[str, Any], wanted: dict[str, Any], artist: Any) -> dict[str, Any]:
    """A style under what the user wants, in whichever of matplotlib's two spellings."""
    from matplotlib.cbook import normalize_kwargs

    return style | normalize_kwargs(wanted, artist)


def labels_of(names: Sequence[object]) -> list[str]:
    """Names as they can be drawn: long ones cut in the middle, no letter taken for a sign."""
    return [_escaped(name) for name in drawable([_shortened(name) for name in names])]


def _shortened(name: object) -> str:
    text = " ".join(str(name).split())
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 12]}…{text[-11:]}"
    return text


def _escaped(text: str) -> str:
    # A label that begins with _ is left out of legends, and $ begins a formula.
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")


def title_of(metric: str) -> str:
    """A metric's name: Amazon's as it is, a key figure's as the field writes it."""
    return KPIS[metric].label if metric in KPIS else metric


def axis_title(data: pd.DataFrame, metric: str) -> str:
    """The metric's name with its unit: money in the profile's currency."""
    currency = currency_of(data) if unit_of(metric) == "currency" else None
    return f"{title_of(metric)} ({currency})" if currency else title_of(metric)


def currency_of(data: pd.DataFrame) -> str | None:
    """The currency of a frame's money, if it is known."""
    if "currency" in data and data["currency"].notna().any():
        return str(data["currency"].dropna().iloc[0])
    return notes_of(data).get("currency")


def number(value: float, unit: str = "", *, short: bool = False) -> str:
    """A value with its thousands set apart; fractions as per cent; `short` for small cells."""
    if value != value:
        return _MISSING
    if unit == "fraction":
        return _per_cent(value)
    if abs(value) >= 1e6:
        return f"{value / 1e6:,.2f}".rstrip("0").rstrip(".") + "M"
    if short and abs(value) >= 1e4:
        return f"{value / 1e3:,.0f}k"
    return f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:,.2f}"


def _per_cent(value: float) -> str:
    decimals = next(d for d, least in ((0, 0.2), (1, 0.02), (2, 0.0)) if abs(value) >= least)
    text = f"{100 * value:,.{decimals}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + "%"


def dress(ax: Axes) -> None:
    """No more frame than there are axes; every letter in a font that has it."""
    ax.spines[["top", "right"]].set_visible(False)
    for text in [ax.title, *ax.get_yticklabels(), *ax.get_xticklabels()]:
        spell(text)


def spell(text: Text) -> None:
    """Set a text in fonts that have its letters."""
    text.set_fontfamily(families(text.get_text()))


def dress_numbers(axis: Axis, unit: str) -> None:
    """Few round ticks; whole ones for counts."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], integer=unit == "count"))
    axis.set_major_formatter(formatter(unit))


def formatter(unit: str) -> Callable[[float, object], str]:
    """For ticks."""
    return lambda value, _: number(value, unit)


def dress_days(ax: Axes) -> None:
    """Dates that do not overlap, and no hours between days."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, DayLocator

    low, high = ax.dataLim.intervalx
    few = high - low < 7
    locator = DayLocator() if few else AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    if high - low < 1:
        ax.set_xlim(low - 1, high + 1)


def legend(ax: Axes) -> None:
    """Below the axes, if there is nothing or the layout makes room; else within."""
    figure = ax.get_figure(root=True)
    room = figure is not None and (len(figure.axes) == 1 or figure.get_layout_engine() is not None)
    below: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (-0.08, -0.1), "ncols": 2}
    made = ax.legend(frameon=False, fontsize="small", **(below if room else {}))
    for text in made.get_texts():
        spell(text)


def colour_bar(ax: Axes, shades: Any, title: str, unit: str) -> None:
    """What the colours mean, beside the axes."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    bar = figure.colorbar(shades, ax=ax, label=title, format=formatter(unit), shrink=0.9)
    bar.outline.set_visible(False)


def write_cells(ax: Axes, cells: pd.DataFrame, unit: str, shades: Any) -> None:
    """Each cell's value in it, light on dark and dark on light."""
    for y, row in enumerate(cells.to_numpy(dtype="float64", na_value=float("nan"))):
        for x, value in enumerate(row):
            if value == value:
                red, green, blue, _ = shades.cmap(shades.norm(value))
                dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.55
                ax.text(
                    x, y, number(value, unit, short=True), ha="center", va="center",
                    fontsize="x-small", color="white" if dark else "black",
                )  # fmt: skip


def note(ax: Axes, text: str) -> None:
    """A remark above the axes, at the right, where no data are and no title stands."""
    ax.set_title(text, loc="right", fontsize="x-small", color=NOTE)


def say_empty(ax: Axes) -> Axes:
    """Axes that say there is nothing to draw."""
    ax.text(0.5, 0.5, "no rows", ha="center", va="center", transform=ax.transAxes, color=OTHER)
    ax.set_axis_off()
    return ax
