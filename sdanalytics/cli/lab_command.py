"""``sdanalytics lab``."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from sdanalytics.cli.parsers import Commands, add_command, add_delay_option
from sdanalytics.cli.sandbox_command import isolated_cache_env
from sdanalytics.cli.termination import Terminated
from sdanalytics.errors import InvalidRequest, MissingDependency, SDAnalyticsError


def add_lab_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "lab",
        run_lab_command,
        help="run JupyterLab on your account, or on a sandbox",
        description=(
            "Run JupyterLab on the account whose credentials the environment variables have "
            "(SDANALYTICS_CLIENT_ID, ...), or else on a sandbox."
        ),
    )
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        default=Path(),
        help="folder to open, below the current one (default: the current one)",
    )
    add_delay_option(parser)
    parser.add_argument(
        "--no-browser",
        action="store_true",
        help="do not open a browser, only print the address",
    )


def run_lab_command(options: argparse.Namespace) -> None:
    """Run JupyterLab on the account that the environment configures, or else on a sandbox."""
    from sdanalytics.demo.account import describe_account

    if importlib.util.find_spec("jupyterlab") is None:
        raise MissingDependency.for_module("jupyterlab", "the command lab")
    command = _jupyterlab_command(options.folder, open_browser=not options.no_browser)
    with contextlib.ExitStack() as stack:
        environment = dict(os.environ)
        account = describe_account(environment)
        if account is None:
            environment = stack.enter_context(_sandbox_environment(environment, options.delay))
            account = f"the sandbox at {environment['SDANALYTICS_BASE_URL']}, with made-up data"
        print(f"Notebooks use {account}.", flush=True)  # noqa: T201
        process = subprocess.Popen(command, env=environment)  # noqa: S603
        try:
            while process.poll() is None:
                # JupyterLab receives Ctrl-C, too. It requests a confirmation before it ends; the
                # sandbox waits for it.
                with contextlib.suppress(KeyboardInterrupt):
                    process.wait()
        except Terminated:
            process.terminate()
            process.wait()
            raise
    if process.returncode:
        raise SDAnalyticsError(f"JupyterLab ended with exit code {process.returncode}")


@contextlib.contextmanager
def _sandbox_environment(environment: Mapping[str, str], delay: float) -> Iterator[dict[str, str]]:
    """Start a sandbox; yield the environment with its settings instead of any others."""
    from sdanalytics import sandbox
    from sdanalytics.demo.account import DEMO_VARIABLE

    with tempfile.TemporaryDirectory() as cache_folder, sandbox.start(delay=delay) as server:
        variables = server.environment | isolated_cache_env(Path(cache_folder))
        variables[DEMO_VARIABLE] = "1"
        for name, value in environment.items():
            if not name.startswith("SDANALYTICS_"):
                variables[name] = value
        yield variables


def _jupyterlab_command(folder: Path, *, open_browser: bool) -> list[str]:
    """Return the command that runs JupyterLab in the current folder, with another one open.

    Raises
    ------
    InvalidRequest
        When the folder does not exist below the current one.
    """
    root = Path.cwd()
    if folder.is_absolute() or not root.joinpath(folder).is_dir():
        raise InvalidRequest(f"folder must be a folder below the current one, got {folder}")
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={root}",
        f"--LabApp.default_url=/lab/tree/{folder.as_posix()}",
    ]
    if not open_browser:
        command.append("--no-browser")
    if _is_root():
        command.append("--allow-root")
    return command


def _is_root() -> bool:
    """Return whether the user is root, the only one in many containers."""
    geteuid = getattr(os, "geteuid", None)  # Windows has none
    return geteuid is not None and geteuid() == 0
