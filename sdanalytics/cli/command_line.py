"""The command line as a whole: its parser, and how a command ends."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from sdanalytics._version import __version__
from sdanalytics.cli.demo_command import add_demo_command
from sdanalytics.cli.exit_codes import (
    EXIT_CODES_HELP,
    EXIT_INTERRUPTED,
    EXIT_MISSING,
    EXIT_OK,
    EXIT_TERMINATED,
    choose_exit_code,
)
from sdanalytics.cli.export_command import add_export_command
from sdanalytics.cli.fetch_command import add_fetch_command
from sdanalytics.cli.lab_command import add_lab_command
from sdanalytics.cli.login_command import add_login_command
from sdanalytics.cli.output import print_json
from sdanalytics.cli.parsers import HelpFormatter
from sdanalytics.cli.plan_command import add_plan_command
from sdanalytics.cli.profiles_command import add_profiles_command
from sdanalytics.cli.report_command import add_report_command
from sdanalytics.cli.sandbox_command import add_sandbox_command
from sdanalytics.cli.store_commands import add_store_commands
from sdanalytics.cli.termination import Terminated, raise_on_sigterm
from sdanalytics.errors import SDAnalyticsError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return the exit code of the process."""
    _show_any_text()
    options = build_parser().parse_args(arguments)
    try:
        with raise_on_sigterm():
            code = options.run(options)
            sys.stdout.flush()
    except SDAnalyticsError as error:
        print(f"sdanalytics: {error}", file=sys.stderr)  # noqa: T201
        if vars(options).get("json"):
            print_json({"error": {"type": type(error).__name__, "message": str(error)}})
        return choose_exit_code(error)
    except Terminated:
        return EXIT_TERMINATED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # whoever read the output has seen enough of it, such as head
        _discard_output()
        return EXIT_MISSING
    return EXIT_OK if code is None else int(code)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="sdanalytics",
        description=(
            "Amazon Sponsored Display reports: log in, fetch them into a store, look after it, "
            "and export them; or try it all without an account."
        ),
        epilog=f"`sdanalytics COMMAND --help` has examples. {EXIT_CODES_HELP}",
        formatter_class=HelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"sdanalytics {__version__}")
    parser.set_defaults(run=lambda options: parser.print_help())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    add_login_command(commands)
    add_profiles_command(commands)
    add_plan_command(commands)
    add_fetch_command(commands)
    add_export_command(commands)
    add_report_command(commands)
    add_store_commands(commands)
    add_demo_command(commands)
    add_sandbox_command(commands)
    add_lab_command(commands)
    return parser


def _show_any_text() -> None:
    """Let names in any script be printed, as question marks where the output cannot have them."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _discard_output() -> None:
    """Let Python write to nowhere what is left to write when it exits."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
