"""How the figures look: colours, numbers, dates, names and notes, in one place."""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from sdanalytics.analysis.kpi_definitions import KPIS, metric_unit
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.errors import InvalidRequest
from sdanalytics.plots.fonts import drawable_labels, font_families_for

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.text import Text
    from matplotlib.ticker import Formatter, Locator

# Okabe and Ito: told apart with any colour vision.
PALETTE: Final = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442")
OTHER_COLOR: Final = "#9A9A9A"
CAPTION_COLOR: Final = "#5F5F5F"
SEQUENTIAL_CMAP: Final = "Blues"
"""The map of single amounts: light to dark, for any colour vision and in print."""
FIGSIZE: Final = (6.4, 4.0)
"""Inches."""

_LONGEST: Final = 28
_TAIL: Final = 10
_MISSING: Final = "missing"
_BELOW: Final = 40
"""Points from the axes to the legend below: room for the dates and a remark."""


@contextlib.contextmanager
def ensure_axes(ax: Axes | None, rows: int = 0, height: float | None = None) -> Iterator[Axes]:
    """The axes to draw in; a new figure's for None, higher for many rows, gone on an error."""
    from matplotlib.axes import Axes

    if ax is not None:
        if not isinstance(ax, Axes):
            raise InvalidRequest(f"ax is no Axes but a {type(ax).__name__}; pass one, as axs[0, 1]")
        yield ax
        return
    import matplotlib.pyplot as plt

    size = (FIGSIZE[0], max(FIGSIZE[1], 1 + 0.27 * rows) if height is None else height)
    figure, made = plt.subplots(figsize=size, layout="constrained")
    try:
        yield made
    except BaseException:
        plt.close(figure)
        raise


def merge_artist_kwargs(
    style: dict[str, Any], wanted: dict[str, Any], artist: str
) -> dict[str, Any]:
    """A style under what the user wants, in whichever of matplotlib's two spellings.

    The artist is one of matplotlib's, as ``lines.Line2D``: it knows the spellings.
    """
    from matplotlib.cbook import normalize_kwargs

    module, _, name = artist.partition(".")
    return style | normalize_kwargs(wanted, getattr(import_module(f"matplotlib.{module}"), name))


def short_labels(names: Sequence[object]) -> list[str]:
    """Names as they can be drawn: long ones cut in the middle, no letter taken for a sign."""
    return [_escaped(name) for name in drawable_labels([_shortened(name) for name in names])]


def _shortened(name: object) -> str:
    text = " ".join(str(name).split()) or "(no name)"
    if _width(text) <= _LONGEST:
        return text
    head, tail = text, ""
    while _width(tail) < _TAIL:
        head, tail = head[:-1], head[-1] + tail
    while _width(head) > _LONGEST - _TAIL:
        head = head[:-1]
    return f"{head}…{tail}"


def _width(text: str) -> int:
    """In letters; those of East Asia are twice as wide."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _escaped(text: str) -> str:
    # A label that begins with _ is left out of legends, and $ begins a formula.
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")


def metric_label(metric: str) -> str:
    """A metric's name: Amazon's as it is, a key figure's as the field writes it."""
    return KPIS[metric].label if metric in KPIS else metric


def axis_title(data: pd.DataFrame, metric: str) -> str:
    """The metric's name with its unit: money in the profile's currency."""
    currency = currency_of(data) if metric_unit(metric) == "currency" else None
    return f"{metric_label(metric)} ({currency})" if currency else metric_label(metric)


def currency_of(data: pd.DataFrame) -> str | None:
    """The currency of a frame's money, if it is known."""
    if "currency" in data and data["currency"].notna().any():
        return str(data["currency"].dropna().iloc[0])
    return frame_metadata(data).get("currency")


def format_number(value: float, unit: str = "", *, short: bool = False) -> str:
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


def style_axes(ax: Axes) -> None:
    """No more frame than there are axes; every letter in a font that has it."""
    ax.spines[["top", "right"]].set_visible(False)
    for text in [ax.title, *ax.get_yticklabels(), *ax.get_xticklabels()]:
        set_font_fallback(text)


def set_font_fallback(text: Text) -> None:
    """Set a text in fonts that have its letters."""
    text.set_fontfamily(font_families_for(text.get_text()))


def format_number_axis(axis: Axis, unit: str) -> None:
    """Few round ticks; whole ones for counts."""
    axis.set_major_locator(_ticks(unit))
    axis.set_major_formatter(_formatter(unit))


