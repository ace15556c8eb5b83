"""Run the code of the pages against a sandbox, on the day that they name.

A kernel of IPython runs whatever is in the folder ``startup`` of its profile before the first
cell; there the account of `tests.support.guide_account` is joined.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

ROOT = Path(__file__).parents[2]
STARTUP = """\
import atexit, contextlib, os
from tests.support.guide_account import join_account
_account = contextlib.ExitStack()
os.chdir(_account.enter_context(join_account()))
atexit.register(_account.close)
"""
KERNEL_CONFIG = (
    "c = get_config()\nc.IPKernelApp.log_level = 'ERROR'  # not that loopback is not encrypted\n"
)


def setup(app: Sphinx) -> dict[str, Any]:
    """Open the account before the first page is read, and close it when the build has ended."""
    account = contextlib.ExitStack()

    def open_before_pages(app: Sphinx, env: BuildEnvironment, pages: list[str]) -> None:
        if pages and app.config.nb_execution_mode != "off":
            account.enter_context(serve_kernels())

    app.connect("env-get-outdated", find_outdated_pages)
    app.connect("env-before-read-docs", open_before_pages)
    app.connect("doctree-read", remove_progress_bars)
    app.connect("build-finished", lambda app, error: account.close())
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def find_outdated_pages(app: Sphinx, env: Any, *changes: set[str]) -> list[str]:
    """Return the pages whose code is to run again, as the package is newer than what they show."""
    newest = max(path.stat().st_mtime for path in ROOT.joinpath("sdanalytics").rglob("*.py"))
    if newest <= getattr(env, "package_time", 0.0):
        return []
    env.package_time = newest
    return [name for name in env.found_docs if has_cells(Path(env.doc2path(name)))]


def has_cells(page: Path) -> bool:
    """Return whether a page is Markdown with code that the build runs."""
    return page.suffix == ".md" and "\n```{code-cell}" in page.read_text(encoding="utf-8")


def remove_progress_bars(app: Sphinx, page: nodes.document) -> None:
    """Leave out bars: how long the sandbox took is of no interest. Jobs of notebooks stay."""
    if app.env.docname.startswith("notebooks/"):
        return
    for output in list(page.findall(nodes.raw)):
        if "sdanalytics-progress" in output.astext():
            output.parent.remove(output)


@contextlib.contextmanager
def serve_kernels() -> Iterator[None]:
    """Open the account for the kernels that this process starts meanwhile.

    It is served by another process, since this one forks to read pages side by side.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.support.guide_account", f"{folder}/store"]
        with subprocess.Popen(  # noqa: S603 - of our own
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server:
            assert server.stdout is not None
            os.environ.update(json.loads(server.stdout.readline()))
            os.environ["IPYTHONDIR"] = str(write_profile(Path(folder, "ipython")))
            paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
            os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
            yield
            server.communicate()  # ends its input


def write_profile(folder: Path) -> Path:
    """Write a profile of IPython in which kernels join the account; return its folder."""
    profile = folder / "profile_default"
    profile.joinpath("startup").mkdir(parents=True)
    profile.joinpath("startup", "account.py").write_text(STARTUP, encoding="utf-8")
    profile.joinpath("ipython_kernel_config.py").write_text(KERNEL_CONFIG, encoding="utf-8")
    return folder
