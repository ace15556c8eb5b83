"""Recorded traffic, played to the library without any server: what a user then gets."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
from collections.abc import Iterator
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
    TOKEN_URL,
)
from sdanalytics.sandbox import Answer, Sandbox, service
from tests.conftest import Box, JumpingClock

# Not the port: the addresses in the cassettes have none.
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
    service.CLIENT_ID,
    service.CLIENT_SECRET,
    service.REFRESH_TOKEN,
)


@pytest.fixture(autouse=True)
def reached_for(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[object]]:
    """No test reaches a server, but those that record the one on this machine."""
    records = {"box", "server"} & set(request.fixturenames)
    reached_for: list[object] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def check(host: object) -> None:
        if not (records and host == "127.0.0.1"):
            reached_for.append(host)
            raise AssertionError(f"a test reached for {host!r}")

    def checked_connect(self: socket.socket, address: Any) -> None:
        check(address[0])
        connect(self, address)

    def checked_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        check(host)
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", checked_connect)
    monkeypatch.setattr(socket, "getaddrinfo", checked_look_up)
    yield reached_for
    assert reached_for == []


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox in the place of a real account: in the environment, on the real clock."""
    with sda.sandbox.start(delay=0.0) as sandbox:
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        yield sandbox


def access(one: Any, other: Any) -> None:
    """Match what proves who asks: the token as it was given, and none of it to storage."""
    for name in ACCESS_HEADERS:
        assert one.headers.get(name) == other.headers.get(name)


class Replay:
    """A cassette, and the call whose traffic it holds."""

    def __init__(self, cassette: Any) -> None:
        self.cassette = cassette
        create = next(r for r in cassette.requests if r.path.endswith("/report"))
        self.asked = json.loads(create.body)
        self.metrics = self.asked["metrics"].split(",")
        self.day = date.fromisoformat(self.asked["reportDate"])
        self.clock = JumpingClock(datetime.combine(self.day, time(12), UTC) + timedelta(2))

    def fetch(self, day: date | None = None) -> pd.DataFrame:
        client = sda.Client(
            sda.Credentials(CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN),
            PROFILE_ID,
            base_url=BASE_URL,
            token_url=TOKEN_URL,
            storage_hosts="storage.invalid",
            clock=self.clock,
        )
        return sda.fetch_report(
            "campaigns", day or self.day, metrics=self.metrics, tactic=self.asked["tactic"],
            client=client, cache=False,
        )  # fmt: skip

    def played(self, path: str) -> list[tuple[int, bytes]]:
        """Status and body of each answer to such a path that was played."""
        pairs = zip(self.cassette.requests, self.cassette.responses, strict=True)
        return [
            (answer["status"]["code"], answer["body"]["string"])
            for number, (request, answer) in enumerate(pairs)
            if request.path.endswith(path) and self.cassette.play_counts[number] == 1
        ]

    def statuses(self, path: str) -> list[int]:
        return [status for status, _ in self.played(path)]

    @property
    def payload(self) -> bytes:
        return self.played("/report.json.gz")[-1][1]


@contextlib.contextmanager
def playing(path: Path | str) -> Iterator[Replay]:
    """Play a cassette, by its name or its path; what it does not hold is refused."""
    player = vcr.VCR(record_mode="none", match_on=MATCH_ON)
    player.register_matcher("access", access)
    path = record.HERE / f"{path}.yaml" if isinstance(path, str) else path
    with record.one_at_a_time(), player.use_cassette(str(path)) as cassette:
        yield Replay(cassette)


def assert_holds_the_payload(frame: pd.DataFrame, replay: Replay) -> None:
    """Every recorded cell, read with nothing of the library, in the types that are promised."""
    rows = sorted(json.loads(gzip.decompress(replay.payload)), key=lambda row: row["campaignId"])
    assert len(rows) > 1
    for name in replay.metrics:
        values = frame[name].astype(object).where(frame[name].notna(), None)
        assert values.tolist() == [row.get(name) for row in rows], name
    assert frame["date"].unique().tolist() == [pd.Timestamp(replay.day)]
    assert frame["tactic"].unique().tolist() == [replay.asked["tactic"]]
    assert set(frame) == {"date", "tactic", *replay.metrics}
    assert frame.dtypes.astype(str).to_dict() == {str(name): DTYPES[str(name)] for name in frame}


def secrets_in(path: Path) -> set[str]:
    """Which of the secrets a file holds, plainly or quoted as forms and addresses quote."""
    text = unquote(path.read_text()).lower()
    return {secret for secret in SECRETS if secret.lower() in text}


def test_success_is_the_frame_of_what_was_sent() -> None:
    with playing("v2_success") as replay:
        frame = replay.fetch()
        assert_holds_the_payload(frame, replay)
        assert frame.attrs["sdanalytics"]["profile_id"] == PROFILE_ID
        assert replay.statuses("/report") == [202]
        building = [json.loads(body)["status"] for _, body in replay.played(REPORT_ID)]
        assert building == ["IN_PROGRESS"] * (len(building) - 1) + ["SUCCESS"]
        assert len(building) > 1


