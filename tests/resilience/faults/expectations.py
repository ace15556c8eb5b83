"""The expected result of each cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.resilience.faults.cells import Cell
from tests.resilience.faults.injection import FAULT_NAMES, LATE
from tests.resilience.faults.responses import CONNECTION_REFUSED, EARLY, UNUSABLE

RIGHT: Final = "right data"
WITHOUT_LIST: Final = "right data, without the list"


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
        "429 with a Retry-After of 20.5": (right(), fails("RateLimited", creates)),
        "429 with a date": (right(), fails("RateLimited", creates)),
        "429 without": (right(), fails("RateLimited", creates)),
        "redirect (302) to a login page": always(fails("ApiError", creates)),
    }


_CUT: Final = ("shorter than its Content-Length", "chunked, and the end is missing")


def listing(date: Expected) -> dict[str, Row]:
    """Return the faults of the list of campaigns: reports are of use without it.

    `date` is expected when a 429 says a moment once, minutes ahead.
    """
    without = Expected(WITHOUT_LIST, 1, 1)
    for_good: dict[str, Row] = {}
    for fault in (*reading(1), *limited(1), "HTML with 200", *UNUSABLE, *_CUT):
        for_good[fault] = right(), without
    return for_good | {
        "slow drip": always(right()),
        "429 with a date": (date, without),
        **dict.fromkeys(("400", "403", "404", "redirect (302) to a login page"), always(without)),
    }


Rows = dict[str, dict[str, Row]]
"""Expected results by operation and fault."""

_LOGIN: Final[Rows] = {
    "token": {
        **limited(0),
        **reading(0),
        **dict.fromkeys(("400", "401"), always(fails("Unauthorized"))),
        **dict.fromkeys(("HTML with 200", *UNUSABLE), (right(), fails("ApiError"))),
        **dict.fromkeys(_CUT, (right(), fails("ConnectionFailed"))),
    },
    "profiles": {
        **limited(0),
        **reading(0),
        "400": always(fails("BadRequest")),
        "403": always(fails("Forbidden")),
        **dict.fromkeys(("HTML with 200", *UNUSABLE), (right(), fails("ApiError"))),
        **dict.fromkeys(_CUT, (right(), fails("ConnectionFailed"))),
    },
}
_V2: Final[Rows] = {
    **_LOGIN,
    "request_report": {
        **limited(0),
        "redirect (302) to a login page": (partly("ApiError"), fails("ApiError")),
        "400": (partly("BadRequest"), fails("BadRequest")),
        "403": (partly("Forbidden"), fails("Forbidden")),
        "406": always(fails("ReportTooOld")),  # of the other partition, too: it is of the same day
        "422": (partly("InvalidReport"), fails("InvalidReport")),
        **dict.fromkeys(("500", "503", "HTML with 503"), (right(), fails("ServerError"))),
        "502": (partly("ServerError"), fails("ServerError")),  # it may have been done
        "504, though it was done": (partly("ServerError", 1, 2), fails("ServerError", 1, 2)),
        "HTML with 200": (partly("ApiError"), fails("ApiError")),
        **dict.fromkeys(UNUSABLE, (partly("ApiError", 1, 2), fails("ApiError", 1, 2))),
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
        "redirect (302) to a login page": (partly("ApiError"), fails("ApiError", 1)),
        **reading(1),
        "400": (right(), fails("BadRequest", 1, 2)),
        "403": (right(), fails("Forbidden", 1)),
        "404": (right(), fails("NotFound", 2, 3)),
        **dict.fromkeys(EARLY, once(right())),
        "description of another report": (right(), fails("ApiError", 1)),
        **dict.fromkeys(("HTML with 200", *UNUSABLE), (right(), fails("ApiError", 1))),
        "unknown status word": (partly("ApiError"), fails("ApiError", 1)),
        "status FAILURE": (partly("ReportFailed", 1, 2), fails("ReportFailed", 1, 2)),
        **dict.fromkeys(_CUT, (right(), fails("ConnectionFailed", 1))),
    },
    "download_report": {
        **limited(1),
        "redirect (302) to a login page": (partly("ApiError"), fails("ApiError", 1)),
        **reading(1),
        "400": (right(), fails("BadRequest", 1, 2)),
        "403": (right(), fails("Forbidden", 1)),
        "404": (right(), fails("NotFound", 1, 2)),
        **dict.fromkeys(EARLY, once(right())),
        **dict.fromkeys(
            ("HTML with 200", *UNUSABLE, "redirect to nowhere"), (right(), fails("ApiError", 1))
        ),
        **dict.fromkeys(
            ("redirect to http on another host", "redirect to a host that is not S3"),
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
    # Nothing waits for a list for minutes that all reports can do without.
    "campaigns": listing(Expected(WITHOUT_LIST, 1, 1)),
}

# Version 3 answers a duplicate create with the id of the report in flight (425): a create may
# be sent again, and a lost response does not lead to a second report.
_V3: Final[Rows] = {
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
        "HTML with 200": (right(), fails("ApiError")),
        **dict.fromkeys(UNUSABLE, (right(), fails("ApiError", 1))),
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
        "425 that names a report that is gone": (right(), fails("NotFound")),
    },
    "get_report": {
        **limited(1),
        **reading(1),
        "400": (right(), fails("BadRequest", 1, 2)),
        "403": (right(), fails("Forbidden", 1)),
        "404": (right(), fails("NotFound", 2, 3)),
        **dict.fromkeys(EARLY, once(right())),
        "description of another report": (right(), fails("ApiError", 1)),
        **dict.fromkeys(("HTML with 200", *UNUSABLE), (right(), fails("ApiError", 1))),
        "unknown status word": always(fails("ApiError", 1)),
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
    "campaigns": listing(right()),
    "storage": _V2["storage"]
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

_V1: Final[Rows] = {
    **_LOGIN,
    "query_accounts": {
        **_LOGIN["profiles"],
        "accounts without the profile": always(fails("NotConfigured")),
        "pages in a circle": (fails("BadRequest"), fails("ApiError")),  # no such page
    },
    "create_v1_report": {
        **limited(0),
        "400": always(fails("BadRequest")),
        "403": always(fails("Forbidden")),
        "404": always(fails("NotFound")),
        "code 400000": always(fails("BadRequest")),
        **dict.fromkeys(
            (
                "code 400004",
                "code 400005",
                "code 400006",
                "code 400013",
                "code 400100",
                "207 with an error",
            ),
            always(fails("InvalidReport")),
        ),
        # Of the first day: the others are requested without it.
        "code 400025": (partly("ReportTooOld", 1, 2), fails("ReportTooOld")),
        "code 400026": always(fails("Forbidden")),
        **dict.fromkeys(("500", "503", "HTML with 503"), (right(), fails("ServerError"))),
        "502": always(fails("ServerError")),  # it may have been done
        "504, though it was done": always(fails("ServerError", 1, 2)),
        "HTML with 200": always(fails("ApiError")),
        "207 without a report": always(fails("ApiError")),
        **dict.fromkeys(UNUSABLE, always(fails("ApiError", 1, 2))),
        CONNECTION_REFUSED: (right(), fails("ConnectionFailed")),
        **dict.fromkeys(
            (
                "reset before the request was read",
                "reset after the request was read",
                "silence",
            ),
            always(fails("ConnectionFailed")),
        ),
        **dict.fromkeys(
            (
                "reset after it was done",
                "closed after it was done",
                "silence after it was done",
                *_CUT,
            ),
            always(fails("ConnectionFailed", 1, 2)),
        ),
        "slow drip": always(right()),
    },
    "retrieve_v1_report": {
        **limited(1),
        **reading(1),
        "400": (right(), fails("BadRequest", 1, 2)),
        "403": (right(), fails("Forbidden", 1)),
        "404": (right(), fails("NotFound", 2, 3)),
        "code 404001": (right(), fails("NotFound", 2, 3)),
        "code 400000": (right(), fails("BadRequest", 1, 2)),
        **dict.fromkeys(EARLY, once(right())),
        **dict.fromkeys(
            ("HTML with 200", *UNUSABLE, "207 without a report", "207 about another report"),
            (right(), fails("ApiError", 1)),
        ),
        "unknown status word": always(fails("ApiError", 1)),
        **dict.fromkeys(_CUT, (right(), fails("ConnectionFailed", 1))),
        "status FAILED": always(fails("ReportFailed", 1, 2)),
        "it was deleted": (right(2), fails("NotFound", 2, 3)),
        "no parts": always(right()),
        LATE: always(right()),  # a call may take half a day
        **dict.fromkeys(
            ("url on another host by http", "url on a host that is not S3", "url that is none"),
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
            ("HTML with 200", "empty body", "another size than was told"),
            (right(), fails("CorruptReport", 2, 3)),
        ),
        **dict.fromkeys(
            (
                "file that is no CSV",
                "file without a header",
                "file that lacks a field",
                "file of half a row",
                "file that is no UTF-8",
                "file with an unknown product",
            ),
            (right(2), fails("CorruptReport", 2, 3)),
        ),
        **dict.fromkeys(
            (
                "file with a value of the wrong type",
                "file with a row without day",
                "file with a day that is none",
                "file with a day outside of the range",
            ),
            always(fails("CorruptReport", 1, 2)),
        ),
        "file of the rows of Sponsored Products": always(right()),
    },
    "campaigns": listing(right()),
}

EXPECTED: Final = {"v2": _V2, "v3": _V3, "v1": _V1}
CELLS: Final = [
    Cell(api, operation, fault, lasts)
    for api, operations in EXPECTED.items()
    for operation, rows in operations.items()
    for fault in FAULT_NAMES
    if fault in rows
    for lasts in (False, True)[: len(rows[fault])]
]
"""Each cell for which a result is expected."""


def expected(cell: Cell) -> Expected:
    """Return the expected result of a cell."""
    return EXPECTED[cell.api][cell.operation][cell.fault][cell.lasts]
