"""The mapping of unsuccessful HTTP responses to exceptions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sdanalytics._core.page_text import MAX_PAGE_BYTES, page_text
from sdanalytics._core.printable import to_printable
from sdanalytics._core.redact import redact
from sdanalytics.api.documents import text_or_none
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

_CLASSES_BY_STATUS: Final[dict[int, type[ApiError]]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    406: ReportTooOld,
    422: InvalidReport,
    429: RateLimited,
}
_CLASSES_BY_CODE: Final[dict[str, type[ApiError]]] = {
    "400004": InvalidReport,  # fields that do not go together
    "400005": InvalidReport,  # an unknown field
    "400006": InvalidReport,  # a field without its companion
    "400013": InvalidReport,  # a field that is written otherwise
    "400025": ReportTooOld,
    "400026": Forbidden,
    "404001": NotFound,
}
"""Codes of the unified Ads API (version 1), whose statuses say less; 400000 is a BadRequest."""
_SEVERAL_CODES: Final = "400100"
_CODE: Final = re.compile(r"\b4[0-9]{5}\b")

_ADVICE: Final[dict[type[ApiError], str]] = {
    BadRequest: "If the text names a tactic, request the other one with tactic=; otherwise check "
    "the parameters and that this account has the report (sku and asins: sellers only)",
    Unauthorized: "Check that the login may access this profile, and its region",
    Forbidden: "Check that the account is registered for Sponsored Display and that the login "
    "has access to it",
    NotFound: "Check the report id and the profile; a report that no longer exists has to be "
    "requested again",
    ReportTooOld: "Request later days; stored days remain in the cache",
    InvalidReport: "Check the metrics, the tactic and the segment that the text names",
    ServerError: "Amazon's side failed repeatedly: call again later; data received so far are "
    "stored",
}
_REFUSAL_ADVICE: Final = {
    "advertiser_accounts": "The unified Ads API is a beta, to which not every login has access. "
    'Version 3 does without: Client(api="v3"), without history=',
}
"""What to do about an operation that the service refuses, where that says more than the error."""
_DEFAULT_ADVICE: Final = "The response is unexpected for this operation; call again later"
NETWORK_ADVICE: Final = (
    "Something between this machine and the service seems to answer in its place: check the proxy, "
    "the network and whether it wants a login in a browser, then call again"
)

MAX_DETAIL_LENGTH: Final = 300
"""Characters of the service's text that an error quotes."""
_REQUEST_ID_HEADERS: Final = ("x-amz-rid", "x-amzn-RequestId", "x-amz-request-id")


class ErrorBody(NamedTuple):
    """The service's description of an error.

    Attributes
    ----------
    code, details, request_id : str or None
    """

    code: str | None
    details: str | None
    request_id: str | None

    def redact(self, secrets: Iterable[str | None]) -> ErrorBody:
        """Remove secrets, and shorten the texts."""
        known = list(secrets)
        return ErrorBody(
            code=_clean(self.code, known),
            details=_clean(self.details, known),
            request_id=_clean(self.request_id, known),
        )


def to_exception(
    response: Response,
    operation: str,
    secrets: Iterable[str | None] = (),
    *,
    error_class: type[ApiError] | None = None,
    advice: str | None = None,
) -> ApiError:
    """Build the error of a response, with the service's code, details and request id.

    Parameters
    ----------
    response : Response
    operation : str
        The name of the operation, such as ``"request_report"``.
    secrets : iterable of str
        Known secrets, which are removed from the service's texts.
    error_class : type, optional
        The class of the error; by default that of the status.
    advice : str, optional
        What to do next; by default that of the class.
    """
    body = _parse_error_body(response).redact(secrets)
    error_class = error_class or _exception_class(response.status, operation, body)
    if advice is None and response.status < 500:
        advice = _REFUSAL_ADVICE.get(operation)
    advice = advice or _ADVICE.get(error_class, _DEFAULT_ADVICE)
    reason = ": ".join(filter(None, (body.code, body.details)))
    reason = reason or "the response gives no details"
    if body.request_id:
        reason = f"{reason} (request id {body.request_id})"
    return error_class(
        f"{operation} failed with status {response.status}: {reason}. {advice}.",
        operation=operation,
        status=response.status,
        code=body.code,
        details=body.details,
        request_id=body.request_id,
    )


def to_rate_limited(
    response: Response, operation: str, until: datetime, secrets: Iterable[str | None] = ()
) -> ApiError:
    """Build the error of a 429: it says until when.

    Parameters
    ----------
    response : Response
    operation : str
    until : datetime.datetime
        UTC; the moment from which a request may be accepted.
    secrets : iterable of str
        Known secrets, which are removed from the service's texts.
    """
    error = to_exception(response, operation, secrets, advice=throttle_advice(until))
    assert isinstance(error, RateLimited)
    error.until = until
    return error


