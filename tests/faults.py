"""The fault matrix: every operation of either version times whatever can go wrong with it.

``python -m tests.faults`` runs it and writes ``docs/faults.md`` and ``docs/faults-v3.md``.
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
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Final
from unittest import mock

import pandas as pd

import sdanalytics as sda
from sdanalytics import Client, ReportCache, SDAnalyticsError, fetch_report
from sdanalytics.model.metrics import CATALOGUE, TACTICS
from sdanalytics.sandbox import Report, Sandbox, ScriptedResponse
from sdanalytics.sandbox.scripting import DEFAULT
from sdanalytics.sandbox.simulation.advertisers import ADVERTISERS, AdGroup
from tests.conftest import Box, JumpingClock
from tests.test_fetch import shown

FOR_GOOD: Final = 1000
"""Exchanges: more than any call makes."""
TIMEOUT: Final = 1800.0
"""Seconds that a call may take; where reports are late it has the usual time."""
LATE: Final = "built after 3 hours; for good: after 5"
UNKNOWN: Final = "SHRUG"
"""A status that there is not."""
SILENCE: Final = 0.2
"""Real seconds after which a connection counts as broken, where one is silent; usually 60."""
BUILDING: Final = 1.5
"""Simulated seconds that a report takes: it is not ready at the first look, but at the second."""
OUTLASTING: Final = 60.0
"""The same where a create of version 3 is tried again and again."""
METRICS: Final = ("campaignName", "clicks", "cost")

# -- what goes wrong ----------------------------------------------------------------------

_HTML: Final = "<html><head><title>Hotel</title></head><body>Please log in.</body></html>"
_DAY: Final = "2026-11-18"
_ROWS: Final = [
    {"date": _DAY, "campaignId": n, "campaignName": "?", "clicks": n, "cost": 0.5}
    for n in range(99)
]
_TEXT: Final = json.dumps(_ROWS).encode()
_PAYLOAD: Final = gzip.compress(_TEXT, mtime=0)
_NO_ID: Final = "00000000-0000-4000-8000-000000000000"


def _refused(status: int, **headers: str) -> ScriptedResponse:
    return ScriptedResponse(
        status, json.dumps({"code": str(status), "details": "arranged"}), headers
    )


def _described(report: Report, status: str, url: str | None) -> ScriptedResponse:
    """What version 3 may say of a report."""
    told = {"reportId": report.report_id, "status": status, "url": url, **report.request}
    return ScriptedResponse(200, json.dumps(told))


def _duplicate(words: str) -> ScriptedResponse:
    return ScriptedResponse(
        425, json.dumps({"code": "425", "detail": f"The Request is a duplicate{words}"})
    )


def _payload(changed: bytes) -> ScriptedResponse:
    """A payload with another day in its last row, or none."""
    kept, _, last = _TEXT.rpartition(f'"date": "{_DAY}", '.encode())
    return ScriptedResponse(200, gzip.compress(kept + changed + last, mtime=0))


def _redirect(location: str) -> ScriptedResponse:
    return ScriptedResponse(307, headers={"Location": location})


_UNUSABLE: Final = {
    "empty body": ScriptedResponse(200),
    "malformed JSON": ScriptedResponse(200, '{"reportId": "amzn1.'),
    "JSON of the wrong shape": ScriptedResponse(200, '[{"surprise": [1]}]'),
}
_CREATES: Final = {"request_report": 202, "create_report": 200}
"""With the status of what they answer."""
NOBODY: Final = "connection refused"
FAULTS: Final[dict[str, ScriptedResponse]] = {
    **{str(status): _refused(status) for status in (400, 401, 403, 404, 406, 422)},
    "429 with Retry-After": _refused(429, **{"Retry-After": "40"}),
    "429 without": _refused(429),
    "429, though it was done": replace(_refused(429), stage="done"),
    **{str(status): _refused(status) for status in (500, 502, 503)},
    "504, though it was done": replace(_refused(504), stage="done"),
    "HTML with 200": ScriptedResponse(200, _HTML),
    "HTML with 503": ScriptedResponse(503, _HTML),
    **_UNUSABLE,
    NOBODY: ScriptedResponse(None, then_stop=True),
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
    "redirect to http on another host": _redirect("http://s3.amazonaws.com/x?X-Amz-Signature=1"),
    "redirect to a host that is not S3": _redirect("https://reports.example/x?X-Amz-Signature=1"),
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
    "payload with a row without day": _payload(b""),
    "payload with a day that is none": _payload(b'"date": "2026-02-30", '),
    "payload with a day outside of the range": _payload(b'"date": "2026-11-19", '),
    "425 that names no report": _duplicate(""),
    "425 that names a report that is gone": _duplicate(f" of : {_NO_ID}"),
}


def fault_at(operation: str, fault: str) -> ScriptedResponse:
    """What is arranged: of a create, an answer that cannot be used is one to a report made."""
    answer = FAULTS[fault]
    if operation in _CREATES and fault in _UNUSABLE:
        return replace(answer, status=_CREATES[operation], stage="done")
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


Row = tuple[Expected] | tuple[Expected, Expected]
"""Once, and for good, where that makes sense."""


def always(expected: Expected) -> Row:
    return expected, expected


def once(expected: Expected) -> Row:
    return (expected,)


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
Rows = dict[str, dict[str, Row]]
"""By operation and fault."""

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

# Version 3 answers a create that it is at already with the id of that report (425): so it may
# be sent again, and whatever becomes of its answer makes no second report.
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
                NOBODY,
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

# -- how it is tried ----------------------------------------------------------------------


@dataclass(frozen=True)
class Version:
    """What a version of the API has, and how a call of it goes.

    Attributes
    ----------
    page : str
        Of the documentation.
    operations : dict of str to str
        With their addresses.
    expected : dict
    before : dict of str to (str, int)
        The exchange after which an operation is the next: which, and the how manieth of its
        kind.
    days : tuple of int
        The first and the last that a call asks for, in days before today.
    call : str
        What that comes to, in words.
    creates : str
        Why there may be more than one, and fewer.
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
        "tells their tactics",
        creates="More than one is right where a report is gone, was not built, or cannot be read. "
        "A report whose id was lost with the answer that named it is found again while it is "
        "built (425): it is adopted. A report that another call had asked for is not counted.",
    ),
}


