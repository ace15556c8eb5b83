"""The commands that a newcomer tries first."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sdanalytics import cli
from tests.support.box import Box


def test_the_demo_shows_the_main_job(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sdanalytics", "demo", "--delay", "0.2"]
    command += ["--output", str(tmp_path / "demo")]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
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
        lines = [server.stdout.readline() for _ in range(9)]
        exports = "".join(line for line in lines if line.startswith("export "))
        assert exports.count("export SDANALYTICS_") == 8
        code = "import sdanalytics as s, datetime as d; print(s.Client.from_env().profiles().shape)"
        script = f"{exports}\n{sys.executable} -c '{code}'"
        run = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=10) == 130
    assert run.stdout.strip() == "(3, 8)"


def test_an_occupied_port_is_reported(box: Box, capsys: pytest.CaptureFixture[str]) -> None:
    port = box.sandbox.base_url.rpartition(":")[2]
    assert cli.main(["sandbox", "--port", port]) == 2
    assert capsys.readouterr().err.startswith(f"sdanalytics: port {port} is not available")


def test_deprecations_are_errors_in_programs_that_tests_start() -> None:
    script = "import warnings; warnings.warn('odd', DeprecationWarning, stacklevel=2)"
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "DeprecationWarning: odd" in run.stderr
    assert run.returncode == 1


STAND_IN_FOR_JUPYTERLAB = """
import json, os
import sdanalytics as sda
client = sda.Client.from_env()
names = [name for name in os.environ if name.startswith("SDANALYTICS_")]
print(json.dumps([client.source, client.profiles().shape, sorted(names)]))
"""


@pytest.mark.parametrize("variables", [{}, {"REGION": "EU"}, {"ACCESS_TOKEN": "of-nobody"}])
def test_lab_uses_the_sandbox_without_credentials(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    environment = dict(os.environ) | {f"SDANALYTICS_{name}": variables[name] for name in variables}
    jupyterlab = tmp_path / "jupyterlab"
    jupyterlab.mkdir()
    jupyterlab.joinpath("__main__.py").write_text(STAND_IN_FOR_JUPYTERLAB)
    jupyterlab.joinpath("__init__.py").touch()
    environment["PYTHONPATH"] = os.pathsep.join([str(tmp_path), *sys.path])
    command = [sys.executable, "-m", "sdanalytics", "lab"]
    run = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=tmp_path, env=environment
    )
    told, shown = run.stdout.splitlines()
    source, shape, names = json.loads(shown)
    assert told == f"Notebooks use the sandbox at http://{source}, with made-up data."
    assert shape == [3, 8]
    assert [name.removeprefix("SDANALYTICS_") for name in names] == [
        "BASE_URL", "CACHE_DIR", "CLIENT_ID", "CLIENT_SECRET", "CONSENT_URL", "DEMO",
        "PROFILE_ID", "REFRESH_TOKEN", "TOKEN_URL",
    ]  # fmt: skip