def throttle_advice(until: datetime) -> str:
    """Return what to do about limits that last until a moment (UTC)."""
    second = until
    if until.microsecond:
        second = until + timedelta(seconds=1)
    return (
        f"Wait until {second:%Y-%m-%d %H:%M:%S} UTC, then call again: data received so far are "
        "stored. A longer timeout= lets the call wait by itself"
    )


def to_unexpected_answer(
    response: Response, operation: str, fault: str, secrets: Iterable[str | None] = ()
) -> ApiError:
    """Build the error of a response below 400 that is not what the operation answers.

    Parameters
    ----------
    response : Response
    operation : str
    fault : str
        What is wrong with it (`sdanalytics.api.answers`).
    secrets : iterable of str
        Known secrets, which are removed from the service's texts.
    """
    known = list(secrets)
    body = _parse_error_body(response).redact(known)
    if _begins_as_json(response) and not isinstance(response.json(), dict):
        body = body._replace(details=None)  # its values, any of which may be a token or a link
    content = to_printable(redact(_name_content(response, body), known))
    return ApiError(
        f"{operation}: the answer (status {response.status}) {fault}; it has {content}. "
        f"{NETWORK_ADVICE}.",
        operation=operation,
        status=response.status,
        code=body.code,
        details=body.details,
        request_id=body.request_id,
    )


def is_page(response: Response) -> bool:
    """Return whether a body is a page or other text, as proxies and gateways answer."""
    if not response.body:
        return False
    return not isinstance(response.json(), dict)


def storage_error_text(response: Response) -> str:
    """Return the code and message of a storage error; the rest of its body contains the URL."""
    text = response.body[:MAX_PAGE_BYTES].decode("utf-8", "replace")
    parts = re.findall(r"<(?:Code|Message)>([^<]*)</", text)
    reason = to_printable(redact(": ".join(parts)))
    return reason[:MAX_DETAIL_LENGTH] or "no reason given"


def _exception_class(status: int, operation: str, body: ErrorBody) -> type[ApiError]:
    if body.code == _SEVERAL_CODES:
        return _choose_class_of_several(body.details or "")
    if body.code in _CLASSES_BY_CODE:
        return _CLASSES_BY_CODE[body.code]
    if status >= 500:
        return ServerError
    if status == 406 and operation != "request_report":
        return ApiError  # elsewhere it is about the types of the response
    return _CLASSES_BY_STATUS.get(status, ApiError)


def _choose_class_of_several(details: str) -> type[ApiError]:
    """Return the class of several errors at once: their own if they are alike."""
    codes = set(_CODE.findall(details)) - {_SEVERAL_CODES}
    classes = {_CLASSES_BY_CODE.get(code, BadRequest) for code in codes}
    if len(classes) == 1:
        return classes.pop()
    return InvalidReport


def _parse_error_body(response: Response) -> ErrorBody:
    """Parse the body of an error: JSON of any of the service's shapes, or HTML."""
    document = response.json()
    fields = {}
    if isinstance(document, dict):
        fields = document
    code = fields.get("code") or fields.get("error")
    details = fields.get("details") or fields.get("detail")
    details = details or fields.get("error_description") or fields.get("message")
    if not fields:
        details = page_text(response.body)
    request_id = fields.get("requestId")
    for header in _REQUEST_ID_HEADERS:
        request_id = request_id or response.headers.get(header)
    return ErrorBody(text_or_none(code), text_or_none(details), text_or_none(request_id))


def _begins_as_json(response: Response) -> bool:
    return response.body.lstrip()[:1] in (b"{", b"[")


def _name_content(response: Response, body: ErrorBody) -> str:
    """Name what a body has; of JSON no value but the service's reason."""
    if not response.body:
        return "an empty body"
    document = response.json()
    reason = ": ".join(filter(None, (body.code, body.details)))
    if isinstance(document, dict):
        names = ", ".join(map(str, document))[:MAX_DETAIL_LENGTH]
        content = f"a JSON object with {names or 'nothing in it'}"
        if reason:
            return f"{content} ({reason})"
        return content
    if document is not None:
        return f"JSON of another kind ({type(document).__name__})"
    if _begins_as_json(response):
        return f"JSON that is cut short or malformed ({len(response.body)} bytes)"
    if body.details:
        return f"the text {body.details!r}"
    return f"{len(response.body)} bytes of no text"


def _clean(text: str | None, secrets: list[str | None]) -> str | None:
    if not text:
        return None
    return to_printable(redact(text, secrets))[:MAX_DETAIL_LENGTH]
