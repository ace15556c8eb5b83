"""The answers of the unified Ads API (version 1): one response for several items, and its codes.

A request that parses is answered 207, with the items that succeeded and the errors of the others.
Requests here have one item: the error of it is turned into the response that it would be alone, so
that limits, retries and errors are those of every other operation.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from sdanalytics.api.transport import Response

MULTI_STATUS: Final = 207
_NUMBER: Final = re.compile(r"(?P<status>[45][0-9]{2})[0-9]{3}")
"""Codes begin with the HTTP status that they are told with."""
_STATUS_BY_WORD: Final = {
    "BAD_REQUEST": 400,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "CONTENT_TOO_LARGE": 413,
    "TOO_MANY_REQUESTS": 429,
    "INTERNAL_ERROR": 500,
    "INTERNAL_SERVER_ERROR": 500,
    "BAD_GATEWAY": 502,
    "SERVICE_UNAVAILABLE": 503,
    "GATEWAY_TIMEOUT": 504,
}
_UNKNOWN_STATUS: Final = 400


def unwrap_item(response: Response) -> Response:
    """Return the error of the one item of a response as a response; any other one as it is."""
    if response.status != MULTI_STATUS:
        return response
    errors = _list_errors(response.json())
    if not errors:
        return response
    code = str(errors[0].get("code"))
    message = "; ".join(map(_describe_error, errors))
    body = json.dumps({"code": code, "message": message})
    status = _status_by_code(code)
    return dataclasses.replace(response, status=status, body=body.encode())


def read_item(document: object, name: str) -> dict[str, Any] | None:
    """Return the object that the one successful item of a document has; None if it has none."""
    items = _list_items(document, "success")
    if len(items) != 1 or not isinstance(items[0], dict):
        return None
    item = items[0].get(name)
    if isinstance(item, dict):
        return item
    return None


def _list_items(document: object, outcome: str) -> list[Any]:
    if not isinstance(document, dict):
        return []
    items = document.get(outcome)
    if not isinstance(items, list):
        return []
    return items


def _list_errors(document: object) -> list[Mapping[str, Any]]:
    """Return the errors of a document: those of its first item that failed."""
    failed = _list_items(document, "error")
    if not failed or not isinstance(failed[0], dict):
        return []
    errors = failed[0].get("errors") or failed[:1]
    if not isinstance(errors, list):
        return []
    return [error for error in errors if isinstance(error, dict)]


def _describe_error(error: Mapping[str, Any]) -> str:
    message = str(error.get("message"))
    location = error.get("fieldLocation")
    if location:
        return f"{message} (at {location})"
    return message


def _status_by_code(code: str) -> int:
    number = _NUMBER.fullmatch(code)
    if number is not None:
        return int(number["status"])
    return _STATUS_BY_WORD.get(code.upper(), _UNKNOWN_STATUS)
