"""``sdanalytics report``."""

from __future__ import annotations

import argparse
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sdanalytics.cli.exit_codes import EXIT_MISSING, EXIT_OK
from sdanalytics.cli.output import print_json
from sdanalytics.cli.parsers import (
    Commands,
    add_cache_option,
    add_command,
    add_config_option,
    add_json_option,
    add_log_options,
    add_profiles_option,
    describe_with_exit_codes,
    parse_profiles,
)
from sdanalytics.cli.report_options import open_client
from sdanalytics.cli.run_log import logger, show_log
from sdanalytics.errors import InvalidRequest

if TYPE_CHECKING:
    from sdanalytics import Client

_DEFAULT_DAYS: Final = 7
_LATEST_MORNING: Final = timedelta(hours=12)
"""How far the clocks are behind UTC where a day ends last."""


def add_report_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "report",
        run_report_command,
        help="write what happened, why, and what to do, as one HTML file",
        description=describe_with_exit_codes(
            "Fetch what is missing of campaigns, targets and asins, and write one HTML file for "
            "people without a notebook: five sentences, the main metrics, figures and tables of "
            "each profile, compared with as many days before. What could not be fetched is said in "
            "it (exit code 1)."
        ),
        examples=(
            "sdanalytics report week.html",
            "sdanalytics report week.html --start 2026-11-09 --end 2026-11-15 --profiles all",
            "sdanalytics report month.html --days 28 --target-acos 0.3",
        ),
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="*.html")
    days = parser.add_argument_group("days", f"the last {_DEFAULT_DAYS} whole days by default")
    days.add_argument("--days", type=int, metavar="N", help="the last N whole days")
    days.add_argument("--start", metavar="DAY", help="first day, such as 2026-11-09")
    days.add_argument("--end", metavar="DAY", help="last day")
    parser.add_argument(
        "--target-acos",
        type=float,
        metavar="SHARE",
        help="0.3 for 30%% (default: the account's own ACOS of the last four weeks)",
    )
    add_profiles_option(parser, "the profile of the login")
    add_cache_option(parser)
    add_config_option(parser)
    add_log_options(parser)
    add_json_option(parser)


def run_report_command(options: argparse.Namespace) -> int:
    """Write a report; 1 if something of it is missing."""
    from sdanalytics.cli.store_choice import open_writable_store
    from sdanalytics.delivery.html_report import write_report

    with show_log(options):
        profiles = parse_profiles(options.profiles)
        cache = open_writable_store(options.cache)
        client = open_client(options.config)
        start, end = _choose_days(options, client)
        written = write_report(
            options.file,
            start,
            end,
            profiles=profiles,
            client=client,
            cache=cache,
            target_acos=options.target_acos,
        )
        for missing in written.missing:
            logger.error("missing: %s", missing)
        logger.info("%s: %s to %s", written.path, start, end)
    if options.json:
        size = written.path.stat().st_size
        described = {"file": str(written.path), "bytes": size, "start": start, "end": end}
        print_json({**described, "missing": written.missing})
    return EXIT_MISSING if written.missing else EXIT_OK


def _choose_days(options: argparse.Namespace, client: Client) -> tuple[str | date, str | date]:
    """Return the first and last day: those named, or the last that are whole everywhere."""
    if options.start is not None or options.end is not None:
        if options.start is None or options.end is None or options.days is not None:
            raise InvalidRequest("--start and --end must come together, and without --days")
        return options.start, options.end
    days = _DEFAULT_DAYS if options.days is None else options.days
    if days < 1:
        raise InvalidRequest(f"--days must be at least 1, got {days}")
    now = client.clock.now().astimezone(UTC)
    earliest = now - _LATEST_MORNING
    yesterday = earliest.date() - timedelta(1)
    return yesterday - timedelta(days - 1), yesterday
