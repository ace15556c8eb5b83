"""The faults, and how each is brought about between a call and the sandbox."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final
from unittest import mock

import sdanalytics as sda
from sdanalytics import fetch_report
from sdanalytics.sandbox import Report, ScriptedResponse
from sdanalytics.sandbox.scripting import DEFAULT
from tests.resilience.faults.cells import Cell
from tests.resilience.faults.responses import (
    CONNECTION_REFUSED,
    DAY,
    EARLY,
    FILE,
    RESPONSES,
    SILENCE,
    duplicate_response,
    redirect_response,
    report_response,
    response_to,
)
from tests.support.box import Box
from tests.support.clock import JumpingClock

FOR_GOOD: Final = 1000
"""A number of exchanges larger than that of any call."""
LATE: Final = "built after 3 hours; for good: after 5"
UNKNOWN_STATUS: Final = "SHRUG"
"""A status that the service does not document."""
METRICS: Final = ("campaignName", "clicks", "cost")
"""The metrics that calls request."""


class CallbackClock(JumpingClock):
    """A clock that runs a callback at each wait."""

    on_wait: Callable[[], None] = staticmethod(lambda: None)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.on_wait()
        return super().wait(event, seconds)


@contextlib.contextmanager
def inject(cell: Cell, box: Box, clock: CallbackClock) -> Iterator[None]:
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
            _script(cell, box, cell.operation, response_to(cell.operation, cell.fault))
        yield


def _script(
    cell: Cell, box: Box, operation: str, response: ScriptedResponse, after: int = 0
) -> None:
    """Script the response to the next exchange, or to all, after `after` default responses."""
    box.sandbox.script_responses(
        operation, *[DEFAULT] * after, *[response] * (FOR_GOOD if cell.lasts else 1)
    )


def _stop_listening(cell: Cell, box: Box, clock: CallbackClock) -> None:
    """Stop listening before the operation is due; if the fault occurs once, until the retry."""
    operation, count = cell.version.before.get(cell.operation, ("profiles", 1))
    box.sandbox.script_responses(operation, *[DEFAULT] * (count - 1), RESPONSES[CONNECTION_REFUSED])
    if cell.operation == "token":
        # Another clock: not the login of the call, whose token would serve the call, too.
        box.sandbox.client_for(box.sandbox.profile_ids[0], JumpingClock(), cell.api).profiles()
    if not cell.lasts:
        clock.on_wait = box.sandbox.resume_listening


Setup = Callable[[Cell, Box], None]
"""A function that sets up a fault which a single response cannot express."""


def _repeat(fault: str) -> Setup:
    """Return a setup of the response of a fault to three exchanges."""

    def setup(cell: Cell, box: Box) -> None:
        box.sandbox.script_responses(cell.operation, *[RESPONSES[fault]] * 3)

    return setup


def _redirect_payloads(link: str) -> Setup:
    """Return a setup that points the client to another address for payloads."""

    def setup(cell: Cell, box: Box) -> None:
        if cell.api == "v2":
            _script(cell, box, "download_report", redirect_response(link))
        else:  # after it was not ready, and was
            _answer_status("COMPLETED", link, after=2)(cell, box)

    return setup


def _answer_status(status: str, link: str | None = None, after: int = 0) -> Setup:
    """Return a setup of a status response about the first report, after `after` right ones."""

    def setup(cell: Cell, box: Box) -> None:
        def content(report: Report) -> None:
            if not box.sandbox.reports:
                operation = cell.version.status
                _script(cell, box, operation, report_response(report, status, link), after)

        box.sandbox.set_content(content)

    return setup


def _request_before(days: tuple[int, int] | None = None) -> Setup:
    """Return a setup where a create is answered as a duplicate of an abandoned call's report.

    It was of these days, as in `Version.days`; None: of the same days as the call's own.
    """

    def setup(cell: Cell, box: Box) -> None:
        first, last = map(box.day, days or cell.version.days)
        with contextlib.suppress(sda.ReportTimeout):
            fetch_report(
                "campaigns", first, last, metrics=METRICS,
                client=box.client_for(0, cell.api), cache=False, timeout=0.5,
            )  # fmt: skip
        [report_id] = box.sandbox.reports
        _script(cell, box, "create_report", duplicate_response(f" of : {report_id}"))

    return setup


def _change_reports(change: Callable[[Report], list[Any] | bytes | None]) -> Setup:
    """Return a setup that changes reports as they are requested, or only the first one."""

    def setup(cell: Cell, box: Box) -> None:
        def content(report: Report) -> list[Any] | bytes | None:
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


def _serve_file(change: Callable[[str], str | bytes]) -> Setup:
    """Return a setup of reports with a changed file, of the size that the service tells."""

    def setup(cell: Cell, box: Box) -> None:
        file = change(FILE)
        content = file.encode() if isinstance(file, str) else file
        _change_reports(lambda report: content)(cell, box)

    return setup


def _set_unknown_status(report: Report) -> None:
    report.status = UNKNOWN_STATUS


def _delete_report(report: Report) -> None:
    report.status = "DELETED" if report.api == "v1" else "CANCELLED"
    report.ready_at = report.asked_at


_FILES: Final[dict[str, Setup]] = {
    "file that is no CSV": _serve_file(lambda file: "<html><body>Hotel</body></html>"),
    "file without a header": _serve_file(lambda file: file.partition("\r\n")[2]),
    "file that lacks a field": _serve_file(lambda file: file.replace("metric.clicks", "clicks")),
    "file with a value of the wrong type": _serve_file(lambda file: file.replace("0.5", "x")),
    "file with a row without day": _serve_file(lambda file: file.replace(f'"{DAY}"', '""', 1)),
    "file with a day that is none": _serve_file(lambda file: file.replace(DAY, "2026-02-30", 1)),
    "file with a day outside of the range": _serve_file(
        lambda file: file.replace(DAY, "2026-11-19", 1)
    ),
    "file with an unknown product": _serve_file(lambda file: file.replace("Display", "Toys", 1)),
    "file of half a row": _serve_file(lambda file: file[:-12]),
    "file that is no UTF-8": _serve_file(lambda file: file.encode("utf-16")),
    "file of the rows of Sponsored Products": _serve_file(
        lambda file: file.replace("Sponsored Display", "Sponsored Products")
    ),
}
SETUPS: Final[dict[str, Setup]] = {
    **{name: _repeat(fault) for name, fault in EARLY.items()},
    "425 that names the same report": _request_before(),
    "425 that names another report": _request_before((9, 8)),
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
    "no parts": _change_reports(lambda report: []),
    **_FILES,
}
FAULT_NAMES: Final = [*RESPONSES, *SETUPS]


_getaddrinfo = socket.getaddrinfo


def _resolve_loopback(host: str, *args: Any, **kwargs: Any) -> Any:
    assert host == "127.0.0.1", f"{host} was looked up"
    return _getaddrinfo(host, *args, **kwargs)
