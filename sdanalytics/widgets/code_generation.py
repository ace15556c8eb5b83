"""The selection of the picker as Python: the call that gives the same frame."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Final

from sdanalytics.api.client import Client
from sdanalytics.api.client_settings import uses_config_file
from sdanalytics.model.metrics import default_metrics
from sdanalytics.model.query import ReportQuery
from sdanalytics.model.record_types import list_tactics
from sdanalytics.store.cache import CacheLike, ReportCache

MAX_LINE_LENGTH: Final = 88
"""Characters of a line, unless a single argument is longer."""

_INDENT: Final = "    "


def fetch_report_code(
    query: ReportQuery,
    api: str,
    client: str | None,
    cache: str | None,
    last_days: int | None = None,
    *,
    name: str = "df",
) -> str:
    """Return Python that assigns a report to a name, without arguments that have their default.

    Parameters
    ----------
    query : ReportQuery
    api : {"v2", "v3"}
        The version of the API: its default metrics are left out.
    client, cache : str or None
        See `client_expression` and `cache_expression`.
    last_days : int, optional
        The number of last days, if the days were chosen so: the code then has those days of the
        day it runs on.
    name : str
    """
    arguments = [json.dumps(query.record_type)]
    if last_days is None:
        for day in (query.start, query.end):
            arguments.append(json.dumps(str(day)))
    else:
        arguments.append(f"days={last_days}")
    default = default_metrics(query.record_type, query.segment, api)
    if query.metrics != default:
        arguments += _metrics_argument(query.metrics)
    if query.tactics != list_tactics(query.record_type):
        (tactic,) = query.tactics
        arguments.append(f"tactic={json.dumps(tactic)}")
    if query.segment is not None:
        arguments.append(f"segment={json.dumps(query.segment)}")
    if client is not None:
        arguments.append(f"client={client}")
    if cache is not None:
        arguments.append(f"cache={cache}")
    return format_call(f"{name} = sda.fetch_report(", arguments)


def client_expression(client: Client, profile_id: str, *, is_given: bool) -> str | None:
    """Return Python for a client of the profile, called `client` if the user passed one.

    None means the default of `fetch_report`, a client from the environment or the config file.
    """
    source = "from_env"
    if uses_config_file(os.environ):
        source = "from_config"
    name = "client"
    if not is_given:
        name = f"sda.Client.{source}()"
    if profile_id != str(client.profile_id):
        return f"{name}.for_profile({profile_id})"
    return name if is_given else None


def cache_expression(cache: CacheLike) -> str | None:
    """Return Python for the cache; None means the default place."""
    if cache is None:
        return None
    if cache is False:
        return "False"
    if isinstance(cache, ReportCache):
        return repr(cache.url)
    return repr(os.fspath(cache))


def _metrics_argument(metrics: Sequence[str]) -> list[str]:
    """Return the argument in fragments between which a line may be broken."""
    fragments = [json.dumps(name) for name in metrics]
    fragments[0] = f"metrics=[{fragments[0]}"
    fragments[-1] += "]"
    return fragments


def format_call(opening: str, arguments: Sequence[str]) -> str:
    """Return a call, wrapped between arguments."""
    fragments = [f"{argument}," for argument in arguments[:-1]]
    fragments.append(f"{arguments[-1]})")
    lines = []
    line = opening
    for fragment in fragments:
        separator = ""
        if line.endswith(","):
            separator = " "
        extended = line + separator + fragment
        if len(extended) > MAX_LINE_LENGTH:
            lines.append(line)
            extended = _INDENT + fragment
        line = extended
    lines.append(line)
    return "\n".join(lines)
