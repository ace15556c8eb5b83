"""The fault matrix: each operation of both API versions combined with each possible fault.

``python -m tests.resilience.faults`` runs it and writes its pages, ``docs/faults.md`` and
``docs/faults-v3.md``.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import random
import socket
import tempfile
import textwrap
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Final
from unittest import mock

import pandas as pd

import sdanalytics as sda
from sdanalytics import Client, ReportCache, SDAnalyticsError, fetch_report
from sdanalytics.model.metrics import TACTICS
from sdanalytics.sandbox import Report, ScriptedResponse
from sdanalytics.sandbox.scripting import DEFAULT
from tests.support.box import Box
from tests.support.clock import JumpingClock
from tests.support.rows import frame_rows, sent_rows

FOR_GOOD: Final = 1000
"""A number of exchanges larger than that of any call."""
TIMEOUT: Final = 1800.0
"""Seconds that a call may take; calls with late reports have the default timeout."""
LATE: Final = "built after 3 hours; for good: after 5"
UNKNOWN_STATUS: Final = "SHRUG"
"""A status that the service does not document."""
SILENCE: Final = 0.2
"""Real seconds after which a silent connection counts as broken; 60 outside of this test."""
BUILDING: Final = 1.5
"""Simulated seconds that a report takes: it is ready at the second poll, not at the first."""
OUTLASTING: Final = 60.0
"""The same where a version 3 create is retried several times."""
METRICS: Final = ("campaignName", "clicks", "cost")

# -- faults -------------------------------------------------------------------------------

_HTML: Final = "<html><head><title>Hotel</title></head><body>Please log in.</body></html>"
_DAY: Final = "2026-11-18"
_ROWS: Final = [
    {"date": _DAY, "campaignId": n, "campaignName": "?", "clicks": n, "cost": 0.5}
    for n in range(99)
]
_TEXT: Final = json.dumps(_ROWS).encode()
_PAYLOAD: Final = gzip.compress(_TEXT, mtime=0)
_NO_ID: Final = "00000000-0000-4000-8000-000000000000"


def _error_response(status: int, **headers: str) -> ScriptedResponse:
    return ScriptedResponse(
        status, json.dumps({"code": str(status), "details": "arranged"}), headers
    )


def _report_response(report: Report, status: str, url: str | None) -> ScriptedResponse:
    """Return a version 3 response about a report."""
    document = {"reportId": report.report_id, "status": status, "url": url, **report.request}
    return ScriptedResponse(200, json.dumps(document))


def _duplicate_response(suffix: str) -> ScriptedResponse:
    return ScriptedResponse(
        425, json.dumps({"code": "425", "detail": f"The Request is a duplicate{suffix}"})
    )


def _payload_response(changed: bytes) -> ScriptedResponse:
    """Return a payload whose last row has another day, or none."""
    head, _, last = _TEXT.rpartition(f'"date": "{_DAY}", '.encode())
    return ScriptedResponse(200, gzip.compress(head + changed + last, mtime=0))


def _redirect_response(location: str) -> ScriptedResponse:
    return ScriptedResponse(307, headers={"Location": location})


_UNUSABLE: Final = {
    "empty body": ScriptedResponse(200),
    "malformed JSON": ScriptedResponse(200, '{"reportId": "amzn1.'),
    "JSON of the wrong shape": ScriptedResponse(200, '[{"surprise": [1]}]'),
}
_CREATES: Final = {"request_report": 202, "create_report": 200}
"""The create operations, and the status of their responses."""
CONNECTION_REFUSED: Final = "connection refused"
FAULTS: Final[dict[str, ScriptedResponse]] = {
    **{str(status): _error_response(status) for status in (400, 401, 403, 404, 406, 422)},
    "429 with Retry-After": _error_response(429, **{"Retry-After": "40"}),
    "429 without": _error_response(429),
    "429, though it was done": replace(_error_response(429), stage="done"),
    **{str(status): _error_response(status) for status in (500, 502, 503)},
    "504, though it was done": replace(_error_response(504), stage="done"),
    "HTML with 200": ScriptedResponse(200, _HTML),
    "HTML with 503": ScriptedResponse(503, _HTML),
    **_UNUSABLE,
    CONNECTION_REFUSED: ScriptedResponse(None, then_stop=True),
    "reset before the request was read": ScriptedResponse(0, stage="unread"),
    "reset after the request was read": ScriptedResponse(0, reset=True),
    "reset after it was done": ScriptedResponse(0, stage="done", reset=True),
    "closed after it was done": ScriptedResponse(0, stage="done"),
    "silence": ScriptedResponse(0, delay=3 * SILENCE),
    "silence after it was done": ScriptedResponse(0, stage="done", delay=3 * SILENCE),
    "slow drip": ScriptedResponse(None, trickle=1.25 * SILENCE),
    "shorter than its Content-Length": ScriptedResponse(None, truncate_at=20),
    "chunked, and the end is missing": ScriptedResponse(
        None, headers={"Transfer-Encoding": "chunked"}, truncate_at=30
    ),
    "redirect to http on another host": _redirect_response(
        "http://s3.amazonaws.com/x?X-Amz-Signature=1"
    ),
    "redirect to a host that is not S3": _redirect_response(
        "https://reports.example/x?X-Amz-Signature=1"
    ),
    "redirect to nowhere": ScriptedResponse(307),
    "one more redirect": ScriptedResponse(302, headers={"Location": "https://s3.amazonaws.com/x"}),
    "expired link": ScriptedResponse(403, "<Error><Message>Request has expired</Message></Error>"),
    "no such object": ScriptedResponse(404, "<Error><Code>NoSuchKey</Code></Error>"),
    "payload truncated": ScriptedResponse(200, _PAYLOAD[:-60]),
    "payload corrupt": ScriptedResponse(200, _PAYLOAD[:90] + b"\x55" * 9 + _PAYLOAD[99:]),
    "payload with a wrong CRC": ScriptedResponse(200, _PAYLOAD[:-8] + b"\x55" * 4 + _PAYLOAD[-4:]),
    "payload not gzip": ScriptedResponse(200, _TEXT),
    "payload not an array": ScriptedResponse(200, gzip.compress(b'{"code": "?"}', mtime=0)),
    "payload of half an array": ScriptedResponse(200, gzip.compress(_TEXT[:-200], mtime=0)),
    "payload with a value of the wrong type": ScriptedResponse(
        200, gzip.compress(_TEXT.replace(b"0.5", b'"x"'), mtime=0)
    ),
    "payload with a row without day": _payload_response(b""),
    "payload with a day that is none": _payload_response(b'"date": "2026-02-30", '),
    "payload with a day outside of the range": _payload_response(b'"date": "2026-11-19", '),
    "425 that names no report": _duplicate_response(""),
    "425 that names a report that is gone": _duplicate_response(f" of : {_NO_ID}"),
}


def fault_at(operation: str, fault: str) -> ScriptedResponse:
    """Return the response to script.

    An unusable response to a create means that the report was made all the same.
    """
    response = FAULTS[fault]
    if operation in _CREATES and fault in _UNUSABLE:
        return replace(response, status=_CREATES[operation], stage="done")
    return response


# -- expected results ---------------------------------------------------------------------

RIGHT: Final = "right data"


@dataclass(frozen=True)
class Expected:
    """The expected result of a call.

    Attributes
    ----------
    outcome : str
        The right data, or the class of the error and of the errors inside it.
    creates : int
        The most reports that the service has made of one partition by then.
    again : int
        The same, after the fault has ended and the call was repeated.
    """

    outcome: str
    creates: int
    again: int


def right(creates: int = 1) -> Expected:
    return Expected(RIGHT, creates, creates)


def fails(error: str, creates: int = 0, again: int = 1) -> Expected:
    return Expected(error, creates, again)


def partly(error: str, creates: int = 1, again: int = 1) -> Expected:
    """Expect that one of the two partitions fails."""
    return Expected(f"PartialFetchError: {error}", creates, again)


Row = tuple[Expected] | tuple[Expected, Expected]
"""Expected when the fault occurs once, and when it persists, where that makes sense."""


def always(expected: Expected) -> Row:
    return expected, expected


def once(expected: Expected) -> Row:
    return (expected,)


def reading(
    creates: int, lost: str = "ConnectionFailed", down: str = "ServerError"
) -> dict[str, Row]:
    """Return the faults that all read operations share: they are retried."""
    broken = right(), fails(lost, creates)
    return {
        "500": (right(), fails(down, creates)),
        "502": (right(), fails(down, creates)),
        "503": (right(), fails(down, creates)),
        "HTML with 503": (right(), fails(down, creates)),
        CONNECTION_REFUSED: broken,
        "reset before the request was read": broken,
        "reset after the request was read": broken,
        "reset after it was done": broken,
        "closed after it was done": broken,
        "silence": broken,
        "slow drip": always(right()),
    }


def limited(creates: int) -> dict[str, Row]:
    """Return the rejections that do not depend on the report."""
    return {
        "401": (right(), fails("Unauthorized", creates)),
        "429 with Retry-After": (right(), fails("RateLimited", creates)),
        "429 without": (right(), fails("RateLimited", creates)),
    }


_CUT: Final = ("shorter than its Content-Length", "chunked, and the end is missing")
Rows = dict[str, dict[str, Row]]
"""Expected results by operation and fault."""

_LOGIN: Final[Rows] = {
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
}
_V2_EXPECTED: Final[Rows] = {
    **_LOGIN,
    "request_report": {
        **limited(0),
        "400": (partly("BadRequest"), fails("BadRequest")),
        "403": (partly("Forbidden"), fails("Forbidden")),
        "406": always(fails("ReportTooOld")),  # of the other partition, too: it is of the same day
        "422": (partly("InvalidReport"), fails("InvalidReport")),
        **dict.fromkeys(("500", "503", "HTML with 503"), (right(), fails("ServerError"))),
        "502": (partly("ServerError"), fails("ServerError")),  # it may have been done
        "504, though it was done": (partly("ServerError", 1, 2), fails("ServerError", 1, 2)),
        "HTML with 200": (partly("ApiError"), fails("ApiError")),
        **dict.fromkeys(_UNUSABLE, (partly("ApiError", 1, 2), fails("ApiError", 1, 2))),
        CONNECTION_REFUSED: (right(), fails("ConnectionFailed")),
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

# Version 3 answers a duplicate create with the id of the report in flight (425): a create may
# be sent again, and a lost response does not lead to a second report.
_V3_EXPECTED: Final[Rows] = {
    **_LOGIN,
    "create_report": {
        **limited(0),
        "400": always(fails("BadRequest")),
        "403": always(fails("Forbidden")),
        "404": always(fails("NotFound")),
        "422": always(fails("InvalidReport")),
        "429, though it was done": once(right()),
        **dict.fromkeys(("500", "502", "503", "HTML with 503"), (right(), fails("ServerError"))),
        "504, though it was done": (right(), fails("ServerError", 1)),
        "HTML with 200": always(fails("ApiError")),
        **dict.fromkeys(_UNUSABLE, always(fails("ApiError", 1))),
        **dict.fromkeys(
            (
                CONNECTION_REFUSED,
                "reset before the request was read",
                "reset after the request was read",
                "silence",
            ),
            (right(), fails("ConnectionFailed")),
        ),
        **dict.fromkeys(
            (
                "reset after it was done",
                "closed after it was done",
                "silence after it was done",
                *_CUT,
            ),
            (right(), fails("ConnectionFailed", 1)),
        ),
        "slow drip": always(right()),
        "425 that names the same report": always(right(0)),
        "425 that names another report": always(fails("ApiError")),
        "425 that names no report": always(fails("ApiError")),
        "425 that names a report that is gone": always(fails("NotFound")),
    },
    "get_report": {
        **limited(1),
        **reading(1),
        "400": always(fails("BadRequest", 1)),  # it is being built: 425 finds it again
        "403": always(fails("Forbidden", 1)),
        "404": (right(), fails("NotFound", 1)),  # the same
        **dict.fromkeys(
            ("HTML with 200", *_UNUSABLE, "unknown status word"), always(fails("ApiError", 1))
        ),
        **dict.fromkeys(_CUT, (right(), fails("ConnectionFailed", 1))),
        "status CANCELLED": (right(), fails("NotFound", 1, 2)),
        "COMPLETED too early": once(right()),
        "status FAILED": always(fails("ReportFailed", 1, 2)),
        "it was deleted": (right(2), fails("NotFound", 2, 3)),
        "no rows, and no url": always(right()),
        LATE: (right(), fails("ReportTimeout", 1)),
        **dict.fromkeys(
            ("url on another host by http", "url on a host that is not S3", "url that is none"),
            (right(), fails("DownloadFailed", 1)),
        ),
    },
    "campaigns": {
        **limited(1),
        **reading(1),
        "400": always(fails("BadRequest", 1)),
        "403": always(fails("Forbidden", 1)),
        "404": always(fails("NotFound", 1)),
        **dict.fromkeys(("HTML with 200", *_UNUSABLE), always(fails("ApiError", 1))),
        **dict.fromkeys(_CUT, (right(), fails("ConnectionFailed", 1))),
    },
    "storage": _V2_EXPECTED["storage"]
    | dict.fromkeys(
        (
            "payload with a value of the wrong type",
            "payload with a row without day",
            "payload with a day that is none",
            "payload with a day outside of the range",
        ),
        always(fails("CorruptReport", 1, 2)),
    ),
}

# -- running a cell -----------------------------------------------------------------------


@dataclass(frozen=True)
class Version:
    """A version of the API and the call that is tested.

    Attributes
    ----------
    page : str
        Its page in the documentation.
    operations : dict of str to str
        The operations and their addresses.
    expected : dict
    before : dict of str to (str, int)
        The exchange after which an operation is due: its operation and its number.
    days : tuple of int
        The first and the last requested day, in days before today.
    call : str
        The reports that this amounts to, in words.
    creates : str
        Why more than one report may be created, and why fewer.
    """

    page: str
    operations: Mapping[str, str]
    expected: Rows
    before: Mapping[str, tuple[str, int]]
    days: tuple[int, int]
    call: str
    creates: str


VERSIONS: Final = {
    "v2": Version(
        page="faults.md",
        operations={
            "token": "`POST /auth/o2/token`",
            "profiles": "`GET /v2/profiles`",
            "request_report": "`POST /sd/{recordType}/report`",
            "get_report_status": "`GET /v2/reports/{reportId}`",
            "download_report": "`GET /v2/reports/{reportId}/download`",
            "storage": "the presigned address that it redirects to",
        },
        expected=_V2_EXPECTED,
        before={
            "profiles": ("token", 1),
            "request_report": ("profiles", 1),
            "get_report_status": ("request_report", 1),
            "download_report": ("get_report_status", 2),
        },
        days=(2, 2),
        call="the campaigns of one day: two reports, one for each tactic (one report "
        "where connections are refused)",
        creates="More than one is right where a report was lost with the only answer that named "
        "it, is gone, was not built, or cannot be read.",
    ),
    "v3": Version(
        page="faults-v3.md",
        operations={
            "token": "`POST /auth/o2/token`",
            "profiles": "`GET /v2/profiles`",
            "create_report": "`POST /reporting/reports`",
            "get_report": "`GET /reporting/reports/{reportId}`",
            "storage": "the presigned address that it gives",
            "campaigns": "`GET /sd/campaigns`",
        },
        expected=_V3_EXPECTED,
        before={
            "profiles": ("token", 1),
            "create_report": ("profiles", 1),
            "get_report": ("create_report", 1),
            "campaigns": ("get_report", 3),  # the last, which gives the address
        },
        days=(4, 2),
        call="the campaigns of three days: one report, and the list of campaigns that "
        "has their tactics",
        creates="More than one is right where a report is gone, was not built, or cannot be read. "
        "A report whose id was lost with the answer that named it is found again while it is "
        "built (425): it is adopted. A report that another call had requested is not counted.",
    ),
}


@dataclass(frozen=True)
class Cell:
    """A fault of one operation of a version, in one exchange or in all."""

    api: str
    operation: str
    fault: str
    lasts: bool

    def __str__(self) -> str:
        return f"{self.api} {self.operation}: {self.fault}, {self.extent}"

    @property
    def extent(self) -> str:
        """The duration of the fault, in words."""
        return "for good" if self.lasts else "once"

    @property
    def version(self) -> Version:
        """The version of the API."""
        return VERSIONS[self.api]

    @property
    def expected(self) -> Expected:
        """The expected result."""
        return self.version.expected[self.operation][self.fault][self.lasts]


@dataclass(frozen=True)
class Result:
    """The result of a call: as in `Expected`, with its requests and simulated seconds."""

    outcome: str
    creates: int
    again: int
    requests: int
    seconds: float


class _Clock(JumpingClock):
    """A clock that runs a callback at each wait."""

    on_wait: Callable[[], None] = staticmethod(lambda: None)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.on_wait()
        return super().wait(event, seconds)


class _Trial:
    """A call against a sandbox of its own."""

    def __init__(self, cell: Cell, box: Box, store: ReportCache) -> None:
        self._cell = cell
        self._box = box
        self._store = store
        self._client = _client(cell, box)
        self._earlier_reports = set(box.sandbox.reports)

    def run(self) -> Result:
        sandbox, clock = self._box.sandbox, self._box.clock
        before = sandbox.count(self._cell.operation)
        started = clock.monotonic()
        outcome, creates = self._outcome(), self._creates()
        seconds = clock.monotonic() - started
        requests = sandbox.count(self._cell.operation) - before
        self._end_fault()
        self._call_again()
        return Result(outcome, creates, self._creates(), requests, seconds)

    def _call_again(self) -> None:
        """Repeat the call: reports in flight that are recorded must not be requested again."""
        building = set(sda.pending(self._store)["report_id"].dropna())
        assert self._outcome() == RIGHT
        assert building <= set(self._store.entries()["report_id"])
        assert sda.pending(self._store).empty

    def _outcome(self) -> str:
        """Return `RIGHT` or the name of a documented error; anything else is a bug."""
        # Connections are refused from some exchange on: with a second report, that exchange could
        # be one of its own.
        single_report = self._cell.fault == CONNECTION_REFUSED and self._cell.api == "v2"
        tactics = TACTICS[:1] if single_report else TACTICS
        first, last = map(self._box.day, self._cell.version.days)
        try:
            frame = fetch_report(
                "campaigns", first, last, metrics=METRICS, tactic=tactics,
                client=self._client, cache=self._store,
                timeout=None if self._cell.fault == LATE else TIMEOUT,
            )  # fmt: skip
        except SDAnalyticsError as error:
            return _error_name(error)
        entries = self._store.entries()
        days = [str(day.date()) for day in pd.date_range(first, last)]
        partitions = zip(entries["date"].astype(str), entries["tactic"], strict=True)
        assert sorted(partitions) == sorted(product(days, tactics))
        assert frame_rows(frame) == sent_rows(self._box.sandbox, entries, ("campaignId", *METRICS))
        assert self._store.verify().empty
        return RIGHT

    def _creates(self) -> int:
        """Return the largest number of reports of one tactic that the call created."""
        reports = self._box.sandbox.reports.items()
        counts = Counter(
            r.request.get("tactic") for name, r in reports if name not in self._earlier_reports
        )
        return max(counts.values(), default=0)

    def _end_fault(self) -> None:
        self._box.sandbox.clear_script()
        self._box.sandbox.set_content(lambda _: None)
        for report in self._box.sandbox.reports.values():
            if report.status == UNKNOWN_STATUS:
                report.status = "SUCCESS" if report.api == "v2" else "COMPLETED"
        if self._cell.fault == CONNECTION_REFUSED:
            self._box.sandbox.resume_listening()


def _error_name(error: SDAnalyticsError) -> str:
    assert "X-Amz" not in f"{error}{error!r}"
    name = type(error).__name__
    if not isinstance(error, sda.PartialFetchError):
        return name
    failed = {_error_name(failure) for failure in error.failures.values()}
    return f"{name}: {', '.join(sorted(failed))}"


def _client(cell: Cell, box: Box) -> Client:
    return box.sandbox.client_for(box.sandbox.profile_ids[0], box.clock, cell.api)


@cache
def run(cell: Cell) -> Result:
    """Run one cell, and check what must hold in every cell."""
    random.seed(str(cell))  # the jitter of waits
    clock = _Clock()
    delay = OUTLASTING if cell.operation == "create_report" else BUILDING
    box = Box(clock, delay=delay, v3_empty_url=True)
    with (
        _stop_afterwards(box),
        tempfile.TemporaryDirectory() as folder,
        _scripted_fault(cell, box, clock),
    ):
        return _Trial(cell, box, ReportCache(folder)).run()


@contextlib.contextmanager
def _stop_afterwards(box: Box) -> Iterator[None]:
    """Stop the sandbox on exit, without waiting for it."""
    try:
        yield
    finally:
        threading.Thread(target=box.sandbox.stop).start()


@contextlib.contextmanager
def _scripted_fault(cell: Cell, box: Box, clock: _Clock) -> Iterator[None]:
    """Script the fault of a cell, with short read timeouts and no host but this machine."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch("socket.getaddrinfo", _resolve_loopback))
        if {"silence", "drip"} & set(cell.fault.split()):
            for name in ("READ_TIMEOUT", "STORAGE_READ_TIMEOUT"):
                stack.enter_context(mock.patch(f"sdanalytics.api.transport.{name}", SILENCE))
        if cell.fault == CONNECTION_REFUSED and cell.operation == "storage":
            unused_socket = stack.enter_context(socket.socket())
            unused_socket.bind(("127.0.0.1", 0))  # and does not listen
            host, port = unused_socket.getsockname()
            _redirect_payloads(f"http://{host}:{port}/x")(cell, box)
        elif cell.fault == CONNECTION_REFUSED:
            _stop_listening(cell, box, clock)
        elif cell.fault in SETUPS:
            SETUPS[cell.fault](cell, box)
        else:
            _script(cell, box, cell.operation, fault_at(cell.operation, cell.fault))
        yield


