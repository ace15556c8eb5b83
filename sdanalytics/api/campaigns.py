"""The campaigns of a profile, as the service lists them."""

from __future__ import annotations

from typing import Any, Final

from sdanalytics.api.answers import expect_document
from sdanalytics.api.retry import MAX_ATTEMPTS
from sdanalytics.api.session import ApiRequest, ApiSession

PAGE_SIZE: Final = 100
"""Campaigns per page of the list."""


def list_campaigns(
    session: ApiSession, max_attempts: int = MAX_ATTEMPTS, max_throttles: int | None = None
) -> list[dict[str, Any]]:
    """List all campaigns, archived ones too: ``GET /sd/campaigns``, page by page.

    Parameters
    ----------
    session : ApiSession
    max_attempts, max_throttles : int, optional
        Those for a page, as of `ApiRequest`.

    Raises
    ------
    ApiError
        Also when a response is not a list of campaigns.
    """
    campaigns: list[dict[str, Any]] = []
    seen: set[str] = set()
    while True:
        path = f"/sd/campaigns?startIndex={len(campaigns)}&count={PAGE_SIZE}"
        path += "&stateFilter=enabled,paused,archived"
        request = ApiRequest(
            "campaigns",
            "GET",
            path,
            max_attempts=max_attempts,
            max_throttles=max_throttles,
            find_fault=expect_document("a list of campaigns", _is_page),
        )
        page = session.send(request).json()
        ids = {str(campaign["campaignId"]) for campaign in page}
        if ids <= seen:  # the last page, or a service that ignores startIndex
            return campaigns
        campaigns += page
        seen |= ids


def _is_page(documents: object) -> bool:
    return isinstance(documents, list) and all(map(_is_campaign, documents))


def _is_campaign(document: object) -> bool:
    return isinstance(document, dict) and "campaignId" in document
