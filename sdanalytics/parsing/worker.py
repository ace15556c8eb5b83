"""A process that helps another one to read a payload: ``python -m sdanalytics.parsing.worker``.

It ends when there is no more to do, when anything is wrong with the payload (who asked will
see for itself), or when nobody listens any more.
"""

from __future__ import annotations

import gc
import socket
import sys
from itertools import groupby
from operator import itemgetter

import msgspec

from sdanalytics._version import __version__
from sdanalytics.parsing.column_builders import TableBuilder
from sdanalytics.parsing.payload import iter_decompressed
from sdanalytics.parsing.row_decoder import read_rows
from sdanalytics.parsing.worker_pool import WorkerTask, send_table


class _WithoutPandas:
    """Arrow loads pandas to see whether a list is one of its columns.

    That takes longer than all else that a helper loads, and 60 MB.
    """

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


def main() -> None:
    """Read what comes over the socket whose number is the argument, and send tables back."""
    sys.meta_path.insert(0, _WithoutPandas)
    gc.disable()  # there are no cycles in rows
    with socket.socket(fileno=int(sys.argv[1])) as line, line.makefile("rb") as file:
        task = msgspec.json.decode(file.readline(), type=WorkerTask)
        if task.version != __version__:
            return
        text = iter_decompressed(file, 0, task.block, task.largest)
        rows = read_rows(text, task.columns, task.names, task.share)
        for turn, part in groupby(rows, itemgetter(0)):
            if task.share.owner(turn) == task.share.number:
                table = TableBuilder(task.columns)
                for _, some in part:
                    table.add(some)
                send_table(line, table.table())


if __name__ == "__main__":
    main()
