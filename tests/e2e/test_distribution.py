"""What goes to the package index is complete, and works without what the checkout has."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from importlib import metadata
from pathlib import Path

import pytest

import sdanalytics as sda
from tests.e2e.built_package import ROOT, BuiltPackage, UserEnvironment, run_build

FETCH = """
import json
import matplotlib
import sdanalytics as sda

matplotlib.use("agg")
df = sda.fetch_report("campaigns", DAY)
axes = sda.plots.top(sda.summarize(df, "campaignName"), "cost", dot="acos")
axes.figure.savefig("figure.png")
print(json.dumps([sda.__file__, len(df), len(sda.ReportCache().read("campaigns", DAY))]))
"""


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> UserEnvironment:
    """Return an environment with the wheel and what it requires without extras."""
    environment = UserEnvironment(tmp_path_factory.mktemp("base"), wheel)
    environment.see_dependencies()
    return environment


def run_in(
    environment: UserEnvironment, *arguments: str, folder: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run Python there, without this process's path and folder."""
    return subprocess.run(
        [str(environment.python), "-I", *arguments],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("checker", [["twine", "check", "--strict"], ["check_wheel_contents"]])
def test_checkers_of_distributions_find_nothing(
    checker: list[str], built_package: BuiltPackage
) -> None:
    files = built_package if checker[0] == "twine" else [built_package.wheel]
    command = [sys.executable, "-m", *checker, *map(str, files)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr


def test_the_source_distribution_has_whatever_git_has(built_package: BuiltPackage) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    with tarfile.open(built_package.sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert set(filter(None, listing.stdout.split("\0"))) <= packed


def test_the_checkout_builds_the_same_wheel(built_package: BuiltPackage, tmp_path: Path) -> None:
    run_build(ROOT, tmp_path, "--wheel")
    assert (tmp_path / built_package.wheel.name).read_bytes() == built_package.wheel.read_bytes()


def test_the_description_can_be_read_away_from_the_repository(wheel: Path) -> None:
    (found,) = metadata.distributions(path=[str(wheel)])
    text = found.metadata["Description"]
    base = r"https://(?:github\.com|raw\.githubusercontent\.com)/sdanalytics/sdanalytics"
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert len(links) > 10
    for link in links:
        if match := re.fullmatch(rf"{base}(?:/blob)?/v{sda.__version__}/([^#]+)(#.+)?", link):
            assert (ROOT / match[1]).exists(), link
        else:
            assert link.startswith("https://"), link


def test_the_changelog_tells_of_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", text, re.MULTILINE)
    assert sections[0] == ("Unreleased", "")
    assert sections[1][0] == sda.__version__
    for version, day in sections[1:]:
        assert day
        assert f"\n[{version}]: https://" in text


def test_reports_are_fetched_without_any_extra(
    environment: UserEnvironment, tmp_path: Path
) -> None:
    with sda.sandbox.start(delay=0) as sandbox:
        script = FETCH.replace("DAY", repr(str(sandbox.today)))
        process = run_in(environment, "-c", script, folder=tmp_path, **sandbox.environment)
    assert process.returncode == 0, process.stderr
    module, fetched, stored = json.loads(process.stdout)
    assert Path(module).is_relative_to(environment.scripts.parent)
    assert fetched == stored > 0
    assert (tmp_path / "figure.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("call", "package"),
    [
        ("sda.ReportPicker()", "ipywidgets"),
        ("sda.ReportCache().sql('select 1')", "duckdb"),
        ("sda.to_excel('book.xlsx', None)", "xlsxwriter"),
    ],
)
def test_calls_name_the_package_that_they_lack(
    call: str, package: str, environment: UserEnvironment, tmp_path: Path
) -> None:
    script = (
        "import sdanalytics as sda\n"
        f"try: {call}\n"
        "except sda.MissingDependency as error: print(error.name, error)\n"
    )
    process = run_in(environment, "-c", script, folder=tmp_path)
    assert process.stderr == ""
    assert process.stdout.startswith(f"{package} ")
    assert process.stdout.endswith(f" needs the package {package}: pip install {package}\n")


def test_lab_names_the_package_that_it_lacks(environment: UserEnvironment, tmp_path: Path) -> None:
    process = run_in(environment, "-m", "sdanalytics", "lab", folder=tmp_path)
    assert process.returncode == 2
    assert process.stderr.startswith("sdanalytics: the ")
    assert process.stderr.endswith(" needs the package jupyterlab: pip install jupyterlab\n")
    assert not list(tmp_path.iterdir())


def test_the_demo_and_the_sandbox_need_no_extra(
    environment: UserEnvironment, tmp_path: Path
) -> None:
    process = run_in(
        environment, "-m", "sdanalytics", "demo", "--delay", "0", folder=tmp_path, MPLBACKEND="agg"
    )
    assert process.returncode == 0, process.stderr
    assert "14 days fetched, 0 from the cache" in process.stdout
    assert process.stderr == ""  # as when it is sent to a log
    assert len(list(tmp_path.glob("demo-output/*.png"))) == 2
    script = "import sdanalytics as sda; print(sda.sandbox.start().client.profiles().shape)"
    process = run_in(environment, "-c", script, folder=tmp_path)
    assert process.stdout == "(3, 8)\n", process.stderr


def test_the_command_says_the_version(environment: UserEnvironment) -> None:
    command = [str(environment.scripts / "sdanalytics"), "--version"]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    assert process.stdout == f"sdanalytics {sda.__version__}\n"


def test_workflows_call_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    called = set()
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        for command in re.findall(r"run: make PYTHON=python (.+)", path.read_text("utf-8")):
            called.update(command.split())
    assert {"test", "package"} <= called
    assert called <= targets
