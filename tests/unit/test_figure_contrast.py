"""Everything that figures draw stands out from what is behind it, in the user's style."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import Collection, FillBetweenPolyCollection, QuadMesh
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from sdanalytics import compare, explain, pacing, summarize
from sdanalytics import plots as typed_plots
from sdanalytics.plots.colors import contrast
from tests.support.curves import make_curve, shares
from tests.support.samples import sample_frame

plots: Any = typed_plots  # the tests read attributes of artists that matplotlib's types lack
STYLES = [
    "default",
    "dark_background",
    pytest.param("seaborn-v0_8-whitegrid", marks=pytest.mark.slow),
    pytest.param("ggplot", marks=pytest.mark.slow),
]
PERIODS = ("2026-10-24", "2026-10-28"), ("2026-10-29", "2026-11-02")
CURVE = {"CPC": {"orders": shares(0.6)}, "VCPM": {"orders": shares(0.7, 6)}}


def explained(metric: str) -> pd.DataFrame:
    return explain(campaigns(), *PERIODS, metric=metric, by="campaignName")


def compared() -> pd.DataFrame:
    return compare(campaigns(), *PERIODS, by="campaignName")


def campaigns() -> pd.DataFrame:
    return sample_frame("campaigns", 28, 1)


def stored_days() -> pd.DataFrame:
    states = ["final", "missing", "gone", "restatable", "empty"]
    return pd.DataFrame(
        {
            "source": "NA", "profile_id": "1", "record_type": "campaigns", "segment": None,
            "tactic": "T00020", "date": pd.date_range("2026-11-01", periods=5, unit="s"),
            "state": states, "is_due": [False, True, False, False, False],
        }
    )  # fmt: skip


FIGURES: dict[str, Callable[[], Any]] = {
    "trend": lambda: plots.trend(campaigns(), "sales", by="campaignName", facet=False),
    "panels of a trend": lambda: plots.trend(campaigns(), "acos", by="campaignName"),
    "final trend": lambda: plots.trend(campaigns(), "orders", final=make_curve(CURVE)),
    "trend of weeks": lambda: plots.trend(summarize(campaigns(), freq="W"), "sales"),
    "trend of a day": lambda: plots.trend(sample_frame("campaigns", 1, 1), by="campaignName"),
    "top": lambda: plots.top(campaigns(), "cost", dot="clicks", n=3),
    "top with bounds": lambda: plots.top(campaigns(), "acos", level=0.9),
    "top of one unit": lambda: plots.top(campaigns(), "cost", dot="sales"),
    "top of changes": lambda: plots.top(compared(), "cost_change"),
    "efficiency": lambda: plots.efficiency(campaigns(), by="campaignName", acos=0.3),
    "efficiency by cost type": lambda: plots.efficiency(campaigns(), by="campaignName", level=0.9),
    "funnel": lambda: plots.funnel(campaigns()),
    "waterfall": lambda: plots.waterfall(explained("acos")),
    "waterfall of sales": lambda: plots.waterfall(explained("sales")),
    "pacing": lambda: plots.pacing(pacing(campaigns(), "2026-11")),
    "maturity": lambda: plots.maturity(make_curve(CURVE)),
    "coverage": lambda: plots.coverage(stored_days()),
    "calendar": lambda: plots.calendar(campaigns(), "sales"),
    "halo": lambda: plots.halo(sample_frame("asins", 28, 1)),
    "no values": lambda: plots.trend(campaigns().assign(cost=np.nan)),
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", FIGURES)
def test_what_a_figure_draws_stands_out(name: str, style: str) -> None:
    with plt.style.context(style):
        figure = FIGURES[name]().figure
        figure.canvas.draw()
        faint = list(find_faint(figure))
    assert not faint


def find_faint(figure: Any) -> Iterator[str]:
    """Yield the artists that hardly stand out; lines of a grid and bands are meant to."""
    for axes in list_axes(figure):
        cells = axes.images[0] if axes.images else None
        for artist in axes.findobj(include_self=False):
            if cells is not None and isinstance(artist, Collection):
                continue  # marks on cells have the cells' scale
            if not artist.get_visible() or is_of_theme(artist, axes):
                continue
            best = best_contrast(artist, axes)
            if best is not None and best < 3:
                yield f"{artist}: {best:.2f}"


def list_axes(figure: Any) -> list[Any]:
    found = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    for axes in found:
        found += [child for child in axes.child_axes if child not in found]
    return found


def is_of_theme(artist: Any, axes: Any) -> bool:
    grid = []
    frames = []
    for part in (axes, *axes.child_axes):
        for axis in (part.xaxis, part.yaxis):
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            grid += [tick.gridline for tick in ticks]
        frames += [part.patch, *part.spines.values()]
    legend = axes.get_legend()
    if legend is not None:
        frames.append(legend.get_frame())
    return artist in grid or artist in frames


def best_contrast(artist: Any, axes: Any) -> float | None:
    """Return the contrast of the colour of an artist that stands out most; None without one."""
    behind = find_background(artist, axes)
    colors = list_colors(artist)
    found = []
    for color in colors:
        red, green, blue, opacity = to_rgba(color)
        mixed = opacity * np.array([red, green, blue]) + (1 - opacity) * np.array(behind[:3])
        if opacity > 0:
            found.append(contrast(tuple(mixed), behind))
    return max(found, default=None)


def list_colors(artist: Any) -> list[Any]:
    if isinstance(artist, Text):
        return [artist.get_color()] if artist.get_text().strip() else []
    if isinstance(artist, Line2D):
        is_line = artist.get_linestyle() != "None"
        has_marker = artist.get_marker() not in ("None", None, "")
        colors = [artist.get_color()] if is_line else []
        if has_marker:
            colors += [artist.get_markeredgecolor(), artist.get_markerfacecolor()]
        return [to_rgba(color, artist.get_alpha()) for color in colors if str(color) != "none"]
    if isinstance(artist, Rectangle):
        return [artist.get_facecolor(), artist.get_edgecolor()]
    if isinstance(artist, FillBetweenPolyCollection | QuadMesh):  # bands; cells have a scale
        return []
    if isinstance(artist, Collection) and artist.get_array() is None:
        colors = [*artist.get_edgecolor(), *artist.get_facecolor()]
        return list(map(tuple, colors))
    return []


def find_background(artist: Any, axes: Any) -> tuple[float, float, float, float]:
    box = artist.get_bbox_patch() if isinstance(artist, Text) else None
    outside = to_rgba(axes.figure.get_facecolor())
    inside = to_rgba(axes.get_facecolor())
    if box is not None and to_rgba(box.get_facecolor())[3] > 0:
        return to_rgba(box.get_facecolor(), 1.0)
    if axes.images or any(isinstance(child, QuadMesh) for child in axes.collections):
        cell = find_cell_color(artist, axes)
        if cell is not None:
            return cell
    extent = artist.get_window_extent()
    if not np.isfinite(extent.get_points()).all():  # some of its lines are at the edge
        return inside if inside[3] > 0 else outside
    center = (extent.x0 + extent.x1) / 2, (extent.y0 + extent.y1) / 2
    is_inside = axes.axison and axes.bbox.contains(*center)
    return inside if is_inside and inside[3] > 0 else outside


def find_cell_color(artist: Any, axes: Any) -> tuple[float, float, float, float] | None:
    """Return the colour that was drawn around a number in a cell."""
    if not isinstance(artist, Text) or artist not in axes.texts:
        return None
    extent = artist.get_window_extent()
    pixels = np.asarray(axes.figure.canvas.buffer_rgba())
    row = round(pixels.shape[0] - extent.y1 - 3)
    column = round((extent.x0 + extent.x1) / 2)
    red, green, blue, _ = pixels[row, column] / 255
    return (float(red), float(green), float(blue), 1.0)
