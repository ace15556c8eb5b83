"""The responses by which the sandbox plays faults."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import Final

from sdanalytics.sandbox import Report, ScriptedResponse

SILENCE: Final = 0.2
"""Real seconds after which a silent connection counts as broken; 60 outside of this test."""
CONNECTION_REFUSED: Final = "connection refused"

_HTML: Final = "<html><head><title>Hotel</title></head><body>Please log in.</body></html>"
DAY: Final = "2026-11-18"
_ROWS: Final = [
    {"date": DAY, "campaignId": n, "campaignName": "?", "clicks": n, "cost": 0.5} for n in range(99)
]
FILE: Final = '"date.value","adProduct.value","campaign.id","budgetCurrency.value",' + "\r\n".join(
    [
        '"campaign.name","metric.clicks","metric.totalCost"',
        *[f'"{DAY}","Sponsored Display","{n}","USD","?","{n}","0.5"' for n in range(1, 99)],
        "",
    ]
)
"""A file of version 1."""
_TEXT: Final = json.dumps(_ROWS).encode()
_PAYLOAD: Final = gzip.compress(_TEXT, mtime=0)
_IN_20_MINUTES: Final = "Fri, 20 Nov 2026 18:20:00 GMT"
"""By the clock of the tests."""
_NO_ID: Final = "00000000-0000-4000-8000-000000000000"


def _error_response(status: int, **headers: str) -> ScriptedResponse:
    return ScriptedResponse(
        status, json.dumps({"code": str(status), "details": "arranged"}), headers
    )


def _refusal(code: str) -> ScriptedResponse:
    """Return a refusal of version 1 as Amazon's guide has it."""
    refusal = {"code": code, "message": f"{code}: arranged"}
    return ScriptedResponse(int(code[:3]), json.dumps(refusal))


def _multi_status(document: object) -> ScriptedResponse:
    return ScriptedResponse(207, json.dumps(document))


def report_response(report: Report, status: str, url: str | None) -> ScriptedResponse:
    """Return a response of version 1 or 3 about a report."""
    if report.api == "v1":
        part = {"url": url, "sizeInBytes": 1}
        described = {"reportId": report.report_id, "status": status, **report.request["reports"][0]}
        described["completedReportParts"] = [part] if url else []
        return _multi_status({"success": [{"index": 0, "report": described}]})
    document = {"reportId": report.report_id, "status": status, "url": url, **report.request}
    return ScriptedResponse(200, json.dumps(document))


def duplicate_response(suffix: str) -> ScriptedResponse:
    return ScriptedResponse(
        425, json.dumps({"code": "425", "detail": f"The Request is a duplicate{suffix}"})
    )


def _payload_response(changed: bytes) -> ScriptedResponse:
    """Return a payload whose last row has another day, or none."""
    head, _, last = _TEXT.rpartition(f'"date": "{DAY}", '.encode())
    return ScriptedResponse(200, gzip.compress(head + changed + last, mtime=0))


def redirect_response(location: str) -> ScriptedResponse:
    return ScriptedResponse(307, headers={"Location": location})


