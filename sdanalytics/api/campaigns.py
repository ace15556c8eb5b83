"""The campaigns of a profile, as the service lists them."""

from __future__ import annotations

from typing import Any, Final

from sdanalytics.api.answers import expect_document
from sdanalytics.api.session import ApiRequest, ApiSession

PAGE_SIZE: Final = 100
"""Campaigns per page of the list."""
LIST_MAX_ATTEMPTS: Final = 2
"""Attempts for a page: reports are of use without the list, and do not wait for it for long."""


def list_campaigns(session: ApiSession, max_throttles: int | None = None) -> list[dict[str, Any]]:
    """List all campaigns, archived ones too: ``GET /sd/campaigns``, page by page.

    Parameters
    ----------
    session : ApiSession
    max_throttles : int, optional
        429 responses to a page that end it; None: as many as the session's deadline allows.

    Raises
    ------
    ApiError
        Also when a response is not a list of campaigns.
    """
    campaigns: list[dict[str, Any]] = []
    seen: set[str] = set()
    while True:
        page = _get_page(session, len(campaigns), max_throttles)
        ids = {str(campaign["campaignId"]) for campaign in page}
        if ids <= seen:  # the last page, or a service that ignores startIndex
            return campaigns
        campaigns += page
        seen |= ids


def _get_page(session: ApiSession, start: int, max_throttles: int | None) -> list[dict[str, Any]]:
    path = f"/sd/campaigns?startIndex={start}&count={PAGE_SIZE}"
    path += "&stateFilter=enabled,paused,archived"
    find_fault = expect_document("a list of campaigns", _is_page)
    request = ApiRequest(
        "campaigns",
        "GET",
        path,
        max_attempts=LIST_MAX_ATTEMPTS,
        max_throttles=max_throttles,
        find_fault=find_fault,
    )
    page: list[dict[str, Any]] = session.send(request).json()
    return page


def _is_page(documents: object) -> bool:
    return isinstance(documents, list) and all(map(_is_campaign, documents))


def _is_campaign(document: object) -> bool:
    return isinstance(document, dict) and "campaignId" in document
