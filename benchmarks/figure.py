"""The figure of the page: time and memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import matplotlib as mpl

from benchmarks.results import Section, cell
from sdanalytics.plots.colors import caption_color, other_color, palette
from sdanalytics.plots.style import style_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_OURS: Final = ("sdanalytics", "ReportCache", "fetch_report")
_LIMIT: Final = "limit"
_Rows: TypeAlias = Sequence[Mapping[str, object]]


def draw(sections: Mapping[str, Section], path: Path) -> None:
    """Draw the measured sections: parsing, and reading the store."""
    mpl.use("agg")
    import matplotlib.pyplot as plt

    panels = list(_panels(sections))
    if not panels:
        return
    heights = [1 + 0.3 * len(rows) for _, rows, _ in panels]
    figure, axes = plt.subplots(
        len(panels), figsize=(9, sum(heights)), height_ratios=heights, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for ax, (title, rows, column) in zip(axes.flat, panels, strict=True):
        _bars(ax, f"{title}: {column}", rows, column)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _panels(sections: Mapping[str, Section]) -> Iterator[tuple[str, _Rows, str]]:
    """Yield the panels: a title, rows, and the column with the lengths of the bars."""
    if "parsing" in sections:
        rows = sections["parsing"].rows
        largest = [name for name in rows[0] if " rows, " in name][-1]
        yield "Parsing", rows, largest
        yield "Parsing", rows, "peak MiB"
    if "store" in sections:
        yield "Reading the store", sections["store"].rows, "ms"


def _bars(ax: Axes, title: str, rows: _Rows, column: str) -> None:
    """Draw a bar for each contestant, with its value, on a logarithmic scale."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    names = [str(row["way"]) for row in rows]
    values = [float(str(row[column])) for row in rows]
    bars = ax.barh(names, values, color=[_bar_colour(ax, name) for name in names], log=True)
    ax.bar_label(
        bars,
        [cell(value) for value in values],
        padding=3,
        color=caption_color(ax),
        fontsize="small",
    )
    ax.invert_yaxis()
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: cell(value)))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_title(title, loc="left", fontweight="bold")
    ax.margins(x=0.12)
    style_axes(ax)


def _bar_colour(ax: Axes, name: str) -> str:
    """Return the colour of a bar: ours, a limit of the machine, or a peer."""
    if name.startswith(_OURS):
        return palette(ax)[0]
    return other_color(ax) if name.startswith(_LIMIT) else palette(ax)[1]
