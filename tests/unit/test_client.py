"""Clients before their first request: settings, hosts, credentials and what they show."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

import sdanalytics as sda
from sdanalytics import Client, Credentials, InvalidRequest, ReportRequest, fetch_report

ENVIRONMENT = {
    "SDANALYTICS_CLIENT_ID": "amzn1.application-oa2-client.me",
    "SDANALYTICS_CLIENT_SECRET": "very-secret",
    "SDANALYTICS_REFRESH_TOKEN": "Atzr|also-secret",
    "SDANALYTICS_PROFILE_ID": "123",
}


def make_client(**settings: Any) -> Client:
    return Client(Credentials("id", access_token="Atza|token"), 1, **settings)


@pytest.mark.parametrize("missing", [name for name in ENVIRONMENT if "PROFILE" not in name])
def test_a_missing_variable_is_named_and_the_sandbox_suggested(missing: str) -> None:
    with pytest.raises(sda.NotConfigured, match=missing) as caught:
        Client.from_env({k: v for k, v in ENVIRONMENT.items() if k != missing})
    assert "sandbox" in str(caught.value)
    assert sum(name in str(caught.value) for name in ENVIRONMENT) == 1
    with pytest.raises(sda.NotConfigured, match="SDANALYTICS_CLIENT_ID"):
        fetch_report("campaigns", "2026-11-01")


def test_a_client_needs_no_profile() -> None:
    client = Client.from_env({**ENVIRONMENT, "SDANALYTICS_PROFILE_ID": ""})
    assert client.profile_id is None
    assert "profile_id=None" in repr(client)
    assert client.source == "NA"
    assert client.for_profile("12").profile_id == 12
    assert client.profile_id is None


def test_an_access_token_replaces_secret_and_refresh_token() -> None:
    environment = {
        "SDANALYTICS_CLIENT_ID": "me",
        "SDANALYTICS_ACCESS_TOKEN": "Atza|x",
        "SDANALYTICS_PROFILE_ID": "7",
    }
    assert Client.from_env(environment).profile_id == 7


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("NA", "https://advertising-api.amazon.com"),
        ("EU", "https://advertising-api-eu.amazon.com"),
        ("FE", "https://advertising-api-fe.amazon.com"),
    ],
)
def test_regions(region: str, host: str) -> None:
    environment = ENVIRONMENT | {"SDANALYTICS_REGION": region}
    client = Client.from_env(environment)
    assert client.base_url == host
    assert client.source == region
    assert client.api == "v3"  # version 2 is switched off there
    assert Client.from_env(environment | {"SDANALYTICS_API": "v2"}).api == "v2"


def test_any_base_url_can_be_set() -> None:
    client = Client.from_env(ENVIRONMENT | {"SDANALYTICS_BASE_URL": "http://localhost:8080/"})
    assert client.base_url == "http://localhost:8080"
    assert client.source == "localhost:8080"
    assert client.api == "v2"
    assert (
        Client.from_env(ENVIRONMENT | {"SDANALYTICS_BASE_URL": "https://x.org"}).source
        == "x.org:443"
    )
    same = "https://advertising-api-eu.amazon.com"
    assert Client.from_env(ENVIRONMENT | {"SDANALYTICS_BASE_URL": same}).source == "EU"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"SDANALYTICS_REGION": "US"}, "NA, EU, FE"),
        ({"SDANALYTICS_PROFILE_ID": "ENTITY1"}, "profile_id must be .* got 'ENTITY1'"),
        ({"SDANALYTICS_BASE_URL": "localhost:8080"}, "base_url must be a URL"),
        ({"SDANALYTICS_TOKEN_URL": "api.amazon.com"}, "token_url must be a URL"),
        ({"SDANALYTICS_API": "v9"}, "v9"),
    ],
)
def test_invalid_settings_are_rejected(change: dict[str, str], message: str) -> None:
    with pytest.raises(sda.InvalidRequest, match=message):
        Client.from_env(ENVIRONMENT | change)


def test_reprs_show_no_secret() -> None:
    shown = repr(Client.from_env(ENVIRONMENT)) + repr(Credentials.from_env(ENVIRONMENT))
    assert "very-secret" not in shown
    assert "Atzr" not in shown
    assert "amzn1.application-oa2-client.me" in shown


@pytest.mark.parametrize("token", ["Atza|caf\u00e9", "Atza|a\nb", "Atza|\u2026"])
def test_a_malformed_token_is_rejected_without_showing_it(token: str) -> None:
    with pytest.raises(sda.NotConfigured, match="access_token") as caught:
        Credentials("id", access_token=token)
    assert "Atza" not in str(caught.value)
    assert Credentials("id", access_token=" Atza|x\n").access_token == "Atza|x"


def test_amazon_hosts_use_version_3() -> None:
    credentials = Credentials("id", access_token="Atza|x")
    assert Client(credentials, 1).api == "v3"
    assert Client(credentials, 1, api="v2").api == "v2"
    assert Client(credentials, 1, base_url="http://localhost:8080").api == "v2"
    assert Client(credentials, 1, base_url="http://localhost:8080", api="v3").api == "v3"
    with pytest.raises(sda.InvalidRequest, match="v2, v3"):
        Client(credentials, 1, api="v4")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "address",
    ["http://localhost:99999", "http://h:x", "http://u:pw@h", "http://[bad", 5, "ftp://x"],
)
def test_invalid_addresses_are_rejected(address: Any) -> None:
    with pytest.raises(sda.InvalidRequest, match="base_url") as caught:
        make_client(base_url=address)
    assert "pw" not in str(caught.value)


def test_storage_hosts_are_validated() -> None:
    assert make_client(storage_hosts="Files.Example.org").storage_hosts == ("files.example.org",)
    environment = ENVIRONMENT | {"SDANALYTICS_STORAGE_HOSTS": "a.org, .b.org,"}
    assert Client.from_env(environment).storage_hosts == ("a.org", ".b.org")
    for invalid in ("https://a.org", "a.org/b", "", "*", [5], 5, "a b"):
        with pytest.raises(InvalidRequest, match="storage_hosts"):
            make_client(storage_hosts=invalid)


def test_the_default_rate_for_amazon_is_one_report_a_second() -> None:
    credentials = Credentials("id", access_token="Atza|x")
    assert Client(credentials, 1).create_rate == 1
    assert Client(credentials, 1, base_url="https://advertising-api-eu.amazon.com").create_rate == 1
    assert Client(credentials, 1, base_url="https://example.org").create_rate is None
    assert Client(credentials, 1, create_rate=3).create_rate == 3


@pytest.mark.parametrize("invalid", [0, -1, True, "2", float("nan"), float("inf")])
def test_an_invalid_rate_is_rejected(invalid: Any) -> None:
    with pytest.raises(InvalidRequest, match="create_rate"):
        Client(Credentials("id", access_token="Atza|x"), 1, create_rate=invalid)


@pytest.mark.parametrize("invalid", [0, -1, True, 1.5, "8GB", None])
def test_an_invalid_size_is_rejected(invalid: Any) -> None:
    with pytest.raises(InvalidRequest, match="largest_report"):
        make_client(largest_report=invalid)


def test_tab_completion_of_a_client_shows_documented_names() -> None:
    assert [name for name in dir(make_client()) if not name.startswith("_")] == [
        "api", "base_url", "clock", "create_rate", "download_report", "for_profile", "from_config",
        "from_env", "get_report_status", "history", "largest_report", "profile_id", "profiles",
        "region", "request_report", "source", "storage_hosts", "today",
    ]  # fmt: skip


def test_a_request_accepts_dates_and_lists() -> None:
    request = ReportRequest(date(2026, 11, 18), ["clicks", "cost"], "T00030", "matchedTarget")  # type: ignore[arg-type]
    assert request.to_json() == {
        "reportDate": "20261118",
        "metrics": "clicks,cost",
        "tactic": "T00030",
        "segment": "matchedTarget",
    }
    assert "segment" not in ReportRequest("20261118", "campaignId,clicks,cost", "T00020").to_json()
