"""The accounts of the unified Ads API, by which it knows advertisers instead of profiles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sdanalytics.api.answers import expect_document
from sdanalytics.api.documents import is_valid_text, text_or_none
from sdanalytics.api.reporting_v1 import UNIFIED_CLIENT_ID_HEADERS
from sdanalytics.api.session import ApiRequest, ApiSession
from sdanalytics.errors import ApiError
from sdanalytics.model.advertiser_account import AdvertiserAccount

PAGE_SIZE: Final = 100
"""Accounts per page of the list."""
_PATH: Final = "/adsApi/v1/query/advertiserAccounts"
_Document = dict[str, Any]


def find_advertiser_account(session: ApiSession, profile_id: str) -> AdvertiserAccount | None:
    """Find the account of a profile: ``POST /adsApi/v1/query/advertiserAccounts``, page by page.

    Accounts that are global and those that are not are listed apart.

    Returns
    -------
    AdvertiserAccount or None
        None when no account of the login has the profile.

    Raises
    ------
    ApiError
        Also when a response is not a list of accounts, or pages follow each other in a circle.
    """
    for is_global in (True, False):
        for document in _iter_accounts(session, is_global=is_global):
            account = _parse_account(document, profile_id)
            if account is not None:
                return account
    return None


def _iter_accounts(session: ApiSession, *, is_global: bool) -> Iterator[_Document]:
    """Yield the accounts of all pages; a page may be empty and not be the last."""
    body: _Document = {
        "isGlobalAccountFilter": {"include": [is_global]},
        "maxResults": PAGE_SIZE,
    }
    seen: set[str] = set()
    while True:
        request = ApiRequest(
            "advertiser_accounts",
            "POST",
            _PATH,
            body=body,
            client_id_headers=UNIFIED_CLIENT_ID_HEADERS,
            needs_profile_scope=False,
            find_fault=expect_document("a list of accounts", _is_account_page),
        )
        page = session.send(request).json()
        yield from page.get("advertiserAccounts") or ()
        token = page.get("nextToken")
        if not token:
            return
        if token in seen:
            raise ApiError(
                "the service lists its accounts in a circle: a page names one that was read "
                "before. Call again later",
                operation="advertiser_accounts",
            )
        seen.add(token)
        body = body | {"nextToken": token}


def _parse_account(document: _Document, profile_id: str) -> AdvertiserAccount | None:
    """Return an account if it has the profile."""
    own: str | None = None
    others = []
    for entry in document.get("alternateIds") or ():
        entry_id = text_or_none(entry.get("profileId"))
        if entry_id is None:
            continue
        country = text_or_none(entry.get("countryCode")) or ""
        if entry_id == profile_id:
            own = country
        else:
            others.append(country)
    if own is None:
        return None
    return AdvertiserAccount(document["advertiserAccountId"], own, tuple(others))


def _is_account_page(document: object) -> bool:
    if not isinstance(document, dict):
        return False
    accounts = document.get("advertiserAccounts") or []
    token = document.get("nextToken")
    is_valid_token = token is None or is_valid_text(token)
    if not is_valid_token or not isinstance(accounts, list):
        return False
    return all(map(_is_account, accounts))


def _is_account(document: object) -> bool:
    if not isinstance(document, dict):
        return False
    if not is_valid_text(document.get("advertiserAccountId")):
        return False
    entries = document.get("alternateIds") or []
    if not isinstance(entries, list):
        return False
    return all(isinstance(entry, dict) for entry in entries)
