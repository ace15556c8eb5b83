"""What there is: profiles, and the campaigns of one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from werkzeug.wrappers import Request, Response

from sdanalytics.sandbox.access import AccessControl
from sdanalytics.sandbox.responses import as_json, bad_request
from sdanalytics.sandbox.settings import Settings
from sdanalytics.sandbox.simulation.advertisers import (
    ACCOUNT_OPENED,
    ADVERTISERS,
    AdGroup,
    Advertiser,
    CampaignTemplate,
)

_STATES: Final = ("enabled", "paused", "archived")
_LONGEST_PAGE: Final = 100


class ListOperations:
    """The operations that list."""

    def __init__(self, settings: Settings, gate: AccessControl) -> None:
        self._settings = settings
        self._gate = gate

    def profiles(self, request: Request) -> Response:
        """List the advertisers."""
        self._gate.check_login(request)
        return as_json([advertiser.document() for advertiser in ADVERTISERS.values()])

    def campaigns(self, request: Request) -> Response:
        """List a page of a profile's campaigns; archived ones only when asked for."""
        advertiser = self._gate.check_access(request)
        self._gate.check_pace("campaigns", advertiser)
        states = request.args.get("stateFilter", "enabled,paused").split(",")
        if not set(states) <= set(_STATES):
            raise bad_request(f"stateFilter is not of {', '.join(_STATES)}")
        start = _number(request, "startIndex", usual=0, least=0)
        count = min(
            _number(request, "count", usual=_LONGEST_PAGE, least=1), self._settings.page_size
        )
        listed = [each for each in self._documents(advertiser) if each["state"] in states]
        return as_json(listed[start : start + count])

    def _documents(self, advertiser: Advertiser) -> Iterator[dict[str, Any]]:
        today = advertiser.today(self._settings.now())
        for plan in advertiser.started_by(today):
            document = _campaign(advertiser, plan, today)
            if document["campaignId"] not in self._settings.unlisted:
                yield document


def _campaign(advertiser: Advertiser, plan: CampaignTemplate, today: date) -> dict[str, Any]:
    return {
        "campaignId": AdGroup(advertiser, plan, 0).campaign_id,
        "name": plan.name,
        "tactic": plan.tactic,
        "state": plan.state(today),
        "costType": plan.cost_type.lower(),
        "budget": plan.budget,
        "budgetType": "daily",
        "startDate": max(plan.first_day, ACCOUNT_OPENED).strftime("%Y%m%d"),
    }


def _number(request: Request, name: str, usual: int, least: int) -> int:
    text = request.args.get(name, str(usual))
    if not (text.isascii() and text.isdigit()) or int(text) < least:
        raise bad_request(f"{name} is no number from {least} on")
    return int(text)
