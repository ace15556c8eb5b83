"""`to_excel`: frames as a workbook that Excel opens as they are meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from sdanalytics.analysis.final_curve import FinalLike
from sdanalytics.delivery.about_sheet import write_about, write_column_list
from sdanalytics.delivery.book_styles import BookStyles
from sdanalytics.delivery.chart_data import ChartData, make_charts
from sdanalytics.delivery.chart_sheet import write_charts
from sdanalytics.delivery.frame_sheet import ensure_fits_sheet, write_frame
from sdanalytics.delivery.output_file import PathLike, open_output
from sdanalytics.delivery.sheet_data import SheetData, parse_frames, prepare_sheets
from sdanalytics.delivery.sheet_names import name_sheets
from sdanalytics.delivery.sheet_writer import SheetWriter
from sdanalytics.delivery.workbook import import_xlsxwriter, open_workbook

_ABOUT: Final = "About"
_CHARTS: Final = "Charts"
_COLUMNS: Final = "Columns"


def to_excel(
    path: PathLike,
    data: pd.DataFrame | Mapping[str, pd.DataFrame],
    *,
    final: FinalLike = None,
) -> Path:
    """Write frames as an Excel workbook, which says what its numbers are.

    Parameters
    ----------
    path : str or path
        A file that ends in ``.xlsx``; one that is there is replaced, whole or not at all.
    data : pandas.DataFrame or dict of str to pandas.DataFrame
        From `fetch_report`, `add_kpis`, `summarize`, `compare` or `explain`, or any other frame;
        several by the names of their sheets. Names that Excel does not take are made valid:
        forbidden characters become ``-``, those beyond 31 are cut, repeated ones numbered.
    final : pandas.DataFrame or bool, optional
        As in `summarize`: a curve of `maturity`, or True. Adds KPIs, final numbers and `maturity`
        to frames of single days (`forecast_final`), to their totals and to trends. Other frames
        stay as they are: `summarize`, `compare` and `explain` have `final` themselves.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    MissingDependency
        When XlsxWriter is not installed (the extra ``excel``).
    InvalidRequest
        When the file cannot be written, a frame has more than 1,048,576 rows (with header and
        total) or 16,384 columns, ids have been rounded to floats, or `final` does not fit. All of
        it is said before anything is written.
    OSError
        When the disk is full.

    Notes
    -----
    The first sheet, `About`, says of each frame: account, profile, currency, days, when they were
    fetched, and how much of the conversions had come; the last one, `Columns`, has units and
    meanings. `Charts` has the trend by day and the largest names, as charts of Excel with their
    numbers. The index of a frame is written if it has a name.

    Ids, and whole numbers of 16 digits and more, are text, so that nothing rounds them. Fractions
    are shown as per cent, money with its currency's code, days and times (in UTC) as such. Below
    the rows is a total by the rules of `summarize`: sums and ratios of sums, one row for each
    currency; where a frame has a total row of its own, that one, which alone has final numbers of a
    summary: ``summarize(..., total=True, final=curve)``. Nothing in the file is a formula: texts
    that look like one, as a campaign's name may, stay texts also when they are edited.
    """
    import_xlsxwriter()
    frames = parse_frames(data)
    with open_output(path, ".xlsx") as temporary:
        sheets = prepare_sheets(frames, final)
        for sheet in sheets:
            ensure_fits_sheet(sheet)
        _write_book(temporary, sheets)
    return Path(path)


def _write_book(file: str, sheets: Sequence[SheetData]) -> None:
    """Write all sheets: what they are first, then charts, frames, and the meaning of columns."""
    charts: list[ChartData] = []
    for data in sheets:
        charts += make_charts(data)
    own_names = [_ABOUT, _CHARTS, _COLUMNS]
    titles = [data.title for data in sheets]
    names = name_sheets(titles, own_names)
    with open_workbook(file) as book:
        styles = BookStyles(book)
        about = _add_sheet(book, _ABOUT, styles)
        write_about(about, sheets, names)
        if charts:
            chart_writer = _add_sheet(book, _CHARTS, styles)
            write_charts(book, chart_writer, charts)
        for data, name in zip(sheets, names, strict=True):
            writer = _add_sheet(book, name, styles)
            write_frame(writer, data)
        column_writer = _add_sheet(book, _COLUMNS, styles)
        write_column_list(column_writer, sheets)


def _add_sheet(book: Any, name: str, styles: BookStyles) -> SheetWriter:
    sheet = book.add_worksheet(name)
    return SheetWriter(sheet, styles)
