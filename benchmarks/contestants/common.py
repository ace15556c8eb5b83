"""The common part of all contestants; it needs only Python, and `requests` to download."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

JOB: dict[str, Any] = json.loads(sys.argv[1])
"""The job of this process."""


class Transfer:
    """A timer of downloads, which do not count as work."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._starts: list[float] = []

    def __enter__(self) -> None:
        self._starts.append(time.perf_counter())

    def __exit__(self, *_: object) -> None:
        seconds = time.perf_counter() - self._starts.pop()
        if not self._starts:  # a redirect is followed within
            self.seconds += seconds

    def watch_requests(self) -> None:
        """Count what `requests` sends and receives at once as transfer."""
        import requests

        send = requests.Session.send

        def timed(session: Any, request: Any, **options: Any) -> Any:
            with self:
                return send(session, request, **options)

        requests.Session.send = timed  # type: ignore[assignment,method-assign]


TRANSFER = Transfer()


def compete(work: Callable[[], T], summarize: Callable[[T], Mapping[str, Any]]) -> None:
    """Do the work and print the seconds; after the measurement, print a summary of the result.

    Short work is repeated, warm, up to twenty times.
    """
    result: T | None
    first, result = _timed(work)
    runs = [] if sum(first) < JOB["long"] else [first]
    while sum(map(sum, runs)) < JOB["long"] and len(runs) < 20:
        result = None  # never two at a time in memory
        seconds, result = _timed(work)
        runs.append(seconds)
    print(json.dumps(runs), flush=True)
    sys.stdin.read()  # ends when its memory is no longer looked at
    assert result is not None
    print(json.dumps(summarize(result)), flush=True)


def _timed(work: Callable[[], T]) -> tuple[tuple[float, float], T]:
    """Return the seconds of work and of transfer, and the result."""
    TRANSFER.seconds = 0.0
    start = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - start
    return (seconds - TRANSFER.seconds, TRANSFER.seconds), result


def summarize_frame(frame: Any) -> dict[str, Any]:
    """Return rows, bytes, and the exact sums and types of the columns that are compared."""
    checked = JOB["checked"]
    return {
        "rows": len(frame),
        "bytes": int(frame.memory_usage(deep=True).sum()),
        "sums": {name: sum(map(int, frame[name].dropna())) for name in checked},
        "types": {name: str(frame[name].dtype) for name in checked},
    }


def summarize_table(table: Any) -> dict[str, Any]:
    """Return the same of an Arrow table."""
    columns = {name: table[name].drop_null().to_pylist() for name in JOB["checked"]}
    return {
        "rows": table.num_rows,
        "bytes": table.nbytes,
        "sums": {name: sum(values) for name, values in columns.items()},
        "types": {name: str(table[name].type) for name in columns},
    }
