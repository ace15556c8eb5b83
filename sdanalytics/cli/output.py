"""The output of commands: tables for people, JSON for machines."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from sdanalytics._core.printable import to_printable

if TYPE_CHECKING:
    import pandas as pd

_ID_COLUMNS: Final = frozenset(("profileId", "profile_id"))
"""Columns of ids that are text in JSON: many programs round numbers of 16 digits."""


def print_line(text: str) -> None:
    """Print a line on standard output."""
    print(text, flush=True)  # noqa: T201


def print_json(value: object) -> None:
    """Print a value of plain values, days and moments as JSON."""
    print_line(json.dumps(value, indent=1, default=_to_iso, allow_nan=False))


def print_table(frame: pd.DataFrame, nothing: str) -> None:
    """Print a frame as a table, or a sentence if it has no rows."""
    if frame.empty:
        print_line(nothing)
        return
    rows = [[str(name) for name in frame.columns]]
    for record in to_records(frame):
        rows.append([_format_cell(value) for value in record.values()])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        line = "  ".join(cells)
        print_line(line.rstrip())


def to_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame as plain values: missing ones as None, days as dates."""
    names = [str(name) for name in frame.columns]
    columns = []
    for name in frame.columns:
        values = [_plain_value(value) for value in frame[name].tolist()]
        if name in _ID_COLUMNS:
            values = [None if value is None else str(value) for value in values]
        columns.append(values)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _plain_value(value: Any) -> Any:
    """Return a value of a frame as a plain one."""
    import pandas as pd

    if isinstance(value, list | tuple):
        return list(value)
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, pd.Timestamp):
        moment = value.to_pydatetime()
        return moment if moment.tzinfo else moment.date()
    return value


def _to_iso(value: object) -> str:
    if isinstance(value, date):  # a datetime is one, too
        return value.isoformat()
    raise TypeError(f"cannot be JSON: {type(value).__name__}")


def _format_cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S%z")
    if isinstance(value, Mapping):
        return to_printable(json.dumps(value))
    if isinstance(value, Iterable) and not isinstance(value, str):
        return to_printable(", ".join(map(str, value)))
    return to_printable(str(value))
