"""``sdanalytics coverage``."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sdanalytics.cli.exit_codes import EXIT_MISSING, EXIT_OK
from sdanalytics.cli.output import print_json, print_table, to_records
from sdanalytics.cli.parsers import (
    Commands,
    add_cache_option,
    add_command,
    add_json_option,
    add_profiles_option,
    parse_profiles,
)
from sdanalytics.errors import NotConfigured
from sdanalytics.model.last_days import validate_last_days

if TYPE_CHECKING:
    import pandas as pd

_SERIES: Final = ["source", "profile_id", "record_type", "segment", "tactic"]
_STATES: Final = ["final", "restatable", "empty", "missing", "gone"]
_UNKNOWN_HISTORY_DAYS: Final = 60
"""Days that any version has, where nothing says which one it is."""
_MARGIN_DAYS: Final = 2
"""Days that are listed and left out again: yesterday is another day in another time zone."""


def add_coverage_command(commands: Commands) -> None:
    """Add the command to the parser."""
    parser = add_command(
        commands,
        "coverage",
        run_coverage_command,
        help="say which days the store has, and which it lacks",
        description=(
            "Count the stored days of each report by their state: final; restatable (Amazon may "
            "change them); empty (no rows); missing (the service still has them: then exit code "
            "1, as if nothing is stored); gone (it no longer has); and how many fetch would fetch "
            "now (due)."
        ),
        examples=("sdanalytics coverage", "sdanalytics coverage campaigns --days 14 --json"),
    )
    parser.add_argument("record_type", nargs="?", metavar="RECORD_TYPE", help="(default: all)")
    parser.add_argument(
        "--days",
        type=int,
        metavar="N",
        help="the last N whole days (default: from the first day that is stored)",
    )
    parser.add_argument(
        "--history-days",
        type=int,
        metavar="N",
        help=(
            "the days that the service has: 60 in version 2, 65 in version 3, 455 with history=v1 "
            "(default: by the settings of calls without a client; without any: 60)"
        ),
    )
    add_profiles_option(parser, "all that are stored")
    add_cache_option(parser)
    add_json_option(parser)


def run_coverage_command(options: argparse.Namespace) -> int:
    """Print the coverage of a store; 1 if it has nothing or lacks days of the service."""
    from sdanalytics.cli.store_choice import open_store

    cache = open_store(options.cache)
    history_days = options.history_days
    if history_days is None:
        history_days = _find_history_days()
    frame = cache.coverage(
        options.record_type,
        _earliest_day(options.days),
        history_days=history_days,
    )
    if options.days is not None:
        frame = frame.groupby(_SERIES, dropna=False).tail(options.days)
    profiles = parse_profiles(options.profiles)
    if profiles not in (None, "all"):
        frame = frame[frame["profile_id"].isin(profiles)]
    records = _count_states(frame)
    if options.json:
        print_json(records)
    else:
        _print_counts(records)
    has_all = bool(records) and not any(record["missing"] for record in records)
    return EXIT_OK if has_all else EXIT_MISSING


def _find_history_days() -> int:
    """Return the days of history that calls without a client have."""
    from sdanalytics.api.client import default_client
    from sdanalytics.fetch.protocols import count_history_days

    try:
        client = default_client()
    except NotConfigured:
        return _UNKNOWN_HISTORY_DAYS
    return count_history_days(client, "campaigns")


def _earliest_day(days: object) -> date | None:
    """Return a day that is not after the first of the last days in any time zone."""
    count = None
    if days is not None:
        count = validate_last_days(days, None, None)
    if count is None:
        return None
    today = datetime.now(UTC).date()
    return today - timedelta(count + _MARGIN_DAYS)


def _count_states(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a record for each report and tactic of a profile: its days, and how many are what."""
    records = []
    for _, rows in frame.groupby(_SERIES, dropna=False, sort=False):
        days = rows["date"].dt.date
        counts = rows["state"].value_counts()
        missing = days[rows["state"] == "missing"]
        record = {
            **to_records(rows[_SERIES].head(1))[0],
            "start": days.min(),
            "end": days.max(),
            **{state: int(counts[state]) for state in _STATES},
            "due": int(rows["is_due"].sum()),
            "missing_days": missing.tolist(),
        }
        records.append(record)
    return records


def _print_counts(records: list[dict[str, Any]]) -> None:
    import pandas as pd

    frame = pd.DataFrame(records)
    if records:
        frame = frame.drop(columns=["missing_days"])
    print_table(frame, "nothing is stored")
