"""The code of the README and of the guides runs from top to bottom of each page."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

import sdanalytics as sda
from tests.support.guide_account import join_account, open_account
from tests.support.guides import ROOT, find_blocks, has_unexecuted_code, list_pages
from tests.support.object_storage import LOGIN, serve_bucket

PAGES = list_pages()
PAGES_TO_RUN = [page for page in PAGES if has_unexecuted_code(page)]
"""The build of the site runs the code of all others."""
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES_TO_RUN]


@pytest.fixture(scope="module")
def account_variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Serve the account of the documentation to all pages, with a short history."""
    folder = tmp_path_factory.mktemp("account") / "store"
    with open_account(folder, mornings=8) as variables:
        yield variables


@pytest.fixture
def account(
    account_variables: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    for name, value in account_variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    with join_account():
        yield
    plt.close("all")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Serve a bucket named as in the pages."""
    for name, value in (LOGIN | {"XDG_STATE_HOME": str(tmp_path / "state")}).items():
        monkeypatch.setenv(name, value)
    with serve_bucket() as served:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{served.host}")
        yield


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # of pandas, passed on to Dask
@pytest.mark.filterwarnings("ignore::sdanalytics.ImmatureWarning")  # its days are young
@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("page", PAGES_TO_RUN, ids=NAMES)
def test_python_blocks_run_from_top_to_bottom(page: Path, request: pytest.FixtureRequest) -> None:
    blocks = find_blocks(page, "python")
    if any("s3://" in block for block in blocks):
        request.getfixturevalue("bucket")
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, f"{page.name}: {block.splitlines()[0]}", "exec"), names)


def test_most_pages_have_code_that_runs() -> None:
    assert len(PAGES_TO_RUN) > 12
    assert sum(len(find_blocks(page, "python")) for page in PAGES) > 60


@pytest.mark.usefixtures("account")
def test_the_readme_tells_how_sales_changed() -> None:
    df = sda.fetch_report("campaigns", days=28)
    weeks = ("2026-11-02", "2026-11-08"), ("2026-11-09", "2026-11-15")
    [change] = sda.compare(df, *weeks, final=sda.maturity()).to_dict("records")
    text = " ".join(ROOT.joinpath("README.md").read_text(encoding="utf-8").split())
    fell, rose = change["sales_change_share"], change["sales_final_change_share"]
    assert f"fell by {-100 * fell:.0f} % from one week to the next" in text
    assert f"rise by about {100 * rose:.0f} %" in text


def test_shell_blocks_name_targets_extras_and_commands_that_exist() -> None:
    commands = []
    for page in PAGES:
        for block in find_blocks(page, "sh"):
            commands += [line.partition("#")[0].split() for line in block.splitlines()]
    assert len(commands) > 20
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
                assert "sdanalytics" in command[:3]


def test_public_names_on_pages_exist() -> None:
    """Whatever begins with ``sda.`` on a page, in code or in text, is there."""
    seen = set()
    for page in PAGES:
        seen.update(re.findall(r"\bsda\.(\w+(?:\.\w+)?)", page.read_text(encoding="utf-8")))
    assert len(seen) > 30
    for name in sorted(seen):
        value: Any = sda
        for part in name.split("."):
            value = getattr(value, part)


def test_the_readme_is_short() -> None:
    assert len(ROOT.joinpath("README.md").read_text(encoding="utf-8").splitlines()) <= 200
