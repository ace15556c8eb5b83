"""The options that choose reports, and the calls that they stand for."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sdanalytics.cli.parsers import (
    add_cache_option,
    add_config_option,
    add_profiles_option,
    parse_profiles,
)
from sdanalytics.errors import InvalidRequest

if TYPE_CHECKING:
    from sdanalytics import Client, ReportCache

DEFAULT_DAYS: Final = 60
"""Last days of a command that names none: what either version of the API still has."""
_SELLERS_ONLY: Final = ("asins",)
"""Record types that the service refuses vendors."""


@dataclass(frozen=True)
class ReportSelection:
    """The reports that a command is about.

    Attributes
    ----------
    record_types : tuple of str
        Each once.
    client : Client
    cache : ReportCache
    profiles : list or None
        Ids, as they were named; None: the profile of the client.
    all_profiles : dict or None
        If all were named, the account type of each.
    arguments : dict
        The other parameters of `fetch_report`: days, metrics, tactic, segment, refresh.
    """

    record_types: tuple[str, ...]
    client: Client
    cache: ReportCache
    profiles: list[str] | None
    all_profiles: dict[int, str] | None
    arguments: dict[str, Any]

    def keywords(self, record_type: str, **others: Any) -> dict[str, Any]:
        """Return the keyword arguments of a call for a record type, and others of its own."""
        profiles = self.list_profiles(record_type)
        own = {"profiles": profiles, "client": self.client, "cache": self.cache}
        return {**self.arguments, **own, **others}

    def list_profiles(self, record_type: str) -> list[Any] | None:
        """Return the ids of the profiles for a record type; None for that of the client.

        Of all profiles those are left out that the service has no such report for.
        """
        if self.all_profiles is None:
            return self.profiles
        ids = []
        for profile_id, account_type in self.all_profiles.items():
            if record_type not in _SELLERS_ONLY or account_type != "vendor":
                ids.append(profile_id)
        return ids


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which reports: their days, profiles, metrics, store and login."""
    days = parser.add_argument_group("days", f"the last {DEFAULT_DAYS} whole days by default")
    days.add_argument(
        "--days",
        type=int,
        metavar="N",
        help="the last N whole days, up to yesterday where each profile is",
    )
    days.add_argument("--start", metavar="DAY", help="first day, such as 2026-11-01")
    days.add_argument("--end", metavar="DAY", help="last day (default: the first day alone)")
    add_profiles_option(parser, "the profile of the login")
    parser.add_argument(
        "--metrics",
        nargs="+",
        metavar="NAME",
        help="metrics by Amazon's names (default: the usual ones)",
    )
    parser.add_argument(
        "--tactic", nargs="+", metavar="TACTIC", help="T00020, T00030 (default: both)"
    )
    parser.add_argument("--segment", metavar="SEGMENT", help="matchedTarget (default: none)")
    parser.add_argument(
        "--refresh",
        default="auto",
        metavar="WHEN",
        help="auto: also days that may have been restated since; never: only days that are not "
        "stored; always: all days (default: %(default)s)",
    )
    add_cache_option(parser)
    add_config_option(parser)


def open_selection(record_types: Sequence[str], options: argparse.Namespace) -> ReportSelection:
    """Return the reports that options choose.

    Raises
    ------
    InvalidRequest, NotConfigured
        Before any network request.
    ApiError
        When the list of all profiles is due, and cannot be read.
    """
    from sdanalytics.cli.profile_list import load_profile_list
    from sdanalytics.cli.store_choice import open_writable_store

    arguments = _parse_arguments(options)
    profiles = parse_profiles(options.profiles)
    cache = open_writable_store(options.cache)
    client = open_client(options.config)
    chosen = tuple(dict.fromkeys(record_types))
    for record_type in chosen:
        _validate_report(record_type, client, arguments)
    if profiles == "all":
        all_profiles = load_profile_list(client, cache)
        return ReportSelection(chosen, client, cache, None, all_profiles, arguments)
    return ReportSelection(chosen, client, cache, profiles, None, arguments)


def open_client(name: str | None) -> Client:
    """Return the client of a login that is kept; without a name, that of calls without one."""
    from sdanalytics.api.client import Client, default_client

    if name is None:
        return default_client()
    return Client.from_config(name)


def _parse_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of `fetch_report` without the profiles, the client and the store."""
    days = options.days
    if days is None and options.start is None:
        if options.end is not None:
            raise InvalidRequest("--end must come with --start, the first day: pass both")
        days = DEFAULT_DAYS
    return {
        "start": options.start,
        "end": options.end,
        "days": days,
        "metrics": options.metrics,
        "tactic": options.tactic,
        "segment": options.segment,
        "refresh": options.refresh,
    }


def _validate_report(record_type: Any, client: Client, arguments: Mapping[str, Any]) -> None:
    """Raise `InvalidRequest` for a report that the service cannot have."""
    from sdanalytics.fetch.options import ReportArguments
    from sdanalytics.model.query import latest_local_date

    names = ("start", "end", "days", "metrics", "tactic", "segment")
    values = {name: arguments[name] for name in names}
    latest = latest_local_date(client.clock.now())
    query = ReportArguments(record_type, **values).parse(latest, client)
    query.ensure_not_future(latest, "where it is latest", latest - timedelta(1))
