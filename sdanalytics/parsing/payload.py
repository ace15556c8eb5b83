"""A downloaded payload, gzip-compressed JSON, to an Arrow table of the right types.

The text is decompressed in small blocks, and the rows of each become columns at once: memory
stays near the size of the table. Worker processes decode parts of a large payload.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from types import MappingProxyType
from typing import Final

import pyarrow as pa

from sdanalytics._version import __version__
from sdanalytics.errors import CorruptReport
from sdanalytics.model.report_batch import MAX_REPORT_BYTES
from sdanalytics.parsing.decompression import (
    GZIP_MAGIC,
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
) -> pa.Table:
    """Read the rows of a report, with just these columns.

    Parameters
    ----------
    payload : bytes
        Gzip (one member or several) of a JSON array of objects, in UTF-8. Fields that are
        null or absent become null; fields not among `columns` are ignored; ids may be
        written as text.
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

    Returns
    -------
    pyarrow.Table
        Columns in the order given: ids and counts int64, money and ratios float64, text
        string. Rows in the order sent.

    Raises
    ------
    CorruptReport
        With `row` None when the payload is damaged: not gzip, cut short, a wrong checksum,
        no JSON array in UTF-8, nested deeply; or when it holds more than `max_bytes`. With
        `row` and `field` when a value does not fit its type: a count with decimals, ``true``,
        text for a number, a number for text, NaN, a null row. With `row` when one is longer
        than 4 MiB.
    """
    if not payload.startswith(GZIP_MAGIC):
        raise CorruptReport("the payload is not gzip-compressed")
    options = ParseOptions(
        columns=list(columns),
        field_names=dict(field_names),
        block_size=BLOCK_SIZE,
        max_bytes=max_bytes,
    )
    if declared_size(payload) > 2 * parallel_threshold:
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
    task = WorkerTask(__version__, options, share)
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
    file = io.BytesIO(payload)
    blocks = iter_decompressed(file, len(payload), options)
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
    max_size = MAX_GZIP_RATIO * len(payload)
    size = min(declared_size(payload), max_size, options.max_bytes)
    row_count = rows_in_block * size // options.block_size
    return row_count * 21 // 20