UNUSABLE: Final = {
    "empty body": ScriptedResponse(200),
    "malformed JSON": ScriptedResponse(200, '{"reportId": "amzn1.'),
    "JSON of the wrong shape": ScriptedResponse(200, '[{"surprise": [1]}]'),
}
EARLY: Final = {f"{status}, three times": str(status) for status in (400, 403, 404)}
"""Faults of three exchanges, as those of a report that is too young, and their responses."""
_CREATES: Final = {"request_report": 202, "create_report": 200, "create_v1_report": 207}
"""The create operations, and the status of their responses."""
CODES: Final = (
    "400000", "400004", "400005", "400006", "400013", "400025", "400026", "400100", "404001",
)  # fmt: skip
"""Amazon's codes of version 1."""
_ERROR: Final = {"code": "400005", "message": "400005: arranged", "fieldLocation": "reports[0]"}
RESPONSES: Final[dict[str, ScriptedResponse]] = {
    **{str(status): _error_response(status) for status in (400, 401, 403, 404, 406, 422)},
    "429 with Retry-After": _error_response(429, **{"Retry-After": "40"}),
    "429 with a Retry-After of 20.5": _error_response(429, **{"Retry-After": "20.5"}),
    "429 with a date": _error_response(429, **{"Retry-After": _IN_20_MINUTES}),
    "429 without": _error_response(429),
    "429, though it was done": replace(_error_response(429), stage="done"),
    **{str(status): _error_response(status) for status in (500, 502, 503)},
    "504, though it was done": replace(_error_response(504), stage="done"),
    "HTML with 200": ScriptedResponse(200, _HTML),
    "HTML with 503": ScriptedResponse(503, _HTML),
    **UNUSABLE,
    "description of another report": ScriptedResponse(
        200, json.dumps({"reportId": _NO_ID, "status": "SUCCESS"})
    ),
    "redirect (302) to a login page": ScriptedResponse(
        302, headers={"Location": "https://portal.example/login"}
    ),
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
    "redirect to http on another host": redirect_response(
        "http://s3.amazonaws.com/x?X-Amz-Signature=1"
    ),
    "redirect to a host that is not S3": redirect_response(
        "https://reports.example/x?X-Amz-Signature=1"
    ),
    "redirect to nowhere": ScriptedResponse(307),
    "one more redirect": ScriptedResponse(302, headers={"Location": "https://s3.amazonaws.com/x"}),
    "expired link": ScriptedResponse(403, "<Error><Message>Request has expired</Message></Error>"),
    "no such object": ScriptedResponse(404, "<Error><Code>NoSuchKey</Code></Error>"),
    "payload truncated": ScriptedResponse(200, _PAYLOAD[:-60]),
    "payload corrupt": ScriptedResponse(200, _PAYLOAD[:90] + b"\x55" * 9 + _PAYLOAD[99:]),
    "payload with a wrong CRC": ScriptedResponse(200, _PAYLOAD[:-8] + b"\x55" * 4 + _PAYLOAD[-4:]),
    "payload not gzip": ScriptedResponse(200, b"no report"),
    "payload not an array": ScriptedResponse(200, gzip.compress(b'{"code": "?"}', mtime=0)),
    "payload of half an array": ScriptedResponse(200, gzip.compress(_TEXT[:-200], mtime=0)),
    "payload with a value of the wrong type": ScriptedResponse(
        200, gzip.compress(_TEXT.replace(b"0.5", b'"x"'), mtime=0)
    ),
    "payload with a row without day": _payload_response(b""),
    "payload with a day that is none": _payload_response(b'"date": "2026-02-30", '),
    "payload with a day outside of the range": _payload_response(b'"date": "2026-11-19", '),
    **{f"code {code}": _refusal(code) for code in CODES},
    "207 with an error": _multi_status({"error": [{"index": 0, "errors": [_ERROR]}]}),
    "207 without a report": _multi_status({"error": None, "success": []}),
    "207 about another report": _multi_status(
        {"success": [{"index": 0, "report": {"reportId": _NO_ID, "status": "COMPLETED"}}]}
    ),
    "accounts without the profile": ScriptedResponse(200, "{}"),
    "pages in a circle": ScriptedResponse(200, '{"nextToken": "again"}'),
    "another size than was told": ScriptedResponse(200, '"date.value"\r\n'),
    "425 that names no report": duplicate_response(""),
    "425 that names a report that is gone": duplicate_response(f" of : {_NO_ID}"),
}


def response_to(operation: str, fault: str) -> ScriptedResponse:
    """Return the response to script.

    An unusable response to a create means that the report was made all the same.
    """
    response = RESPONSES[fault]
    if operation in _CREATES and fault in UNUSABLE:
        return replace(response, status=_CREATES[operation], stage="done")
    return response
