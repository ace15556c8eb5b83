"""A process that decodes a part of a payload: ``python -m sdanalytics.parsing.worker``.

It ends when nothing is left to decode, when anything is wrong with the payload (its parent
finds that out by itself), or when its parent has ended.
"""

from __future__ import annotations

import gc
import socket
import sys
from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter

import msgspec
import pyarrow as pa

from sdanalytics._version import __version__
from sdanalytics.model.registration import add_registered
from sdanalytics.parsing.decompression import iter_decompressed
from sdanalytics.parsing.row_decoder import DecodedBlock, decode_rows
from sdanalytics.parsing.table_builder import TableBuilder
from sdanalytics.parsing.table_transfer import send_table
from sdanalytics.parsing.task import WorkerTask


class _BlockPandasImport:
    """Keeps Arrow from loading pandas to see whether a list is one of its columns.

    Loading it takes longer than everything else that a worker loads, and 60 MB.
    """

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


def run_task() -> None:
    """Read a task and its payload from the socket of `sys.argv`, and send back tables."""
    sys.meta_path.insert(0, _BlockPandasImport)
    gc.disable()  # there are no cycles in rows
    file_number = int(sys.argv[1])
    with socket.socket(fileno=file_number) as sock, sock.makefile("rb") as file:
        task_line = file.readline()
        task = msgspec.json.decode(task_line, type=WorkerTask)
        if task.version != __version__:
            return
        add_registered(task.registered)
        blocks = iter_decompressed(file, 0, task.options)
        decoded = decode_rows(blocks, task.options, task.share)
        for group, group_blocks in groupby(decoded, attrgetter("group")):
            if task.share.worker_for(group) == task.share.index:
                table = _build_table(group_blocks, task.options.columns)
                send_table(sock, table)


def _build_table(blocks: Iterable[DecodedBlock], columns: list[str]) -> pa.Table:
    builder = TableBuilder(columns)
    for block in blocks:
        builder.extend_rows(block.rows)
    return builder.finish()


if __name__ == "__main__":
    run_task()