def _ticks(unit: str) -> Locator:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], integer=unit == "count")


def _formatter(unit: str) -> Formatter:
    """Ticks with as many decimals as tell them apart."""
    from matplotlib.ticker import Formatter

    class Ticks(Formatter):
        def __call__(self, value: float, position: int | None = None) -> str:
            return self.format_ticks([value])[0]

        def format_ticks(self, values: Sequence[float]) -> list[str]:
            return _tick_texts(values, unit)

    return Ticks()


def _tick_texts(values: Sequence[float], unit: str) -> list[str]:
    scale, sign = 1.0, ""
    if unit == "fraction":
        scale, sign = 100.0, "%"
    elif max(map(abs, values), default=0.0) >= 1e6:
        scale, sign = 1e-6, "M"
    shown = [value * scale for value in values]
    decimals = next(d for d in range(7) if _are_exact(shown, d))
    return [f"{value:,.{decimals}f}{sign}" for value in shown]


def _are_exact(values: Sequence[float], decimals: int) -> bool:
    return decimals == 6 or all(abs(round(v, decimals) - v) < 1e-4 * 10**-decimals for v in values)


def format_date_axis(ax: Axes) -> None:
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
    """Below the axes, if the layout makes room there; else within."""
    place: dict[str, Any] = {"loc": "best", "framealpha": 0.7, "edgecolor": "none"}
    if _has_room(ax):
        place = _below(ax) | {"loc": "upper left", "bbox_to_anchor": (0, 0), "ncols": 2}
    made = ax.legend(fontsize="small", **place)
    for text in made.get_texts():
        set_font_fallback(text)


def color_legend(ax: Axes, handles: Sequence[Artist]) -> None:
    """What colours mean: below the axes, if the layout makes room there; else above.

    It ends where the axes end, and reaches as far to the left as it must, below long names.
    """
    place: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1, 1), "frameon": False}
    if _has_room(ax):
        place = _below(ax) | {"loc": "upper right", "bbox_to_anchor": (1, 0)}
    ax.legend(handles=handles, fontsize="small", ncols=3, handlelength=1.2, **place)


def _has_room(ax: Axes) -> bool:
    """Whether the layout makes room for what is outside the axes."""
    figure = ax.get_figure(root=True)
    return figure is not None and figure.get_layout_engine() is not None


def _below(ax: Axes) -> dict[str, Any]:
    """Where a legend is below the dates and a remark."""
    from matplotlib.transforms import offset_copy

    figure = ax.get_figure(root=True)
    below = offset_copy(ax.transAxes, figure, y=-_BELOW, units="points")
    return {"bbox_transform": below, "frameon": False, "borderaxespad": 0}


def color_bar(ax: Axes, shades: Any, title: str, unit: str) -> None:
    """What the colours mean, beside the axes."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    bar = figure.colorbar(
        shades, ax=ax, label=title, format=_formatter(unit), ticks=_ticks(unit), shrink=0.9
    )
    bar.outline.set_visible(False)


def color_limits(values: Any) -> tuple[float, float]:
    """The ends of a scale of colours: never one and the same."""
    known = values[~np.isnan(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    return (low, high) if high > low else (min(0.0, low), max(0.0, high) or 1.0)


def write_cells(ax: Axes, cells: pd.DataFrame, unit: str, shades: Any) -> None:
    """Each cell's value in it, light on dark and dark on light."""
    for y, row in enumerate(cells.to_numpy(dtype="float64", na_value=float("nan"))):
        for x, value in enumerate(row):
            if value == value:
                red, green, blue, _ = shades.cmap(shades.norm(value))
                dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.55
                ax.text(
                    x, y, format_number(value, unit, short=True), ha="center", va="center",
                    fontsize="x-small", color="white" if dark else "black",
                )  # fmt: skip


def add_caption(ax: Axes, text: str) -> None:
    """A remark below the axes, where neither data nor a title are."""
    label, remarked = ax.get_xlabel(), ax.xaxis.label.get_color() == CAPTION_COLOR
    if not label or remarked:
        told = f"{label}; {text}" if label else text
        ax.set_xlabel(told, loc="left", fontsize="x-small", color=CAPTION_COLOR)
    else:
        ax.set_xlabel(f"{label}\n{text}")


def draw_empty(ax: Axes, text: str = "no rows") -> Axes:
    """Axes that say there is nothing to draw."""
    ax.text(0.5, 0.5, text, ha="center", va="center", transform=ax.transAxes, color=OTHER_COLOR)
    ax.set_axis_off()
    return ax
