"""A downloaded payload, gzip-compressed JSON, to an Arrow table of the right types.

The text is decompressed in small blocks, and its rows become columns as they come: memory
stays near the size of the table. A second process takes its turns at a large one.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from types import MappingProxyType
from typing import BinaryIO, Final, NoReturn

import pyarrow as pa
from isal import igzip
from isal.igzip_lib import IsalError

from sdanalytics._version import __version__
from sdanalytics.errors import CorruptReport
from sdanalytics.model.report_batch import MAX_REPORT_BYTES
from sdanalytics.parsing.column_builders import TableBuilder
from sdanalytics.parsing.row_decoder import (
    ALL_BLOCKS,
    BLOCKS_PER_GROUP,
    NotParallelizable,
    WorkShare,
    read_rows,
)
from sdanalytics.parsing.worker_pool import Worker, WorkerTask, start_workers

logger = logging.getLogger("sdanalytics")

PARALLEL_THRESHOLD: Final = 64 << 20
"""Bytes of text that are read while another process starts (0.3 s)."""

# 256 KB stay in the processor's cache while they are unpacked, decoded and turned into
# columns: half the time of blocks of several MB (measured, 1M rows).
_BLOCK: Final = 1 << 18
_DENSEST: Final = 1032
"""Bytes of text that a byte of gzip can hold."""
_GZIP: Final = b"\x1f\x8b"


def read_payload(
    payload: bytes,
    columns: Sequence[str],
    largest: int = MAX_REPORT_BYTES,
    names: Mapping[str, str] = MappingProxyType({}),
    alone: int = PARALLEL_THRESHOLD,
) -> pa.Table:
    """The rows of a report, with just these columns.

    Parameters
    ----------
    payload : bytes
        Gzip (one member or several) of a JSON array of objects, in UTF-8. Fields that are
        null or absent become null; fields not among `columns` are passed over; ids may be
        written as text.
    columns : sequence of str
        Names of the catalogue.
    largest : int, optional
        Bytes that the report may hold, unpacked: its text, and its values in the table at 8
        bytes each. A small payload can be made to hold any number (a decompression bomb).
    names : mapping of str to str, optional
        What the payload calls columns that it calls otherwise.
    alone : int, optional
        Bytes of text that one process reads by itself. Where there is more than twice as
        much, and processors are free, others read parts of what comes then, and the table is
        the same.

    Returns
    -------
    pyarrow.Table
        Columns in the order given: ids and counts int64, money and ratios float64, text
        string. Rows in the order sent.

    Raises
    ------
    CorruptReport
        With `row` None when the payload is damaged: not gzip, cut short, a wrong checksum,
        no JSON array in UTF-8, nested deeply; or when it holds more than `largest`. With
        `row` and `field` when a value does not fit its type: a count with decimals, ``true``,
        text for a number, a number for text, NaN, a null row. With `row` when one is longer
        than 4 MiB.
    """
    if not payload.startswith(_GZIP):
        raise CorruptReport("the payload is not gzip-compressed")
    head = WorkShare(head=alone // (_BLOCK * BLOCKS_PER_GROUP))
    task = WorkerTask(__version__, list(columns), dict(names), _BLOCK, largest, head)
    table = _read_together(payload, task) if _size_told(payload) > 2 * alone else None
    return _read(payload, task, ALL_BLOCKS, []) if table is None else table


def _size_told(payload: bytes) -> int:
    """Bytes of text that the payload says it holds, last: a hint, for it may say anything."""
    return int.from_bytes(payload[-4:], "little")


def _rows_told(payload: bytes, task: WorkerTask, of_a_block: int) -> int:
    """About how many rows there are, by the first block: a hint as well."""
    size = min(_size_told(payload), task.largest, _DENSEST * len(payload))
    return of_a_block * size // task.block * 21 // 20


def _read_together(payload: bytes, task: WorkerTask) -> pa.Table | None:
    """The rows, read by several processes; None where one has to read them by itself.

    That is so whenever anything is wrong: where it is, only who has read all rows can tell.
    """
    try:
        with start_workers(payload, task) as others:
            if not others:
                return None
            share = WorkShare(0, len(others) + 1, task.share.head)
            table = _read(payload, task, share, others)
            logger.debug("%d rows were read by %d processes", table.num_rows, share.of)
            return table
    except (CorruptReport, NotParallelizable, OSError, RuntimeError) as error:
        words = "a payload is read once more, by one process: %s"
        logger.debug(words, type(error).__name__)
        return None


def _read(payload: bytes, task: WorkerTask, share: WorkShare, others: Sequence[Worker]) -> pa.Table:
    table = TableBuilder(task.columns)
    text = iter_decompressed(io.BytesIO(payload), len(payload), task.block, task.largest)
    rows = read_rows(text, task.columns, task.names, share)
    for turn, part in groupby(rows, itemgetter(0)):
        owner = share.owner(turn)
        for some in [others[owner - 1].rows()] if owner else map(itemgetter(1), part):
            if not table.nbytes:
                table.expect(_rows_told(payload, task, len(some)))
            table.add(some)
            if table.nbytes > task.largest:
                _refuse_size(len(payload), task.largest)
    return table.table()


def iter_decompressed(file: BinaryIO, size: int, block: int, largest: int) -> Iterator[bytes]:
    """The text in blocks; checksums, lengths and later members are looked at."""
    length = 0
    try:
        with igzip.GzipFile(fileobj=file) as text:
            while piece := text.read(block):
                length += len(piece)
                if length > largest:
                    _refuse_size(size, largest)
                yield piece
    # Overflow: a header, with the file's name in it, of more than half a MB.
    except (EOFError, OSError, OverflowError, IsalError) as error:  # type: ignore[misc]  # untyped
        raise CorruptReport(f"the payload is damaged: {error}") from None


def _refuse_size(size: int, largest: int) -> NoReturn:
    raise CorruptReport(
        f"the payload's {size:,} bytes hold more than {largest:,} once unpacked. If that "
        "can be, let reports be larger, in bytes: Client(..., largest_report=...)"
    )
