"""A caller of the sandbox's operations, without this library."""

from __future__ import annotations

import gzip
import json
from datetime import date
from typing import Any, Final

import requests

from sdanalytics.model.metrics import requestable_metrics
from tests.support.box import Box
from tests.support.contract import CREATE_TYPE, response_errors

TYPES: Final = {
    "campaigns": ("sdCampaigns", "campaign"),
    "adGroups": ("sdAdGroup", "adGroup"),
    "productAds": ("sdAdvertisedProduct", "advertiser"),
    "targets": ("sdTargeting", "targeting"),
    "asins": ("sdPurchasedProduct", "asin"),
    "invalidTraffic": ("sdGrossAndInvalids", "campaign"),
}
Rows = list[dict[str, Any]]


def token(box: Box) -> str:
    form = {
        "grant_type": "refresh_token",
        "client_id": "amzn1.application-oa2-client.sandbox",
        "client_secret": box.sandbox.environment["SDANALYTICS_CLIENT_SECRET"],
        "refresh_token": box.sandbox.environment["SDANALYTICS_REFRESH_TOKEN"],
    }
    answer = requests.post(box.sandbox.token_url, data=form, timeout=10).json()
    assert answer["token_type"] == "bearer"
    return str(answer["access_token"])


class Caller:
    """A caller with a login; each response is checked against the description."""

    def __init__(self, box: Box, advertiser: int = 0) -> None:
        self.box = box
        self._session = requests.Session()  # which keeps its connections
        self.headers = {
            "Authorization": f"Bearer {token(box)}",
            "Amazon-Advertising-API-ClientId": "amzn1.application-oa2-client.sandbox",
            "Amazon-Advertising-API-Scope": str(box.sandbox.profile_ids[advertiser]),
        }

    def call(self, method: str, path: str, **request: Any) -> requests.Response:
        headers = self.headers | request.pop("headers", {})
        answer = self._session.request(
            method,
            f"{self.box.sandbox.base_url}{path}",
            headers={name: value for name, value in headers.items() if value},
            timeout=60,  # a create renders the rows of all days
            allow_redirects=False,
            **request,
        )
        assert response_errors(self.box.sandbox.requests[-1].operation, answer) == []
        return answer

    def create(self, body: Any = None, **headers: str) -> requests.Response:
        given = {"Content-Type": CREATE_TYPE} | headers
        data = (
            body if isinstance(body, str) else json.dumps(report_body() if body is None else body)
        )
        return self.call("POST", "/reporting/reports", headers=given, data=data)

    def get(self, report_id: str) -> requests.Response:
        return self.call("GET", f"/reporting/reports/{report_id}")

    def delete(self, report_id: str) -> requests.Response:
        return self.call("DELETE", f"/reporting/reports/{report_id}")

    def rows(self, body: Any = None) -> Rows:
        """Create a report, download it, and return its rows."""
        report_id = self.create(body).json()["reportId"]
        self.box.clock.pass_time(self.box.sandbox.settings.delay)
        return unpack(self._session.get(self.get(report_id).json()["url"], timeout=10))

    def v2_rows(self, record_type: str, segment: str | None, day: date, tactic: str) -> Rows:
        """Return the rows of a version 2 report with all metrics."""
        body = {
            "reportDate": day.strftime("%Y%m%d"),
            "tactic": tactic,
            "metrics": ",".join(requestable_metrics(record_type, segment)),
        }
        body |= {"segment": segment} if segment else {}
        report = self.call("POST", f"/sd/{record_type}/report", json=body).json()
        self.box.clock.pass_time(self.box.sandbox.settings.delay)
        answer = self.call("GET", f"/v2/reports/{report['reportId']}/download")
        return unpack(self._session.get(answer.headers["Location"], timeout=10))

    def campaigns(self, **query: Any) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self.call("GET", "/sd/campaigns", params=query).json()
        return listed


def unpack(payload: requests.Response) -> Rows:
    rows: Rows = json.loads(gzip.decompress(payload.content))
    return rows


def report_body(
    record_type: str = "campaigns", segment: str | None = None, **change: Any
) -> dict[str, Any]:
    """Return the body of a create; `change` replaces its fields, at their place."""
    type_id, group = TYPES[record_type]
    body: dict[str, Any] = {"startDate": "2026-11-10", "endDate": "2026-11-12"}
    configuration: dict[str, Any] = {
        "adProduct": "SPONSORED_DISPLAY",
        "reportTypeId": type_id,
        "groupBy": [segment or group],
        "columns": ["date", "campaignId", "campaignName"],
        "timeUnit": "DAILY",
        "format": "GZIP_JSON",
    }
    for name, value in change.items():
        (configuration if name in {*configuration, "filters"} else body)[name] = value
    body.setdefault("configuration", configuration)
    return body