def _script(
    cell: Cell, box: Box, operation: str, response: ScriptedResponse, after: int = 0
) -> None:
    """Script the response to the next exchange, or to all, after `after` default responses."""
    box.sandbox.script_responses(
        operation, *[DEFAULT] * after, *[response] * (FOR_GOOD if cell.lasts else 1)
    )


def _stop_listening(cell: Cell, box: Box, clock: _Clock) -> None:
    """Stop listening before the operation is due; if the fault occurs once, until the retry."""
    operation, count = cell.version.before.get(cell.operation, ("profiles", 1))
    box.sandbox.script_responses(operation, *[DEFAULT] * (count - 1), FAULTS[CONNECTION_REFUSED])
    if cell.operation == "token":
        _client(cell, box).profiles()  # with a token of its own
    if not cell.lasts:
        clock.on_wait = box.sandbox.resume_listening


Setup = Callable[[Cell, Box], None]
"""A function that sets up a fault which a single response cannot express."""


def _redirect_payloads(link: str) -> Setup:
    """Return a setup that points the client to another address for payloads."""

    def setup(cell: Cell, box: Box) -> None:
        if cell.api == "v2":
            _script(cell, box, "download_report", _redirect_response(link))
        else:  # after it was not ready, and was
            _answer_status("COMPLETED", link, after=2)(cell, box)

    return setup