def test_an_empty_report_is_a_typed_frame() -> None:
    with playing("v2_empty") as replay:
        frame = replay.fetch()
        assert gzip.decompress(replay.payload) == b"[]"
    assert len(frame) == 0
    assert frame.dtypes.astype(str).to_dict() == DTYPES


@pytest.mark.parametrize(
    ("name", "kind", "status", "details"),
    [
        (
            "v2_too_old",
            sda.ReportTooOld,
            406,
            "Report date is too far in the past. Reports are only available for 60 days.",
        ),
        ("v2_invalid", sda.InvalidReport, 422, "Invalid metrics: vctr"),
    ],
    ids=["406", "422"],
)
def test_a_refusal_is_an_error_with_what_the_service_said(
    name: str, kind: type[sda.ApiError], status: int, details: str
) -> None:
    with playing(name) as replay, pytest.raises(kind) as caught:
        replay.fetch()
    assert caught.type is kind
    assert (caught.value.status, caught.value.details) == (status, details)
    assert caught.value.operation == "request_report"
    assert caught.value.request_id == "request-id"
    assert details in str(caught.value)
    assert replay.statuses("/report") == [status]


def test_a_429_is_waited_out_for_as_long_as_it_says() -> None:
    with playing("v2_rate_limited") as replay:
        began = replay.clock.monotonic()
        frame = replay.fetch()
        assert replay.statuses("/report") == [429, 202]
        assert_holds_the_payload(frame, replay)
    assert replay.clock.monotonic() - began >= 7


def test_an_expired_link_costs_another_download_and_no_other_report() -> None:
    with playing("v2_expired_link") as replay:
        frame = replay.fetch()
        assert replay.statuses("/report") == [202]
        assert replay.statuses("/download") == [307, 307]
        assert replay.statuses("/report.json.gz") == [403, 200]
        assert_holds_the_payload(frame, replay)


def test_every_story_has_its_cassette() -> None:
    assert {path.stem for path in record.HERE.glob("*.yaml")} == set(record.STORIES)


@pytest.mark.parametrize("name", record.STORIES)
def test_every_cassette_is_played_to_its_end(name: str) -> None:
    with playing(name) as replay:
        with contextlib.suppress(sda.ApiError):
            replay.fetch()
        assert replay.cassette.all_played


@pytest.mark.parametrize("name", record.STORIES)
def test_no_cassette_holds_a_secret(name: str) -> None:
    assert secrets_in(record.HERE / f"{name}.yaml") == set()


def test_what_was_not_recorded_is_refused_and_not_sent() -> None:
    with playing("v2_success") as replay:
        with pytest.raises(CannotOverwriteExistingCassetteException, match="report"):
            replay.fetch(replay.day - timedelta(1))
        assert replay.statuses("/report") == []


def test_without_a_cassette_no_server_is_reached(reached_for: list[object]) -> None:
    client = sda.Client(sda.Credentials("id", access_token="token"), 1, base_url=BASE_URL)
    with pytest.raises(AssertionError, match=r"api\.invalid"):
        client.profiles()
    with socket.socket() as plain, pytest.raises(AssertionError, match=r"127\.0\.0\.1"):
        plain.connect(("127.0.0.1", 9))
    assert reached_for == ["api.invalid", "127.0.0.1"]
    reached_for.clear()


def test_unscrubbed_traffic_would_be_noticed(box: Box, tmp_path: Path) -> None:
    cookie = {"Set-Cookie": "session-id=1", "Retry-After": "1"}
    box.sandbox.arrange("request_report", Answer(429, headers=cookie))
    path = tmp_path / "plain.yaml"
    with record.one_at_a_time(), vcr.VCR().use_cassette(str(path)):
        sda.fetch_report("campaigns", box.day(1), tactic="T00020", client=box.client, cache=False)
    assert secrets_in(path) == set(SECRETS)


def test_a_real_account_is_recorded_without_what_is_its_own(
    server: Sandbox, tmp_path: Path
) -> None:
    own = {"Set-Cookie": "session-id=1", "x-amz-rid": "A1B2C3", "Retry-After": "0"}
    server.arrange("request_report", Answer(429, headers=own))
    record.main(["--account"], tmp_path)

    path = tmp_path / "v2_success.yaml"
    assert list(tmp_path.iterdir()) == [path]
    assert secrets_in(path) == set()
    (report,) = server.reports.values()
    private = ["127.0.0.1", "A1B2C3", report.report_id, "Northwind", "campaignName"]
    private += [str(profile_id) for profile_id in server.profile_ids]
    assert [text for text in private if text in path.read_text()] == []

    server.stop()
    with playing(path) as replay:
        assert_holds_the_payload(replay.fetch(), replay)
        assert replay.payload == report.payload
        assert replay.cassette.all_played


def test_a_failed_recording_leaves_the_old_cassette(server: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "v2_success.yaml"
    path.write_text("old")
    server.arrange("request_report", Answer(401), Answer(401))
    with pytest.raises(sda.Unauthorized):
        record.main(["--account"], tmp_path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
