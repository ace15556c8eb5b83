"""``sdanalytics profiles``."""

from __future__ import annotations

import argparse

from sdanalytics.cli.output import print_json, print_table, to_records
from sdanalytics.cli.parsers import Commands, add_command, add_config_option, add_json_option
from sdanalytics.cli.report_options import open_client


def add_profiles_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "profiles",
        run_profiles_command,
        help="list the profiles of the login",
        description=(
            "List the profiles that the login can access in its region: an advertiser in a "
            "marketplace each."
        ),
        examples=("sdanalytics profiles", "sdanalytics profiles --config agency-eu --json"),
    )
    add_config_option(parser)
    add_json_option(parser)


def run_profiles_command(options: argparse.Namespace) -> None:
    """List the profiles, which the service is asked for."""
    frame = open_client(options.config).profiles()
    if options.json:
        print_json(to_records(frame))
    else:
        print_table(frame, "this login can access no profile in this region")
