"""The fault matrix: every operation of the service times whatever can go wrong with it.

``python -m tests.faults`` runs it and writes ``docs/faults.md``.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import random
import socket
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final
from unittest import mock

import pandas as pd
import requests

import sdanalytics as sda
from sdanalytics import ReportCache, SDAnalyticsError, fetch_report
from sdanalytics.metrics import TACTICS
from sdanalytics.sandbox import Answer, Report
from tests.conftest import Box, JumpingClock
from tests.test_fetch import shown

PAGE: Final = Path(__file__).parent.parent / "docs" / "faults.md"
OPERATIONS: Final = {
    "token": "`POST /auth/o2/token`",
    "profiles": "`GET /v2/profiles`",
    "request_report": "`POST /sd/{recordType}/report`",
    "get_report_status": "`GET /v2/reports/{reportId}`",
    "download_report": "`GET /v2/reports/{reportId}/download`",
    "storage": "the presigned address that it redirects to",
}
FOR_GOOD: Final = 1000
"""Exchanges: more than any call makes."""
SILENCE: Final = 0.3
"""Real seconds after which a connection counts as broken, where one is silent; usually 60."""
BUILDING: Final = 1.5
"""Simulated seconds that a report takes: it is not ready at the first look, but at the second."""
METRICS: Final = ("campaignName", "clicks", "cost")

# -- what goes wrong ----------------------------------------------------------------------

_HTML: Final = "<html><head><title>Hotel</title></head><body>Please log in.</body></html>"
_ROWS: Final = [{"campaignId": n, "campaignName": "?", "clicks": n, "cost": 0.5} for n in range(99)]
_TEXT: Final = json.dumps(_ROWS).encode()
_PAYLOAD: Final = gzip.compress(_TEXT, mtime=0)


def _refused(status: int, **headers: str) -> Answer:
    return Answer(status, json.dumps({"code": str(status), "details": "arranged"}), headers)


def _report(status: str) -> Answer:
    return Answer(200, json.dumps({"reportId": "?", "status": status, "statusDetails": "arranged"}))


def _redirect(location: str) -> Answer:
    return Answer(307, headers={"Location": location})


_UNUSABLE: Final = {
    "empty body": Answer(200),
    "malformed JSON": Answer(200, '{"reportId": "amzn1.'),
    "JSON of the wrong shape": Answer(200, '[{"surprise": [1]}]'),
}
NOBODY: Final = "connection refused"
FAULTS: Final[dict[str, Answer]] = {
    **{str(status): _refused(status) for status in (400, 401, 403, 404, 406, 422)},
    "429 with Retry-After": _refused(429, **{"Retry-After": "40"}),
    "429 without": _refused(429),
    **{str(status): _refused(status) for status in (500, 502, 503)},
    "504, though it was done": replace(_refused(504), stage="done"),
    "HTML with 200": Answer(200, _HTML),
    "HTML with 503": Answer(503, _HTML),
    **_UNUSABLE,
    "unknown status word": _report("SHRUG"),
    "status FAILURE": _report("FAILURE"),
    NOBODY: Answer(None, last=True),
    "reset before the request was read": Answer(0, stage="unread"),
    "reset after the request was read": Answer(0, reset=True),
    "reset after it was done": Answer(0, stage="done", reset=True),
    "closed after it was done": Answer(0, stage="done"),
    "silence": Answer(0, after=3 * SILENCE),
    "silence after it was done": Answer(0, stage="done", after=3 * SILENCE),
    "slow drip": Answer(None, drip=1.25 * SILENCE),
    "shorter than its Content-Length": Answer(None, cut=20),
    "chunked, and the end is missing": Answer(
        None, headers={"Transfer-Encoding": "chunked"}, cut=30
    ),
    "redirect to http on another host": _redirect("http://s3.amazonaws.com/x?X-Amz-Signature=1"),
    "redirect to a host that is not S3": _redirect("https://reports.example/x?X-Amz-Signature=1"),
    "redirect to nowhere": Answer(307),
    "one more redirect": Answer(302, headers={"Location": "https://s3.amazonaws.com/x"}),
    "expired link": Answer(403, "<Error><Message>Request has expired</Message></Error>"),
    "no such object": Answer(404, "<Error><Code>NoSuchKey</Code></Error>"),
    "payload truncated": Answer(200, _PAYLOAD[:-60]),
    "payload corrupt": Answer(200, _PAYLOAD[:90] + b"\x55" * 9 + _PAYLOAD[99:]),
    "payload with a wrong CRC": Answer(200, _PAYLOAD[:-8] + b"\x55" * 4 + _PAYLOAD[-4:]),
    "payload not gzip": Answer(200, _TEXT),
    "payload not an array": Answer(200, gzip.compress(b'{"code": "?"}', mtime=0)),
    "payload of half an array": Answer(200, gzip.compress(_TEXT[:-200], mtime=0)),
    "payload with a value of the wrong type": Answer(
        200, gzip.compress(_TEXT.replace(b"0.5", b'"x"'), mtime=0)
    ),
}


def fault_at(operation: str, fault: str) -> Answer:
    """What is arranged: of a create, an answer that cannot be used is one to a report made."""
    answer = FAULTS[fault]
    if operation == "request_report" and fault in _UNUSABLE:
        return replace(answer, status=202, stage="done")
    return answer


# -- what is right ------------------------------------------------------------------------

RIGHT: Final = "right data"


@dataclass(frozen=True)
class Expected:
    """How a call goes.

    Attributes
    ----------
    outcome : str
        The right data, or the class of the error, with those inside.
    creates : int
        How many reports the service has made of a slice by then, at most.
    again : int
        The same, once the fault is over and the call was made again.
    """

    outcome: str
    creates: int
    again: int


def right(creates: int = 1) -> Expected:
    return Expected(RIGHT, creates, creates)


def fails(error: str, creates: int = 0, again: int = 1) -> Expected:
    return Expected(error, creates, again)


def partly(error: str, creates: int = 1, again: int = 1) -> Expected:
    """One of the two slices fails."""
    return Expected(f"PartialFetchError: {error}", creates, again)


Row = tuple[Expected, Expected]
"""Once, and for good."""


def always(expected: Expected) -> Row:
    return expected, expected


def reading(
    creates: int, lost: str = "ConnectionFailed", down: str = "ServerError"
) -> dict[str, Row]:
    """What goes wrong alike with all that only reads: it is tried again."""
    broken = right(), fails(lost, creates)
    return {
        "500": (right(), fails(down, creates)),
        "502": (right(), fails(down, creates)),
        "503": (right(), fails(down, creates)),
        "HTML with 503": (right(), fails(down, creates)),
        NOBODY: broken,
        "reset before the request was read": broken,
        "reset after the request was read": broken,
        "reset after it was done": broken,
        "closed after it was done": broken,
        "silence": broken,
        "slow drip": always(right()),
    }


def limited(creates: int) -> dict[str, Row]:
    """An API's refusals that are no one report's fault."""
    return {
        "401": (right(), fails("Unauthorized", creates)),
        "429 with Retry-After": (right(), fails("RateLimited", creates)),
        "429 without": (right(), fails("RateLimited", creates)),
    }


_CUT: Final = ("shorter than its Content-Length", "chunked, and the end is missing")
EXPECTED: Final[dict[str, dict[str, Row]]] = {
    "token": {
        **limited(0),
        **reading(0),
        **dict.fromkeys(("400", "401"), always(fails("Unauthorized"))),
        **dict.fromkeys(("HTML with 200", *_UNUSABLE), always(fails("ApiError"))),
        **dict.fromkeys(_CUT, (right(), fails("ConnectionFailed"))),
    },
    "profiles": {
        **limited(0),
        **reading(0),
        "400": always(fails("BadRequest")),
        "403": always(fails("Forbidden")),
        **dict.fromkeys(("HTML with 200", *_UNUSABLE), always(fails("ApiError"))),
        **dict.fromkeys(_CUT, (right(), fails("ConnectionFailed"))),
    },
    "request_report": {
        **limited(0),
        "400": (partly("BadRequest"), fails("BadRequest")),
        "403": (partly("Forbidden"), fails("Forbidden")),
        "406": always(fails("ReportTooOld")),  # of the other slice, too: it is of the same day
        "422": (partly("InvalidReport"), fails("InvalidReport")),
        **dict.fromkeys(("500", "503", "HTML with 503"), (right(), fails("ServerError"))),
        "502": (partly("ServerError"), fails("ServerError")),  # it may have been done
        "504, though it was done": (partly("ServerError", 1, 2), fails("ServerError", 1, 2)),
        "HTML with 200": (partly("ApiError"), fails("ApiError")),
        **dict.fromkeys(_UNUSABLE, (partly("ApiError", 1, 2), fails("ApiError", 1, 2))),
        NOBODY: (right(), fails("ConnectionFailed")),
        **dict.fromkeys(
            (
                "reset before the request was read",
                "reset after the request was read",
                "silence",
            ),
            (partly("ConnectionFailed"), fails("ConnectionFailed")),
        ),
        **dict.fromkeys(
            (
                "reset after it was done",
                "closed after it was done",
                "silence after it was done",
                *_CUT,
            ),
            (partly("ConnectionFailed", 1, 2), fails("ConnectionFailed", 1, 2)),
        ),
        "slow drip": always(right()),
    },
    "get_report_status": {
        **limited(1),
        **reading(1),
        "400": (partly("BadRequest", 1, 2), fails("BadRequest", 1, 2)),
        "403": (partly("Forbidden"), fails("Forbidden", 1)),
        "404": (right(2), fails("NotFound", 2, 3)),
        **dict.fromkeys(
            ("HTML with 200", *_UNUSABLE, "unknown status word"),
            (partly("ApiError"), fails("ApiError", 1)),
        ),
        "status FAILURE": (partly("ReportFailed", 1, 2), fails("ReportFailed", 1, 2)),
        **dict.fromkeys(_CUT, (right(), fails("ConnectionFailed", 1))),
    },
    "download_report": {
        **limited(1),
        **reading(1),
        "400": (partly("BadRequest", 1, 2), fails("BadRequest", 1, 2)),
        "403": (partly("Forbidden"), fails("Forbidden", 1)),
        "404": (partly("NotFound", 1, 2), fails("NotFound", 1, 2)),
        **dict.fromkeys(
            ("HTML with 200", "empty body"), (partly("ApiError"), fails("ApiError", 1))
        ),
        **dict.fromkeys(
            (
                "redirect to http on another host",
                "redirect to a host that is not S3",
                "redirect to nowhere",
            ),
            (right(), fails("DownloadFailed", 1)),
        ),
    },
    "storage": {
        **reading(1, "DownloadFailed", "DownloadFailed"),
        **dict.fromkeys(_CUT, (right(), fails("DownloadFailed", 1))),
        "one more redirect": (right(), fails("DownloadFailed", 1)),
        **dict.fromkeys(
            ("expired link", "no such object"), (right(), fails("DownloadFailed", 2, 3))
        ),
        **dict.fromkeys(
            (
                "HTML with 200",
                "empty body",
                "payload truncated",
                "payload corrupt",
                "payload with a wrong CRC",
                "payload not gzip",
                "payload not an array",
                "payload of half an array",
            ),
            (right(), fails("CorruptReport", 2, 3)),
        ),
        "payload with a value of the wrong type": (
            partly("CorruptReport", 1, 2),
            fails("CorruptReport", 1, 2),
        ),
    },
}

# -- how it is tried ----------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """One fault at one operation, in one exchange or in all."""

    operation: str
    fault: str
    lasts: bool

    def __str__(self) -> str:
        return f"{self.operation}: {self.fault}, {self.extent}"

    @property
    def extent(self) -> str:
        """How long it lasts, in words."""
        return "for good" if self.lasts else "once"

    @property
    def expected(self) -> Expected:
        """How it should go."""
        return EXPECTED[self.operation][self.fault][self.lasts]


CELLS: Final = [
    Cell(operation, fault, lasts)
    for operation, rows in EXPECTED.items()
    for fault in FAULTS
    if fault in rows
    for lasts in (False, True)
]


@dataclass(frozen=True)
class Result:
    """How it went: as `Expected`, and what it took in requests and simulated seconds."""

    outcome: str
    creates: int
    again: int
    requests: int
    seconds: float


class _Clock(JumpingClock):
    """One whose waits can be used for something."""

    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.meanwhile()
        return super().wait(event, seconds)


class _Trial:
    """A call for one day, against a sandbox of its own."""

    def __init__(self, cell: Cell, box: Box, store: ReportCache) -> None:
        self._cell = cell
        self._box = box
        self._store = store
        self._client = box.client

    def run(self) -> Result:
        sandbox, clock = self._box.sandbox, self._box.clock
        before = sandbox.count(self._cell.operation)
        began = clock.monotonic()
        outcome, creates = self._outcome(), self._creates()
        seconds = clock.monotonic() - began
        requests = sandbox.count(self._cell.operation) - before
        self._end_fault()
        self._call_again()
        return Result(outcome, creates, self._creates(), requests, seconds)

    def _call_again(self) -> None:
        """What the service is building, and is written down, must not be asked for again."""
        building = set(sda.pending(self._store)["report_id"].dropna())
        assert self._outcome() == RIGHT
        assert building <= set(self._store.entries()["report_id"])
        assert sda.pending(self._store).empty

    def _outcome(self) -> str:
        """Right data, or an error that the library raises on purpose: anything else is a bug."""
        # Who refuses connections does so from some exchange on: then there must be no second
        # slice whose exchanges that could be.
        tactics = TACTICS[:1] if self._cell.fault == NOBODY else TACTICS
        try:
            frame = fetch_report(
                "campaigns", self._box.day(2), metrics=METRICS, tactic=tactics,
                client=self._client, cache=self._store,
            )  # fmt: skip
        except SDAnalyticsError as error:
            return _told(error)
        stored = [self._box.sandbox.reports[each] for each in self._store.entries()["report_id"]]
        assert [report.request["tactic"] for report in stored] == list(tactics)
        assert shown(frame) == rows_of(stored, ("campaignId", *METRICS))
        assert self._store.verify().empty
        return RIGHT

    def _creates(self) -> int:
        reports = self._box.sandbox.reports.values()
        asked = Counter((r.request["reportDate"], r.request["tactic"]) for r in reports)
        return max(asked.values(), default=0)

    def _end_fault(self) -> None:
        self._box.sandbox.relent()
        if self._cell.fault == NOBODY:
            self._box.sandbox.listen()


def rows_of(reports: Iterable[Report], columns: Iterable[str]) -> list[dict[str, Any]]:
    """What the sandbox sent of campaigns, as a frame should show it."""
    columns = list(columns)
    rows = []
    for report in reports:
        place = {
            "date": pd.Timestamp(report.request["reportDate"]),
            "tactic": report.request["tactic"],
        }
        rows += [place | {name: row.get(name) for name in columns} for row in report.rows]
    return sorted(rows, key=lambda row: (row["date"], row["tactic"], row["campaignId"]))


def _told(error: SDAnalyticsError) -> str:
    assert "X-Amz" not in f"{error}{error!r}"
    name = type(error).__name__
    if not isinstance(error, sda.PartialFetchError):
        return name
    return f"{name}: {', '.join(sorted({_told(each) for each in error.failures.values()}))}"


@cache
def run(cell: Cell) -> Result:
    """Try one cell, and check what must hold in every one."""
    random.seed(str(cell))  # the jitter of waits
    clock = _Clock()
    box = Box(clock, delay=BUILDING)
    with box.sandbox, tempfile.TemporaryDirectory() as folder, _arranged(cell, box, clock):
        return _Trial(cell, box, ReportCache(folder)).run()


@contextlib.contextmanager
def _arranged(cell: Cell, box: Box, clock: _Clock) -> Iterator[None]:
    """The fault, in a world where silence is short and nobody is but this machine."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch("socket.getaddrinfo", _only_here))
        if {"silence", "drip"} & set(cell.fault.split()):
            for name in ("SILENCE_TIMEOUT", "STORAGE_SILENCE_TIMEOUT"):
                stack.enter_context(mock.patch(f"sdanalytics.api.transport.{name}", SILENCE))
        if cell.fault == NOBODY and cell.operation == "storage":
            nowhere = stack.enter_context(socket.socket())
            nowhere.bind(("127.0.0.1", 0))  # and does not listen
            host, port = nowhere.getsockname()
            _arrange(cell, box, "download_report", _redirect(f"http://{host}:{port}/x"))
        elif cell.fault == NOBODY:
            _leave(cell, box, clock)
        else:
            _arrange(cell, box, cell.operation, fault_at(cell.operation, cell.fault))
        yield


