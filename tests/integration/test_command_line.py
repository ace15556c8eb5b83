"""Commands for scheduled runs: exit codes, JSON, logs, signals, two runs at a time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest
import requests

from sdanalytics import ReportCache, cli, sandbox
from sdanalytics.sandbox import Sandbox
from sdanalytics.sandbox.router import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN
from tests.support.clock import JumpingClock

US, GERMANY, JAPAN = 1842030415361601, 2750418263940173, 3961527384950284

Run = Callable[..., tuple[int, Any, str]]
"""Runs a command; returns its exit code, its JSON (None if it printed nothing) and its log."""


@pytest.fixture
def service() -> Iterator[Sandbox]:
    with sandbox.start(delay=0) as server:
        yield server


@pytest.fixture
def run(
    service: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    use(service, monkeypatch)

    def run_command(*arguments: object) -> tuple[int, Any, str]:
        code = cli.main([str(argument) for argument in (*arguments, "--json")])
        printed = capsys.readouterr()
        return code, json.loads(printed.out) if printed.out else None, printed.err

    return run_command


@pytest.fixture
def jumping(monkeypatch: pytest.MonkeyPatch) -> JumpingClock:
    """Let all clients have a clock that jumps instead of waiting."""
    clock = JumpingClock(datetime.now(UTC))
    monkeypatch.setattr("sdanalytics.api.config.Clock", lambda: clock)
    return clock


def use(service: Sandbox, monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    """Let calls without a client use a sandbox."""
    for name, value in (service.environment | variables).items():
        monkeypatch.setenv(name, value)


def test_fetch_tells_what_is_there_of_each_profile(service: Sandbox, run: Run) -> None:
    code, records, log = run("fetch", "campaigns", "targets", "--days", 3, "--profiles", "all")
    assert code == 0
    assert [(record["record_type"], int(record["profile_id"])) for record in records] == [
        (record_type, profile)
        for record_type in ("campaigns", "targets")
        for profile in (US, GERMANY, JAPAN)
    ]
    german = records[1]
    assert german["profile_id"] == str(GERMANY)  # a string: many programs round such numbers
    assert (german["account_name"], german["country"]) == ("Alpenglück GmbH", "DE")
    assert [german[name] for name in ("days", "fetched", "cached")] == [3, 3, 0]
    assert [german[name] for name in ("missing", "stale", "error")] == [[], [], None]
    assert log.count(f"INFO campaigns, profile {GERMANY} (Alpenglück GmbH, DE): 3 days: 3 fe") == 1
    sent = len(service.requests)
    code, records, _ = run("fetch", "campaigns", "targets", "--days", 3, "--profiles", "all")
    assert code == 0
    assert {(record["fetched"], record["cached"]) for record in records} == {(0, 3)}
    assert len(service.requests) == sent


NOTHING_TO_DO = """
import sys
from sdanalytics.cli import main
code = main(["fetch", "campaigns", "--days", "3", "--profiles", "all", "--quiet"])
print(code, sorted({"pandas", "matplotlib", "werkzeug", "tqdm"} & set(sys.modules)))
"""


def test_a_run_without_work_loads_little_and_logs_nothing(service: Sandbox, run: Run) -> None:
    run("fetch", "campaigns", "--days", 3, "--profiles", "all")
    sent = len(service.requests)
    command = [sys.executable, "-c", NOTHING_TO_DO]
    second = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (second.stdout, second.stderr) == ("0 []\n", "")
    assert len(service.requests) == sent


def test_a_profile_that_fails_is_told_and_costs_the_others_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with sandbox.start(delay=0, unregistered=[GERMANY]) as service:
        use(service, monkeypatch)
        arguments = ["fetch", "campaigns", "--days", "2", "--profiles", "all", "--json"]
        assert cli.main(arguments) == 1
        printed = capsys.readouterr()
    us, german, japanese = json.loads(printed.out)
    assert us["fetched"] == japanese["fetched"] == 2
    assert german["error"]["type"] == "Forbidden"
    assert german["missing"] == [german["start"], german["end"]]
    errors = [line for line in printed.err.splitlines() if " ERROR " in line]
    assert len(errors) == 2
    assert f"campaigns, profile {GERMANY} (Alpenglück GmbH, DE): 2 days: 0 fetched" in errors[0]
    assert "1 of 3 not all there" in errors[1]


def test_days_that_cannot_be_fetched_again_are_stale_not_missing(
    service: Sandbox, run: Run, jumping: JumpingClock
) -> None:
    run("fetch", "campaigns", "--days", 2)
    service.set_content(lambda report: setattr(report, "status", "FAILURE"))
    code, [record], _ = run("fetch", "campaigns", "--days", 3, "--refresh", "always")
    assert code == 1
    assert (record["fetched"], record["cached"]) == (0, 0)
    assert record["missing"] == [record["start"]]
    assert len(record["stale"]) == 2
    assert record["error"]["type"] == "ReportFailed"


def test_of_all_profiles_vendors_have_no_asins(service: Sandbox, run: Run) -> None:
    code, records, _ = run("fetch", "asins", "--days", 2, "--profiles", "all")
    assert code == 0
    assert [int(record["profile_id"]) for record in records] == [US, JAPAN]
    code, [record], _ = run("fetch", "asins", "--days", 2, "--profiles", GERMANY)
    assert code == 1
    assert "sellers only" in record["error"]["message"]


def request_token(service: Sandbox) -> str:
    form = {
        "grant_type": "refresh_token",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "refresh_token": REFRESH_TOKEN,
    }
    response = requests.post(service.token_url, form, timeout=10)
    return str(response.json()["access_token"])


def test_all_profiles_are_listed_again_for_another_login_and_after_hours(
    jumping: JumpingClock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings: dict[str, Any] = {"now": jumping.now, "monotonic": jumping.monotonic, "delay": 0}

    def fetch() -> set[str]:
        arguments = ["fetch", "campaigns", "--days", "1", "--profiles", "all", "--json"]
        assert cli.main(arguments) == 0
        return {record["country"] for record in json.loads(capsys.readouterr().out)}

    with sandbox.start(profiles=2, **settings) as service:
        use(service, monkeypatch)
        assert fetch() == {"US", "DE"}
        port = int(service.base_url.rpartition(":")[2])
    with sandbox.start(port=port, **settings) as service:
        assert fetch() == {"US", "DE"}
        monkeypatch.setenv("SDANALYTICS_ACCESS_TOKEN", request_token(service))
        assert fetch() == {"US", "DE", "JP"}
        monkeypatch.delenv("SDANALYTICS_ACCESS_TOKEN")
        assert fetch() == {"US", "DE"}
        jumping.pass_time(21 * 3600)
        assert fetch() == {"US", "DE", "JP"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fetch", "campaign"], "did you mean 'campaigns'"),
        (["fetch", "campaigns", "invalidTraffic"], "version 3 of the API only"),
        (["fetch", "campaigns", "--days", "0"], "days must be a whole number"),
        (["fetch", "campaigns", "--days", "90"], "days must be at most 60"),
        (["fetch", "campaigns", "--end", "2026-11-01"], "--start"),
        (["fetch", "campaigns", "--start", "2199-01-01"], "is in the future"),
        (["fetch", "campaigns", "--metrics", "costs"], "'costs' is 'cost' here"),
        (["fetch", "campaigns", "--profiles", "one"], "profiles must be"),
        (["fetch", "campaigns", "--refresh", "often"], "refresh must be one of"),
        (["fetch", "campaigns", "--timeout", "-1"], "timeout must be a positive number"),
        (["fetch", "campaigns", "--config", "nobody"], "there is no login 'nobody'"),
        (["fetch", "campaigns", "--cache", f"{__file__}/store"], "is a file"),
        (["plan", "campaigns", "--cache", __file__], "is a file"),
        (["export", "campaigns", "/tmp/week.csv", "--cache", __file__], "is a file"),
        (["report", "/tmp/week.html", "--cache", __file__], "is a file"),
        (["coverage", "--cache", __file__], "is a file"),
        (["pending", "--cache", f"{__file__}/store"], "is a file"),
        (["verify", "--cache", __file__], "is a file"),
        (["repair", "--cache", __file__], "is a file"),
        (["compact", "--cache", __file__], "is a file"),
        (
            ["plan", "campaigns", "--cache", "s3://key:secret@bucket/x"],
            "must not contain a user or key",
        ),
        (["coverage", "--days", "-1"], "days must be a whole number"),
        (["coverage", "campaign"], "did you mean 'campaigns'"),
        (["export", "campaigns", "week.xls"], "must end in .csv, .parquet or .xlsx"),
        (["export", "campaigns", "no-folder/week.csv"], "there is no folder"),
    ],
)
def test_bad_usage_is_told_before_any_request(
    service: Sandbox, run: Run, arguments: list[str], message: str
) -> None:
    code, printed, log = run(*arguments)
    assert code == 2
    assert message in printed["error"]["message"]
    assert log == f"sdanalytics: {printed['error']['message']}\n"
    assert service.requests == []


def test_missing_settings_and_refused_logins_are_somebodys_to_mend(
    service: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.revoke_tokens()
    monkeypatch.setenv("SDANALYTICS_REFRESH_TOKEN", "Atzr|of-nobody")
    code, printed, log = run("fetch", "campaigns", "--days", 1)
    assert (code, printed["error"]["type"]) == (2, "Unauthorized")
    assert "of-nobody" not in log
    for name in service.environment:
        monkeypatch.delenv(name)
    code, printed, _ = run("profiles")
    assert (code, printed["error"]["type"]) == (2, "NotConfigured")


def test_a_missing_package_is_told_before_any_request(
    service: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, printed, _ = run("export", "campaigns", tmp_path / "week.xlsx", "--days", 1)
    assert code == 2
    assert "pip install xlsxwriter" in printed["error"]["message"]
    assert service.requests == []


def test_an_unreachable_service_may_be_there_next_time(
    service: Sandbox, run: Run, jumping: JumpingClock
) -> None:
    service.stop()
    code, printed, _ = run("profiles")
    assert (code, printed["error"]["type"]) == (1, "ConnectionFailed")


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_run_that_is_ended_loses_nothing(
    number: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sandbox.start(delay=600) as service:
        use(service, monkeypatch)
        store = ReportCache()
        process = start_run("fetch", "campaigns", "targets", "--days", "3", "--profiles", "all")
        while len(store.pending()["report_id"].dropna()) < 36:
            assert process.poll() is None
        ended_at = time.monotonic()
        process.send_signal(number)
        out, log = process.communicate()
        seconds = time.monotonic() - ended_at
        assert process.returncode == code
        assert out == ""
        assert log.endswith("WARNING ended: the next run takes up what was requested\n")
        assert seconds < 3  # a fifth of one, on a machine that does nothing else
        pending = store.pending()
        assert not pending["is_followed"].any()
        assert set(pending["report_id"]) == set(service.reports)


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_two_runs_at_a_time_request_each_report_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with sandbox.start(delay=0.3) as service:
        use(service, monkeypatch)
        arguments = ["fetch", "campaigns", "--days", "3", "--profiles", "all", "--json"]
        runs = [start_run(*arguments) for _ in range(2)]
        printed = [json.loads(process.communicate()[0]) for process in runs]
        assert [process.returncode for process in runs] == [0, 0]
        assert len(service.reports) == 18
    for records in printed:
        assert [record["missing"] for record in records] == [[], [], []]


def start_run(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sdanalytics", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_plan_requests_no_report(service: Sandbox, run: Run) -> None:
    run("fetch", "campaigns", "--days", 1)
    created = len(service.reports)
    code, [record], _ = run("plan", "campaigns", "--days", 3)
    assert code == 0
    assert record["cached"] == [record["end"]]
    assert len(record["to_request"]) == 2
    assert len(service.reports) == created


def test_reports_are_exported_for_other_programs(
    service: Sandbox, run: Run, tmp_path: Path
) -> None:
    def export(name: str, *options: str) -> Path:
        path = tmp_path / name
        arguments = ["export", "campaigns", path, "--days", 2, "--profiles", "all", *options]
        code, printed, _ = run(*arguments)
        assert (code, printed["file"]) == (0, str(path))
        assert printed["bytes"] == path.stat().st_size
        return path

    frame = pd.read_parquet(export("week.parquet"))
    assert frame["profile_id"].unique().tolist() == [US, GERMANY, JAPAN]
    csv = pd.read_csv(export("week.csv", "--for-excel"), dtype="str", encoding="utf-8-sig")
    assert csv["campaignId"].tolist() == frame["campaignId"].astype("str").tolist()
    assert (tmp_path / "week.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    book = openpyxl.load_workbook(export("week.xlsx"), read_only=True)
    assert "About" in book.sheetnames
    book.close()
    assert len(service.reports) == 12


def test_what_there_is_of_profiles_is_exported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "week.parquet"
    with sandbox.start(delay=0, unregistered=[GERMANY]) as service:
        use(service, monkeypatch)
        arguments = ["export", "campaigns", str(path), "--days", "2"]
        assert cli.main([*arguments, "--profiles", str(GERMANY)]) == 1
        assert not path.exists()
        assert cli.main([*arguments, "--profiles", f"{GERMANY},{US}"]) == 1
    assert pq.read_table(path, columns=["profile_id"])["profile_id"].unique().to_pylist() == [US]


def test_the_store_is_looked_after(service: Sandbox, run: Run) -> None:
    run("fetch", "campaigns", "--days", 3, "--profiles", US, JAPAN)
    code, series, _ = run("coverage")
    assert code == 0
    assert {(record["restatable"], record["missing"]) for record in series} == {(3, 0)}
    assert len(series) == 4  # two profiles, two tactics
    code, series, _ = run("coverage", "campaigns", "--days", 5, "--profiles", US)
    assert code == 1
    assert {record["profile_id"] for record in series} == {str(US)}
    assert [len(record["missing_days"]) for record in series] == [2, 2]
    assert run("pending") == (0, [], "")
    assert run("verify") == (0, [], "")
    path = Path(ReportCache().entries()["path"][1])
    path.write_bytes(b"PAR1")
    code, [damaged], _ = run("verify")
    assert (code, Path(damaged["path"]).name) == (1, path.name)
    code, [moved], _ = run("repair")
    assert code == 0
    assert "damaged" in moved["moved_to"]
    assert run("coverage")[0] == 1
    assert run("fetch", "campaigns", "--days", 3)[0] == 0
    assert run("coverage")[0] == 0
    assert run("compact")[1].keys() == {"compacted_months"}


def test_coverage_knows_how_much_history_the_settings_have(
    service: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("fetch", "campaigns", "--days", 3)

    def count_gone(*options: object) -> int:
        _, series, _ = run("coverage", "campaigns", "--days", 100, *options)
        return int(series[0]["gone"])

    assert count_gone() == 40
    monkeypatch.setenv("SDANALYTICS_API", "v3")
    assert count_gone() == 35
    monkeypatch.setenv("SDANALYTICS_HISTORY", "v1")
    assert count_gone() == 0
    assert count_gone("--history-days", 60) == 40
    for name in service.environment:
        monkeypatch.delenv(name)
    monkeypatch.delenv("SDANALYTICS_HISTORY")
    assert count_gone("--cache", ReportCache().path) == 40


def test_a_store_with_nothing_is_not_complete(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    location = ["--cache", str(tmp_path / "nowhere")]
    assert run("coverage", *location) == (1, [], "")
    assert run("coverage", "campaigns", "--days", 3, *location) == (1, [], "")
    assert run("verify", *location) == (1, [], "")
    assert cli.main(["verify", *location]) == 1
    assert capsys.readouterr().out == "nothing is stored\n"


def test_tables_are_for_people(
    service: Sandbox, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run("fetch", "campaigns", "--days", 1)
    assert cli.main(["coverage"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["source", "profile_id", "record_type"]
    assert all(str(US) in line for line in lines)
    assert cli.main(["profiles"]) == 0
    assert "青葉商店" in capsys.readouterr().out
    assert cli.main(["pending"]) == 0
    assert capsys.readouterr().out == "nothing is in flight\n"
    assert cli.main(["plan", "campaigns", "--days", "2"]) == 0
    assert "1 to fetch (2 reports to request), 1 from the cache" in capsys.readouterr().out


def test_output_that_nobody_reads_any_more_is_no_error(service: Sandbox, run: Run) -> None:
    run("fetch", "campaigns", "--days", 1)
    command = f"{sys.executable} -m sdanalytics coverage; echo $? >&2"
    process = subprocess.Popen(
        ["sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == "1\n"
    process.wait()
    process.stderr.close()
