"""Responses as the service writes them, errors among them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from werkzeug.wrappers import Response

JsonObject = dict[str, Any]
"""An object of JSON: a request's body, a response's document."""


class ApiErrorResponse(Exception):
    """An error response of the API.

    Attributes
    ----------
    status : int
    code : str
        The name of the error in versions 1 and 2; version 3 sends the status.
    details : str
    headers : dict of str to str
    """

    def __init__(self, status: int, code: str, details: str, **headers: str) -> None:
        super().__init__(details)
        self.status = status
        self.code = code
        self.details = details
        self.headers = headers

    def response(self, path: str) -> Response:
        """Return the response, in the format of the API that the path belongs to."""
        if path.startswith("/reporting/"):
            document = {"code": str(self.status), "detail": self.details}
        elif path.startswith("/adsApi/"):
            document = {"code": self.code, "message": self.details}
        else:
            document = {"code": self.code, "details": self.details}
        response = json_response(document, self.status)
        response.headers.update(self.headers)
        return response


def bad_request(details: str) -> ApiErrorResponse:
    """Return a 400: the request is invalid."""
    return ApiErrorResponse(400, "INVALID_ARGUMENT", details)


def unauthorized(details: str) -> ApiErrorResponse:
    """Return a 401: the token, the client or the profile is not the right one."""
    return ApiErrorResponse(401, "UNAUTHORIZED", details)


def report_not_found(report_id: str) -> ApiErrorResponse:
    """Return a 404: the report does not exist, or belongs to another profile."""
    return ApiErrorResponse(404, "NOT_FOUND", f"Could not find report {report_id}")


def unprocessable(details: str) -> ApiErrorResponse:
    """Return a 422: version 2 does not know a parameter's value."""
    return ApiErrorResponse(422, "UNPROCESSABLE_ENTITY", details)


def json_response(
    document: Any, status: int = 200, content_type: str = "application/json"
) -> Response:
    """Return a response of the API."""
    text = json.dumps(document, ensure_ascii=False)
    return Response(text, status=status, content_type=content_type)


def xml_error(status: int, code: str, message: str) -> Response:
    """Return an error response of storage."""
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    text = f"<?xml version='1.0'?>{error}"
    return Response(text, status=status, content_type="application/xml")


def format_moment(moment: datetime) -> str:
    """Return a moment as versions 1 and 3 write it."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
