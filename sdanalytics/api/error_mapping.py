"""From an answer that is no success to the error that tells of it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Final

from sdanalytics._core.redact import redact
from sdanalytics.api.transport import Response
from sdanalytics.errors import (
    ApiError,
    BadRequest,
    Forbidden,
    InvalidReport,
    NotFound,
    RateLimited,
    ReportTooOld,
    ServerError,
    Unauthorized,
)

_BY_STATUS: Final[dict[int, type[ApiError]]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    406: ReportTooOld,
    422: InvalidReport,
    429: RateLimited,
}

_ADVICE: Final[dict[type[ApiError], str]] = {
    BadRequest: "If the text names a tactic, ask for the other one with tactic=; otherwise check "
    "the parameters and that this account has the report (sku and asins: sellers only)",
    Unauthorized: "Check that the login may access this profile, and its region",
    Forbidden: "Check that the account is registered for Sponsored Display and that the login "
    "has access to it",
    NotFound: "Check the report id and the profile; a report that is gone has to be asked for anew",
    ReportTooOld: "Ask for later days; days fetched in time stay in the cache for good",
    InvalidReport: "Check the metrics, the tactic and the segment that the text names",
    RateLimited: "Wait, then call again: what arrived is kept. A longer timeout= lets the call "
    "wait by itself",
    ServerError: "Amazon's side failed repeatedly: call again later; what arrived is kept",
}

_LONGEST_DETAILS: Final = 300
_REQUEST_ID_HEADERS: Final = ("x-amz-rid", "x-amzn-RequestId", "x-amz-request-id")


def to_exception(
    answer: Response,
    operation: str,
    secrets: Iterable[str | None] = (),
    *,
    kind: type[ApiError] | None = None,
    advice: str | None = None,
) -> ApiError:
    """The error of an answer, with the service's own code, details and request id.

    Parameters
    ----------
    answer : Answer
    operation : str
        What was asked, such as ``"request_report"``.
    secrets : iterable of str
        Known ones, taken out of whatever the service says.
    kind, advice : optional
        Instead of what the status means.
    """
    kind = kind or _kind(answer.status)
    code, details, request_id = _said(answer)
    secrets = list(secrets)
    code, details, request_id = (
        redact(text, secrets)[:_LONGEST_DETAILS] if text else None
        for text in (code, details, request_id)
    )
    advice = advice or _ADVICE.get(kind, "Not an answer that this operation has; call again later")
    said = ": ".join(filter(None, (code, details))) or "the answer says no more"
    where = f" (request id {request_id})" if request_id else ""
    return kind(
        f"{operation} was answered {answer.status}: {said}{where}. {advice}.",
        operation=operation,
        status=answer.status,
        code=code,
        details=details,
        request_id=request_id,
    )


def _kind(status: int) -> type[ApiError]:
    if status >= 500:
        return ServerError
    return _BY_STATUS.get(status, ApiError)


def _said(answer: Response) -> tuple[str | None, str | None, str | None]:
    """Code, details and request id, from JSON of any of the service's shapes, or HTML."""
    document = answer.json()
    said = document if isinstance(document, dict) else {}
    code = said.get("code") or said.get("error")
    details = said.get("details") or said.get("detail")
    details = details or said.get("error_description") or said.get("message")
    if not said:
        details = _plain(answer.body)
    request_id = said.get("requestId")
    for header in _REQUEST_ID_HEADERS:
        request_id = request_id or answer.headers.get(header)
    return _text(code), _text(details), _text(request_id)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _plain(body: bytes) -> str | None:
    """The words of an HTML page or other text; None where it is no text."""
    try:
        text = body[:5000].decode("utf-8")
    except UnicodeDecodeError:
        return None
    text = re.sub(r"(?is)<(style|script)\b.*?</\1>", " ", text)
    text = html.unescape(re.sub(r"(?s)<[^>]*>", " ", text))
    return " ".join(text.split()) or None


def storage_error_text(answer: Response) -> str:
    """What storage says of a refusal: its code and message, for the rest holds the address."""
    text = answer.body[:5000].decode("utf-8", "replace")
    said = re.findall(r"<(?:Code|Message)>([^<]*)</", text)
    return redact(": ".join(said))[:_LONGEST_DETAILS] or "no reason given"
