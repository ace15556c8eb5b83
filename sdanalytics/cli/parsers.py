"""Parsers of commands, and the options that several have."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from sdanalytics.cli.exit_codes import EXIT_CODES_HELP

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""The commands of a parser: argparse has no public name for them."""

DEFAULT_DELAY: Final = 2.0
"""Seconds that the sandbox takes to build a report."""
_EXAMPLES: Final = "examples:\n"


class HelpFormatter(argparse.HelpFormatter):
    """A formatter that fills paragraphs, but leaves the lines of examples as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraph, separator, examples = text.partition(_EXAMPLES)
        filled = super()._fill_text(paragraph, width, indent)
        if not separator:
            return filled
        return f"{separator}{examples}"


def add_command(
    commands: Commands,
    name: str,
    run: Callable[[argparse.Namespace], int | None],
    *,
    help: str,
    description: str,
    examples: Sequence[str] = (),
) -> argparse.ArgumentParser:
    """Add a command, and return its parser.

    Parameters
    ----------
    commands : argparse action
    name : str
    run : callable
        Runs the command; returns its exit code, or None for 0.
    help, description : str
        A phrase for the list of commands, and sentences for the help of this one.
    examples : sequence of str, optional
        Command lines.
    """
    epilog = None
    if examples:
        lines = [f"  {example}" for example in examples]
        epilog = _EXAMPLES + "\n".join(lines)
    parser = commands.add_parser(
        name,
        help=help,
        description=description,
        epilog=epilog,
        formatter_class=HelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def describe_with_exit_codes(description: str) -> str:
    """Return the description of a command for schedulers, which look at its exit code."""
    return f"{description} {EXIT_CODES_HELP}"


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument(
        "--json",
        action="store_true",
        help="print JSON, and nothing else, on standard output; ids are strings",
    )


def add_log_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--verbose`` and ``--quiet``."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--verbose", action="store_true", help="log every step of each profile")
    group.add_argument("--quiet", action="store_true", help="log nothing but what goes wrong")


def add_cache_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--cache``."""
    parser.add_argument(
        "--cache",
        metavar="PATH",
        help="folder or URL of the store (default: SDANALYTICS_CACHE_DIR, or your data folder)",
    )


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--config``."""
    parser.add_argument(
        "--config",
        metavar="NAME",
        help="login that `sdanalytics login --name NAME` has kept (default: that of the "
        "environment variables, or else the login called default)",
    )


def add_profiles_option(parser: argparse.ArgumentParser, default: str) -> None:
    """Add ``--profiles``."""
    parser.add_argument(
        "--profiles",
        nargs="+",
        metavar="ID",
        help=f"profiles by id, or all (default: {default})",
    )


def add_delay_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--delay``, of the commands that start a sandbox."""
    parser.add_argument(
        "--delay",
        type=float,
        default=DEFAULT_DELAY,
        metavar="SECONDS",
        help="time to build a report, in seconds (default: %(default)s)",
    )


def parse_profiles(values: Sequence[str] | None) -> Any:
    """Return the parameter `profiles` of calls for the values of the option, None for none.

    Ids may be separated by commas, too.
    """
    if values is None:
        return None
    names = [name for value in values for name in value.split(",") if name]
    return "all" if names == ["all"] else names
