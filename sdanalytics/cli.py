"""The command line: ``sdanalytics demo``, ``sandbox``, ``lab`` and ``login``.

Exit codes: 0 when all is done, 1 when something failed, 2 when the command is used wrongly or lacks
a setting, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import os
import shlex
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from sdanalytics._version import __version__
from sdanalytics.api.config_file import DEFAULT_LOGIN
from sdanalytics.errors import (
    InvalidRequest,
    MissingDependency,
    NotConfigured,
    SDAnalyticsError,
)
from sdanalytics.sandbox.settings import DEFAULT_CAMPAIGNS

if TYPE_CHECKING:
    # argparse has no public name for it.
    Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

EXIT_ERROR: Final = 1
EXIT_USAGE: Final = 2
"""Exit code for bad usage, as of argparse, and for settings that are missing or wrong."""
EXIT_INTERRUPTED: Final = 130
"""Exit code after Ctrl-C, as of a shell: 128 and the number of the signal."""

DEFAULT_PORT: Final = 8080
DEFAULT_DELAY: Final = 2.0
"""Seconds that the sandbox takes to build a report."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return the exit code of the process."""
    _show_any_text()
    options = build_parser().parse_args(arguments)
    try:
        options.run(options)
    except SDAnalyticsError as error:
        print(f"sdanalytics: {error}", file=sys.stderr)  # noqa: T201
        is_usage = isinstance(error, InvalidRequest | NotConfigured)
        return EXIT_USAGE if is_usage else EXIT_ERROR
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0


