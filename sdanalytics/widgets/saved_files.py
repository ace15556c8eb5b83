"""Files of what the picker shows: named after what, whom and when."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pandas as pd

from sdanalytics._core.caught_warnings import collect_warnings
from sdanalytics.analysis.metadata import frame_metadata
from sdanalytics.delivery.excel import to_excel
from sdanalytics.delivery.flat_files import write_csv
from sdanalytics.delivery.output_file import open_output
from sdanalytics.widgets.figures import FILE_DPI, Picture, draw_figure, list_figure_words
from sdanalytics.widgets.lab_theme import LIGHT_COLORS
from sdanalytics.widgets.shown_report import ShownReport, ViewChoice
from sdanalytics.widgets.table_content import ROWS, SUMMARY, TableContent

_MAX_ACCOUNT_LENGTH: Final = 40
"""Characters of an account's name: file systems take 255 bytes."""
_NOT_IN_FILE_NAMES: Final = re.compile(r"[^\w.&-]+")


def save_figure(report: ShownReport, choice: ViewChoice) -> Path:
    """Write the figure as PNG, on white, and return its file."""
    picture: Picture = draw_figure(report, choice, LIGHT_COLORS, dpi=FILE_DPI, has_title=True)
    words = list_figure_words(choice)
    if report.both is not None:
        words.append("and before")
    what = "-".join(words)
    path = _make_path(report, what, ".png")
    with open_output(path, ".png") as temporary:
        Path(temporary).write_bytes(picture.png)
    return path


def save_csv(report: ShownReport, choice: ViewChoice, table: TableContent) -> Path:
    """Write the table with all its rows as CSV for spreadsheets, and return its file."""
    path = _make_path(report, _name_table(report, choice), ".csv")
    return write_csv(path, _take_columns(table), for_excel=True)


def save_excel(report: ShownReport, choice: ViewChoice, table: TableContent) -> Path:
    """Write the table and the rows it is made of as a workbook, and return its file."""
    path = _make_path(report, _name_table(report, choice), ".xlsx")
    rows = report.rows
    if report.both is not None:
        rows = report.both
    sheets = {ROWS: rows}
    if choice.table != ROWS:
        sheets = {choice.table: _take_columns(table)} | sheets
    with collect_warnings():  # those of the table are shown beside it
        return to_excel(path, sheets, final=report.curve)


def _take_columns(table: TableContent) -> pd.DataFrame:
    names = [column.name for column in table.columns]
    return table.rows[names]


def _name_table(report: ShownReport, choice: ViewChoice) -> str:
    name = choice.table
    if name == SUMMARY and report.both is not None:
        name = "comparison"
    if name == ROWS or choice.by is None:
        return name
    return f"{name}-by-{choice.by}"


def _make_path(report: ShownReport, what: str, suffix: str) -> Path:
    """Return a name such as ``campaigns-rows_Northwind-US_2026-11-14-to-2026-11-27.csv``."""
    metadata = frame_metadata(report.rows)
    record_type = metadata["record_type"]
    account = metadata.get("account_name") or metadata["profile_id"]
    account = account[:_MAX_ACCOUNT_LENGTH]
    country = metadata.get("country") or ""
    when = f"{metadata['start']}-to-{metadata['end']}"
    parts = []
    for text in (f"{record_type}-{what}", f"{account}-{country}", when):
        part = _NOT_IN_FILE_NAMES.sub("-", text)
        parts.append(part.strip("-."))
    name = "_".join(parts)
    return Path(f"{name}{suffix}")