@dataclass(frozen=True)
class Cell:
    """One fault at one operation of a version, in one exchange or in all."""

    api: str
    operation: str
    fault: str
    lasts: bool

    def __str__(self) -> str:
        return f"{self.api} {self.operation}: {self.fault}, {self.extent}"

    @property
    def extent(self) -> str:
        """How long it lasts, in words."""
        return "for good" if self.lasts else "once"

    @property
    def version(self) -> Version:
        """The version that it is of."""
        return VERSIONS[self.api]

    @property
    def expected(self) -> Expected:
        """How it should go."""
        return self.version.expected[self.operation][self.fault][self.lasts]


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
    """A call, against a sandbox of its own."""

    def __init__(self, cell: Cell, box: Box, store: ReportCache) -> None:
        self._cell = cell
        self._box = box
        self._store = store
        self._client = _client(cell, box)
        self._others = set(box.sandbox.reports)

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
        # report whose exchanges that could be.
        is_one = self._cell.fault == NOBODY and self._cell.api == "v2"
        tactics = TACTICS[:1] if is_one else TACTICS
        first, last = map(self._box.day, self._cell.version.days)
        try:
            frame = fetch_report(
                "campaigns", first, last, metrics=METRICS, tactic=tactics,
                client=self._client, cache=self._store,
                timeout=None if self._cell.fault == LATE else TIMEOUT,
            )  # fmt: skip
        except SDAnalyticsError as error:
            return _told(error)
        entries = self._store.entries()
        days = [str(day.date()) for day in pd.date_range(first, last)]
        slices = zip(entries["date"].astype(str), entries["tactic"], strict=True)
        assert sorted(slices) == sorted(product(days, tactics))
        assert shown(frame) == rows_of(self._box.sandbox, entries, ("campaignId", *METRICS))
        assert self._store.verify().empty
        return RIGHT

    def _creates(self) -> int:
        """How many times there is the report that there is most often, of those made for it."""
        reports = self._box.sandbox.reports.items()
        asked = Counter(r.request.get("tactic") for name, r in reports if name not in self._others)
        return max(asked.values(), default=0)

    def _end_fault(self) -> None:
        self._box.sandbox.clear_script()
        self._box.sandbox.set_content(lambda _: None)
        for report in self._box.sandbox.reports.values():
            if report.status == UNKNOWN:
                report.status = "SUCCESS" if report.api == "v2" else "COMPLETED"
        if self._cell.fault == NOBODY:
            self._box.sandbox.resume_listening()