def _answer_status(status: str, link: str | None = None, after: int = 0) -> Setup:
    """Return a setup of a status response about the first report, after `after` right ones."""

    def setup(cell: Cell, box: Box) -> None:
        def content(report: Report) -> None:
            if not box.sandbox.reports:
                _script(cell, box, "get_report", _report_response(report, status, link), after)

        box.sandbox.set_content(content)

    return setup


def _request_before(first: int, last: int) -> Setup:
    """Return a setup where a create is answered as a duplicate of an abandoned call's report."""

    def setup(cell: Cell, box: Box) -> None:
        with contextlib.suppress(sda.ReportTimeout):
            fetch_report(
                "campaigns", box.day(first), box.day(last), metrics=METRICS,
                client=_client(cell, box), cache=False, timeout=0.5,
            )  # fmt: skip
        [report_id] = box.sandbox.reports
        _script(cell, box, "create_report", _duplicate_response(f" of : {report_id}"))

    return setup


def _change_reports(change: Callable[[Report], list[Any] | None]) -> Setup:
    """Return a setup that changes reports as they are requested, or only the first one."""

    def setup(cell: Cell, box: Box) -> None:
        def content(report: Report) -> list[Any] | None:
            return change(report) if cell.lasts or not box.sandbox.reports else None

        box.sandbox.set_content(content)

    return setup


