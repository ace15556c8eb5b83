"""Scripts that end while the library works: what was begun is finished, with exit code 0."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import sdanalytics as sda

SETUP = """
import sys
import time
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
    time.sleep(0.001)
open(output, "w").close()
"""
WAIT = "job.wait()"
WAIT_FOR_ITS_END = """
while job.is_running:
    time.sleep(0.001)
"""
SCRIPTS = {
    "the callback of a job that was waited for": DRAW_IN_A_CALLBACK + WAIT,
    "the callback of a job that has ended": DRAW_IN_A_CALLBACK + WAIT_FOR_ITS_END,
    "a picker that draws": PICK,
}


def run_script(
    script: str, folder: Path, monkeypatch: pytest.MonkeyPatch, delay: float = 0
) -> tuple[int, str]:
    """Run a script against a sandbox, and return its exit code and what it wrote to stderr."""
    with sda.sandbox.start(delay=delay) as sandbox:
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        arguments = str(folder / "store"), str(folder / "figure.png")
        command = [sys.executable, "-c", script, *arguments]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return run.returncode, run.stderr


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_what_was_begun_is_finished(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_script(SETUP + script, tmp_path, monkeypatch) == (0, "")
    assert (tmp_path / "figure.png").exists()


THIRTY_AT_ONCE = """
import os, sys
import matplotlib
matplotlib.use("agg")
import anywidget, matplotlib.pyplot, pyarrow.pandas_compat, pyarrow.parquet
import sdanalytics.fetch.entry_points, sdanalytics.plots.trend_lines, sdanalytics.widgets.picker
setup, folder, *scripts = sys.argv[1:]
children = []
for number in range(30):
    child = os.fork()
    if child == 0:
        break
    children.append(child)
else:
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    sys.exit(str(codes) if any(codes) else 0)
sys.argv[1:] = f"{folder}/store-{number}", f"{folder}/{number}.png"
exec(setup + scripts[number % len(scripts)])
"""
"""Thirty interpreters that share their imports, which are most of a script's seconds; each ends as
any other, with all that Python does then."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_thirty_scripts_at_once_finish_what_they_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sda.sandbox.start(delay=0) as sandbox:
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # a fork copies no thread
        callbacks = [DRAW_IN_A_CALLBACK + WAIT, DRAW_IN_A_CALLBACK + WAIT_FOR_ITS_END]
        scripts = [*callbacks, *callbacks, PICK]  # in turn
        arguments = SETUP.replace("days=6", "days=0"), str(tmp_path), *scripts
        command = [sys.executable, "-c", THIRTY_AT_ONCE, *arguments]
        run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (run.returncode, run.stderr) == (0, "")
    assert len(list(tmp_path.glob("*.png"))) == 30


FORK = """
import os, threading, warnings
warnings.simplefilter("ignore")  # of a fork beside threads
begun, forked = threading.Event(), threading.Event()
def conclude(job):
    begun.set()
    forked.wait()
    open(output, "w").close()

job = sda.submit_report("campaigns", *days, client=client, cache=store)
job.add_done_callback(conclude)
if when == "while a callback runs":
    begun.wait()
child = os.fork()
if child == 0:
    try:
        sys.exit(3 if len(job.result()) else 4)
    except sda.Cancelled:
        sys.exit(5)
forked.set()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
@pytest.mark.parametrize(("when", "code"), [("while it runs", 5), ("while a callback runs", 3)])
def test_a_forked_process_does_not_wait_for_the_jobs_of_its_parent(
    when: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the result of a job that has ended; no other job will end there."""
    script = f"{SETUP}\nwhen = {when!r}\n{FORK}"
    assert run_script(script, tmp_path, monkeypatch, delay=1) == (code, "")
    assert (tmp_path / "figure.png").exists()


FETCH_AT_EXIT = """
import atexit, warnings
warnings.simplefilter("ignore", ResourceWarning)  # connections that nobody closes after that
atexit.register(lambda: conclude())  # before the library is imported, so that it is called last
"""
CONCLUDE = """
def conclude():
    frame = sda.fetch_report("campaigns", *days, client=client, cache=store)
    frame.to_csv(output)

sda.fetch_report("campaigns", days[0], client=client, cache=store)
"""


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="Python starts no thread then")
def test_a_function_that_is_called_at_exit_may_fetch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = FETCH_AT_EXIT + SETUP + CONCLUDE
    assert run_script(script, tmp_path, monkeypatch) == (0, "")
    assert (tmp_path / "figure.png").exists()


HANG = """
import warnings
warnings.simplefilter("ignore", ResourceWarning)  # connections that are left as they are
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
