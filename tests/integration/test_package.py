"""The command line and the progress bar."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sdanalytics import fetch_report
from tests.support.box import Box


def run_demo(folder: Path) -> str:
    command = [
        sys.executable,
        "-m",
        "sdanalytics",
        "demo",
        "--delay",
        "0.2",
        "--output",
        str(folder),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_demo_shows_the_main_job(tmp_path: Path) -> None:
    out = run_demo(tmp_path / "demo")
    assert "14 days fetched, 0 from the cache" in out
    assert "0 days fetched, 14 from the cache" in out
    assert "0 requests were sent" in out
    for name in ("campaigns.png", "asins.png"):
        assert (tmp_path / "demo" / name).stat().st_size > 10_000
        assert name in out
    assert "56 files" in out


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_the_sandbox_can_be_served_and_prints_its_environment(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sdanalytics", "sandbox", "--port", "0", "--delay", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        lines = [server.stdout.readline() for _ in range(8)]
        exports = "".join(line for line in lines if line.startswith("export "))
        assert exports.count("export SDANALYTICS_") == 7
        code = "import sdanalytics as s, datetime as d; print(s.Client.from_env().profiles().shape)"
        script = f"{exports}\n{sys.executable} -c '{code}'"
        run = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=10) == 130
    assert run.stdout.strip() == "(3, 8)"


def test_an_occupied_port_is_reported(box: Box) -> None:
    port = box.sandbox.base_url.rpartition(":")[2]
    command = [sys.executable, "-m", "sdanalytics", "sandbox", "--port", port]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.startswith(f"sdanalytics: port {port} is not available")


def test_the_bar_shows_the_progress_of_reports(
    box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch_report("campaigns", box.day(3), box.day(1), client=box.client, cache=False, progress=True)
    shown = capsys.readouterr().err
    assert "campaigns: 3 of 3 days" in shown
    assert "6 reports in flight" in shown
    assert "0 days from the cache" in shown


def test_no_bar_without_a_terminal_or_if_disabled(
    box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    for progress in (None, False):
        fetch_report("campaigns", box.day(1), client=box.client, cache=False, progress=progress)
    assert capsys.readouterr().err == ""
