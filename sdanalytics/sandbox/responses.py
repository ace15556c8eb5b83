"""Answers as the service writes them, refusals among them."""

from __future__ import annotations

import json
from typing import Any

from werkzeug.wrappers import Response


class ApiErrorResponse(Exception):
    """An error answer of the API."""

    def __init__(self, status: int, code: str, words: str, **headers: str) -> None:
        super().__init__(words)
        self.status = status
        self.code = code
        self.words = words
        self.headers = headers

    def response(self, path: str) -> Response:
        """It as the reporting API of version 3 words it, or as all the others do."""
        if path.startswith("/reporting/"):
            document = {"code": str(self.status), "detail": self.words}
        else:
            document = {"code": self.code, "details": self.words}
        response = as_json(document, self.status)
        response.headers.update(self.headers)
        return response


def bad_request(words: str) -> ApiErrorResponse:
    """That a request makes no sense."""
    return ApiErrorResponse(400, "INVALID_ARGUMENT", words)


def as_json(document: Any, status: int = 200) -> Response:
    """An answer of the API."""
    text = json.dumps(document, ensure_ascii=False)
    return Response(text, status=status, content_type="application/json")


def as_xml(status: int, code: str, message: str) -> Response:
    """An error answer of storage."""
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Response(text, status=status, content_type="application/xml")