def _delay_reports(cell: Cell, box: Box) -> None:
    hours = 5 if cell.lasts else 3
    _change_reports(lambda report: setattr(report, "ready_at", report.asked_at + 3600 * hours))(
        cell, box
    )


def _fail_report(report: Report) -> None:
    report.status = "FAILURE" if report.api == "v2" else "FAILED"
    report.details = "Internal error"


def _set_unknown_status(report: Report) -> None:
    report.status = UNKNOWN_STATUS


def _delete_report(report: Report) -> None:
    report.status, report.ready_at = "CANCELLED", report.asked_at


SETUPS: Final[dict[str, Setup]] = {
    "425 that names the same report": _request_before(*VERSIONS["v3"].days),
    "425 that names another report": _request_before(9, 8),
    "unknown status word": _change_reports(_set_unknown_status),
    "status FAILURE": _change_reports(_fail_report),
    "status FAILED": _change_reports(_fail_report),
    "status CANCELLED": _answer_status("CANCELLED"),
    "COMPLETED too early": _answer_status("COMPLETED"),
    "it was deleted": _change_reports(_delete_report),
    "no rows, and no url": _change_reports(lambda report: []),
    LATE: _delay_reports,
    "url on another host by http": _redirect_payloads(
        "http://s3.amazonaws.com/x?X-Amz-Signature=1"
    ),
    "url on a host that is not S3": _redirect_payloads(
        "https://reports.example/x?X-Amz-Signature=1"
    ),
    "url that is none": _redirect_payloads("reports/x?X-Amz-Signature=1"),
}
FAULT_NAMES: Final = [*FAULTS, *SETUPS]
CELLS: Final = [
    Cell(api, operation, fault, lasts)
    for api, version in VERSIONS.items()
    for operation, rows in version.expected.items()
    for fault in FAULT_NAMES
    if fault in rows
    for lasts in (False, True)[: len(rows[fault])]
]


