"""The first sheet, which says what the numbers are, and the last one, which explains columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from sdanalytics._version import __version__
from sdanalytics.analysis.column_units import describe_column, find_unit
from sdanalytics.delivery.provenance import describe_provenance
from sdanalytics.delivery.sheet_data import SheetData
from sdanalytics.delivery.sheet_writer import SheetWriter

_TITLE: Final = "Amazon Sponsored Display"
_LABEL_WIDTH: Final = 20
_TEXT_WIDTH: Final = 100
_CHARACTERS_A_LINE: Final = 92
"""Characters that a line has room for, where the last word is left for the next one."""
_LINE_HEIGHT: Final = 15
_NAME_WIDTH: Final = 50
_NOTES: Final = (
    "Totals are of all rows, also when rows are filtered. Ratios in totals are ratios of sums.",
    "Changes of percentages are percentage points. Times are UTC. Empty cells are missing values.",
    "Ids are text: as numbers a spreadsheet would round them.",
)
_HEADERS: Final = ("column", "unit", "meaning")


def write_about(writer: SheetWriter, sheets: Sequence[SheetData], names: Sequence[str]) -> None:
    """Write what a reader must know of each sheet, below one another.

    Parameters
    ----------
    writer : SheetWriter
    sheets : sequence of SheetData
    names : sequence of str
        The names of their sheets, which may differ from their titles.
    """
    writer.set_up_page()
    writer.sheet.set_column(0, 0, _LABEL_WIDTH)
    writer.sheet.set_column(1, 1, _TEXT_WIDTH)
    writer.write_words(0, 0, _TITLE, writer.styles.title)
    row = 2
    for data, name in zip(sheets, names, strict=True):
        described = {"sheet": name}
        if data.title != name:
            described["title"] = data.title
        described |= describe_provenance(data)
        for subject, text in described.items():
            _write_subject(writer, row, subject, text)
            row += 1
        row += 1
    now = datetime.now(UTC)
    moment = f"{now:%Y-%m-%d %H:%M} UTC"
    written = f"Written {moment} by sdanalytics {__version__}."
    for note in (*_NOTES, written):
        writer.write_words(row, 0, note, writer.styles.note)
        row += 1


def _write_subject(writer: SheetWriter, row: int, subject: str, text: str) -> None:
    """Write a subject and what there is to say about it, in a row that is high enough."""
    length = len(text)
    lines = math.ceil(length / _CHARACTERS_A_LINE)
    height = lines * _LINE_HEIGHT
    writer.sheet.set_row(row, height)
    writer.write_words(row, 0, subject, writer.styles.label)
    writer.write_words(row, 1, text, writer.styles.wrapped)


def write_column_list(writer: SheetWriter, sheets: Sequence[SheetData]) -> None:
    """Write the unit and meaning of each column of any sheet, once."""
    writer.set_up_page()
    writer.sheet.set_column(0, 0, _NAME_WIDTH)
    writer.sheet.set_column(1, 1, _LABEL_WIDTH)
    writer.sheet.set_column(2, 2, _TEXT_WIDTH)
    writer.sheet.freeze_panes(1, 0)
    for column, header in enumerate(_HEADERS):
        writer.write_words(0, column, header, writer.styles.header)
    listed = set()
    for data in sheets:
        for name in data.rows.columns.tolist():
            if name in listed:
                continue
            listed.add(name)
            row = len(listed)
            unit = find_unit(data.rows, name)
            meaning = describe_column(name)
            writer.write_text(row, 0, name)
            writer.write_text(row, 1, unit.unit)
            writer.write_text(row, 2, meaning)
