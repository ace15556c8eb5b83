"""The notebooks: they run from top to bottom with no account, and read well where nothing runs."""

from __future__ import annotations

import base64
import importlib.util
import io
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")

ROOT = Path(__file__).parents[1]
PATHS = sorted(ROOT.joinpath("notebooks").glob("*.ipynb"))
FIGURES = {
    "01-quickstart": 1,
    "02-campaign-performance": 6,
    "03-asin-halo": 3,
    "04-picker": 1,
    "05-background": 1,
    "06-sql": 1,
}
NAMES = list(FIGURES)

ABSOLUTE_PATH = r"(?<![\w.:/<])/(?:\w[\w.-]*/)+\w|\b[A-Z]:\\\\"

# What ipykernel tells of its sockets, and nbclient of the platform's event loop.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::ResourceWarning")


def execute(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("execute", ROOT / "docs" / "notebooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.execute(path)


def outputs_of(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def text_of(notebook: Any) -> str:
    """All that its code printed or gave as text."""
    parts = [output.get("text", "") for output in outputs_of(notebook)]
    parts += [output.get("data", {}).get("text/plain", "") for output in outputs_of(notebook)]
    return "\n".join(parts)


def pictures_of(notebook: Any) -> list[Any]:
    data = [output.get("data", {}).get("image/png") for output in outputs_of(notebook)]
    return [
        np.asarray(imread(io.BytesIO(base64.b64decode(each)), format="png"))
        for each in data
        if each
    ]


def test_all_are_there() -> None:
    assert [path.stem for path in PATHS] == NAMES


@pytest.mark.parametrize("api", ["v2", "v3"])
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_with_no_account(
    name: str, api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDANALYTICS_API", api)
    copy = shutil.copy(ROOT / "notebooks" / f"{name}.ipynb", tmp_path)
    notebook = execute(Path(copy))
    pictures = pictures_of(notebook)
    assert len(pictures) == FIGURES[name]
    for picture in pictures:
        assert (picture[:, :, :3] < 0.9).any(axis=2).mean() > 0.005
    told = text_of(notebook)
    expected = {
        "01-quickstart": "did you mean 'attributedSales14d'",
        "02-campaign-performance": " spent, ",
        "03-asin-halo": "with what else was bought",
        "04-picker": "sda.fetch_report(",
        "05-background": ": done: ",
        "06-sql": "the same clicks each day: True",
    }
    assert expected[name] in told


@pytest.mark.parametrize("name", NAMES)
def test_it_is_committed_with_what_it_gave(name: str) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    counts = [cell["execution_count"] for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))  # from top to bottom, in one go
    assert len(pictures_of(notebook)) == FIGURES[name]
    assert all(output["output_type"] != "error" for output in outputs_of(notebook))
    for output in outputs_of(notebook):
        output.get("data", {}).pop("image/png", None)  # whose letters mean nothing
    written = nbformat.writes(notebook)
    # No path of any machine, no address of its own, no secret, no picture that is not there.
    assert not re.search(ABSOLUTE_PATH, written)
    assert not re.search(r"127\.0\.0\.1|Atza\||Atzr\|", written)
    for linked in re.findall(r"\]\(([^)]*)\)", written):
        assert (ROOT / "notebooks" / linked).exists(), linked


@pytest.mark.parametrize(
    "code",
    [
        "1 / 0",
        "import warnings; warnings.warn('odd')",
        "import ipywidgets as w\no = w.Output()\ndisplay(o)\nwith o: 1 / 0",
        "import ipywidgets as w\nw.HTML('<div role=\"alert\">not found</div>')",
    ],
)
def test_what_goes_wrong_in_one_is_an_error_here(code: str, tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbformat.write(notebook, tmp_path / "wrong.ipynb")
    with pytest.raises(Exception, match=r"ZeroDivisionError|odd|not found"):
        execute(tmp_path / "wrong.ipynb")
