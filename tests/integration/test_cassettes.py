"""Recorded traffic, replayed to the library without a server."""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import pandas as pd
import pytest
import vcr
from vcr.errors import CannotOverwriteExistingCassetteException

import sdanalytics as sda
from cassettes import record
from cassettes.scrubbing import (
    ACCESS_HEADERS,
    BASE_URL,
    CLIENT_ID,
    CLIENT_SECRET,
    PROFILE_ID,
    REFRESH_TOKEN,
    REPORT_ID,
    STORAGE_URL,
    TOKEN_URL,
    UUID_REPORT_ID,
)
from sdanalytics.sandbox import Sandbox, ScriptedResponse, router
from tests.support.box import Box
from tests.support.clock import JumpingClock
from tests.support.v1_caller import read_file

CREATES: Final = {"v1": "/create/reports", "v2": "/report", "v3": "/reporting/reports"}
CREATE_OPERATIONS: Final = [
    ("v2", "request_report"),
    ("v3", "create_report"),
    pytest.param("v1", "create_v1_report", marks=pytest.mark.slow),
]
"""The sandbox's names of creates."""
STATUSES: Final = {"v1": "/retrieve/reports", "v2": REPORT_ID, "v3": UUID_REPORT_ID}
RECORD_TYPES: Final = {"sdCampaigns": "campaigns", "sdAdvertisedProduct": "productAds"}
V2_NAMES: Final = {
    "campaignBudgetCurrencyCode": "currency",
    "viewClickThroughRate": "vctr",
    "promotedSku": "sku",
}

V1_NAMES: Final = {
    "date.value": "date",
    "campaign.id": "campaignId",
    "campaign.name": "campaignName",
    "budgetCurrency.value": "currency",
    "metric.impressions": "impressions",
    "metric.clicks": "clicks",
    "metric.totalCost": "cost",
    "metric.viewableImpressions": "viewImpressions",
}
NUMBERS: Final[dict[str, Any]] = {
    "campaignId": int, "impressions": int, "clicks": int, "viewImpressions": int, "cost": float,
}  # fmt: skip

# Ports are not compared: the addresses in the cassettes have none.
MATCH_ON: Final = ("method", "scheme", "host", "path", "query", "body", "access")

DTYPES: Final = {
    "date": "datetime64[s]",
    "tactic": "category",
    "campaignId": "Int64",
    "campaignName": "str",
    "currency": "category",
    "impressions": "Int64",
    "clicks": "Int64",
    "cost": "float64",
    "vctr": "float64",
}

SECRETS: Final = (
    "Atza|",
    "Atzr|",
    "amzn1.oa2-cs",
    "X-Amz-Signature",
    "Set-Cookie",
    router.CLIENT_ID,
    router.CLIENT_SECRET,
    router.REFRESH_TOKEN,
)


