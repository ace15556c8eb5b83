"""A caller of the sandbox's version 1 operations, without this library."""

from __future__ import annotations

import csv
import io
from typing import Any, Final

import requests

from tests.support.box import Box
from tests.support.caller import token
from tests.support.contract import response_errors

CLIENT_ID: Final = "amzn1.application-oa2-client.sandbox"
CAMPAIGN: Final = ["date.value", "campaign.id"]
FIELDS: Final = [*CAMPAIGN, "budgetCurrency.value", "metric.totalCost"]
ALL_ACCOUNTS: Final = [{}, {"isGlobalAccountFilter": {"include": [False]}}]
Cells = dict[str, str | None]
"""A row of a file: None where a value is missing."""


def on(field: str, *values: str, negated: bool = False) -> dict[str, Any]:
    """Return the comparison of a filter."""
    operator = "IN" if len(values) > 1 else "EQUALS"
    comparison = {"field": field, "comparisonOperator": operator, "not": negated}
    return {"on": comparison | {"values": list(values)}}


def both(*filters: dict[str, Any]) -> dict[str, Any]:
    """Return the conjunction of filters."""
    return {"and": {"filters": list(filters)}}


def display_in(country: str) -> dict[str, Any]:
    """Return the filter of a profile's Sponsored Display campaigns."""
    return both(on("adProduct.value", "SPONSORED_DISPLAY"), on("campaign.country", country))


class V1Caller:
    """A caller with a login; each response is checked against the description."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.headers = {"Authorization": f"Bearer {token(box)}", "Amazon-Ads-ClientId": CLIENT_ID}

    def call(self, path: str, body: Any, **headers: str) -> requests.Response:
        given = self.headers | headers
        answer = requests.post(
            f"{self.box.sandbox.base_url}/adsApi/v1/{path}",
            json=body,
            headers={name: value for name, value in given.items() if value},
            timeout=60,
        )
        assert response_errors(self.box.sandbox.requests[-1].operation, answer) == []
        return answer

    def accounts(self, **query: Any) -> list[dict[str, Any]]:
        """Return the accounts of all pages."""
        listed: list[dict[str, Any]] = []
        token = None
        while True:
            body = query | ({"nextToken": token} if token else {})
            page = self.call("query/advertiserAccounts", body).json()
            listed += page["advertiserAccounts"]
            token = page.get("nextToken")
            if token is None:
                return listed

    def account_id(self, advertiser: int = 0) -> str:
        """Return the account that holds a profile of the sandbox."""
        profile_id = str(self.box.sandbox.profile_ids[advertiser])
        for query in ALL_ACCOUNTS:
            for account in self.accounts(**query):
                if profile_id in {other.get("profileId") for other in account["alternateIds"]}:
                    return str(account["advertiserAccountId"])
        raise LookupError(profile_id)

    def body(self, fields: list[str] = FIELDS, **change: Any) -> Any:
        """Return the body of a create; `change` replaces what it has at any level."""
        days: dict[str, Any] = {"startDate": "2026-11-10", "endDate": "2026-11-12"}
        query: dict[str, Any] = {"fields": fields, "filter": display_in("US")}
        report: dict[str, Any] = {"format": "CSV"}
        for name, value in change.items():
            target = days if name in days else query if name in query else report
            target[name] = value
        query = {name: value for name, value in query.items() if value is not None}
        account = {"advertiserAccountId": self.account_id()}
        report = {"periods": [{"datePeriod": days}], "query": query} | report
        return {"accessRequestedAccounts": [account], "reports": [report]}

    def create(self, body: Any = None, **headers: str) -> requests.Response:
        return self.call("create/reports", self.body() if body is None else body, **headers)

    def start(self, body: Any = None) -> str:
        """Create a report after the ones before, and return its id."""
        settings = self.box.sandbox.settings
        self.box.clock.pass_time(settings.v1_create_gap + settings.delay)
        [success] = self.create(body).json()["success"]
        return str(success["report"]["reportId"])

    def retrieve(self, report_id: str) -> dict[str, Any]:
        [success] = self.call("retrieve/reports", {"reportIds": [report_id]}).json()["success"]
        report: dict[str, Any] = success["report"]
        return report

    def files(self, body: Any = None) -> list[bytes]:
        """Create a report, and return its files."""
        report_id = self.start(body)
        self.box.clock.pass_time(self.box.sandbox.settings.delay)
        parts = self.retrieve(report_id)["completedReportParts"]
        return [requests.get(part["url"], timeout=10).content for part in parts]

    def rows(self, body: Any = None) -> list[Cells]:
        """Create a report, and return its rows."""
        return [row for file in self.files(body) for row in read_file(file)]


def read_file(file: bytes) -> list[Cells]:
    """Return the rows of a file."""
    text = file.decode("utf-8-sig")
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    return [
        {name: None if cell in ("", "null") else cell for name, cell in row.items()} for row in rows
    ]