_getaddrinfo = socket.getaddrinfo


def _resolve_loopback(host: str, *args: Any, **kwargs: Any) -> Any:
    assert host == "127.0.0.1", f"{host} was looked up"
    return _getaddrinfo(host, *args, **kwargs)


# -- the pages of the documentation -------------------------------------------------------

_INTRO: Final = """\
# Faults, version {number}

Whatever fault occurs between a call and the service, the call ends with the right data or with
an error that names the fault; and no report is requested twice that the service has built and
can deliver. Here each operation of version {number} meets each fault, at a real socket of the
[sandbox](../README.md#the-sandbox): in one exchange (*once*), or in all of that operation (*for
good*). The other version has [a page of its own]({other}).

A call requests {call}. *Creates*: the largest number of times that the service made one of
them, in that call and (+) after the fault had ended and the call was repeated, which always gives
the right data. {creates} *Requests* are those of the operation that arrived. *Time* is of a clock
that jumps over all waits; silence takes none of it (it is borne for 60 seconds, 10 at storage).
`-`: does not apply.

Made by `python -m tests.resilience.faults`; `tests/resilience/test_faults.py` checks the results.
"""
_COLUMNS: Final = ("creates", "requests", "time")
_TIME_LIMITS: Final = {
    8.0: "8 s", 40.0: "40 s", 60.0: "1 min", 120.0: "2 min", 1801.0: "30 min", 10900.0: "3.1 h",
    14401.0: "4 h",
}  # fmt: skip