def rows_of(
    sandbox: Sandbox,
    entries: pd.DataFrame,
    columns: Iterable[str],
    keys: Iterable[str] = ("campaignId",),
) -> list[dict[str, Any]]:
    """What the sandbox sent of stored slices, as a frame should show it; `keys` tell rows apart."""
    columns, order = list(columns), ["date", "tactic", *keys]
    rows = []
    for report_id, slices in entries.groupby("report_id"):
        report = sandbox.reports[str(report_id)]
        places = set(zip(slices["date"], slices["tactic"], strict=True))
        for row in report.rows:
            place = _place(report, row)
            if tuple(place.values()) in places:
                rows.append(place | {name: row.get(_sent_as(report, name)) for name in columns})
    return sorted(rows, key=lambda row: tuple(row[key] for key in order))


def _place(report: Report, row: Mapping[str, Any]) -> dict[str, Any]:
    """The day and tactic of a row."""
    asked = report.request
    if report.api == "v2":
        return {"date": pd.Timestamp(asked["reportDate"]), "tactic": asked["tactic"]}
    tactic = _tactics(date.fromisoformat(asked["endDate"]))[row["campaignId"]]
    return {"date": pd.Timestamp(row["date"]), "tactic": tactic}


def _sent_as(report: Report, name: str) -> str:
    return name if report.api == "v2" else str(CATALOGUE[name].v3_name)


@cache
def _tactics(day: date) -> dict[int, str]:
    """The tactics of all campaigns that had begun by a day."""
    return {
        AdGroup(advertiser, plan, 0).campaign_id: plan.tactic
        for advertiser in ADVERTISERS.values()
        for plan in advertiser.started_by(day)
    }


def _told(error: SDAnalyticsError) -> str:
    assert "X-Amz" not in f"{error}{error!r}"
    name = type(error).__name__
    if not isinstance(error, sda.PartialFetchError):
        return name
    return f"{name}: {', '.join(sorted({_told(each) for each in error.failures.values()}))}"


def _client(cell: Cell, box: Box) -> Client:
    return box.sandbox.client_for(box.sandbox.profile_ids[0], box.clock, cell.api)


@cache
def run(cell: Cell) -> Result:
    """Try one cell, and check what must hold in every one."""
    random.seed(str(cell))  # the jitter of waits
    clock = _Clock()
    delay = OUTLASTING if cell.operation == "create_report" else BUILDING
    box = Box(clock, delay=delay, v3_empty_url=True)
    with _running(box), tempfile.TemporaryDirectory() as folder, _arranged(cell, box, clock):
        return _Trial(cell, box, ReportCache(folder)).run()


@contextlib.contextmanager
def _running(box: Box) -> Iterator[None]:
    """Until it is over; nobody has to wait until it has stopped."""
    try:
        yield
    finally:
        threading.Thread(target=box.sandbox.stop).start()


