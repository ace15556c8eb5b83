"""A downloaded payload, JSON in gzip, to an Arrow table of the right types.

The text is decompressed in small blocks, and the rows of each become columns at once: memory
stays near the size of the table. Worker processes decode parts of a large payload.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from types import MappingProxyType
from typing import Final

import pyarrow as pa

from sdanalytics._version import __version__
from sdanalytics.errors import CorruptReport
from sdanalytics.model.identity import find_unidentified_row
from sdanalytics.model.registration import list_registered
from sdanalytics.model.report_batch import MAX_REPORT_BYTES
from sdanalytics.parsing.content import GZIP_MAGIC, not_an_array_error, starts_array
from sdanalytics.parsing.decode_errors import raise_unidentified_row
from sdanalytics.parsing.decompression import (
    MAX_GZIP_RATIO,
    declared_size,
    iter_decompressed,
    raise_too_large,
)
from sdanalytics.parsing.row_decoder import DecodedBlock, Rows, decode_rows
from sdanalytics.parsing.table_builder import TableBuilder
from sdanalytics.parsing.task import (
    ALL_BLOCKS,
    BLOCKS_PER_GROUP,
    NotParallelizable,
    ParseOptions,
    WorkerTask,
    WorkShare,
)
from sdanalytics.parsing.worker_pool import Worker, start_workers

logger = logging.getLogger("sdanalytics")

PARALLEL_THRESHOLD: Final = 64 << 20
"""Bytes of text that are read while a worker starts (0.3 s)."""
# 256 KB stay in the processor's cache while they are decompressed, decoded and turned into
# columns: half the time of blocks of several MB (measured, 1M rows).
BLOCK_SIZE: Final = 1 << 18
"""Bytes of text that are decompressed and decoded together."""


def read_payload(
    payload: bytes,
    columns: Sequence[str],
    max_bytes: int = MAX_REPORT_BYTES,
    field_names: Mapping[str, str] = MappingProxyType({}),
    parallel_threshold: int = PARALLEL_THRESHOLD,
    required: Sequence[str] = (),
) -> pa.Table:
    """Read the rows of a report, with just these columns.

    Parameters
    ----------
    payload : bytes
        A JSON array of objects in UTF-8, in gzip (one member or several) or as it is. Fields
        that are null or absent become null; fields not among `columns` are ignored; ids may be
        written as text, and counts with a point or an exponent.
    columns : sequence of str
        Names of the catalogue.
    max_bytes : int, optional
        Bytes that the report may hold, decompressed: its text, and its values in the table at
        8 bytes each. A small payload can be made to hold any number (a decompression bomb).
    field_names : mapping of str to str, optional
        The payload's own names of columns, where they differ.
    parallel_threshold : int, optional
        Bytes of text that one process reads alone. If the payload has more than twice as many,
        and processors are free, worker processes decode parts of the rest; the table is the
        same.
    required : sequence of str, optional
        Those of the columns that every row must have a value of: what identifies it.

    Returns
    -------
    pyarrow.Table
        Columns in the order given: ids and counts int64, money and ratios float64, text
        string. Rows in the order sent.

    Raises
    ------
    CorruptReport
        With `row` None when the payload is damaged: cut short, a wrong checksum, no JSON array
        in UTF-8, nested deeply; or when it holds more than `max_bytes`. With `row` and `field`
        when a value does not fit its type: a count of 5.7, ``true``, text for a number, a
        number for text, NaN, a null row; or when a required field has no value. With `row`
        when one is longer than 4 MiB.
    """
    table = _read_rows(payload, columns, max_bytes, field_names, parallel_threshold)
    unidentified = find_unidentified_row(table, required)
    if unidentified:
        name = field_names.get(unidentified.field, unidentified.field)
        raise_unidentified_row(unidentified.row, name)
    return table


def _read_rows(
    payload: bytes,
    columns: Sequence[str],
    max_bytes: int,
    field_names: Mapping[str, str],
    parallel_threshold: int,
) -> pa.Table:
    is_compressed = payload.startswith(GZIP_MAGIC)
    if not is_compressed and not starts_array(payload):
        raise not_an_array_error(payload)
    options = ParseOptions(
        columns=list(columns),
        field_names=dict(field_names),
        block_size=BLOCK_SIZE,
        max_bytes=max_bytes,
    )
    if is_compressed and declared_size(payload) > 2 * parallel_threshold:
        head_start = parallel_threshold // (BLOCK_SIZE * BLOCKS_PER_GROUP)
        table = _read_parallel(payload, options, head_start)
        if table is not None:
            return table
    return _read_table(payload, options, ALL_BLOCKS, [])


def _read_parallel(payload: bytes, options: ParseOptions, head_start: int) -> pa.Table | None:
    """Read the rows with worker processes; None when one process has to read them alone.

    That is the case whenever anything is wrong: only a process that has read all rows can locate
    it.
    """
    share = WorkShare(head_start=head_start)
    task = WorkerTask(__version__, options, share, list_registered())
    try:
        with start_workers(payload, task) as workers:
            if not workers:
                return None
            process_count = len(workers) + 1
            share = WorkShare(
                index=0,
                count=process_count,
                head_start=head_start,
            )
            table = _read_table(payload, options, share, workers)
            message = "%d rows were read by %d processes"
            logger.debug(message, table.num_rows, process_count)
            return table
    except (CorruptReport, NotParallelizable, OSError, RuntimeError) as error:
        message = "a payload is read again, in a single process: %s"
        logger.debug(message, type(error).__name__)
        return None


def _read_table(
    payload: bytes, options: ParseOptions, share: WorkShare, workers: Sequence[Worker]
) -> pa.Table:
    builder = TableBuilder(options.columns)
    blocks = _iter_text(payload, options)
    decoded = decode_rows(blocks, options, share)
    for rows in _with_rows_of_workers(decoded, share, workers):
        if not builder.nbytes:
            row_count = _estimate_row_count(payload, options, len(rows))
            builder.reserve(row_count)
        if isinstance(rows, pa.Table):
            builder.extend_arrow(rows)
        else:
            builder.extend_rows(rows)
        if builder.nbytes > options.max_bytes:
            raise_too_large(len(payload), options.max_bytes)
    return builder.finish()


def _iter_text(payload: bytes, options: ParseOptions) -> Iterator[bytes]:
    """Yield the text of a payload in blocks: unpacked, or as it was sent."""
    file = io.BytesIO(payload)
    if payload.startswith(GZIP_MAGIC):
        return iter_decompressed(file, len(payload), options)
    if len(payload) > options.max_bytes:
        raise_too_large(len(payload), options.max_bytes)
    return iter(partial(file.read, options.block_size), b"")


def _with_rows_of_workers(
    decoded: Iterator[DecodedBlock], share: WorkShare, workers: Sequence[Worker]
) -> Iterator[Rows | pa.Table]:
    """Put the tables of the workers in the place of the groups that they decode."""
    for group, blocks in groupby(decoded, attrgetter("group")):
        index = share.worker_for(group)
        if index == 0:
            for block in blocks:
                yield block.rows
        else:
            yield workers[index - 1].next_table()


def _estimate_row_count(payload: bytes, options: ParseOptions, rows_in_block: int) -> int:
    """Estimate the number of rows by the first block, with 5 % to spare."""
    size = len(payload)
    if payload.startswith(GZIP_MAGIC):
        size = min(declared_size(payload), MAX_GZIP_RATIO * size, options.max_bytes)
    row_count = rows_in_block * size // options.block_size
    return row_count * 21 // 20
