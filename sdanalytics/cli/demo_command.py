"""``sdanalytics demo``."""

from __future__ import annotations

import argparse
from pathlib import Path

from sdanalytics.cli.parsers import Commands, add_command, add_delay_option


def add_demo_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "demo",
        run_demo_command,
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
    add_delay_option(parser)


def run_demo_command(options: argparse.Namespace) -> None:
    """Fetch, cache and plot two reports of a sandbox."""
    from sdanalytics.demo.command import run_demo

    run_demo(options.output, options.delay)