@contextlib.contextmanager
def _arranged(cell: Cell, box: Box, clock: _Clock) -> Iterator[None]:
    """The fault, in a world where silence is short and nobody is but this machine."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch("socket.getaddrinfo", _only_here))
        if {"silence", "drip"} & set(cell.fault.split()):
            for name in ("READ_TIMEOUT", "STORAGE_READ_TIMEOUT"):
                stack.enter_context(mock.patch(f"sdanalytics.api.transport.{name}", SILENCE))
        if cell.fault == NOBODY and cell.operation == "storage":
            nowhere = stack.enter_context(socket.socket())
            nowhere.bind(("127.0.0.1", 0))  # and does not listen
            host, port = nowhere.getsockname()
            _send_to(f"http://{host}:{port}/x")(cell, box)
        elif cell.fault == NOBODY:
            _leave(cell, box, clock)
        elif cell.fault in SCENES:
            SCENES[cell.fault](cell, box)
        else:
            _arrange(cell, box, cell.operation, fault_at(cell.operation, cell.fault))
        yield


def _arrange(
    cell: Cell, box: Box, operation: str, answer: ScriptedResponse, after: int = 0
) -> None:
    """Let exchanges go so, or the next, after so many that go by themselves."""
    box.sandbox.script_responses(
        operation, *[DEFAULT] * after, *[answer] * (FOR_GOOD if cell.lasts else 1)
    )


def _leave(cell: Cell, box: Box, clock: _Clock) -> None:
    """Let nobody listen when the operation is due; once: until it is tried again."""
    operation, count = cell.version.before.get(cell.operation, ("profiles", 1))
    box.sandbox.script_responses(operation, *[DEFAULT] * (count - 1), FAULTS[NOBODY])
    if cell.operation == "token":
        _client(cell, box).profiles()  # with a token of its own
    if not cell.lasts:
        clock.meanwhile = box.sandbox.resume_listening


Scene = Callable[[Cell, Box], None]
"""Arranges a fault that is more than an answer."""


def _send_to(link: str) -> Scene:
    """Payloads are said to be there."""

    def arrange(cell: Cell, box: Box) -> None:
        if cell.api == "v2":
            _arrange(cell, box, "download_report", _redirect(link))
        else:  # after it was not ready, and was
            _said("COMPLETED", link, after=2)(cell, box)

    return arrange


def _said(status: str, link: str | None = None, after: int = 0) -> Scene:
    """What version 3 says of the first report, after so many right answers."""

    def arrange(cell: Cell, box: Box) -> None:
        def content(report: Report) -> None:
            if not box.sandbox.reports:
                _arrange(cell, box, "get_report", _described(report, status, link), after)

        box.sandbox.set_content(content)

    return arrange


def _asked_before(first: int, last: int) -> Scene:
    """A call for these days has died, and a create is answered that this is the same."""

    def arrange(cell: Cell, box: Box) -> None:
        with contextlib.suppress(sda.ReportTimeout):
            fetch_report(
                "campaigns", box.day(first), box.day(last), metrics=METRICS,
                client=_client(cell, box), cache=False, timeout=0.5,
            )  # fmt: skip
        [report_id] = box.sandbox.reports
        _arrange(cell, box, "create_report", _duplicate(f" of : {report_id}"))

    return arrange


def _built(change: Callable[[Report], list[Any] | None]) -> Scene:
    """Reports are changed as they are asked for, or the first one is."""

    def arrange(cell: Cell, box: Box) -> None:
        def content(report: Report) -> list[Any] | None:
            return change(report) if cell.lasts or not box.sandbox.reports else None

        box.sandbox.set_content(content)

    return arrange


def _built_late(cell: Cell, box: Box) -> None:
    hours = 5 if cell.lasts else 3
    _built(lambda report: setattr(report, "ready_at", report.asked_at + 3600 * hours))(cell, box)


def _fail(report: Report) -> None:
    report.status = "FAILURE" if report.api == "v2" else "FAILED"
    report.details = "Internal error"


def _mistake(report: Report) -> None:
    report.status = UNKNOWN


def _delete(report: Report) -> None:
    report.status, report.ready_at = "CANCELLED", report.asked_at


SCENES: Final[dict[str, Scene]] = {
    "425 that names the same report": _asked_before(*VERSIONS["v3"].days),
    "425 that names another report": _asked_before(9, 8),
    "unknown status word": _built(_mistake),
    "status FAILURE": _built(_fail),
    "status FAILED": _built(_fail),
    "status CANCELLED": _said("CANCELLED"),
    "COMPLETED too early": _said("COMPLETED"),
    "it was deleted": _built(_delete),
    "no rows, and no url": _built(lambda report: []),
    LATE: _built_late,
    "url on another host by http": _send_to("http://s3.amazonaws.com/x?X-Amz-Signature=1"),
    "url on a host that is not S3": _send_to("https://reports.example/x?X-Amz-Signature=1"),
    "url that is none": _send_to("reports/x?X-Amz-Signature=1"),
}
WORDS: Final = [*FAULTS, *SCENES]
CELLS: Final = [
    Cell(api, operation, fault, lasts)
    for api, version in VERSIONS.items()
    for operation, rows in version.expected.items()
    for fault in WORDS
    if fault in rows
    for lasts in (False, True)[: len(rows[fault])]
]


_look_up = socket.getaddrinfo


def _only_here(host: str, *others: Any, **named: Any) -> Any:
    assert host == "127.0.0.1", f"{host} was looked up"
    return _look_up(host, *others, **named)


# -- what is told of it -------------------------------------------------------------------

_INTRO: Final = """\
# Faults, version {number}

