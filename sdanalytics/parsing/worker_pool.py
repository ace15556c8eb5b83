"""Worker processes that decode parts of a large payload.

Each decompresses the whole of it, which is a small part of the work, and so cuts it into the
same blocks; it decodes the blocks of its share, and sends them back as tables. Whatever goes
wrong with a worker, the payload can still be read without it.
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

from sdanalytics.parsing.table_transfer import recv_table
from sdanalytics.parsing.task import NotParallelizable, WorkerTask, WorkShare

logger = logging.getLogger("sdanalytics")

MAX_WORKERS: Final = 3
"""Worker processes of this process, for all payloads together."""
PREFETCH: Final = 2
"""Tables of a worker that wait in memory; a worker that is further ahead waits itself."""

_WORKER_MODULE: Final = "sdanalytics.parsing.worker"


def _count_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# For all payloads that are read at a time. Each worker decompresses the whole of its payload,
# so that more of them gain less and less.
_slot_count: Final = min(_count_processors() - 1, MAX_WORKERS)
_slots: Final = threading.BoundedSemaphore(_slot_count)


class Worker:
    """A process that decodes its share of a payload.

    Parameters
    ----------
    sock : socket.socket
        Connected to the process.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._tables: SimpleQueue[pa.Table | None] = SimpleQueue()
        self._room = threading.Semaphore(PREFETCH)

    def send_task(self, task: WorkerTask, payload: bytes) -> None:
        """Send the task and the payload; blocks until the process has read them."""
        task_line = msgspec.json.encode(task) + b"\n"
        with suppress(OSError):  # it has ended: `next_table` will notice
            self._sock.sendall(task_line)
            self._sock.sendall(payload)
            self._sock.shutdown(socket.SHUT_WR)

    def read_results(self) -> None:
        """Receive all tables, and queue them for `next_table`."""
        try:
            while self._room.acquire():
                table = recv_table(self._sock)
                if table is None:
                    break
                self._tables.put(table)
        except (OSError, pa.ArrowException):
            logger.debug("the connection to a parser worker broke")
        finally:
            self._tables.put(None)

    def next_table(self) -> pa.Table:
        """Return the rows of the next group; `NotParallelizable` when the process has ended."""
        table = self._tables.get()
        if table is None:
            raise NotParallelizable("a worker has ended early")
        self._room.release()
        return table

    def close(self) -> None:
        """Make `send_task` and `read_results` return."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._room.release()


@contextmanager
def start_workers(payload: bytes, task: WorkerTask) -> Iterator[list[Worker]]:
    """Start as many workers as are free at the moment; they end with the context.

    Parameters
    ----------
    payload : bytes
    task : WorkerTask
        Its share has the head start only.

    Raises
    ------
    OSError
        When a process cannot be started; a `RuntimeError` when no thread can.
    """
    with ExitStack() as stack:
        count = _acquire_slots(stack) if _can_spawn() else 0
        workers: list[Worker] = []
        for index in range(1, count + 1):
            share = WorkShare(
                index=index,
                count=count + 1,
                head_start=task.share.head_start,
            )
            own_task = msgspec.structs.replace(task, share=share)
            worker = stack.enter_context(_run_worker(payload, own_task))
            workers.append(worker)
        yield workers


def _acquire_slots(stack: ExitStack) -> int:
    """Acquire all free slots for workers, until the stack is left; return their number."""
    count = 0
    while count < MAX_WORKERS and _slots.acquire(blocking=False):
        stack.callback(_slots.release)
        count += 1
    return count


def _can_spawn() -> bool:
    """Return whether `sys.executable` is Python itself, not an application that embeds it."""
    if os.name != "posix" or hasattr(sys, "frozen"):
        return False
    program = Path(sys.executable or "").name
    return program.lower().startswith("python")


@contextmanager
def _run_worker(payload: bytes, task: WorkerTask) -> Iterator[Worker]:
    own_end, worker_end = socket.socketpair()
    with own_end:
        with worker_end:
            process = _spawn(worker_end)
        worker = Worker(own_end)
        threads = [
            threading.Thread(
                target=worker.send_task,
                args=(task, payload),
                daemon=True,
            ),
            threading.Thread(target=worker.read_results, daemon=True),
        ]
        try:
            for thread in threads:
                thread.start()
            yield worker
        finally:
            process.kill()
            process.wait()
            worker.close()
            for thread in threads:
                if thread.is_alive():
                    thread.join()


def _spawn(sock: socket.socket) -> subprocess.Popen[bytes]:
    """Start a silent process that imports from the same folders as this one."""
    folders = [folder or os.getcwd() for folder in sys.path]
    import_path = os.pathsep.join(folders)
    file_number = sock.fileno()
    command = [sys.executable, "-P", "-m", _WORKER_MODULE, str(file_number)]
    return subprocess.Popen(  # noqa: S603  # nothing of it comes from outside
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[file_number],
        env={**os.environ, "PYTHONPATH": import_path},
    )
