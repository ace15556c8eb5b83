"""The consent page of Login with Amazon, and the codes that it hands out."""

from __future__ import annotations

import html
import secrets
import threading
from typing import Final
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Request, Response

from sdanalytics.api.consent import SCOPE, validate_redirect_uri
from sdanalytics.errors import InvalidRequest
from sdanalytics.sandbox.settings import Settings

CODE_LIFETIME: Final = 300.0
"""Seconds for which a code is valid."""
_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<body style="font-family: sans-serif; max-width: 36em; margin: 4em auto">
<h1>{title}</h1>{content}</body></html>
"""
_QUESTION: Final = """
<p>An application asks for access to the made-up advertisers of this machine: to their campaigns
and reports.</p>
<form method="post">{fields}
<button name="answer" value="allow">Allow</button>
<button name="answer" value="cancel">Cancel</button>
</form>
"""
_PARAMETERS: Final = ("client_id", "scope", "response_type", "redirect_uri", "state")


class Consents:
    """The consents of the sandbox's user.

    Parameters
    ----------
    settings : Settings
    client_id : str
        Of the only application.
    """

    def __init__(self, settings: Settings, client_id: str) -> None:
        self._settings = settings
        self._client_id = client_id
        self._codes: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def show_page(self, request: Request) -> Response:
        """Show the page that asks for consent: ``GET /ap/oa``."""
        fault = self._find_fault(request.args)
        if fault is not None:
            return _page("The request is wrong", f"<p>{html.escape(fault)}</p>", 400)
        fields = ""
        for name in _PARAMETERS:
            value = html.escape(request.args.get(name, ""))
            fields += f'<input type="hidden" name="{name}" value="{value}">'
        return _page("Allow access?", _QUESTION.format(fields=fields))

    def redirect(self, request: Request) -> Response:
        """Redirect the browser to the application, with a code or a refusal: ``POST /ap/oa``."""
        form = request.form
        fault = self._find_fault(form)
        if fault is not None:
            return _page("The request is wrong", f"<p>{html.escape(fault)}</p>", 400)
        redirect_uri = form["redirect_uri"]
        if form.get("answer") == "allow":
            query = {"code": self._issue_code(redirect_uri), "scope": SCOPE}
        else:
            query = {"error": "access_denied", "error_description": "Access not permitted."}
        if form.get("state"):
            query["state"] = form["state"]
        separator = "&" if "?" in redirect_uri else "?"
        address = f"{redirect_uri}{separator}{urlencode(query)}"
        return Response(status=302, headers={"Location": address})

    def redeem(self, code: str, redirect_uri: str) -> bool:
        """Return whether a code is valid, and was asked for with the address; it works once."""
        with self._lock:
            issued_for, expiry = self._codes.pop(code, ("", 0.0))
        return issued_for == redirect_uri and expiry > self._settings.monotonic()

    def _find_fault(self, values: MultiDict[str, str]) -> str | None:
        """Return what is wrong with a request for consent."""
        expected = {"client_id": self._client_id, "scope": SCOPE, "response_type": "code"}
        for name, value in expected.items():
            if values.get(name) != value:
                return f"{name} must be {value}"
        try:
            validate_redirect_uri(values.get("redirect_uri", ""))
        except InvalidRequest as error:
            return str(error)
        return None

    def _issue_code(self, redirect_uri: str) -> str:
        code = f"AN{secrets.token_hex(9)}"
        with self._lock:
            self._codes[code] = redirect_uri, self._settings.monotonic() + CODE_LIFETIME
        return code


def _page(title: str, content: str, status: int = 200) -> Response:
    text = _PAGE.format(title=title, content=content)
    return Response(text, status, content_type="text/html; charset=utf-8")
