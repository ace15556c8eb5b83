"""Parsing a payload to a typed frame: this project, its peers, a notebook, and the limits."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import requests

import sdanalytics as sda
from benchmarks.payloads import CHECKED, COLUMNS, RECORD_TYPE, Payload, payload
from benchmarks.peers import PEERS, peer_python
from benchmarks.results import Goal, Section
from benchmarks.trials import Contestant, Outcome, compare
from sdanalytics.api.reporting_v2 import ReportRequest
from sdanalytics.sandbox import Sandbox, ScriptedResponse
from sdanalytics.sandbox.router import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN

SIZES: Final = (2_000, 100_000, 1_000_000)
QUICK: Final = (2_000, 20_000)
ROUNDS: Final = 5
_DOWNLOADS: Final = 1_000
"""More downloads than there are."""

OURS, TABLE = "sdanalytics: typed frame", "sdanalytics: Arrow table"
AD_API, AIRBYTE = "python-amazon-ad-api 1.2.9", "airbyte-source-amazon-ads 5.0.14"
NOTEBOOK: Final = "requests, gzip, json, pandas"
GUNZIP, FLOOR = "limit: gunzip alone", "limit: gunzip, parse, build nothing"

OWN: Final = (
    Contestant(OURS, "ours", "frame"),
    Contestant(TABLE, "ours", "table"),
    Contestant(NOTEBOOK, "naive"),
)
_PEERS: Final = {
    "python-amazon-ad-api": ((AD_API, "ad_api_peer", ""),),
    "airbyte": ((AIRBYTE, "airbyte_peer", ""),),
    "limits": ((GUNZIP, "limits", "gunzip"), (FLOOR, "limits", "parse")),
}

_TEXT: Final = f"""
One gzip file, a JSON array of flat objects of {len(COLUMNS)} fields (`benchmarks/payloads.py`).
Everybody but the limits downloads it from the same sandbox, by code of its own, and follows the
redirect to storage; that time stands beside, and **is in nobody's time**. Each ends with a frame of
pandas (ours: the public one, with its dtypes), but where an Arrow table is named. Imports are not
counted, what takes less than a second is warm, and what takes more begins in a fresh process.
Peak memory is that of the largest report: resident, interpreter and libraries included, all
processes of a way together. What is wrong is found by exact sums of {", ".join(CHECKED)}; in one
row of a thousand targetId is null. Environments: {"; ".join(map(", ".join, PEERS.values()))}.
"""

REASON: Final = """
Each value is an object of Python for a moment. Of 5.3 seconds that one process needs for a
million rows (measured step by step, in the processor's cache), 2.8 go into strict decoding, 1.0
of these into finding fields whose order changes from row to row; 0.4 into taking rows apart, 0.8
into putting numbers into place, 0.4 into nulls and missing fields, 0.5 into texts, 0.4 into
unpacking and checks. What decodes natively is loose: DuckDB and Polars make a count of 5.7 a
whole number without a word, and to look at each value once more costs what they save; pyarrow's
own reader is slower. A second process gains what the second processor has to give: on shared
machines a tenth to two thirds.
"""


def measure(quick: bool) -> Section:
    """Measure all ways to parse, at all sizes."""
    contestants = [*OWN, *peers()]
    found = {}
    for rows in QUICK if quick else SIZES:
        print(f"  {rows:,} rows", file=sys.stderr, flush=True)
        found[rows] = _compare(contestants, payload(rows), 3 if quick else ROUNDS)
    return section(found)


def peers() -> list[Contestant]:
    """The ways of others, installed."""
    return [
        Contestant(name, script, variant, peer_python(environment))
        for environment, entries in _PEERS.items()
        for name, script, variant in entries
    ]


def _compare(
    contestants: list[Contestant], report: Payload, rounds: int
) -> dict[str, tuple[Outcome, str]]:
    """Compare contestants, and return the outcome and the errors of each."""
    with _service(report.path.read_bytes()) as access:
        job = {
            **access,
            "payload": str(report.path),
            "record_type": RECORD_TYPE,
            "columns": COLUMNS,
            "checked": CHECKED,
        }
        outcomes = compare(contestants, job, rounds)
    return {
        name: (outcome, _find_problems(outcome.summary, report))
        for name, outcome in outcomes.items()
    }


@contextmanager
def _service(content: bytes) -> Iterator[dict[str, str]]:
    """Serve this report from a sandbox; give what a contestant needs to download it."""
    with sda.sandbox.start(delay=0) as box:
        day = f"{box.today:%Y%m%d}"
        profile_id = box.profile_ids[0]
        box.set_content(lambda _: content)
        client = box.client_for(profile_id, api="v2")
        report = client.request_report(RECORD_TYPE, ReportRequest(day, "clicks", "T00020"))
        # The sandbox's storage turns away whoever shows the API's headers, as the peers do.
        box.script_responses("storage", *[ScriptedResponse(200, content)] * _DOWNLOADS)
        yield _access(box, profile_id, report.reportId, day)


def _access(box: Sandbox, profile_id: int, report_id: str, day: str) -> dict[str, str]:
    form = {
        "grant_type": "refresh_token",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "refresh_token": REFRESH_TOKEN,
    }
    response = requests.post(box.token_url, data=form, timeout=10)
    return {
        "client_id": CLIENT_ID,
        "token": response.json()["access_token"],
        "profile_id": str(profile_id),
        "base_url": box.base_url,
        "token_url": box.token_url,
        "report_id": report_id,
        "location": f"{box.base_url}/v2/reports/{report_id}/download",
        "date": day,
    }


def _find_problems(summary: Mapping[str, Any], report: Payload) -> str:
    """Return how a result differs from what was sent, in words."""
    if "rows" not in summary:
        return ""
    if summary["rows"] != report.rows:
        return f"{summary['rows']:,} rows of {report.rows:,}"
    types = summary["types"]
    changed = [name for name in CHECKED if summary["sums"][name] != report.sums[name]]
    problems = [f"{name} ({types[name]}) has other values" for name in changed]
    if {types[name] for name in CHECKED} & {"str", "object"}:
        problems.append("numbers are text")
    elif floats := [name for name in CHECKED if types[name] == "float64" and name not in changed]:
        problems.append(f"float64: {', '.join(floats)}")
    return "; ".join(problems) or "nothing"


def section(found: Mapping[int, Mapping[str, tuple[Outcome, str]]]) -> Section:
    """Return the section: the table and the goals."""
    last = found[max(found)]
    rows: list[dict[str, object]] = [
        {
            "way": name,
            **{
                _heading(size): _scaled_seconds(outcomes[name][0].seconds, size)
                for size, outcomes in found.items()
            },
            "times ours": outcome.seconds / last[OURS][0].seconds,
            "peak MiB": outcome.peak / 2**20,
            "runs": len(outcome.runs),
            "download, s": outcome.transfer or None,
            "wrong": problems,
        }
        for name, (outcome, problems) in last.items()
    ]
    return Section("Parsing", _TEXT + _sizes(last, payload(max(found))), rows, list(_goals(found)))


def _heading(size: int) -> str:
    return f"{size:,} rows, {'ms' if size < 10_000 else 's'}"


def _scaled_seconds(seconds: float, size: int) -> float:
    return 1000 * seconds if size < 10_000 else seconds


def _sizes(outcomes: Mapping[str, tuple[Outcome, str]], report: Payload) -> str:
    table, frame = (outcomes[name][0].summary["bytes"] / 2**20 for name in (TABLE, OURS))
    return (
        f"The largest is {report.path.stat().st_size / 2**20:,.0f} MiB of gzip, "
        f"{report.text_bytes / 2**20:,.0f} MiB of JSON, as an Arrow table {table:,.0f} MiB "
        f"(`nbytes`), as a frame {frame:,.0f} MiB (`memory_usage(deep=True)`).\n"
    )


def _goals(found: Mapping[int, Mapping[str, tuple[Outcome, str]]]) -> Iterator[Goal]:
    smallest, largest = min(found), max(found)
    for size, wanted in ((largest, {AD_API: 8, AIRBYTE: 25}), (smallest, {AD_API: 3, AIRBYTE: 12})):
        for peer, times in wanted.items():
            if peer in found[size]:
                yield _speed_goal(found[size], peer, times, size)
    last = found[largest]
    if FLOOR in last:
        ratio = last[OURS][0].seconds / last[FLOOR][0].seconds
        title = f"payload to frame, times gunzip and a parse that builds nothing, {largest:,} rows"
        yield Goal(title, "at most 3", f"{ratio:.2f}", ratio <= 3)
    for name in (TABLE, OURS):
        yield _memory_goal(last[name][0], name, largest)
    problems = last[OURS][1]
    yield Goal(f"wrong in the frame, {largest:,} rows", "nothing", problems, problems == "nothing")


def _speed_goal(
    outcomes: Mapping[str, tuple[Outcome, str]], peer: str, times: int, size: int
) -> Goal:
    ratio = outcomes[peer][0].seconds / outcomes[OURS][0].seconds
    title = f"payload to frame, times as fast as {peer}, {size:,} rows"
    return Goal(title, f"at least {times}", f"{ratio:.1f}", ratio >= times)


def _memory_goal(outcome: Outcome, name: str, size: int) -> Goal:
    """Return the goal of peak memory beside the size of the result."""
    allowed = 1.5 * outcome.summary["bytes"] + 100e6
    title = f"peak memory of payload to {name.partition(': ')[2]}, {size:,} rows"
    wanted = f"under 1.5 of its size + 100 MB: {allowed / 2**20:,.0f} MiB"
    return Goal(title, wanted, f"{outcome.peak / 2**20:,.0f} MiB", outcome.peak < allowed)
