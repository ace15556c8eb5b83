"""Answers: what a response below 400 must be to be what its operation answers.

Proxies, login pages of networks and gateways answer in the service's place. A page with 200, a
document that is cut short or of another report says nothing about what was asked: it counts as a
broken connection. A redirect to somewhere else is a verdict: it would be there the next time, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from sdanalytics._core.printable import to_printable
from sdanalytics._core.redact import redact
from sdanalytics.api.documents import read_report_id
from sdanalytics.api.transport import Response

FindFault = Callable[[Response], str | None]
"""Says what is wrong with a response below 400, as the rest of a sentence; None if nothing is."""

MAX_NAME_LENGTH: Final = 100
"""Characters of a host or report id that an error quotes."""


def find_redirect(response: Response) -> str | None:
    """Find fault with anything but a status of success: no operation but one redirects."""
    if 200 <= response.status < 300:
        return None
    return f"redirects to {redirect_target(response)}, which is not followed"


def redirect_target(response: Response) -> str:
    """Return where a response redirects to, without the path, which may hold secrets."""
    location = response.headers.get("Location", "").strip()
    if not location:
        return "nowhere"
    try:
        host = urlsplit(location).hostname
    except ValueError:
        return "an address that is none"
    if host is None:
        return "another address of the same host"
    return to_printable(redact(host))[:MAX_NAME_LENGTH]


def is_redirect_elsewhere(response: Response) -> bool:
    """Return whether a response redirects to some place."""
    return 300 <= response.status < 400 and bool(response.headers.get("Location", "").strip())


def expect_document(noun: str, is_valid: Callable[[object], bool]) -> FindFault:
    """Expect a JSON document that passes a check; `noun` names it in errors."""

    def find_fault(response: Response) -> str | None:
        fault = find_redirect(response)
        if fault is None and not is_valid(response.json()):
            fault = f"is not {noun}"
        return fault

    return find_fault


def expect_report(report_id: str, is_report: Callable[[object], bool]) -> FindFault:
    """Expect the description of a report: of this one, and of no other."""
    find_other = expect_document("the description of a report", is_report)

    def find_fault(response: Response) -> str | None:
        fault = find_other(response)
        if fault is not None:
            return fault
        received = read_report_id(response.json())
        if received == report_id:
            return None
        return f"is about report {redact(str(received))[:MAX_NAME_LENGTH]}, not {report_id}"

    return find_fault


expect_report_id: Final = expect_document(
    "the description of a new report", lambda document: read_report_id(document) is not None
)
"""Expect a description with the id of a new report, whatever else it has or lacks."""
