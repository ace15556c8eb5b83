"""The notebooks run without an account, and are committed with their outputs."""

from __future__ import annotations

import base64
import importlib.util
import io
import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from sdanalytics import sandbox

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")

ROOT = Path(__file__).parents[2]
PATHS = sorted(ROOT.joinpath("notebooks").glob("*.ipynb"))
FIGURES = {
    "01-first-report": 2,
    "02-what-changed": 3,
    "03-halo": 1,
    "04-which-targets-to-cut": 2,
    "05-how-ripe": 3,
    "06-pacing": 1,
    "07-weekly-report": 1,
    "08-background": 1,
    "09-sql": 1,
    "10-picker": 1,
}
NAMES = list(FIGURES)

ABSOLUTE_PATH = r"(?<![\w.:/<])/(?:\w[\w.-]*/)+\w|\b[A-Z]:\\\\"

# Warnings of ipykernel about its sockets, and of nbclient about the event loop.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::ResourceWarning")


def load_tool() -> Any:
    """Return the module that executes notebooks."""
    spec = importlib.util.spec_from_file_location("execute", ROOT / "docs" / "notebooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def execute(path: Path, kernel: Any = None) -> Any:
    return load_tool().execute(path, kernel)


SLOW = ["07-weekly-report"]
RUNS = [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in NAMES]


@pytest.fixture(scope="module")
def kernel() -> Iterator[Any]:
    """A kernel for all notebooks: starting one and its demo takes longer than most of them."""
    with load_tool().start_kernel() as running:
        yield running


def outputs_of(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def output_text(notebook: Any) -> str:
    """Return all text outputs of a notebook."""
    parts = [output.get("text", "") for output in outputs_of(notebook)]
    parts += [output.get("data", {}).get("text/plain", "") for output in outputs_of(notebook)]
    return "\n".join(parts)


def pictures_of(notebook: Any) -> list[Any]:
    data = [output.get("data", {}).get("image/png") for output in outputs_of(notebook)]
    return [
        np.asarray(imread(io.BytesIO(base64.b64decode(encoded)), format="png"))
        for encoded in data
        if encoded
    ]


def test_all_notebooks_are_tested() -> None:
    assert [path.stem for path in PATHS] == NAMES


@pytest.mark.parametrize("name", RUNS)
def test_notebooks_run_without_an_account(name: str, kernel: Any, tmp_path: Path) -> None:
    copy = shutil.copy(ROOT / "notebooks" / f"{name}.ipynb", tmp_path)
    check_outputs(name, execute(Path(copy), kernel))


@pytest.mark.slow
def test_a_notebook_runs_on_version_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDANALYTICS_API", "v2")
    name = "02-what-changed"
    copy = shutil.copy(ROOT / "notebooks" / f"{name}.ipynb", tmp_path)
    check_outputs(name, execute(Path(copy)))


def test_a_notebook_runs_on_an_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no history, no incident and no name of a product to rely on."""
    monkeypatch.setenv("SDANALYTICS_CACHE_DIR", str(tmp_path / "store"))
    copy = shutil.copy(ROOT / "notebooks" / "03-halo.ipynb", tmp_path)
    with sandbox.start(delay=0) as box:
        for variable, value in (box.environment | {"SDANALYTICS_API": "v3"}).items():
            monkeypatch.setenv(variable, value)
        monkeypatch.setenv("SDANALYTICS_PROFILE_ID", str(box.profile_ids[2]))
        notebook = execute(Path(copy))
    assert "Connected to your account" in output_text(notebook)
    check_outputs("03-halo", notebook)


def check_outputs(name: str, notebook: Any) -> None:
    pictures = pictures_of(notebook)
    assert len(pictures) == FIGURES[name]
    for picture in pictures:
        assert (picture[:, :, :3] < 0.9).any(axis=2).mean() > 0.005
    text = "\n".join(sentences_of(notebook))
    assert not re.search(r"\bnan\b|<NA>|\binf\b", text)
    assert "What one sees" in text or name == "10-picker"


def sentences_of(notebook: Any) -> list[str]:
    """Return the texts that cells have computed."""
    texts = [output.get("data", {}).get("text/markdown", "") for output in outputs_of(notebook)]
    return [text for text in texts if text]


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_are_committed_with_their_outputs(name: str) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    counts = [cell["execution_count"] for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))  # from top to bottom, in one go
    check_outputs(name, notebook)
    assert all(output["output_type"] != "error" for output in outputs_of(notebook))
    for output in outputs_of(notebook):
        output.get("data", {}).pop("image/png", None)  # its letters may match by chance
    written = nbformat.writes(notebook)
    # No path or address of a machine, no secret, no missing picture.
    assert not re.search(ABSOLUTE_PATH, written)
    assert not re.search(r"127\.0\.0\.1|Atza\||Atzr\|", written)
    for linked in re.findall(r"\]\(([^)]*)\)", written):
        assert (ROOT / "notebooks" / linked).exists(), linked


@pytest.mark.parametrize("name", NAMES)
def test_each_figure_is_followed_by_a_sentence_and_each_notebook_ends_in_an_action(
    name: str,
) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    cells = notebook.cells
    for cell, following in pairwise(cells):
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
            assert "**What one sees:**" in following.source
    headings = [cell.source for cell in cells if cell.cell_type == "markdown"]
    assert any("## What to do" in heading for heading in headings[-3:])
    assert any("trap" in cell.source for cell in cells)


def execute_cells(folder: Path, *cells: str) -> Any:
    path = folder / "written.ipynb"
    code_cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=code_cells), path)
    return execute(path)


def test_an_error_of_a_cell_is_raised(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="ZeroDivisionError"):
        execute_cells(tmp_path, "1 / 0")


def test_warnings_and_errors_in_widgets_are_raised(tmp_path: Path) -> None:
    cells = [
        "import warnings; warnings.simplefilter('default'); warnings.warn('odd')",
        "import ipywidgets as w\no = w.Output()\ndisplay(o)\nwith o: 1 / 0",
        "w.HTML('<div role=\"alert\">not found</div>')",
    ]
    with pytest.raises(RuntimeError) as caught:
        execute_cells(tmp_path, *cells)
    for message in ("odd", "ZeroDivisionError", "not found"):
        assert message in str(caught.value)


def test_a_job_is_shown_until_it_has_ended(tmp_path: Path) -> None:
    with sandbox.start(delay=0.5) as box:
        notebook = execute_cells(
            tmp_path,
            f"""
            import os, threading
            os.environ.update({box.environment})
            import sdanalytics as sda
            job = sda.submit_report('campaigns', '{box.today}', cache=False)
            display(job)
            job.add_done_callback(lambda _: None)
            df = job.result()
            for thread in threading.enumerate():
                if thread.name == 'sdanalytics job shown':
                    thread.join()
            """,
        )
    [output] = notebook.cells[0].outputs
    assert "done: 1 of 1 day" in output.data["text/plain"]
    assert 'value="1" max="1"' in output.data["text/html"]


SETUP = """
import os, sys
sys.modules["ipywidgets"] = None  # as in a kernel without them
os.environ.update({environment})
import sdanalytics as sda
"""


def test_a_saved_notebook_shows_how_a_job_ended(tmp_path: Path) -> None:
    with sandbox.start(delay=0.5) as box:
        notebook = execute_cells(
            tmp_path,
            SETUP.format(environment=box.environment),
            f"job = sda.submit_report('campaigns', '{box.today}', cache=False)\njob",
            "df = job.result()",
        )
    [output] = notebook.cells[1].outputs
    assert "done: 1 of 1 day" in output.data["text/plain"]
    assert f"of profile {box.profile_ids[0]}" in output.data["text/html"]


def test_bars_need_no_widgets_and_name_their_profile(tmp_path: Path) -> None:
    """A warning, or anything else on stderr, would be an error here."""
    calls = [
        f"df = sda.fetch_report('campaigns', '{{0}}', cache=False, progress={progress})"
        for progress in (True, None)
    ]
    with sandbox.start(delay=1.5) as box:
        days = [call.format(box.today) for call in calls]
        options = "cache=False, timeout=0.5, progress=True"
        failing = f"try: sda.fetch_report('campaigns', '{box.today}', {options})\n"
        notebook = execute_cells(
            tmp_path,
            SETUP.format(environment=box.environment),
            *days,
            failing + "except sda.ReportTimeout: pass",
        )
    for cell in notebook.cells[1:3]:
        [output] = cell.outputs
        shown = f"profile {box.profile_ids[0]} campaigns: 1 of 1 day, 0 days from the cache"
        assert output.data["text/plain"].startswith(shown)
        assert 'value="1" max="1"' in output.data["text/html"]
    [output] = notebook.cells[3].outputs
    assert output.data["text/plain"].endswith("ended by ReportTimeout")
