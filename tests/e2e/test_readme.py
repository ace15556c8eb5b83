"""The README's code runs from top to bottom, in one session."""

from __future__ import annotations

import functools
import re
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from sdanalytics import sandbox
from sdanalytics.api import hosts
from tests.support.box import Box
from tests.support.clock import JumpingClock
from tests.support.object_storage import LOGIN, serve_bucket

ROOT = Path(__file__).parents[2]
README = ROOT.joinpath("README.md").read_text(encoding="utf-8")
NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
"""A moment at which the service has all days that the README names."""


def code_blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Box]:
    """Let the environment, the region EU and all clocks be those of sandboxes."""
    clock = JumpingClock(NOW)
    monkeypatch.setattr("sdanalytics.api.config.Clock", lambda: clock)
    start = functools.partial(sandbox.start, now=clock.now, monotonic=clock.monotonic)
    with ExitStack() as stack:
        box, europe = Box(clock), Box(clock)
        stack.enter_context(box.sandbox)
        stack.enter_context(europe.sandbox)
        for name, value in box.sandbox.environment.items():
            monkeypatch.setenv(name, value)
        eu_hosts = hosts.RegionHosts(
            europe.sandbox.base_url, europe.sandbox.token_url, europe.sandbox.consent_url
        )
        monkeypatch.setitem(hosts.REGIONS, "EU", eu_hosts)
        monkeypatch.setattr(sandbox, "start", start)
        monkeypatch.chdir(tmp_path)
        yield box
    plt.close("all")


@pytest.fixture
def _bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Serve a bucket named as in the README."""
    for name, value in (LOGIN | {"XDG_STATE_HOME": str(tmp_path / "state")}).items():
        monkeypatch.setenv(name, value)
    with serve_bucket() as bucket:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{bucket.host}")
        yield


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # of pandas, passed on to Dask
@pytest.mark.filterwarnings("ignore::sdanalytics.ImmatureWarning")  # its days are young
@pytest.mark.usefixtures("account", "_bucket")
def test_python_blocks_run_from_top_to_bottom() -> None:
    names: dict[str, Any] = {}
    blocks = code_blocks("python")
    assert len(blocks) > 15
    for block in blocks:
        exec(compile(block, f"README: {block.splitlines()[0]}", "exec"), names)
    df = names["df"]
    assert isinstance(df, pd.DataFrame)
    assert not df.empty


def test_shell_blocks_name_targets_extras_and_commands_that_exist() -> None:
    commands = [
        line.partition("#")[0].split() for block in code_blocks("sh") for line in block.splitlines()
    ]
    assert len(commands) > 5
    with ROOT.joinpath("pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    for command in commands:
        match command:
            case ["make", target]:
                dry_run = ["make", "--dry-run", "--directory", str(ROOT), target]
                subprocess.run(dry_run, check=True, capture_output=True)
            case ["pip", "install", what]:
                assert re.fullmatch(r'\.|"\.\[\w+\]"', what)
                extra = re.search(r"\[(\w+)\]", what)
                assert extra is None or extra[1] in extras
            case _:
                assert command[:3] == ["python", "-m", "sdanalytics"]
