"""Other processes that take their turns at a large payload.

Each unpacks the whole of it, which is a small part of the work, and so cuts it at the same
places; it decodes the pieces of its turns alone, and sends them back as columns. Whatever
goes wrong with one of them, the payload can still be read without.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Final

import msgspec
import pyarrow as pa

from sdanalytics.parsing.row_decoder import NotParallelizable, WorkShare

logger = logging.getLogger("sdanalytics")

_MOST: Final = 3
_AHEAD: Final = 2
"""Turns of a helper that wait in memory; one that is further ahead waits itself."""
_SIZE: Final = 8


class WorkerTask(msgspec.Struct, frozen=True):
    """What a helper is told, in a line of JSON; the payload follows.

    Attributes
    ----------
    version : str
        Of this package: another one may have been installed since this process began.
    columns : list of str
    names : dict of str to str
        What the payload calls columns that it calls otherwise.
    block : int
        Bytes in which the text is unpacked.
    largest : int
        Bytes that the text may have.
    share : Share
    """

    version: str
    columns: list[str]
    names: dict[str, str]
    block: int
    largest: int
    share: WorkShare


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# However many payloads are read at a time. Each helper unpacks all of its payload, so that
# more of them gain less and less.
_free: Final = threading.BoundedSemaphore(min(_processors() - 1, _MOST))


class Worker:
    """A process that decodes its turns of a payload.

    Parameters
    ----------
    line : socket.socket
        To the process.
    """

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._tables: SimpleQueue[pa.Table | None] = SimpleQueue()
        self._room = threading.Semaphore(_AHEAD)

    def tell(self, task: WorkerTask, payload: bytes) -> None:
        """Say what to do."""
        with suppress(OSError):  # it has ended: whoever waits for its rows will find out
            self._line.sendall(msgspec.json.encode(task) + b"\n")
            self._line.sendall(payload)
            self._line.shutdown(socket.SHUT_WR)

    def listen(self) -> None:
        """Keep what comes back until it is asked for."""
        try:
            while self._room.acquire() and (table := recv_table(self._line)) is not None:
                self._tables.put(table)
        except (OSError, pa.ArrowException):
            logger.debug("a helper broke off")
        finally:
            self._tables.put(None)

    def rows(self) -> pa.Table:
        """The rows of its next turn; `Unsure` when none come."""
        table = self._tables.get()
        if table is None:
            raise NotParallelizable("a helper has ended early")
        self._room.release()
        return table

    def end(self) -> None:
        """Listen no more."""
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        self._room.release()


def send_table(line: socket.socket, table: pa.Table) -> None:
    """Send a table, its size in front."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    message = sink.getvalue()
    line.sendall(message.size.to_bytes(_SIZE))
    line.sendall(message)


def recv_table(line: socket.socket) -> pa.Table | None:
    """The next table that was sent; None when there is no more."""
    size = int.from_bytes(_received(line, _SIZE))
    return pa.ipc.open_stream(_received(line, size)).read_all() if size else None


def _received(line: socket.socket, size: int) -> memoryview:
    """As many bytes as that, or none when they do not come.

    All are waited for at once: a thread has to wait for its turn after each call, and this
    one shares its interpreter with one that decodes. Arrow's memory leaves no holes behind.
    """
    message = memoryview(pa.allocate_buffer(size))
    got = line.recv_into(message, size, socket.MSG_WAITALL)
    while 0 < got < size:  # a signal
        more = line.recv_into(message[got:], size - got, socket.MSG_WAITALL)
        if not more:
            return memoryview(b"")
        got += more
    return message if got else memoryview(b"")


@contextmanager
def start_workers(payload: bytes, task: WorkerTask) -> Iterator[list[Worker]]:
    """As many helpers as there may be at the moment; they end with the context.

    Parameters
    ----------
    payload : bytes
    task : Task
        Its share tells the head alone.

    Raises
    ------
    OSError
        When a process cannot be started; a `RuntimeError` when no thread can.
    """
    with ExitStack() as stack:
        count = _reserved(stack) if _can_start() else 0
        shares = [WorkShare(number + 1, count + 1, task.share.head) for number in range(count)]
        tasks = [msgspec.structs.replace(task, share=share) for share in shares]
        yield [stack.enter_context(_helper(payload, task)) for task in tasks]


def _reserved(stack: ExitStack) -> int:
    """How many helpers there may be, until the stack is left."""
    count = 0
    while count < _MOST and _free.acquire(blocking=False):
        stack.callback(_free.release)
        count += 1
    return count


def _can_start() -> bool:
    """Whether this is Python itself, and no other program that has it within."""
    name = Path(sys.executable or "").name.lower()
    return os.name == "posix" and name.startswith("python") and not hasattr(sys, "frozen")


@contextmanager
def _helper(payload: bytes, task: WorkerTask) -> Iterator[Worker]:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = _started(theirs)
        helper = Worker(ours)
        threads = [
            threading.Thread(target=helper.tell, args=(task, payload), daemon=True),
            threading.Thread(target=helper.listen, daemon=True),
        ]
        try:
            for thread in threads:
                thread.start()
            yield helper
        finally:
            process.kill()
            process.wait()
            helper.end()
            for thread in filter(threading.Thread.is_alive, threads):
                thread.join()


def _started(line: socket.socket) -> subprocess.Popen[bytes]:
    """A process that finds what this one finds, and is silent."""
    places = os.pathsep.join(place or os.getcwd() for place in sys.path)
    return subprocess.Popen(  # noqa: S603  # nothing of it comes from outside
        [sys.executable, "-P", "-m", "sdanalytics.parsing.worker", str(line.fileno())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[line.fileno()],
        env={**os.environ, "PYTHONPATH": places},
    )
