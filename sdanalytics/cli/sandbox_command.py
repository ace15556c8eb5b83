"""``sdanalytics sandbox``."""

from __future__ import annotations

import argparse
import os
import shlex
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sdanalytics.cli.parsers import Commands, add_command, add_delay_option
from sdanalytics.sandbox.settings import DEFAULT_CAMPAIGNS

DEFAULT_PORT: Final = 8080


def add_sandbox_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "sandbox",
        run_sandbox_command,
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
    add_delay_option(parser)
    parser.add_argument(
        "--campaigns",
        type=int,
        default=DEFAULT_CAMPAIGNS,
        help="campaigns of each advertiser, besides launches (default: %(default)s)",
    )
    _add_limit_options(parser)


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
        variables = server.environment | isolated_cache_env(Path("sandbox-store"))
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


def isolated_cache_env(folder: Path) -> dict[str, str]:
    """Return the variable that keeps made-up data out of the default cache."""
    return {"SDANALYTICS_CACHE_DIR": str(folder.absolute())}
