"""Run the code of the pages against a sandbox, on the day that they name.

A kernel of IPython runs whatever is in the folder ``startup`` of its profile before the first
cell; there the account of `tests.support.guide_account` is joined.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.guide_account import open_account

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
KERNEL_CONFIG = "c = get_config()\nc.IPKernelApp.log_level = 'ERROR'  # not that loopback is not encrypted\n"


def setup(app: Sphinx) -> dict[str, Any]:
    """Open the account before the first page is read, and close it when the build has ended."""
    account = contextlib.ExitStack()

    def open_before_pages(app: Sphinx, env: BuildEnvironment, pages: list[str]) -> None:
        if pages:
            account.enter_context(serve_kernels())

    app.connect("env-before-read-docs", open_before_pages)
    app.connect("build-finished", lambda app, error: account.close())
    return {"parallel_read_safe": True, "parallel_write_safe": True}


@contextlib.contextmanager
def serve_kernels() -> Iterator[None]:
    """Open the account for the kernels that this process starts meanwhile."""
    with tempfile.TemporaryDirectory() as folder, open_account(Path(folder, "store")):
        profile = Path(folder, "ipython", "profile_default")
        profile.joinpath("startup").mkdir(parents=True)
        profile.joinpath("startup", "account.py").write_text(STARTUP, encoding="utf-8")
        profile.joinpath("ipython_kernel_config.py").write_text(KERNEL_CONFIG, encoding="utf-8")
        os.environ["IPYTHONDIR"] = str(profile.parent)
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        yield
