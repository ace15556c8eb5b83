"""The files of version 1 reports: CSV, as openly as Amazon describes it."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle
from typing import Any, Final

from sdanalytics.sandbox.simulation.report_rows import JsonRow

MAX_PARTS: Final = 100
_MISSING: Final = ('""', "null")
"""How a missing value is written: the files of a report take turns."""
_ENCODING: Final = "utf-8-sig"


def encode_csv(rows: Sequence[JsonRow], names: Sequence[str], part_rows: int) -> list[bytes]:
    """Return the files of a report: with a BOM and a header each, all cells quoted.

    Neither the order of rows nor that of columns means anything; it is the same for the same
    report.

    Parameters
    ----------
    rows : sequence of dict
        None: a missing value.
    names : sequence of str
        The fields of the report.
    part_rows : int
        Rows of a file, unless there would be more than `MAX_PARTS` files.
    """
    order = random.Random(" ".join(names))
    columns = list(names)
    order.shuffle(columns)
    shuffled = list(rows)
    order.shuffle(shuffled)
    size = max(part_rows, math.ceil(len(rows) / MAX_PARTS))
    starts = range(0, max(len(rows), 1), size)
    parts = []
    spellings = cycle(_MISSING)
    for start, missing in zip(starts, spellings, strict=False):
        end = start + size
        lines = _list_lines(shuffled[start:end], columns, missing)
        text = "".join(lines)
        parts.append(text.encode(_ENCODING))
        columns.reverse()
    return parts


def _list_lines(rows: Sequence[JsonRow], columns: Sequence[str], missing: str) -> Iterator[str]:
    header = map(_quote_cell, columns)
    yield _join_cells(header)
    for row in rows:
        cells = []
        for name in columns:
            value = row.get(name)
            cell = missing
            if value is not None:
                cell = _quote_cell(value)
            cells.append(cell)
        yield _join_cells(cells)


def _join_cells(cells: Iterable[str]) -> str:
    line = ",".join(cells)
    return f"{line}\r\n"


def _quote_cell(value: Any) -> str:
    text = str(value)
    escaped = text.replace('"', '""')
    return f'"{escaped}"'
