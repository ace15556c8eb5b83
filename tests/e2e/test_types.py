"""Type checkers find errors in a user's script, with the installed wheel."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.e2e.built_package import UserEnvironment

GOOD = """
    import sdanalytics as sda

    record_type: sda.RecordType = "campaigns"
    tactic: sda.Tactic = "T00020"
    region: sda.Region = "EU"
    api: sda.Api = "v3"
    credentials = sda.Credentials("id", access_token="token")
    client = sda.Client(credentials, 1, region=region, api=api)
    df = sda.fetch_report(
        record_type, "2026-11-01", metrics=["cost"], tactic=[tactic], segment="matchedTarget",
        client=client, refresh="never",
    )
    print(sda.summarize(df, "campaignName"), sda.plots.trend(df, "cost"), df.head())
    print(sda.ReportCache().read("asins", "2026-11-01"), sda.submit_report("targets", "2026-11-01"))
"""
MISSPELT = {
    "record_type": 'sda.fetch_report("campaign", "2026-11-01")',
    "record_type of read": 'sda.ReportCache().read("campaign", "2026-11-01")',
    "record_type of submit": 'sda.submit_report("campaign", "2026-11-01")',
    "record_type of plan": 'sda.plan_report("campaign", "2026-11-01")',
    "record_type of list_metrics": 'sda.list_metrics("campaign")',
    "tactic": 'sda.fetch_report("campaigns", "2026-11-01", tactic="T0020")',
    "tactics": 'sda.fetch_report("campaigns", "2026-11-01", tactic=["T00020", "T0030"])',
    "segment": 'sda.fetch_report("campaigns", "2026-11-01", segment="matchedTargets")',
    "refresh": 'sda.fetch_report("campaigns", "2026-11-01", refresh="allways")',
    "region": 'sda.Client(sda.Credentials("id", access_token="token"), 1, region="US")',
    "api": 'sda.Client(sda.Credentials("id", access_token="token"), 1, api="v4")',
    "parameter": 'sda.fetch_report("campaigns", "2026-11-01", metric=["cost"])',
}


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment in which the package is installed, not linked."""
    environment = UserEnvironment(tmp_path_factory.mktemp("user"), wheel)
    environment.see_everything()
    return environment.python


def check(checker: str, python: Path, script: Path) -> subprocess.CompletedProcess[str]:
    if checker == "mypy":
        command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(python)]
        command += ["--config-file=", f"--cache-dir={script.parent / 'mypy-cache'}"]
    else:
        command = [sys.executable, "-m", "basedpyright", "--pythonpath", str(python)]
        command += ["--level", "error"]
    command.append(script.name)
    return subprocess.run(command, cwd=script.parent, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_type_checkers_find_typos(checker: str, python: Path, tmp_path: Path) -> None:
    """Each line with a typo is an error, and no other line is."""
    good = textwrap.dedent(GOOD)
    first = len(good.splitlines()) + 1
    script = tmp_path / "script.py"
    script.write_text(good + "\n".join(MISSPELT.values()) + "\n")
    process = check(checker, python, script)
    output = process.stdout + process.stderr
    errors = {line for line in output.splitlines() if "error" in line and "script.py:" in line}
    found = {int(line.partition("script.py:")[2].split(":")[0]) for line in errors}
    assert found == set(range(first, first + len(MISSPELT))), output
