"""``sdanalytics login``."""

from __future__ import annotations

import argparse
import os

from sdanalytics.api.config_file import DEFAULT_LOGIN
from sdanalytics.cli.parsers import Commands, add_command


def add_login_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "login",
        run_login_command,
        help="log in once, and keep the login in a config file",
        description=(
            "Log in through Login with Amazon, choose a profile, and keep both in the config file "
            "(SDANALYTICS_CONFIG, or config.toml in your config folder) for Client.from_config() "
            "and for calls without a client. What no option or variable (SDANALYTICS_CLIENT_ID, "
            "SDANALYTICS_CLIENT_SECRET, SDANALYTICS_REGION) says is asked."
        ),
        examples=("sdanalytics login --name agency-eu --region EU",),
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
