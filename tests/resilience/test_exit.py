"""Scripts that end while the library works: what was begun is finished, with exit code 0."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import sdanalytics as sda

SETUP = """
import sys
from datetime import date, timedelta
import matplotlib
matplotlib.use("agg")
import sdanalytics as sda
last = date.today() - timedelta(days=2)
days = last - timedelta(days=6), last
store, output = sys.argv[1:]
client = sda.Client.from_env()
"""
DRAW_IN_A_CALLBACK = """
def draw(job):
    axes = sda.plots.trend(job.result(), "cost")
    axes.figure.savefig(output)

job = sda.submit_report("campaigns", *days, client=client, cache=store)
job.add_done_callback(draw)
"""
PICK = """
picker = sda.ReportPicker(client, store)
picker.fetch()
while picker.data is None:
    pass
open(output, "w").close()
"""
SCRIPTS = {
    "the callback of a job that was waited for": DRAW_IN_A_CALLBACK + "job.wait()",
    "the callback of a job that has ended": DRAW_IN_A_CALLBACK + "while job.is_running: pass",
    "a picker that draws": PICK,
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_what_was_begun_is_finished(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "figure.png"
    with sda.sandbox.start(delay=0) as sandbox:
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        command = [sys.executable, "-c", SETUP + script, str(tmp_path / "store"), str(output)]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stderr) == (0, "")
    assert output.exists()


HANG = """
job = sda.submit_report("campaigns", *days, client=client, cache=store)
while sda.pending(store)["report_id"].isna().all():
    pass
"""


def test_a_connection_that_hangs_does_not_hold_up_the_exit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sda.sandbox.start(delay=600) as sandbox:
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        silence = sda.sandbox.ScriptedResponse(200, delay=600)
        sandbox.script_responses("get_report_status", *[silence] * 30)
        command = [sys.executable, "-c", SETUP + HANG, str(tmp_path / "store"), "-"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert (run.returncode, run.stderr) == (0, "")