Whatever goes wrong between a call and the service, the call ends with the right data or with an
error that says what is wrong; and no report is asked for twice that the service has built and
can hand out. Here each operation of version {number} meets each fault, at a real socket of the
[sandbox](../README.md#the-sandbox): in one exchange (*once*), or in all of that operation (*for
good*). The other version has [a page of its own]({other}).

A call asks for {call}. *Creates*: how many times the service made one of them, at the most, in
that call and (+) once the fault was over and the call was made again, which always gives the
right data. {creates} *Requests* are those of the operation that arrived. *Time* is of a clock
that jumps over all waits; silence takes none of it (it is borne for 60 seconds, 10 at storage).
`-`: makes no sense here.

Made by `python -m tests.faults`; `tests/test_faults.py` compares it with what should be.
"""
_COLUMNS: Final = ("creates", "requests", "time")
_BOUNDS: Final = {
    8.0: "8 s", 40.0: "40 s", 60.0: "1 min", 120.0: "2 min", 1801.0: "30 min", 10900.0: "3.1 h",
    14401.0: "4 h",
}  # fmt: skip


def page_of(api: str) -> Path:
    """Where the documentation has it."""
    return Path(__file__).parent.parent / "docs" / VERSIONS[api].page


def page(api: str) -> str:
    """The matrix of a version as a page of the documentation."""
    version = VERSIONS[api]
    parts = [_intro(api)]
    for operation, address in version.operations.items():
        parts += [f"\n## {operation}\n\n{address}\n", *_table(api, operation)]
    return "\n".join(parts) + "\n"


def _intro(api: str) -> str:
    version = VERSIONS[api]
    [other] = [each.page for each in VERSIONS.values() if each is not version]
    text = _INTRO.format(number=api[1], other=other, call=version.call, creates=version.creates)
    return "\n\n".join(textwrap.fill(part, 98) for part in text.split("\n\n")) + "\n"


def _table(api: str, operation: str) -> Iterator[str]:
    yield _line("fault", "once", *_COLUMNS, "for good", *_COLUMNS)
    yield _line(*["---"] * 9)
    known = {fault for rows in VERSIONS[api].expected.values() for fault in rows}
    for fault in filter(known.__contains__, WORDS):
        extents = VERSIONS[api].expected[operation].get(fault, ())
        cells = [Cell(api, operation, fault, bool(n)) for n in range(len(extents))]
        facts = [fact for cell in cells for fact in _facts(cell)]
        yield _line(fault, *facts, *["-"] * (8 - len(facts)))


def _line(*columns: str) -> str:
    return f"| {' | '.join(columns)} |"


def _facts(cell: Cell) -> tuple[str, ...]:
    result = run(cell)
    creates = f"{result.creates} + {result.again - result.creates}"
    bound = next(text for seconds, text in _BOUNDS.items() if result.seconds < seconds)
    requests = str(result.requests) if result.requests <= 20 else "> 20"  # chance decides
    return result.outcome, creates, requests, f"< {bound}"


if __name__ == "__main__":
    for each in VERSIONS:
        page_of(each).write_text(page(each), encoding="utf-8")
