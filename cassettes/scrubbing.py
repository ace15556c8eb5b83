"""Removing accounts, addresses and secrets from what is recorded."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from vcr.request import Request

from sdanalytics._core.redact import redact

CLIENT_ID: Final = "client-id"
CLIENT_SECRET: Final = "client-secret"  # noqa: S105
REFRESH_TOKEN: Final = "refresh-token"  # noqa: S105
PROFILE_ID: Final = "1234567890"
# No host in .invalid can ever exist: a replay that goes astray reaches nobody.
BASE_URL: Final = "https://api.invalid"
TOKEN_URL: Final = "https://login.invalid/auth/o2/token"  # noqa: S105
STORAGE_URL: Final = "https://storage.invalid/report.json.gz"
REPORT_ID: Final = "amzn1.sdAPI.v1.p1.00000001.recorded"
UUID_REPORT_ID: Final = "00000000-0000-4000-8000-000000000000"
"""Of versions 1 and 3."""
ACCOUNT_ID: Final = "amzn1.ads-account.g.recorded"
OTHER_PROFILE_ID: Final = "1000000000"
"""Of the other profiles of the account."""

ACCESS_HEADERS: Final = {
    "authorization": "Bearer access-token",
    "amazon-ads-clientid": CLIENT_ID,
    "amazon-advertising-api-clientid": CLIENT_ID,
    "amazon-advertising-api-scope": PROFILE_ID,
}
"""The headers that only the service may get."""

# Only these headers are recorded, with these values; None: with their own.
_REQUEST_HEADERS: Final = ACCESS_HEADERS | {"content-type": None}
_RESPONSE_HEADERS: Final = {
    "content-type": None,
    "retry-after": None,
    "location": STORAGE_URL,
    "x-amz-rid": "request-id",
    "x-amzn-requestid": "request-id",
}
# Fields of the login form, and of responses.
_FIELDS: Final = {
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
    "access_token": "access-token",
    "refresh_token": REFRESH_TOKEN,
    "requestId": "request-id",
}
# In version 2 the address of the download operation, in version 3 that of storage.
_ADDRESSES: Final = ("location", "url")
# Fields of a campaign in the list; its name and budget are private.
_CAMPAIGN_FIELDS: Final = ("campaignId", "tactic")
# Fields of an account in version 1's list.
_ACCOUNT_FIELDS: Final = ("advertiserAccountId", "isGlobalAccount", "timeZoneIana", "currencyCode")
# Lists of objects in documents of version 1.
_LISTS_V1: Final = ("advertiserAccounts", "success", "completedReportParts")
# Operations whose query is recorded.
_LISTS: Final = ("/sd/campaigns", "/v2/profiles")
_API_PATH: Final = re.compile(
    r"/(sd/\w+/report|sd/campaigns|v2/profiles|v2/reports/[^/]+(/download)?"
    r"|reporting/reports(/[^/]+)?|adsApi/v1/\w+/\w+)$"
)
_ANY_ACCOUNT_ID: Final = re.compile(r"amzn1\.ads-account\.\w+\.[\w-]+")
_ANY_REPORT_ID: Final = re.compile(r"amzn1\.\w+API\.[\w.-]+")
_ANY_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Scrubber:
    """Makes the recorded form of requests and responses, without changing them.

    Parameters
    ----------
    profile_id : str
        The profile of the recorded report.
    """

    def __init__(self, profile_id: str) -> None:
        self._profile_id = profile_id

    def request(self, request: Any) -> Any:
        """Return the request without credentials, to an address that does not exist."""
        url = self._scrub_url(request.uri)
        body = request.body
        if url == TOKEN_URL:
            form = parse_qsl(body.decode())
            body = urlencode([(name, _FIELDS.get(name, value)) for name, value in form])
        elif body:
            body = self._scrub_text(body.decode()).encode()
        headers = {
            name: _REQUEST_HEADERS[name.lower()] or value
            for name, value in request.headers.items()
            if name.lower() in _REQUEST_HEADERS
        }
        return Request(request.method, url, body, headers)

    def response(self, response: Mapping[str, Any]) -> dict[str, Any]:
        """Return the response without tokens, cookies and presigned addresses."""
        headers = {
            name: [_RESPONSE_HEADERS[name.lower()] or value for value in values]
            for name, values in response["headers"].items()
            if name.lower() in _RESPONSE_HEADERS
        }
        body = {"string": self._scrub_body(response["body"]["string"])}
        return {"status": dict(response["status"]), "headers": headers, "body": body}

    def _scrub_url(self, url: str) -> str:
        parts = urlsplit(url)
        if parts.path.endswith("/auth/o2/token"):
            return TOKEN_URL
        operation = _API_PATH.search(parts.path)
        if operation is None:
            return STORAGE_URL
        query = f"?{parts.query}" if parts.query and operation[0] in _LISTS else ""
        return BASE_URL + self._scrub_text(operation[0]) + query

    def _scrub_body(self, body: bytes) -> bytes:
        """Return a payload unchanged, and a text without what is private."""
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return body
        with contextlib.suppress(json.JSONDecodeError):
            text = json.dumps(self._scrub_document(json.loads(text)), ensure_ascii=False)
        return self._scrub_text(text).encode()

    def _scrub_text(self, text: str) -> str:
        text = _ANY_ACCOUNT_ID.sub(ACCOUNT_ID, text)
        text = _ANY_UUID.sub(UUID_REPORT_ID, _ANY_REPORT_ID.sub(REPORT_ID, text))
        return redact(text.replace(self._profile_id, PROFILE_ID))

    def _scrub_document(self, document: Any) -> Any:
        if isinstance(document, list):
            return [self._scrub_item(item) for item in document if self._is_own(item)]
        if not isinstance(document, dict):
            return document
        scrubbed: dict[str, Any] = {
            name: _FIELDS.get(name, value) for name, value in document.items()
        }
        addresses = {
            name: self._scrub_url(scrubbed[name]) for name in _ADDRESSES if scrubbed.get(name)
        }
        lists = {
            name: self._scrub_list(name, scrubbed[name]) for name in _LISTS_V1 if scrubbed.get(name)
        }
        return scrubbed | addresses | lists

    def _scrub_list(self, name: str, items: list[Any]) -> list[Any]:
        """Return the public part of a list of version 1."""
        if name == "advertiserAccounts":
            return [self._scrub_account(item) for item in items if self._is_own_account(item)]
        if name == "success":
            return [item | {"report": self._scrub_document(item["report"])} for item in items]
        return [self._scrub_document(item) for item in items]

    def _is_own_account(self, account: Mapping[str, Any]) -> bool:
        ids = account["alternateIds"]
        return self._profile_id in {other.get("profileId") for other in ids}

    def _scrub_account(self, account: Mapping[str, Any]) -> dict[str, Any]:
        """Return an account with the countries of its profiles, without their ids."""
        places = []
        for other in account["alternateIds"]:
            place = {name: other[name] for name in ("countryCode", "region") if name in other}
            if "profileId" in other:
                is_own = other["profileId"] == self._profile_id
                place["profileId"] = PROFILE_ID if is_own else OTHER_PROFILE_ID
            places.append(place)
        public = {name: account[name] for name in _ACCOUNT_FIELDS if name in account}
        return public | {"displayName": "Recorded account", "alternateIds": places}

    def _is_own(self, item: Mapping[str, Any]) -> bool:
        """Whether an item is public: not another profile of the login."""
        return str(item.get("profileId", self._profile_id)) == self._profile_id

    @staticmethod
    def _scrub_item(item: Mapping[str, Any]) -> dict[str, Any]:
        """Return the public part of a profile or a campaign."""
        if "profileId" not in item:
            return {name: item[name] for name in _CAMPAIGN_FIELDS if name in item}
        account = {"id": "account-id", "name": "Recorded account"}
        return {**item, "accountInfo": item["accountInfo"] | account}