def page_path(api: str) -> Path:
    """Return the path of a version's page in the documentation."""
    return Path(__file__).parents[2] / "docs" / VERSIONS[api].page


def page(api: str) -> str:
    """Return the matrix of a version as a page of the documentation."""
    version = VERSIONS[api]
    parts = [_intro(api)]
    for operation, address in version.operations.items():
        parts += [f"\n## {operation}\n\n{address}\n", *_table(api, operation)]
    return "\n".join(parts) + "\n"


def _intro(api: str) -> str:
    version = VERSIONS[api]
    [other] = [candidate.page for candidate in VERSIONS.values() if candidate is not version]
    text = _INTRO.format(number=api[1], other=other, call=version.call, creates=version.creates)
    return "\n\n".join(textwrap.fill(part, 98) for part in text.split("\n\n")) + "\n"


def _table(api: str, operation: str) -> Iterator[str]:
    yield _table_row("fault", "once", *_COLUMNS, "for good", *_COLUMNS)
    yield _table_row(*["---"] * 9)
    known = {fault for rows in VERSIONS[api].expected.values() for fault in rows}
    for fault in filter(known.__contains__, FAULT_NAMES):
        extents = VERSIONS[api].expected[operation].get(fault, ())
        cells = [Cell(api, operation, fault, bool(n)) for n in range(len(extents))]
        values = [value for cell in cells for value in _result_columns(cell)]
        yield _table_row(fault, *values, *["-"] * (8 - len(values)))


def _table_row(*columns: str) -> str:
    return f"| {' | '.join(columns)} |"


def _result_columns(cell: Cell) -> tuple[str, ...]:
    result = run(cell)
    creates = f"{result.creates} + {result.again - result.creates}"
    limit = next(text for seconds, text in _TIME_LIMITS.items() if result.seconds < seconds)
    requests = str(result.requests) if result.requests <= 20 else "> 20"  # chance decides
    return result.outcome, creates, requests, f"< {limit}"


if __name__ == "__main__":
    for api in VERSIONS:
        page_path(api).write_text(page(api), encoding="utf-8")