@pytest.fixture(autouse=True)
def attempted_connections(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[object]]:
    """Prevent connections except to this machine, and collect the attempts."""
    records = {"box", "server"} & set(request.fixturenames)
    attempted_connections: list[object] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def check(host: object) -> None:
        if not (records and host == "127.0.0.1"):
            attempted_connections.append(host)
            raise AssertionError(f"a test reached for {host!r}")

    def checked_connect(self: socket.socket, address: Any) -> None:
        check(address[0])
        connect(self, address)

    def checked_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        check(host)
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", checked_connect)
    monkeypatch.setattr(socket, "getaddrinfo", checked_look_up)
    yield attempted_connections
    assert attempted_connections == []


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Run a sandbox in place of a real account: in the environment, on the real clock."""
    with sda.sandbox.start(delay=0.0) as sandbox:
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        yield sandbox


def access(request: Any, other: Any) -> None:
    """Match the headers with credentials: the given token, and none of it for storage."""
    for name in ACCESS_HEADERS:
        assert request.headers.get(name) == other.headers.get(name)


def recorded_call(cassette: Any) -> record.Call:
    """Return the call of a cassette, as its create describes it."""
    create_statuses = (r for r in cassette.requests if r.path.endswith(tuple(CREATES.values())))
    body = json.loads(next(create_statuses).body)
    if "reports" in body:
        return recorded_v1_call(body["reports"][0])
    if "configuration" not in body:
        day, metrics = date.fromisoformat(body["reportDate"]), body["metrics"].split(",")
        return record.Call("v2", day, day, metrics, body["tactic"])
    start, end = (date.fromisoformat(body[name]) for name in ("startDate", "endDate"))
    day_column, *columns = body["configuration"]["columns"]
    assert day_column == "date"
    metrics = [V2_NAMES.get(name, name) for name in columns]
    record_type: Any = RECORD_TYPES[body["configuration"]["reportTypeId"]]
    return record.Call("v3", start, end, metrics, record_type=record_type)


def recorded_v1_call(report: dict[str, Any]) -> record.Call:
    """Return the call of a version 1 report; a rate is requested as its parts."""
    [period] = report["periods"]
    start, end = (date.fromisoformat(period["datePeriod"][n]) for n in ("startDate", "endDate"))
    requested = {V1_NAMES.get(name) for name in report["query"]["fields"]}
    assert {"clicks", "viewImpressions"} <= requested
    asked = ("campaignId", *record.METRICS_WITH_NAME)
    metrics = [name for name in asked if name in requested | {"vctr"}]
    return record.Call("v1", start, end, metrics)


class Replay:
    """A cassette, and the call that it records."""

    def __init__(self, cassette: Any) -> None:
        self.cassette = cassette
        self.call = recorded_call(cassette)
        self.clock = JumpingClock(datetime.combine(self.call.end, time(12), UTC) + timedelta(2))

    def fetch(self, call: record.Call | None = None) -> pd.DataFrame:
        client = sda.Client(
            sda.Credentials(CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN),
            PROFILE_ID,
            base_url=BASE_URL,
            token_url=TOKEN_URL,
            api=self.call.api,
            storage_hosts="storage.invalid",
            clock=self.clock,
        )
        return (call or self.call).fetch(client)

    def played(self, path: str) -> list[tuple[int, bytes]]:
        """Return the status and body of each replayed response to such a path."""
        pairs = zip(self.cassette.requests, self.cassette.responses, strict=True)
        return [
            (answer["status"]["code"], answer["body"]["string"])
            for number, (request, answer) in enumerate(pairs)
            if request.path.endswith(path) and self.cassette.play_counts[number] == 1
        ]

    def statuses(self, path: str) -> list[int]:
        return [status for status, _ in self.played(path)]

    @property
    def create_statuses(self) -> list[int]:
        """The HTTP statuses of creates."""
        return self.statuses(CREATES[self.call.api])

    @property
    def report_statuses(self) -> list[str]:
        """The statuses of the report, one for each poll."""
        documents = [json.loads(body) for _, body in self.played(STATUSES[self.call.api])]
        if self.call.api == "v1":
            documents = [document["success"][0]["report"] for document in documents]
        return [document["status"] for document in documents]

    @property
    def pages(self) -> list[list[dict[str, Any]]]:
        """The pages of the list of campaigns."""
        return [json.loads(body) for _, body in self.played("/sd/campaigns")]

    @property
    def payload(self) -> bytes:
        """All files of the report, one after the other."""
        served = self.played("/report.json.gz")
        return b"".join(body for status, body in served if status == 200)

    @property
    def tactics(self) -> dict[int, str]:
        """The tactics of all campaigns."""
        return {
            campaign["campaignId"]: campaign["tactic"] for page in self.pages for campaign in page
        }

    @property
    def files(self) -> list[bytes]:
        return [body for status, body in self.played("/report.json.gz") if status == 200]


@contextlib.contextmanager
def playing(path: Path | str) -> Iterator[Replay]:
    """Play a cassette by its name or path; requests that it does not hold are refused."""
    player = vcr.VCR(record_mode="none", match_on=MATCH_ON)
    player.register_matcher("access", access)
    path = record.HERE / f"{path}.yaml" if isinstance(path, str) else path
    with record.one_at_a_time(), player.use_cassette(str(path)) as cassette:
        yield Replay(cassette)


def rows_sent(replay: Replay) -> list[dict[str, Any]]:
    """Return the rows that were sent, in version 2 names, without using the library."""
    if replay.call.api == "v1":
        return v1_rows_sent(replay)
    rows = json.loads(gzip.decompress(replay.payload))
    if replay.call.api == "v2":
        partition = {"date": str(replay.call.start), "tactic": replay.call.tactic}
        return [row | partition for row in rows]
    tactics = replay.tactics
    return [
        {V2_NAMES.get(name, name): value for name, value in row.items()}
        | {"tactic": tactics.get(row["campaignId"], "unknown")}
        for row in rows
    ]


def v1_rows_sent(replay: Replay) -> list[dict[str, Any]]:
    """Return the rows of the files of version 1, whose rates are of their parts."""
    rows: list[dict[str, Any]] = []
    for file in replay.files:
        for cells in read_file(file):
            row: dict[str, Any] = {
                name: NUMBERS.get(name, str)(cells[field])
                for field, name in V1_NAMES.items()
                if field in cells
            }
            row["vctr"] = row["clicks"] / row["viewImpressions"]
            row["tactic"] = replay.tactics.get(row["campaignId"], "unknown")
            rows.append(row)
    return rows


def assert_holds_the_payload(frame: pd.DataFrame, replay: Replay) -> None:
    """Check each recorded cell, in the documented types."""
    keys = ("date", "tactic", "campaignId")
    rows = sorted(rows_sent(replay), key=lambda row: [row[name] for name in keys])
    assert len(rows) > 1
    cells = frame.assign(date=frame["date"].dt.strftime("%Y-%m-%d")).astype(object)
    cells = cells.where(cells.notna(), None)
    for name in cells:
        assert cells[name].tolist() == [row.get(str(name)) for row in rows], name
    assert set(frame) == {"date", "tactic", *replay.call.metrics}
    assert frame.dtypes.astype(str).to_dict() == {str(name): DTYPES[str(name)] for name in frame}


def secrets_in(path: Path) -> set[str]:
    """Return the secrets that a file holds, plain or percent-encoded."""
    text = unquote(path.read_text()).lower()
    return {secret for secret in SECRETS if secret.lower() in text}


def addresses_in(path: Path) -> set[str]:
    """Return all addresses that a file holds."""
    return set(re.findall(r"https?://[^\s\"'\\]+", path.read_text()))


def is_placeholder(address: str) -> bool:
    """Return whether an address is a placeholder for a real one."""
    return address in (TOKEN_URL, STORAGE_URL) or address.startswith(f"{BASE_URL}/")


@pytest.mark.parametrize(
    ("name", "created", "building", "ready"),
    [
        ("v2_success", 202, {"IN_PROGRESS"}, ["SUCCESS"]),
        # The second request is for the address of the payload.
        ("v3_success", 200, {"PENDING", "PROCESSING"}, ["COMPLETED", "COMPLETED"]),
        ("v1_success", 207, {"PROCESSING"}, ["COMPLETED", "COMPLETED"]),
        ("v1_not_global", 207, {"PROCESSING"}, ["COMPLETED", "COMPLETED"]),
    ],
    ids=["v2", "v3", "v1", "v1_not_global"],
)
def test_a_finished_report_is_returned_as_a_frame(
    name: str, created: int, building: set[str], ready: list[str]
) -> None:
    with playing(name) as replay:
        frame = replay.fetch()
        assert_holds_the_payload(frame, replay)
        assert frame.attrs["sdanalytics"]["profile_id"] == PROFILE_ID
        assert frame.attrs["sdanalytics"]["api"] == replay.call.api
        assert replay.create_statuses == [created]
        first, last = replay.report_statuses[: -len(ready)], replay.report_statuses[-len(ready) :]
        assert last == ready
        assert set(first) == building


def test_version_3_requests_one_report_and_the_pages_of_campaigns() -> None:
    with playing("v3_rate_limited") as replay:
        frame = replay.fetch()
        assert frame["date"].nunique() == 3
        assert set(frame["tactic"]) == {"T00020", "T00030"}
        assert [len(page) for page in replay.pages] == [20, 14, 0]


def test_version_1_joins_the_files_of_a_report_of_the_profile_alone() -> None:
    with playing("v1_success") as replay:
        frame = replay.fetch()
        assert [len(read_file(file)) for file in replay.files] == [20, 10]
        [create] = [r for r in replay.cassette.requests if r.path.endswith(CREATES["v1"])]
        assert '"values": ["US"]' in create.body.decode()
    assert len(frame) == 30
    with playing("v1_not_global") as replay:
        replay.fetch()
        pages = [json.loads(body) for _, body in replay.played("/query/advertiserAccounts")]
        assert [len(page["advertiserAccounts"]) for page in pages] == [0, 0, 0, 1]


def test_a_report_without_files_is_an_empty_typed_frame() -> None:
    with playing("v1_empty") as replay:
        frame = replay.fetch()
        assert replay.files == []
    assert len(frame) == 0
    assert frame.dtypes.astype(str).to_dict() == DTYPES


def test_an_empty_report_is_a_typed_frame() -> None:
    with playing("v2_empty") as replay:
        frame = replay.fetch()
        assert gzip.decompress(replay.payload) == b"[]"
    assert len(frame) == 0
    assert frame.dtypes.astype(str).to_dict() == DTYPES


def test_a_report_without_a_url_is_an_empty_typed_frame() -> None:
    with playing("v3_empty") as replay:
        frame = replay.fetch()
        *_, (_, last) = replay.played(UUID_REPORT_ID)
        assert (json.loads(last)["status"], json.loads(last)["url"]) == ("COMPLETED", None)
        assert replay.statuses("/report.json.gz") == []
    assert len(frame) == 0
    assert frame.dtypes.astype(str).to_dict() == DTYPES


@pytest.mark.parametrize(
    ("name", "kind", "operation", "status", "details"),
    [
        (
            "v2_too_old",
            sda.ReportTooOld,
            "request_report",
            406,
            "Report date is too far in the past. Reports are only available for 60 days.",
        ),
        ("v2_invalid", sda.InvalidReport, "request_report", 422, "Invalid metrics: vctr"),
        (
            "v3_invalid",
            sda.BadRequest,
            "create_report",
            400,
            "configuration columns include invalid value: (promotedSku)",
        ),
        (
            "v1_invalid",
            sda.InvalidReport,
            "create_report",
            400,
            "400005: field metric.totalCost is not supported",
        ),
        (
            "v1_multi_status",
            sda.InvalidReport,
            "create_report",
            400,
            "400005: field metric.totalCost is not supported",
        ),
    ],
    ids=["406", "422", "400", "v1 400", "v1 207"],
)
def test_a_rejection_is_an_error_with_the_message_of_the_service(
    name: str, kind: type[sda.ApiError], operation: str, status: int, details: str
) -> None:
    with playing(name) as replay, pytest.raises(kind) as caught:
        replay.fetch()
    assert caught.type is kind
    assert (caught.value.status, caught.value.details) == (status, details)
    assert caught.value.operation == operation
    assert caught.value.request_id == "request-id"
    assert details in str(caught.value)
    assert replay.create_statuses == [207 if name == "v1_multi_status" else status]


@pytest.mark.parametrize(
    ("name", "created", "reason"),
    [("v3_failed", 200, "Internal error"), ("v1_failed", 207, "002: Internal error")],
)
def test_a_failed_report_is_an_error_with_the_reason(name: str, created: int, reason: str) -> None:
    with playing(name) as replay, pytest.raises(sda.ReportFailed) as caught:
        replay.fetch()
    assert (caught.value.report_id, caught.value.details) == (UUID_REPORT_ID, reason)
    assert "Internal error" in str(caught.value)
    assert replay.create_statuses == [created]
    assert replay.report_statuses[-1] == "FAILED"


def test_a_report_that_is_already_in_flight_is_adopted() -> None:
    with playing("v3_duplicate") as replay:
        frame = replay.fetch()
        assert replay.create_statuses == [425]
        assert_holds_the_payload(frame, replay)


def test_a_429_of_version_1_is_retried_minutes_later() -> None:
    with playing("v1_rate_limited") as replay:
        started = replay.clock.monotonic()
        frame = replay.fetch()
        assert replay.create_statuses == [429, 207]
        assert_holds_the_payload(frame, replay)
    assert replay.clock.monotonic() - started > 120


@pytest.mark.parametrize(("name", "accepted"), [("v2_rate_limited", 202), ("v3_rate_limited", 200)])
def test_a_429_is_retried_after_its_retry_after(name: str, accepted: int) -> None:
    with playing(name) as replay:
        started = replay.clock.monotonic()
        frame = replay.fetch()
        assert replay.create_statuses == [429, accepted]
        assert_holds_the_payload(frame, replay)
    assert replay.clock.monotonic() - started >= 7


@pytest.mark.parametrize(
    ("name", "created", "path", "link"),
    [
        ("v2_expired_link", 202, "/download", 307),
        ("v3_expired_link", 200, UUID_REPORT_ID, 200),
        ("v1_expired_link", 207, "/retrieve/reports", 207),
    ],
)
def test_an_expired_link_is_replaced_without_another_report(
    name: str, created: int, path: str, link: int
) -> None:
    with playing(name) as replay:
        frame = replay.fetch()
        assert replay.create_statuses == [created]
        assert replay.statuses(path)[-2:] == [link, link]
        parts = len(replay.files)
        assert replay.statuses("/report.json.gz") == [403] + [200] * parts
        assert_holds_the_payload(frame, replay)
        paths = [request.path for request in replay.cassette.requests]
        refused = paths.index("/report.json.gz")
        assert paths[refused + 1].endswith(path)


def test_every_scenario_has_a_cassette() -> None:
    assert {path.stem for path in record.HERE.glob("*.yaml")} == set(record.SCENARIOS)


@pytest.mark.parametrize("name", record.SCENARIOS)
def test_every_cassette_is_played_to_the_end(name: str) -> None:
    with playing(name) as replay:
        with contextlib.suppress(*record.SCENARIOS[name].ends_with):
            replay.fetch()
        assert replay.cassette.all_played


@pytest.mark.parametrize("name", record.SCENARIOS)
def test_no_cassette_holds_a_secret_or_a_real_address(name: str) -> None:
    path = record.HERE / f"{name}.yaml"
    assert secrets_in(path) == set()
    assert all(map(is_placeholder, addresses_in(path)))


@pytest.mark.parametrize("name", ["v1_success", "v2_success", "v3_success"])
def test_requests_that_were_not_recorded_are_not_sent(name: str) -> None:
    with playing(name) as replay:
        before = replay.call.start - timedelta(1)
        with pytest.raises(CannotOverwriteExistingCassetteException, match="report"):
            replay.fetch(replace(replay.call, start=before, end=before))
        assert replay.create_statuses == []


def test_without_a_cassette_no_server_is_reached(attempted_connections: list[object]) -> None:
    client = sda.Client(sda.Credentials("id", access_token="token"), 1, base_url=BASE_URL)
    with pytest.raises(AssertionError, match=r"api\.invalid"):
        client.profiles()
    with socket.socket() as plain, pytest.raises(AssertionError, match=r"127\.0\.0\.1"):
        plain.connect(("127.0.0.1", 9))
    assert attempted_connections == ["api.invalid", "127.0.0.1"]
    attempted_connections.clear()


@pytest.mark.parametrize(("api", "create"), CREATE_OPERATIONS)
def test_unscrubbed_traffic_is_detected(box: Box, tmp_path: Path, api: str, create: str) -> None:
    cookie = {"Set-Cookie": "session-id=1", "Retry-After": "1"}
    box.sandbox.script_responses(create, ScriptedResponse(429, headers=cookie))
    client = box.sandbox.client_for(box.sandbox.profile_ids[0], box.clock, api)
    path = tmp_path / "plain.yaml"
    with record.one_at_a_time(), vcr.VCR().use_cassette(str(path)):
        sda.fetch_report("campaigns", box.day(1), tactic="T00020", client=client, cache=False)
    assert secrets_in(path) == set(SECRETS)
    assert not any(map(is_placeholder, addresses_in(path)))


@pytest.mark.parametrize(("api", "create"), CREATE_OPERATIONS)
def test_a_real_account_is_recorded_without_private_data(
    server: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, api: str, create: str
) -> None:
    monkeypatch.setenv("SDANALYTICS_API", api)
    own = {"Set-Cookie": "session-id=1", "x-amz-rid": "A1B2C3", "Retry-After": "0"}
    server.script_responses(create, ScriptedResponse(429, headers=own))
    record.main(["--account"], tmp_path)

    path = tmp_path / f"{api}_success.yaml"
    assert list(tmp_path.iterdir()) == [path]
    assert secrets_in(path) == set()
    assert all(map(is_placeholder, addresses_in(path)))
    (report,) = server.reports.values()
    private = ["127.0.0.1", "A1B2C3", report.report_id, "Northwind", "campaignName"]
    private += [str(profile_id) for profile_id in server.profile_ids]
    assert [text for text in private if text in path.read_text()] == []

    server.stop()
    with playing(path) as replay:
        assert_holds_the_payload(replay.fetch(), replay)
        assert replay.payload == report.payload
        assert replay.cassette.all_played
        listed = [campaign for page in replay.pages for campaign in page]
    assert bool(listed) == (api != "v2")
    assert all(set(campaign) == {"campaignId", "tactic"} for campaign in listed)


@pytest.mark.parametrize(("api", "create"), CREATE_OPERATIONS)
def test_a_failed_recording_keeps_the_old_cassette(
    server: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, api: str, create: str
) -> None:
    monkeypatch.setenv("SDANALYTICS_API", api)
    path = tmp_path / f"{api}_success.yaml"
    path.write_text("old")
    server.script_responses(create, ScriptedResponse(401), ScriptedResponse(401))
    with pytest.raises(sda.Unauthorized):
        record.main(["--account"], tmp_path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
