"""The descriptions of the service are valid and complete, and violations are found."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import requests

from sdanalytics.model.metrics import CATALOGUE, TACTICS
from sdanalytics.model.record_types import list_record_types
from sdanalytics.sandbox import ScriptedResponse
from sdanalytics.sandbox.router import CLIENT_ID
from sdanalytics.sandbox.scripting import RecordedRequest
from sdanalytics.sandbox.v1_fields import V1_FIELDS
from tests.support.box import Box
from tests.support.caller import Caller
from tests.support.contract import FILES, contract_errors, operations, response_errors
from tests.support.v1_caller import FIELDS, V1Caller, display_in

CONSENT = ("consent", "answer_consent")
"""The operations that a browser uses, without a token."""
V1 = ("query_accounts", "create_v1_report", "retrieve_v1_report", "delete_v1_report")
"""The operations of version 1, which know accounts instead of profiles."""
PURCHASE = ("convertedProduct.id", "convertedProductMarketplace.value")
SALES = ("date.value", "campaign.id", "budgetCurrency.value", "metric.sales")


def test_the_descriptions_are_valid() -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator
    from openapi_spec_validator.readers import read_from_filename

    for file in FILES:
        specification, base_uri = read_from_filename(str(file))
        assert list(OpenAPIV31SpecValidator(specification, base_uri).iter_errors()) == []


@pytest.mark.off_contract
def test_described_operations_are_served(box: Box) -> None:
    for name, operation in operations().items():
        path = operation.path.format(recordType="campaigns", reportId="x")
        answer = requests.request(operation.method, box.sandbox.base_url + path, timeout=10)
        status = 400 if name in CONSENT else 401
        assert (box.sandbox.requests[-1].operation, answer.status_code) == (name, status)
        assert response_errors(name, answer) == []


def test_described_names_are_those_of_the_catalogue() -> None:
    v2, v3 = (operations()[name].description.spec for name in ("request_report", "create_report"))
    columns = (v3 / "components" / "schemas" / "Column" / "enum").read_value()
    v3_names = {metric.v3_name for metric in CATALOGUE.values() if metric.v3_reports}
    assert len(columns) == len(set(columns))
    assert set(columns) == v3_names | {"date", "startDate", "endDate"}
    path = v2 / "paths" / "/sd/{recordType}/report"
    [described] = [
        parameter for parameter in path / "parameters" if (parameter / "in").read_str() == "path"
    ]
    assert tuple((described / "schema" / "enum").read_value()) == list_record_types("v2")
    body = path / "post" / "requestBody" / "content" / "application/json" / "schema"
    assert tuple((body / "properties" / "tactic" / "enum").read_value()) == TACTICS


def test_described_fields_are_those_of_the_sandbox_with_their_rules() -> None:
    schemas = operations()["create_v1_report"].description.spec / "components" / "schemas"
    fields = V1_FIELDS.values()
    described = {
        "Field": [field.name for field in fields],
        "Money": [field.name for field in fields if "budgetCurrency.value" in field.requires],
        "NotOfProducts": [field.name for field in fields if "convertedProduct" in field.not_with],
    }
    for name, expected in described.items():
        assert (schemas / name / "enum").read_value() == expected


def test_responses_of_version_2_match_the_description(box: Box) -> None:
    caller = Caller(box)
    assert caller.call("GET", "/v2/profiles").status_code == 200
    body = {"reportDate": "20261118", "tactic": "T00020", "metrics": "clicks"}
    path = (
        f"/v2/reports/{caller.call('POST', '/sd/campaigns/report', json=body).json()['reportId']}"
    )
    early = caller.call("GET", path), caller.call("GET", f"{path}/download")
    assert [answer.status_code for answer in early] == [200, 400]
    box.clock.pass_time(6)
    late = caller.call("GET", path), caller.call("GET", f"{path}/download")
    assert [answer.status_code for answer in late] == [200, 307]
    assert late[0].json()["status"] == "SUCCESS"


@pytest.mark.off_contract
@pytest.mark.parametrize("change", [{}, {"client_secret": "x"}, {"refresh_token": "x"}])
def test_responses_to_a_login_match_the_description(box: Box, change: dict[str, str]) -> None:
    form = {
        "grant_type": "refresh_token",
        "client_id": box.sandbox.environment["SDANALYTICS_CLIENT_ID"],
        "client_secret": box.sandbox.environment["SDANALYTICS_CLIENT_SECRET"],
        "refresh_token": box.sandbox.environment["SDANALYTICS_REFRESH_TOKEN"],
    }
    answer = requests.post(box.sandbox.token_url, data=form | change, timeout=10)
    assert answer.ok == (not change)
    assert response_errors("token", answer) == []


@pytest.mark.parametrize(
    "invalid",
    [
        ScriptedResponse(200, "{}", {"Content-Type": "application/json"}),
        ScriptedResponse(200, '[{"campaignId": "7"}]', {"Content-Type": "application/json"}),
        ScriptedResponse(200, "[]", {"Content-Type": "text/html"}),
        ScriptedResponse(204),
        ScriptedResponse(404, "[]", {"Content-Type": "application/json"}),
    ],
)
def test_responses_that_violate_the_description_are_found(
    box: Box, invalid: ScriptedResponse
) -> None:
    box.sandbox.script_responses("campaigns", invalid)
    caller = Caller(box)
    url = f"{box.sandbox.base_url}/sd/campaigns"
    answer = requests.get(url, headers=caller.headers, timeout=10)
    assert response_errors("campaigns", answer)


# -- requests ------------------------------------------------------------------------------


def sent(box: Box) -> dict[str, RecordedRequest]:
    """Make a valid request of each operation."""
    caller = Caller(box)
    caller.rows()
    caller.v2_rows("campaigns", "matchedTarget", box.sandbox.today, TACTICS[0])
    caller.call("GET", f"/v2/reports/{list(box.sandbox.reports)[1]}")
    caller.delete(caller.create().json()["reportId"])
    caller.campaigns(startIndex=0, count=100, stateFilter="enabled,paused,archived")
    caller.call("GET", "/v2/profiles")
    consent = {
        "client_id": CLIENT_ID, "scope": "advertising::campaign_management",
        "response_type": "code", "redirect_uri": "https://example.org", "state": "x",
    }  # fmt: skip
    v1_caller = V1Caller(box)
    report_id = v1_caller.start()
    v1_caller.retrieve(report_id)
    v1_caller.call("delete/reports", {"reportIds": [report_id]})
    page = requests.get(box.sandbox.consent_url, params=consent, timeout=10)
    form = consent | {"answer": "allow"}
    answer = requests.post(box.sandbox.consent_url, data=form, timeout=10, allow_redirects=False)
    assert [page.status_code, answer.status_code] == [200, 302]
    for name, response in zip(CONSENT, (page, answer), strict=True):
        assert response_errors(name, response) == []
    return {exchange.operation: exchange for exchange in box.sandbox.requests}


def changed(body: bytes, **change: Any) -> bytes:
    """Return a body with changed fields, in its configuration if it has one; None removes one."""
    document = json.loads(body)
    inner = document.get("configuration", document)
    for name, value in change.items():
        part = inner if name in inner else document
        part[name] = value
        if value is None:
            del part[name]
    return json.dumps(document).encode()


def test_valid_requests_are_accepted(box: Box) -> None:
    exchanges = sent(box)
    assert exchanges.keys() == operations().keys() | {"storage"}
    assert contract_errors(exchanges.values()) == []


@pytest.mark.parametrize("name", ["Authorization", "Clientid", "Scope"])
def test_a_missing_header_is_found(box: Box, name: str) -> None:
    exchanges = sent(box)
    found = {
        operation
        for operation, exchange in exchanges.items()
        if contract_errors([replace(exchange, headers=without(exchange.headers, name))])
    }
    without_it = {"token", "storage", *CONSENT}
    if name == "Scope":
        without_it |= {"profiles", *V1}
    assert found == exchanges.keys() - without_it


def without(headers: dict[str, str], name: str) -> dict[str, str]:
    return {header: value for header, value in headers.items() if not header.endswith(name)}


Change = Callable[[RecordedRequest], RecordedRequest]


def body(**change: Any) -> Change:
    return lambda exchange: replace(exchange, body=changed(exchange.body, **change))


def v1_report(**change: Any) -> Change:
    def apply(exchange: RecordedRequest) -> RecordedRequest:
        document = json.loads(exchange.body)
        document["reports"][0] |= change
        return replace(exchange, body=json.dumps(document).encode())

    return apply


def v1_query(**change: Any) -> Change:
    def apply(exchange: RecordedRequest) -> RecordedRequest:
        changed_query = json.loads(exchange.body)["reports"][0]["query"] | change
        return v1_report(query=changed_query)(exchange)

    return apply


def query(text: str) -> Change:
    return lambda exchange: replace(exchange, query=text)


def header(name: str, value: str) -> Change:
    return lambda exchange: replace(exchange, headers=exchange.headers | {name: value})


@pytest.mark.parametrize(
    ("operation", "change", "pattern"),
    [
        ("profiles", header("Authorization", "Token Atza|x"), "Security not found"),
        ("profiles", query("accessLevel=read"), "read"),
        ("profiles", query("apiProgram=reports"), "reports"),
        ("campaigns", header("Amazon-Advertising-Api-Clientid", "me"), "ClientId"),
        ("request_report", header("Amazon-Advertising-Api-Scope", "profile 1"), "Scope"),
        ("request_report", header("Content-Type", "text/plain"), "text/plain"),
        ("request_report", body(reportDate="2026-11-18"), "reportDate|2026-11-18"),
        ("request_report", body(tactic="T00010"), "T00010"),
        ("request_report", body(metrics="clicks, cost"), "clicks, cost"),
        ("request_report", body(metrics=None), "metrics"),
        ("request_report", body(segment="page"), "page"),
        ("request_report", body(stateFilter="enabled"), "stateFilter"),
        ("request_report", query("metrics=clicks"), "no parameter 'metrics'"),
        ("get_report_status", query("a=b"), "no parameter 'a'"),
        ("create_report", header("Content-Type", "application/json"), "application/json"),
        ("create_report", header("Amazon-Advertising-Api-Scope", ""), "Scope"),
        ("create_report", body(startDate="20261118"), "20261118"),
        ("create_report", body(endDate=None), "endDate"),
        ("create_report", body(reportDate="20261118"), "reportDate"),
        ("create_report", body(columns=["date", "attributedSales14d"]), "attributedSales14d"),
        ("create_report", body(columns=["date", "cost", "cost"]), "non-unique"),
        ("create_report", body(columns=["date", "endDate"]), "endDate"),
        ("create_report", body(groupBy=["advertiser"]), "advertiser"),
        ("create_report", body(timeUnit="HOURLY"), "HOURLY"),
        ("create_report", query("dryRun=1"), "no parameter 'dryRun'"),
        ("campaigns", query("startIndex=0&count=500"), "500"),
        ("campaigns", query("startIndex=first"), "startIndex"),
        ("campaigns", query("stateFilter=enabled,running"), "running"),
        ("campaigns", query("stateFilters=enabled"), "no parameter 'stateFilters'"),
        ("query_accounts", body(maxResults=5), "5"),
        ("query_accounts", body(pageSize=50), "pageSize"),
        ("create_v1_report", header("Amazon-Ads-Clientid", "me"), "ClientId"),
        ("create_v1_report", header("Content-Type", "text/plain"), "text/plain"),
        ("create_v1_report", body(name="mine"), "name"),
        ("create_v1_report", v1_report(format="JSON"), "JSON"),
        ("create_v1_report", v1_query(fields=[*FIELDS, "cost"]), "cost"),
        ("create_v1_report", v1_query(fields=[*FIELDS, "metric.cost"]), "metric.cost"),
        ("create_v1_report", v1_query(fields=[*FIELDS, "dateRange.value"]), "Too many"),
        ("create_v1_report", v1_query(fields=["date.value", "campaign.id"]), "does not contain"),
        ("create_v1_report", v1_query(fields=[*FIELDS[:2], "metric.sales"]), "does not contain"),
        ("create_v1_report", v1_query(fields=[*FIELDS, "adGroup.name"]), "does not contain"),
        ("create_v1_report", v1_query(fields=[*FIELDS, *PURCHASE]), "should not be valid"),
        ("create_v1_report", v1_query(fields=[*SALES, PURCHASE[0]]), "does not contain"),
        ("create_v1_report", v1_query(filter=display_in("US")["and"]), "filter"),
        ("retrieve_v1_report", body(reportIds=["a", "b"]), "reportIds|too long"),
        ("delete_v1_report", body(reportIds=[]), "non-empty|short"),
        ("storage", header("Authorization", "Bearer Atza|x"), "storage is shown Authorization"),
    ],
)
def test_requests_that_violate_the_description_are_found(
    box: Box, operation: str, change: Change, pattern: str
) -> None:
    [found] = contract_errors([change(sent(box)[operation])])
    assert re.search(pattern, found)


@pytest.mark.off_contract
def test_requests_to_unknown_operations_are_found(box: Box) -> None:
    requests.get(f"{box.sandbox.base_url}/v3/reports", timeout=10)
    assert contract_errors(box.sandbox.requests) == ["GET /v3/reports: there is no such operation"]
