"""The operations that list: profiles, and the campaigns of one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from werkzeug.wrappers import Request, Response

from sdanalytics.sandbox.access import AccessControl
from sdanalytics.sandbox.responses import JsonObject, bad_request, json_response
from sdanalytics.sandbox.settings import Settings
from sdanalytics.sandbox.simulation.advertisers import AdGroup, Advertiser, select_advertisers
from sdanalytics.sandbox.simulation.campaigns import ACCOUNT_OPENED, CampaignTemplate

_API_PROGRAMS: Final = (
    "billing", "campaign", "paymentMethod", "store", "report", "account", "posts",
)  # fmt: skip
_ACCESS_LEVELS: Final = ("edit", "view")
_CAMPAIGN_STATES: Final = ("enabled", "paused", "archived")
_MAX_PAGE_SIZE: Final = 100
"""Campaigns."""


class ListOperations:
    """The operations that list."""

    def __init__(self, settings: Settings, access: AccessControl) -> None:
        self._settings = settings
        self._access = access

    def list_profiles(self, request: Request) -> Response:
        """List the advertisers; those that the login may only view on request."""
        self._access.check_login(request)
        _parse_choice(request, "apiProgram", _API_PROGRAMS, "campaign")
        access_level = _parse_choice(request, "accessLevel", _ACCESS_LEVELS, "edit")
        profiles = []
        advertisers = select_advertisers(self._settings)
        for advertiser in advertisers.values():
            is_view_only = advertiser.profile_id in self._settings.view_only
            if access_level == "view" or not is_view_only:
                profiles.append(advertiser.to_document())
        return json_response(profiles)

    def list_campaigns(self, request: Request) -> Response:
        """List a page of a profile's campaigns; archived ones only on request."""
        advertiser = self._access.check_access(request)
        self._access.check_rate("campaigns", advertiser)
        states = _parse_states(request)
        start = _parse_number(request, "startIndex", default=0, minimum=0)
        count = _parse_number(request, "count", default=_MAX_PAGE_SIZE, minimum=1)
        end = start + min(count, self._settings.page_size)
        documents = list(self._campaign_documents(advertiser, states))
        return json_response(documents[start:end])

    def _campaign_documents(
        self, advertiser: Advertiser, states: list[str]
    ) -> Iterator[JsonObject]:
        today = advertiser.today(self._settings.now())
        for campaign in advertiser.started_by(today):
            document = describe_campaign(advertiser, campaign, today)
            is_listed = document["campaignId"] not in self._settings.unlisted
            if is_listed and document["state"] in states:
                yield document


def describe_campaign(
    advertiser: Advertiser, campaign: CampaignTemplate, today: date
) -> JsonObject:
    """Return the document of a campaign."""
    first_ad_group = AdGroup(advertiser, campaign, 0)
    portfolio = {}
    if first_ad_group.portfolio_id is not None:
        portfolio["portfolioId"] = first_ad_group.portfolio_id
    start_date = max(campaign.first_day, ACCOUNT_OPENED)
    return {
        "campaignId": first_ad_group.campaign_id,
        "name": campaign.name,
        "tactic": campaign.tactic,
        "state": campaign.state(today),
        "costType": campaign.cost_type.lower(),
        "budget": campaign.budget,
        "budgetType": "daily",
        "startDate": start_date.strftime("%Y%m%d"),
        **portfolio,
    }


def _parse_states(request: Request) -> list[str]:
    text = request.args.get("stateFilter", "enabled,paused")
    states = text.split(",")
    for state in states:
        if state not in _CAMPAIGN_STATES:
            raise bad_request(f"stateFilter must be among {', '.join(_CAMPAIGN_STATES)}")
    return states


def _parse_choice(request: Request, name: str, choices: tuple[str, ...], default: str) -> str:
    text = request.args.get(name, default)
    if text not in choices:
        raise bad_request(f"{name} must be among {', '.join(choices)}")
    return text


def _parse_number(request: Request, name: str, default: int, minimum: int) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    number = -1
    if text.isascii() and text.isdigit():
        number = int(text)
    if number < minimum:
        raise bad_request(f"{name} must be a number of at least {minimum}")
    return number