def _show_any_text() -> None:
    """Let names in any script be printed, as question marks where the output cannot have them."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="sdanalytics",
        description="Amazon Sponsored Display reports: log in, or try them without an account.",
    )
    parser.add_argument("--version", action="version", version=f"sdanalytics {__version__}")
    parser.set_defaults(run=lambda options: parser.print_help())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_demo_command(commands)
    _add_sandbox_command(commands)
    _add_lab_command(commands)
    _add_login_command(commands)
    return parser


def run_demo_command(options: argparse.Namespace) -> None:
    """Fetch, cache and plot two reports of a sandbox."""
    from sdanalytics.demo import run_demo

    run_demo(options.output, options.delay)


def run_sandbox_command(options: argparse.Namespace) -> None:
    """Serve a sandbox until Ctrl-C, and print the environment variables that use it."""
    from sdanalytics import sandbox

    with sandbox.start(
        options.port,
        delay=options.delay,
        queue_limit=options.queue_limit,
        rate_limit=options.rate_limit,
        campaigns=options.campaigns,
    ) as server:
        profiles = ", ".join(map(str, server.profile_ids))
        lines = [f"# The sandbox serves {server.base_url} until Ctrl-C. Profiles: {profiles}."]
        variables = server.environment | _isolated_cache_env(Path("sandbox-store"))
        lines += format_variables(variables, for_windows=os.name == "nt")
        print("\n".join(lines), flush=True)  # noqa: T201
        threading.Event().wait()


def format_variables(variables: Mapping[str, str], *, for_windows: bool) -> list[str]:
    """Return the lines that set environment variables, in PowerShell or in a POSIX shell."""
    lines = []
    for name, value in variables.items():
        if for_windows:
            quoted = value.replace("'", "''")
            lines.append(f"$env:{name} = '{quoted}'")
        else:
            lines.append(f"export {name}={shlex.quote(value)}")
    return lines


def run_lab_command(options: argparse.Namespace) -> None:
    """Run JupyterLab on the account that the environment configures, or else on a sandbox."""
    from sdanalytics.sandbox.connect import describe_account

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
        while process.poll() is None:
            # JupyterLab receives Ctrl-C, too. It requests a confirmation before it ends; the
            # sandbox waits for it.
            with contextlib.suppress(KeyboardInterrupt):
                process.wait()
    if process.returncode:
        raise SDAnalyticsError(f"JupyterLab ended with exit code {process.returncode}")


def run_login_command(options: argparse.Namespace) -> None:
    """Log in through Login with Amazon, and keep the login in the config file."""
    from sdanalytics.login import LoginOptions, run_login

    chosen = LoginOptions(
        name=options.name,
        region=options.region,
        client_id=options.client_id,
        redirect_uri=options.redirect_uri,
        profile_id=options.profile_id,
        use_keyring=not options.no_keyring,
    )
    run_login(chosen, os.environ)


@contextlib.contextmanager
def _sandbox_environment(environment: Mapping[str, str], delay: float) -> Iterator[dict[str, str]]:
    """Start a sandbox; yield the environment with its settings instead of any others."""
    from sdanalytics import sandbox

    with tempfile.TemporaryDirectory() as cache_folder, sandbox.start(delay=delay) as server:
        variables = server.environment | _isolated_cache_env(Path(cache_folder))
        for name, value in environment.items():
            if not name.startswith("SDANALYTICS_"):
                variables[name] = value
        yield variables


def _add_demo_command(commands: Commands) -> None:
    parser = commands.add_parser(
        "demo",
        help="fetch, cache and plot made-up reports",
        description="Fetch two weeks of made-up reports from a sandbox, twice, and plot them.",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("demo-output"),
        metavar="FOLDER",
        help="folder to write to (default: %(default)s)",
    )
    _add_delay_option(parser)
    parser.set_defaults(run=run_demo_command)


def _add_sandbox_command(commands: Commands) -> None:
    parser = commands.add_parser(
        "sandbox",
        help="serve a local stand-in for the Amazon Ads API",
        description=(
            "Serve a local stand-in for the Amazon Ads API until Ctrl-C, and print the "
            "environment variables with which sdanalytics uses it."
        ),
    )
    parser.add_argument(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        help="port to listen on; 0 for any free one (default: %(default)s)",
    )
    _add_delay_option(parser)
    parser.add_argument(
        "--campaigns",
        type=int,
        default=DEFAULT_CAMPAIGNS,
        help="campaigns of each advertiser, besides launches (default: %(default)s)",
    )
    _add_limit_options(parser)
    parser.set_defaults(run=run_sandbox_command)


def _add_limit_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--queue-limit",
        type=int,
        metavar="REPORTS",
        help="answer 429 when more reports are in flight (default: no limit)",
    )
    parser.add_argument(
        "--rate-limit",
        type=float,
        metavar="REQUESTS",
        help="answer 429 above this number of requests a second, for each operation "
        "(default: no limit)",
    )


def _add_lab_command(commands: Commands) -> None:
    parser = commands.add_parser(
        "lab",
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
    _add_delay_option(parser)
    parser.add_argument(
        "--no-browser",
        action="store_true",
        help="do not open a browser, only print the address",
    )
    parser.set_defaults(run=run_lab_command)


def _add_login_command(commands: Commands) -> None:
    parser = commands.add_parser(
        "login",
        help="log in once, and keep the login in a config file",
        description=(
            "Log in through Login with Amazon, choose a profile, and keep both in the config file "
            "(SDANALYTICS_CONFIG, or config.toml in your config folder) for Client.from_config() "
            "and for calls without a client. What no option or variable (SDANALYTICS_CLIENT_ID, "
            "SDANALYTICS_CLIENT_SECRET, SDANALYTICS_REGION) says is asked."
        ),
        epilog="Example: sdanalytics login --name agency-eu --region EU",
    )
    parser.add_argument(
        "--name", default=DEFAULT_LOGIN, help="name of the login (default: %(default)s)"
    )
    parser.add_argument("--region", help="NA, EU or FE: where the account advertises")
    parser.add_argument(
        "--client-id", metavar="ID", help="client id of your Login with Amazon application"
    )
    parser.add_argument(
        "--redirect-uri", metavar="URL", help="one of the application's Allowed Return URLs"
    )
    parser.add_argument("--profile-id", metavar="ID", help="profile of reports")
    parser.add_argument(
        "--no-keyring",
        action="store_true",
        help="keep the secrets in the file, which only you may read, and not in the system's "
        "keyring: for scheduled runs, which nobody unlocks it for",
    )
    parser.set_defaults(run=run_login_command)


def _add_delay_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--delay",
        type=float,
        default=DEFAULT_DELAY,
        metavar="SECONDS",
        help="time to build a report, in seconds (default: %(default)s)",
    )


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


def _isolated_cache_env(folder: Path) -> dict[str, str]:
    """Return the variable that keeps made-up data out of the default cache."""
    return {"SDANALYTICS_CACHE_DIR": str(folder.absolute())}
