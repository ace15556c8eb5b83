"""The import, the command line and the progress bar."""

from __future__ import annotations

import json
import os
import pkgutil
import re
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from sdanalytics import analysis, cli, fetch_report
from sdanalytics.fetch.batch_task import BatchState, BatchTask
from sdanalytics.fetch.progress import Progress
from sdanalytics.fetch.tracker import FetchTracker
from sdanalytics.model.partition import Partition
from sdanalytics.model.report_batch import ReportBatch
from tests.conftest import Box, JumpingClock

HEAVY = ("matplotlib", "ipywidgets", "IPython", "werkzeug", "tqdm")


def modules_loaded_by(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after running `code`."""
    script = f"{code}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout))


def loaded_by(code: str) -> set[str]:
    """Return the packages that a fresh interpreter has loaded after running `code`."""
    return {name.partition(".")[0] for name in modules_loaded_by(code)}


def test_importing_loads_no_heavy_modules() -> None:
    loaded = loaded_by("import sdanalytics")
    assert loaded.isdisjoint((*HEAVY, "pandas", "pyarrow", "requests", "numpy"))
    assert loaded_by("from sdanalytics import fetch_report").isdisjoint(HEAVY)


def test_the_analysis_loads_neither_the_network_nor_the_store() -> None:
    modules = [module.name for module in pkgutil.iter_modules(analysis.__path__)]
    assert {"kpis", "summarize", "compare"} <= set(modules)
    code = "\n".join(f"import sdanalytics.analysis.{name}" for name in modules)
    loaded = modules_loaded_by(code)
    assert loaded.isdisjoint({"requests", "urllib3", "sqlite3", "pyarrow.parquet"})
    wings = {name.split(".")[1] for name in loaded if name.startswith("sdanalytics.")}
    assert wings <= {"_core", "_version", "analysis", "errors", "model"}


def test_type_hints_are_shipped() -> None:
    import sdanalytics

    assert (Path(sdanalytics.__file__).parent / "py.typed").exists()


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


def test_deprecations_are_errors_in_programs_that_tests_start() -> None:
    script = "import warnings; warnings.warn('odd', DeprecationWarning, stacklevel=2)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "DeprecationWarning: odd" in run.stderr
    assert run.returncode == 1


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


def test_lab_names_missing_packages(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert cli.main(["lab"]) == 1
    assert "pip install 'sdanalytics[notebook]'" in capsys.readouterr().err
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert cli.main(["lab", "no-such-folder"]) == 1
    assert "must be a folder below the current one, got no-such-folder" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["demo", "sandbox", "lab"])
def test_help_says_the_unit_and_default_of_the_delay(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "--delay SECONDS" in shown
    assert "(default: 2.0)" in shown


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


def test_the_bar_waits_a_second_before_it_appears(
    clock: JumpingClock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sdanalytics.fetch.progress.is_interactive", lambda: True)
    days = [Partition("NA", "1", "targets", None, "T00020", date(2026, 11, n)) for n in range(1, 5)]
    tracker = FetchTracker(days, days[1:])
    with Progress("targets", tracker, None, clock):
        pass
    assert capsys.readouterr().err == ""
    with Progress("targets", tracker, None, clock):
        clock.pass_time(2)
        tracker.add([BatchTask(ReportBatch((days[1],), ("cost",)), BatchState.READY)])
    shown = "targets: 1 of 4 days"
    details = "1 report downloading, 1 day from the cache"
    assert re.search(f"{shown}.*{details}", capsys.readouterr().err)
