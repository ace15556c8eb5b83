"""Workbooks as openpyxl reads them: a judge that did not write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd


def open_book(path: Path) -> Any:
    return openpyxl.load_workbook(path)


def read_rows(sheet: Any) -> list[dict[str, Any]]:
    """Return the cells below the header, by column: rows and totals."""
    header, *rows = sheet.iter_rows()
    names = [cell.value for cell in header]
    return [dict(zip(names, row, strict=True)) for row in rows]


def read_values(sheet: Any) -> pd.DataFrame:
    """Return the values below the header, totals included."""
    rows = [{name: cell.value for name, cell in row.items()} for row in read_rows(sheet)]
    return pd.DataFrame(rows, dtype="object")


def read_about(path: Path) -> dict[str, str]:
    """Return what the first sheet says, by subject: of several sheets what it says of the last."""
    about = open_book(path)["About"]
    return {row[0].value: row[1].value for row in about.iter_rows() if row[1].value is not None}
