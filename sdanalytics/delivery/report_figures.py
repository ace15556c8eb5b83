"""The figures of a report, as SVG inside of the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, TypeAlias

import matplotlib as mpl
import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sdanalytics import plots
from sdanalytics._core.caught_warnings import collect_warnings
from sdanalytics.analysis.explanation import EXPLAINED
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.delivery.account_findings import AccountFindings
from sdanalytics.delivery.report_words import word_period
from sdanalytics.errors import SDAnalyticsError
from sdanalytics.plots.coverage_grid import HEIGHT_WITHOUT_ROWS, ROW_HEIGHT
from sdanalytics.plots.metric_labels import metric_label

_WIDTH: Final = 5.2
"""Inches: less than figures usually have, so that they can be read on a phone."""
_HEIGHT: Final = 3.7
_SVG_STYLE: Final[Any] = {
    "svg.fonttype": "path",  # a reader need not have the fonts
    "svg.hashsalt": "sdanalytics",  # the same numbers give the same file
}
_HALO_ASINS: Final = 6

Draw: TypeAlias = Callable[[Axes], object]


class ReportFigure(NamedTuple):
    """A figure as a page has it.

    Attributes
    ----------
    title : str
    source : str
        A ``data:`` URL.
    """

    title: str
    source: str


class _Drawing(NamedTuple):
    """A figure that is to be drawn."""

    title: str
    draw: Draw
    height: float = _HEIGHT


def draw_figures(findings: AccountFindings) -> list[ReportFigure]:
    """Return the figures that there are numbers for; others are noted as gaps."""
    figures = []
    with collect_warnings() as warnings:
        for drawing in _list_drawings(findings):
            try:
                source = _draw(drawing)
            except SDAnalyticsError as error:
                findings.gaps[f"the figure “{drawing.title}”"] = str(error)
                continue
            figures.append(ReportFigure(drawing.title, source))
    findings.notes += [text for text in warnings if text not in findings.notes]
    return figures


def _list_drawings(findings: AccountFindings) -> Iterator[_Drawing]:
    account = findings.account
    campaigns = account.frames.get("campaigns")
    if campaigns is not None and findings.has_activity:
        days = findings.span.recent
        recent = campaigns[days.find_rows(campaigns["date"])]
        curve = account.curves.get("campaigns")
        words = "" if curve is None else ", as expected when they are final"
        yield _Drawing(
            f"Sales by day{words}",
            lambda ax: plots.trend(recent, "sales", final=curve, ax=ax),
        )
    contributions = findings.contributions
    if contributions is not None:
        metric = metric_label(frame_metadata(contributions)[EXPLAINED]["metric"])
        yield _Drawing(
            f"Change of {metric} by campaign",
            lambda ax: plots.waterfall(contributions, ax=ax),
        )
    month = findings.pacing
    if month is not None:
        yield _Drawing("Cost of the month", lambda ax: plots.pacing(month, ax=ax))
    asins = account.frames.get("asins")
    if asins is not None:
        days = findings.span.recent
        title = f"Sales of other products, {word_period(days.first, days.last)}"
        yield _Drawing(title, lambda ax: plots.halo(asins, n=_HALO_ASINS, ax=ax))
    coverage = account.coverage
    if len(coverage):
        rows = len(coverage.drop_duplicates(["record_type", "segment", "tactic"]))
        height = HEIGHT_WITHOUT_ROWS + ROW_HEIGHT * rows
        yield _Drawing("Stored days", lambda ax: plots.coverage(coverage, ax=ax), height)


def _draw(drawing: _Drawing) -> str:
    """Return a figure as the URL of an image; whatever style the user has is left out."""
    file = io.BytesIO()
    style: Any = matplotlib.style.context("default")
    with style, mpl.rc_context(_SVG_STYLE):
        figure = Figure(figsize=(_WIDTH, drawing.height), layout="constrained")
        drawing.draw(figure.subplots())
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    encoded = base64.b64encode(file.getvalue()).decode()
    return f"data:image/svg+xml;base64,{encoded}"
