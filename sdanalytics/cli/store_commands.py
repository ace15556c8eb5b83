"""The commands that look after a store: pending, coverage, verify, repair and compact."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sdanalytics.cli.coverage_command import add_coverage_command
from sdanalytics.cli.exit_codes import EXIT_MISSING, EXIT_OK
from sdanalytics.cli.output import print_json, print_line, print_table, to_records
from sdanalytics.cli.parsers import Commands, add_cache_option, add_command, add_json_option


def add_store_commands(commands: Commands) -> None:
    """Add the commands to the parser."""
    add_coverage_command(commands)
    for command in _COMMANDS:
        parser = add_command(
            commands,
            command.name,
            command.run,
            help=command.help,
            description=command.description,
            examples=(command.example,),
        )
        add_cache_option(parser)
        add_json_option(parser)


def run_pending_command(options: argparse.Namespace) -> None:
    """List the reports in flight."""
    from sdanalytics.cli.store_choice import open_store

    frame = open_store(options.cache).pending()
    if options.json:
        print_json(to_records(frame))
    else:
        print_table(frame.drop(columns=["columns"]), "nothing is in flight")


def run_verify_command(options: argparse.Namespace) -> int:
    """List the invalid files of a store; 1 if there are any, or no file at all."""
    from sdanalytics.cli.store_choice import open_store

    cache = open_store(options.cache)
    frame = cache.verify()
    has_valid_only = frame.empty and not cache.entries().empty
    if options.json:
        print_json(to_records(frame))
    else:
        print_table(frame, "every file is valid" if has_valid_only else "nothing is stored")
    return EXIT_OK if has_valid_only else EXIT_MISSING


def run_repair_command(options: argparse.Namespace) -> None:
    """Move invalid files aside."""
    from sdanalytics.cli.store_choice import open_store

    frame = open_store(options.cache).repair()
    if options.json:
        print_json(to_records(frame))
    else:
        print_table(frame, "every file is valid")


def run_compact_command(options: argparse.Namespace) -> None:
    """Compact the months of a store."""
    from sdanalytics.cli.store_choice import open_store

    months = open_store(options.cache).compact()
    if options.json:
        print_json({"compacted_months": months})
    else:
        print_line(f"compacted months: {months}")


@dataclass(frozen=True)
class _StoreCommand:
    """A command without options of its own; fields as in `add_command`."""

    name: str
    run: Callable[[argparse.Namespace], int | None]
    help: str
    description: str
    example: str


_COMMANDS: Final = (
    _StoreCommand(
        "pending",
        run_pending_command,
        "list the reports in flight",
        "List what was requested from the service and is not stored yet.",
        "sdanalytics pending",
    ),
    _StoreCommand(
        "verify",
        run_verify_command,
        "read every file of the store, and list those that are invalid",
        "Read every file of the store, and list those that are invalid: then exit code 1, as if "
        "nothing is stored.",
        "sdanalytics verify --cache /srv/reports",
    ),
    _StoreCommand(
        "repair",
        run_repair_command,
        "move invalid files aside, so that they are fetched again",
        "Move the files that verify finds to the folder `damaged` of the store, so that fetch "
        "replaces them. Nothing is deleted.",
        "sdanalytics repair && sdanalytics fetch campaigns",
    ),
    _StoreCommand(
        "compact",
        run_compact_command,
        "copy the days of each month into one file, which is read faster",
        "Copy the days of each month into one file, which is read faster. Fetching and reading do "
        "so by themselves.",
        "sdanalytics compact",
    ),
)
