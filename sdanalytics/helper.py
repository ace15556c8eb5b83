"""A process that helps another one to read a payload: ``python -m sdanalytics.helper``.

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

from sdanalytics import __version__
from sdanalytics.columns import Columns
from sdanalytics.payload import unpacked
from sdanalytics.rows import read_rows
from sdanalytics.sharing import Task, send


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
        task = msgspec.json.decode(file.readline(), type=Task)
        if task.version != __version__:
            return
        text = unpacked(file, 0, task.block, task.largest)
        rows = read_rows(text, task.columns, task.names, task.share)
        for turn, part in groupby(rows, itemgetter(0)):
            if task.share.owner(turn) == task.share.number:
                table = Columns(task.columns)
                for _, some in part:
                    table.add(some)
                send(line, table.table())


if __name__ == "__main__":
    main()