def _arrange(cell: Cell, box: Box, operation: str, answer: Answer) -> None:
    box.sandbox.arrange(operation, *[answer] * (FOR_GOOD if cell.lasts else 1))


_BEFORE: Final = {
    "profiles": ("token", 1),
    "request_report": ("profiles", 1),
    "get_report_status": ("request_report", 1),
    "download_report": ("get_report_status", 2),
}
"""The exchange after which an operation is the next: which, and the how manieth of its kind."""


def _leave(cell: Cell, box: Box, clock: _Clock) -> None:
    """Let nobody listen when the operation is due; once: until it is tried again."""
    last, own = FAULTS[NOBODY], Answer(None)
    operation, count = _BEFORE.get(cell.operation, ("token", 1))
    box.sandbox.arrange(operation, *[own] * (count - 1), last)
    if cell.operation == "token":
        requests.post(box.sandbox.token_url, timeout=10)
    if not cell.lasts:
        clock.meanwhile = box.sandbox.listen


_look_up = socket.getaddrinfo


def _only_here(host: str, *others: Any, **named: Any) -> Any:
    assert host == "127.0.0.1", f"{host} was looked up"
    return _look_up(host, *others, **named)


# -- what is told of it -------------------------------------------------------------------

_INTRO: Final = """\
# Faults

Whatever goes wrong between a call and the service, the call ends with the right data or with an
error that says what is wrong; and no report is asked for twice that the service has built and
can hand out. Here each operation of the service meets each fault, at a real socket of the
[sandbox](../README.md#the-sandbox): in one exchange (*once*), or in all of that operation (*for
good*).

A call asks for the campaigns of one day: two reports, one for each tactic (one report where
connections are refused). *Creates*: how many times the service made one of them, at the most, in
that call and (+) once the fault was over and the call was made again, which always gives the
right data. More than one is right where a report was lost with the only answer that named it, is
gone, was not built, or cannot be read. *Requests* are those of the operation that arrived.
*Time* is of a clock that jumps over all waits; silence takes none of it (it is borne for 60
seconds, 10 at storage). `-`: makes no sense here.

Made by `python -m tests.faults`; `tests/test_faults.py` compares it with what should be.
"""
_COLUMNS: Final = ("creates", "requests", "time")
_BOUNDS: Final = {8.0: "8 s", 40.0: "40 s", 60.0: "1 min", 1801.0: "30 min"}


def page() -> str:
    """The matrix as a page of the documentation."""
    parts = [_INTRO]
    for operation, address in OPERATIONS.items():
        parts += [f"\n## {operation}\n\n{address}\n", *_table(operation)]
    return "\n".join(parts) + "\n"


def _table(operation: str) -> Iterator[str]:
    yield _line("fault", "once", *_COLUMNS, "for good", *_COLUMNS)
    yield _line(*["---"] * 9)
    for fault in FAULTS:
        if fault in EXPECTED[operation]:
            cells = [Cell(operation, fault, lasts) for lasts in (False, True)]
            yield _line(fault, *[fact for cell in cells for fact in _facts(run(cell))])
        else:
            yield _line(fault, *["-"] * 8)


def _line(*columns: str) -> str:
    return f"| {' | '.join(columns)} |"


def _facts(result: Result) -> tuple[str, ...]:
    creates = f"{result.creates} + {result.again - result.creates}"
    bound = next(text for seconds, text in _BOUNDS.items() if result.seconds < seconds)
    requests = str(result.requests) if result.requests <= 20 else "> 20"  # chance decides
    return result.outcome, creates, requests, f"< {bound}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
