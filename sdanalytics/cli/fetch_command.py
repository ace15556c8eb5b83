"""``sdanalytics fetch``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sdanalytics.cli.output import print_json
from sdanalytics.cli.parsers import (
    Commands,
    add_command,
    add_json_option,
    add_log_options,
    describe_with_exit_codes,
)
from sdanalytics.cli.report_options import add_report_options, open_selection
from sdanalytics.cli.run_log import logger, show_log

if TYPE_CHECKING:
    from sdanalytics.cli.fetch_outcomes import FetchOutcome


def add_fetch_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "fetch",
        run_fetch_command,
        help="fetch reports into the store: for cron and the like",
        description=describe_with_exit_codes(
            "Fetch what is missing, or may have been restated since, into the store, and log a "
            "line for each record type and profile on standard error. What was requested when it "
            "is ended, or killed, is taken up by the next run; two runs at a time request nothing "
            "twice."
        ),
        examples=(
            "sdanalytics fetch campaigns targets --profiles all",
            "sdanalytics fetch campaigns --days 14 --quiet",
            "sdanalytics fetch asins --start 2026-11-01 --end 2026-11-14 --json",
            "sdanalytics fetch campaigns --config agency-eu --profiles 1842030415361601",
        ),
    )
    parser.add_argument(
        "record_types",
        nargs="+",
        metavar="RECORD_TYPE",
        help="campaigns, adGroups, productAds, targets, asins or invalidTraffic",
    )
    add_report_options(parser)
    parser.add_argument(
        "--timeout",
        type=float,
        metavar="SECONDS",
        help="for each record type (default: half an hour, in version 3 of the API four hours)",
    )
    add_log_options(parser)
    add_json_option(parser)


def run_fetch_command(options: argparse.Namespace) -> int:
    """Fetch reports, and return whether all is there, as an exit code."""
    from sdanalytics.cli.fetch_outcomes import choose_outcome_code
    from sdanalytics.cli.fetch_steps import FetchSteps
    from sdanalytics.fetch.options import validate_timeout
    from sdanalytics.fetch.progress import is_interactive

    if options.timeout is not None:
        validate_timeout(options.timeout)
    began = time.monotonic()
    with show_log(options):
        selection = open_selection(options.record_types, options)
        show_bar = is_interactive() and not options.quiet
        outcomes = FetchSteps(selection, options.timeout, show_bar=show_bar).run()
        seconds = time.monotonic() - began
        _log_summary(outcomes, seconds)
    if options.json:
        print_json([outcome.to_json() for outcome in outcomes])
    return choose_outcome_code(outcomes)


def _log_summary(outcomes: Sequence[FetchOutcome], seconds: float) -> None:
    """Log the last line of a run."""
    incomplete = sum(not outcome.is_complete for outcome in outcomes)
    fetched = sum(outcome.fetched for outcome in outcomes)
    cached = sum(outcome.cached for outcome in outcomes)
    days = f"{fetched} days fetched, {cached} from the cache, in {seconds:.1f} s"
    if incomplete:
        logger.error("%d of %d not all there: %s", incomplete, len(outcomes), days)
    else:
        logger.info("all there: %s", days)
