"""``sdanalytics plan``."""

from __future__ import annotations

import argparse
from typing import Any

from sdanalytics.cli.exit_codes import EXIT_MISSING, EXIT_OK
from sdanalytics.cli.output import print_json, print_line
from sdanalytics.cli.parsers import Commands, add_command, add_json_option
from sdanalytics.cli.plan_days import describe_stored_profile, list_days, split_plan
from sdanalytics.cli.report_options import ReportSelection, add_report_options, open_selection


def add_plan_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "plan",
        run_plan_command,
        help="say what fetch would do, without requesting a report",
        description="Say what `sdanalytics fetch` would do now, without requesting any report.",
        examples=("sdanalytics plan campaigns targets --days 14 --profiles all",),
    )
    parser.add_argument("record_types", nargs="+", metavar="RECORD_TYPE", help="such as campaigns")
    add_report_options(parser)
    add_json_option(parser)


def run_plan_command(options: argparse.Namespace) -> int:
    """Print the plan of each record type; 1 if a profile cannot be planned."""
    from sdanalytics import plan_report

    selection = open_selection(options.record_types, options)
    records: list[dict[str, Any]] = []
    code = EXIT_OK
    for record_type in selection.record_types:
        plan = plan_report(record_type, **selection.keywords(record_type))  # type: ignore[arg-type]
        records += _to_plan_records(plan, record_type, selection)
        if plan.failures:
            code = EXIT_MISSING
        if not options.json:
            print_line(str(plan))
    if options.json:
        print_json(records)
    return code


def _to_plan_records(
    plan: Any, record_type: str, selection: ReportSelection
) -> list[dict[str, Any]]:
    """Return the plan of each profile as plain values."""
    records = []
    for profile_id, own in split_plan(plan).items():
        days = list_days(own)
        record = {
            "record_type": record_type,
            **describe_stored_profile(selection, profile_id),
            "start": days[0],
            "end": days[-1],
            "days": len(days),
            "to_request": own.to_request,
            "in_flight": own.in_flight,
            "cached": own.from_cache,
            "unavailable": own.unavailable,
            "error": None,
        }
        records.append(record)
    return records
